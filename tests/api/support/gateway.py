"""nginx with the configuration from `guildhall gateway nginx`, and stand-ins for replicas that record their
requests."""

import contextlib
import http.server
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import threading
import time
import urllib.request

from support.program import SERVICES, binary, free_port


def program():
    found = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
    assert found, "nginx is not installed"
    return found


def written(kind, replicas=(), options=()) -> str:
    """What `guildhall gateway KIND` prints. `replicas`: URLs that each service has, or a dict of them by service."""
    by_service = replicas if isinstance(replicas, dict) else dict.fromkeys(SERVICES, replicas)
    named = [f"--replica={service}={url}" for service, urls in by_service.items() for url in urls]
    done = subprocess.run([binary(), "gateway", kind, *named, *options], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Nginx:
    """A running nginx on a port of its own."""

    def __init__(self, folder: pathlib.Path, replicas, *options):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = free_port()
        is_tls = any(option.startswith("--certificate") for option in options)
        self.url = f"{'https' if is_tls else 'http'}://127.0.0.1:{self.port}"
        self.log_path = folder / "log"
        # Limits out of the way; tests of a limit set it again: the last one counts.
        quiet = [
            f"--bind=127.0.0.1:{self.port}",
            "--address-requests=0",
            "--address-connections=0",
            "--cache-seconds=0",
        ]
        asked = {option.split("=")[0] for option in options}
        options = [option for option in quiet if option.split("=")[0] not in asked] + list(options)
        (folder / "nginx.conf").write_text(written("nginx", replicas, options))
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.command("-g", "daemon off;" + self.user()), stdout=log, stderr=log, start_new_session=True
            )
        end = time.monotonic() + 10
        while not self.answers():
            assert self.process.poll() is None and time.monotonic() < end, f"nginx did not start:\n{self.log()}"
            time.sleep(0.02)

    def command(self, *arguments):
        return [program(), "-p", f"{self.folder}/", "-e", "stderr", "-c", "nginx.conf", *arguments]

    @staticmethod
    def user():
        """Started by root, workers would run as a user who cannot read the test's folder."""
        return " user root;" if os.geteuid() == 0 else ""

    def answers(self):
        anybody = ssl._create_unverified_context()
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(self.url + "/livez", timeout=1, context=anybody) as answer,
        ):
            return answer.status == 200
        return False

    def log(self):
        return self.log_path.read_text(errors="replace")

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)


class StandIn:
    """A replica in the process of the test. Answers 200 and records each request as (method, path, headers, body).

    `answer` may be replaced by a function of the request handler.
    """

    def __init__(self):
        outer = self
        self.seen = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.seen.append((self.command, self.path, dict(self.headers.items()), body))
                outer.answer(self)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = handle_any

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @staticmethod
    def answer(handler, body=b'{"said":"hello"}', status=200, **headers):
        handler.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            "X-Request-Id": handler.headers.get("X-Request-Id", ""),
        }.items():
            handler.send_header(name, value)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def hang_up(handler):
    """Ends the connection after the request was read, without an answer: a replica that dies in the middle of it."""
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)
