"""scripts/stack: engines, services and gateway as separate processes."""

import json
import os
import pathlib
import signal
import stat
import subprocess

import httpx
import pytest

from support.program import ROOT, SERVICES, binary

pytestmark = [pytest.mark.shape("services"), pytest.mark.slow, pytest.mark.timeout(300)]


def is_running(pid):
    """Whether the process exists and is not a zombie."""
    stat_file = pathlib.Path(f"/proc/{pid}/stat")
    return stat_file.exists() and " Z " not in stat_file.read_text()


@pytest.fixture
def stack(tmp_path):
    def run(*words):
        # Into a file, because the processes that the script starts would keep a pipe open.
        with open(tmp_path / "said", "w") as out:
            command = [ROOT / "scripts/stack", "--folder", tmp_path / "stack", *words]
            done = subprocess.run(command, stdout=out, stderr=out, timeout=200)
        return done.returncode, (tmp_path / "said").read_text()

    yield run
    run("down")


def test_the_stack_starts_reports_what_is_down_restarts_it_and_stops(stack, tmp_path):
    status, said = stack("up", "--port", "0", "--demo", "--binary", str(binary()))
    assert status == 0, said
    folder = tmp_path / "stack"
    url = f"http://127.0.0.1:{json.loads((folder / 'stack.json').read_text())['port']}"
    assert url in said
    assert httpx.get(url + "/v1/instance").json()["name"] == "Guildhall"
    assert httpx.get(url + "/readyz").status_code == 200
    account = {"email": "ada@example.org", "password": "correct horse battery", "name": "Ada"}
    assert httpx.post(url + "/v1/auth/register", json=account).status_code == 202
    # [F: Tried as a newcomer and as an operator] `stack up --demo` has members who can sign in.
    demo = {"email": "member-0@demo.example", "password": "demo password"}
    token = httpx.post(url + "/v1/auth/login", json=demo).raise_for_status().json()["access_token"]
    assert httpx.get(url + "/v1/feed", headers={"Authorization": f"Bearer {token}"}).json()["items"]
    for secret in ("stack.json", "guildhall.toml"):
        assert stat.S_IMODE((folder / secret).stat().st_mode) == 0o600

    # A recorded pid that another process has by now: the stack must not stop that process.
    bystander = subprocess.Popen(["sleep", "300"])
    record = folder / "state/connection-1.pid"
    victims = [folder / f"state/{name}.pid" for name in ("post-1", "redis-single", "connection-1")]
    victims = [int(path.read_text().split()[0]) for path in victims]
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    record.write_text(f"{bystander.pid} 1 TERM\n")
    try:
        status, said = stack("status")
        down = [line.split()[1] for line in said.splitlines() if line.startswith("DOWN")]
        assert (status, down) == (1, ["redis", "connection-1", "post-1"]), said
        assert "redis is down: " in said, "its consequences are missing"

        assert stack("up")[0] == 0
        status, said = stack("status")
        up = [line for line in said.splitlines() if line.startswith("up ")]
        assert status == 0 and len(up) == 5 + len(SERVICES) + 1, said  # engines, services, nginx

        pids = [int(path.read_text().split()[0]) for path in (folder / "state").glob("*.pid")]
        assert stack("down")[0] == 0
        assert not [pid for pid in pids if is_running(pid)]
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()
