"""Load from wrk and what it cost the server: CPU seconds of its processes before and after, as /proc counts them."""

import json
import os
import pathlib
import subprocess
import time
import urllib.request
from dataclasses import dataclass

HERE = pathlib.Path(__file__).resolve().parent
CONNECTIONS = 64
TICKS = os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """A wrong answer, or something that a measurement needs and that is not there."""


def cpu_seconds(pids):
    """User and system time of these processes, all their threads included; one that ended counts nothing."""
    ticks = 0
    for pid in pids:
        try:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
        except FileNotFoundError:
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / TICKS


@dataclass
class Sample:
    requests: int
    rate: float  # requests a second
    cpu_us: float  # of the server, for each request
    p50_us: float
    p99_us: float
    size: float  # bytes of an answer with its header


def write_requests(path, requests):
    """`requests`: tuples (method, path, token, body); token and body may be empty."""
    path.write_text("".join("\t".join(r) + "\n" for r in requests))
    return path


def play(server, requests, seconds, connections=CONNECTIONS):
    """Plays the file of requests against `server` over kept connections, from the machine's last core.

    Throws Failed if an answer is an error.
    """
    if not server.alive():
        raise Failed(f"{server.name} has ended; see {server.log}")
    before = cpu_seconds(server.pids())
    command = [
        "taskset",
        "-c",
        str(os.cpu_count() - 1),
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{seconds}s",
        "--timeout",
        "10s",
        "-s",
        str(HERE / "requests.lua"),
        server.url,
    ]
    run = subprocess.run(
        command, env={**os.environ, "REQUESTS": str(requests)}, capture_output=True, text=True, check=False
    )
    with requests.open() as lines:
        if any(line.startswith("POST") for line in lines):
            server.settle()  # the work that a write leaves behind (relay, consumers) belongs to the write
    after = cpu_seconds(server.pids())
    line = next((l for l in run.stdout.splitlines() if l.startswith("RESULT ")), None)
    if not line:
        raise Failed(f"wrk said: {run.stdout}{run.stderr}")
    result = json.loads(line[7:])
    if not result["requests"] or result["refused"] or result["broken"]:
        raise Failed(
            f"{server.name}: {result['refused']} error answers and {result['broken']} broken connections "
            f"in {result['requests']} requests ({requests.name})"
        )
    n = result["requests"]
    return Sample(
        n, n / result["seconds"], (after - before) / n * 1e6, result["p50_us"], result["p99_us"], result["bytes"] / n
    )


def call(server, method, path, token="", body=None):
    """One request apart from wrk: status and the JSON of the answer (None when it has none)."""
    request = urllib.request.Request(
        server.url + path, method=method, data=None if body is None else json.dumps(body).encode()
    )
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    if body is not None:
        request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            status, text = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read()
    return status, json.loads(text) if text else None


def expect(condition, what):
    if not condition:
        raise Failed(f"wrong answer: {what}")


def wait_until(condition, seconds, what, every=0.05):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Failed(f"waited {seconds} s for {what}")
        time.sleep(every)
