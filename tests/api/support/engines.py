"""Real engines that one test has for itself, to stop, freeze and start again."""

import contextlib
import os
import pathlib
import signal
import subprocess

from support.program import ROOT


class OwnEngine:
    """A server that tests/engines/up-NAME starts, on the same port and with the same data each time."""

    def __init__(self, name: str, folder: pathlib.Path, **environment):
        self.name = name
        self.folder = folder
        self.env = {**os.environ, "DATA_DIR": str(folder / "data"), "STATE_DIR": str(folder / "state"), **environment}
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
        for parent in folder.parents:  # an engine's own user must reach it
            with contextlib.suppress(OSError):
                if parent != pathlib.Path("/"):
                    parent.chmod(parent.stat().st_mode | 0o055)
        self.start()

    def start(self):
        said = subprocess.run(
            [ROOT / f"tests/engines/up-{self.name}"], env=self.env, capture_output=True, text=True, timeout=180
        )
        assert said.returncode == 0, said.stderr
        prefix = "GUILDHALL_TEST_"
        lines = [line.split("=", 1) for line in said.stdout.splitlines() if line.startswith(prefix)]
        self.values = {name.removeprefix(prefix): value for name, value in lines}
        self.address = lines[-1][1]
        if "PORT" not in self.env:
            self.env["PORT"] = self.port()

    def port(self) -> str:
        """That of `address`: a URL, or the words of a DSN."""
        words = dict(word.split("=", 1) for word in self.address.split() if "=" in word)
        return (
            words.get("port")
            or self.address.partition("://")[2].rpartition("@")[2].partition("/")[0].rpartition(":")[2]
        )

    def pids(self, prefix=""):
        return [int(record.read_text().split()[0]) for record in (self.folder / "state").glob(f"{prefix}*.pid")]

    def signal(self, number, prefix=""):
        for pid in self.pids(prefix):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def freeze(self, prefix=""):
        """Stops the processes whose names begin with `prefix`: they accept connections, keep them and never answer."""
        self.signal_all(signal.SIGSTOP, prefix)

    def thaw(self, prefix=""):
        self.signal_all(signal.SIGCONT, prefix)

    def signal_all(self, number, prefix):
        """To the processes that it has started, too."""
        for pid in self.pids(prefix):
            for child in subprocess.run(
                ["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False
            ).stdout.split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(child), number)
        self.signal(number, prefix)

    def stop(self):
        self.thaw()
        subprocess.run([ROOT / "tests/engines/down"], env=self.env, check=True, timeout=60)
