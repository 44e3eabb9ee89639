"""HTTP by hand: exactly the bytes that a test wants, and what comes back."""

import socket
import time
import urllib.parse


class Answer:
    def __init__(self, status, headers, body, raw_head):
        self.status = status
        self.headers = headers  # lower-cased name -> value; repeated ones joined by ", "
        self.body = body
        self.raw_head = raw_head

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:200]!r}>"


class Wire:
    """One TCP connection to the server."""

    def __init__(self, url: str, timeout: float = 15.0):
        parts = urllib.parse.urlsplit(url)
        self.host = parts.netloc
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode("latin-1"))
        return self

    def request(self, head: str, body: bytes = b""):
        """Sends a request; lines of `head` end in LF here, {host} is the server."""
        return self.send(head.replace("{host}", self.host).replace("\n", "\r\n").encode("latin-1") + b"\r\n\r\n" + body)

    def more(self) -> bool:
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        self.buffer += data
        return bool(data)

    def answer(self, to_head=False) -> Answer | None:
        """The next answer; None when the server closes instead."""
        while b"\r\n\r\n" not in self.buffer:
            if not self.more():
                assert not self.buffer, f"half an answer: {self.buffer[:500]!r}"
                return None
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        version, status, *_ = lines[0].split(" ", 2)
        assert version in ("HTTP/1.1", "HTTP/1.0"), lines[0]
        headers = {}
        for line in lines[1:]:
            name, value = line.split(":", 1)
            name = name.lower()
            headers[name] = f"{headers[name]}, {value.strip()}" if name in headers else value.strip()
        status = int(status)
        if to_head or status in (204, 304) or 100 <= status < 200:
            return Answer(status, headers, b"", head)
        if headers.get("transfer-encoding", "") == "chunked":
            return Answer(status, headers, self.chunks(), head)
        if "content-length" in headers:
            return Answer(status, headers, self.exactly(int(headers["content-length"])), head)
        while self.more():
            pass
        body, self.buffer = self.buffer, b""
        return Answer(status, headers, body, head)

    def exactly(self, count: int) -> bytes:
        while len(self.buffer) < count:
            assert self.more(), "the body is cut"
        body, self.buffer = self.buffer[:count], self.buffer[count:]
        return body

    def chunks(self) -> bytes:
        body = b""
        while True:
            while b"\r\n" not in self.buffer:
                assert self.more(), "the body is cut"
            size, self.buffer = self.buffer.split(b"\r\n", 1)
            count = int(size.split(b";")[0], 16)
            body += self.exactly(count)
            assert self.exactly(2) == b"\r\n"
            if count == 0:
                return body

    def is_closed(self, within: float = 5.0) -> bool:
        """True when the server ends the connection, with nothing more said."""
        self.socket.settimeout(within)
        begun = time.monotonic()
        try:
            while time.monotonic() - begun < within:
                data = self.socket.recv(65536)
                if not data:
                    return True
                self.buffer += data
                return False
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False
        return False
