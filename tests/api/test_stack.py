"""scripts/stack: engines, services and gateway as processes of their own, for people and for tests."""

import json
import os
import signal
import stat
import subprocess

import httpx
import pytest

from support.program import ROOT, SERVICES, binary

pytestmark = [pytest.mark.shape("services"), pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def stack(tmp_path):
    def run(*words):
        # Into a file: what the script starts holds its output open.
        with open(tmp_path / "said", "w") as out:
            done = subprocess.run([ROOT / "scripts/stack", "--folder", tmp_path / "stack", *words], stdout=out, stderr=out, timeout=200)
        return done.returncode, (tmp_path / "said").read_text()

    yield run
    run("down")


def test_the_stack_comes_up_says_what_is_down_is_mended_and_goes(stack, tmp_path):
    status, said = stack("up", "--port", "0", "--binary", str(binary()))
    assert status == 0, said
    folder = tmp_path / "stack"
    url = f"http://127.0.0.1:{json.loads((folder / 'stack.json').read_text())['port']}"
    assert url in said
    assert httpx.get(url + "/v1/instance").json()["name"] == "Guildhall"
    assert httpx.get(url + "/readyz").status_code == 200
    account = {"email": "ada@example.org", "password": "correct horse battery", "name": "Ada"}
    assert httpx.post(url + "/v1/auth/register", json=account).status_code == 202
    for secret in ("stack.json", "guildhall.toml"):
        assert stat.S_IMODE((folder / secret).stat().st_mode) == 0o600

    # A record whose number belongs to another process by now: nobody touches that one.
    bystander = subprocess.Popen(["sleep", "300"])
    record = folder / "state/chat-1.pid"
    victims = [int((folder / f"state/{name}.pid").read_text().split()[0]) for name in ("post-1", "redis-single", "chat-1")]
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    record.write_text(f"{bystander.pid} 1 TERM\n")
    try:
        status, said = stack("status")
        down = [line.split()[1] for line in said.splitlines() if line.startswith("DOWN")]
        assert (status, down) == (1, ["redis", "post-1", "chat-1"]), said
        assert "redis is down: " in said, "what that degrades is said"

        assert stack("up")[0] == 0
        status, said = stack("status")
        assert status == 0 and said.count("\nup ") + said.startswith("up ") == 5 + len(SERVICES) + 1, said  # engines, services, nginx

        pids = [int(path.read_text().split()[0]) for path in (folder / "state").glob("*.pid")]
        assert stack("down")[0] == 0
        assert not [pid for pid in pids if os.path.exists(f"/proc/{pid}") and "Z" not in open(f"/proc/{pid}/stat").read()]
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()
