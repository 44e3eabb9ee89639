"""The program under test, and free ports."""

import contextlib
import os
import pathlib
import random
import socket
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[3]


def binary() -> pathlib.Path:
    """The program under test: $GUILDHALL_BINARY, else the newest of the build folders."""
    if named := os.environ.get("GUILDHALL_BINARY"):
        return pathlib.Path(named).resolve()
    built = [path for path in ROOT.glob("build/*/guildhall") if os.access(path, os.X_OK) and path.is_file()]
    if not built:
        raise RuntimeError("no guildhall in build/*/; build it, or name one in GUILDHALL_BINARY")
    return max(built, key=lambda path: path.stat().st_mtime)


# The services that the program knows.
SERVICES = tuple(subprocess.run([binary(), "services"], check=True, capture_output=True, text=True).stdout.split())


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now, below those that the kernel takes for outgoing connections."""
    with contextlib.ExitStack() as held:
        found = []
        while len(found) < count:
            probe = held.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", random.randrange(15000, 32000)))
                found.append(probe.getsockname()[1])
        return found


def free_port() -> int:
    return free_ports(1)[0]
