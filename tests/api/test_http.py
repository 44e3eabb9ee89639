"""HTTP/1.1 on the wire, in raw bytes.

What a parser must refuse, deadlines, limits, keep-alive, compression, CORS.
"""

import gzip
import json
import time

import pytest

from support.raw import Wire


@pytest.fixture
def wire(server):
    with Wire(server.url) as connection:
        yield connection


@pytest.fixture(scope="module")
def hasty(shape, tmp_path_factory):
    """A server with short deadlines and small limits."""
    from support.shapes import Launcher

    launcher = Launcher(shape, tmp_path_factory.mktemp("hasty"))
    try:
        yield launcher(
            {
                "http": {
                    "header_deadline": 1,
                    "body_deadline": 1,
                    "idle_deadline": 2,
                    "max_body_bytes": 4096,
                    "max_header_bytes": 2048,
                }
            }
        )
    finally:
        launcher.close()


def is_problem(answer, status):
    assert answer is not None and answer.status == status, answer
    assert answer.headers["content-type"].startswith("application/problem+json"), answer
    body = json.loads(answer.body)
    assert body["status"] == status and body["code"]
    return body


LOGIN = b"POST /v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
REFUSED = {
    "no Host": b"GET /livez HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET /livez HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
    "two different Hosts": b"GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "Host with a path": b"GET /livez HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "Host with a blank": b"GET /livez HTTP/1.1\r\nHost: a b\r\n\r\n",
    "folded header": b"GET /livez HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c\r\n\r\n",
    "folded header by tab": b"GET /livez HTTP/1.1\r\nHost: a\r\nX-A: b\r\n\tc\r\n\r\n",
    "blank before the colon": b"GET /livez HTTP/1.1\r\nHost: a\r\nX-A : b\r\n\r\n",
    "no colon": b"GET /livez HTTP/1.1\r\nHost: a\r\nX-A\r\n\r\n",
    "unknown transfer coding": LOGIN + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "transfer coding with a trailing one": LOGIN + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "chunked twice": LOGIN + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked in 1.0": b"POST /v1/auth/login HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "length and chunked": LOGIN + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked and length": LOGIN + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": LOGIN + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "negative length": LOGIN + b"Content-Length: -1\r\n\r\n",
    "length that is no number": LOGIN + b"Content-Length: 2x\r\n\r\n{}",
    "length with a sign": LOGIN + b"Content-Length: +2\r\n\r\n{}",
    "length past 64 bits": LOGIN + b"Content-Length: 18446744073709551618\r\n\r\n{}",
    "chunk size that is no number": LOGIN + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "chunk without its end": LOGIN + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}xx0\r\n\r\n",
    "chunk size past 64 bits": LOGIN + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}\r\n0\r\n\r\n",
    "no version": b"GET /livez\r\n\r\n",
    "no version, more lines": b"GET /livez\r\nHost: a\r\n\r\n",
    "version 2.0": b"GET /livez HTTP/2.0\r\nHost: a\r\n\r\n",
    "version 0.9": b"GET /livez HTTP/0.9\r\nHost: a\r\n\r\n",
    "no path": b"GET HTTP/1.1\r\nHost: a\r\n\r\n",
    "blank in the path": b"GET /livez x HTTP/1.1\r\nHost: a\r\n\r\n",
    "NUL in a header": b"GET /livez HTTP/1.1\r\nHost: a\r\nX-A: b\x00c\r\n\r\n",
    "NUL in the path": b"GET /li\x00vez HTTP/1.1\r\nHost: a\r\n\r\n",
    "bare CR in a header": b"GET /livez HTTP/1.1\r\nHost: a\r\nX-A: b\rX-B: c\r\n\r\n",
    "not HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 tls hello\r\n\r\n",
    "empty header name": b"GET /livez HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n",
}


# nginx ignores a line without a colon, and answers a request without a version as HTTP/0.9, which has no next request
# to smuggle.
OF_ONE_PROCESS = ("no colon", "no version", "no version, more lines")


@pytest.mark.parametrize(
    "what", [pytest.param(what, marks=pytest.mark.one_process if what in OF_ONE_PROCESS else ()) for what in REFUSED]
)
def test_what_a_server_must_refuse_is_refused_and_closed(wire, what):
    """[X14] 400 (501 and 505 where RFC 9110 has them), then the connection ends, so nothing is read as another
    request."""
    begun = time.monotonic()
    # The second request would be answered if the first were misread.
    answer = wire.send(REFUSED[what] + b"GET /livez HTTP/1.1\r\nHost: smuggled\r\n\r\n").answer()
    assert answer is not None, "closed without an answer"
    assert answer.status in (
        (400, 413)
        if "64 bits" in what
        else (400, 501)
        if "coding" in what
        else (400, 505)
        if "version" in what
        else (400,)
    ), answer
    assert answer.headers.get("connection") == "close"
    assert wire.is_closed(), f"more was answered: {wire.buffer[:200]!r}"
    assert time.monotonic() - begun < 3, "it took a deadline to notice"


def test_a_body_is_not_read_as_a_request(wire):
    """[X14] A body of a route that takes none is thrown away or refused, never run."""
    smuggled = b"DELETE /v1/users/me HTTP/1.1\r\nHost: x\r\n\r\n"
    wire.request(f"GET /livez HTTP/1.1\nHost: {{host}}\nContent-Length: {len(smuggled)}", smuggled)
    answer = wire.answer()
    assert answer.status in (200, 400)
    if answer.headers.get("connection") != "close":
        wire.request("GET /livez HTTP/1.1\nHost: {host}\nConnection: close")
        assert wire.answer().status == 200 and wire.is_closed()


def test_a_header_that_is_too_large_is_431(wire):
    """[X14]"""
    wire.request("GET /livez HTTP/1.1\nHost: {host}\nX-Large: " + "x" * 100_000)
    is_problem(wire.answer(), 431)
    assert wire.is_closed()


def test_too_many_headers_are_431(wire):
    """[X14]"""
    wire.request("GET /livez HTTP/1.1\nHost: {host}\n" + "\n".join(f"X-{n}: {n}" for n in range(5000)))
    is_problem(wire.answer(), 431)


def test_a_path_that_is_too_long_is_refused(wire):
    """[X14]"""
    wire.request("GET /" + "x" * 100_000 + " HTTP/1.1\nHost: {host}")
    assert wire.answer().status in (414, 431)


def test_a_body_that_is_too_large_is_413(wire):
    """[X14] Refused by its declared length, before it is sent."""
    wire.request(
        "POST /v1/auth/login HTTP/1.1\nHost: {host}\nContent-Type: application/json\nContent-Length: 100000000"
    )
    is_problem(wire.answer(), 413)


def test_a_chunked_body_that_is_too_large_is_413(hasty):
    """[X14] The limit holds for a body that does not say its length."""
    with Wire(hasty.url) as wire:
        wire.request(
            "POST /v1/auth/login HTTP/1.1\nHost: {host}\nContent-Type: application/json\nTransfer-Encoding: chunked"
        )
        try:
            for _ in range(100):
                wire.send(b"400\r\n" + b" " * 1024 + b"\r\n")
        except OSError:
            pass  # refused while it was still sent
        is_problem(wire.answer(), 413)


def test_a_chunked_body_is_a_body(service, wire):
    """[X14] Also with extensions and trailers."""
    ada = service.register()
    wire.request(
        f"POST /v1/posts HTTP/1.1\nHost: {{host}}\nAuthorization: Bearer {ada.token}\n"
        "Content-Type: application/json\nTransfer-Encoding: Chunked",
        b'5;ext=1\r\n{"tex\r\nA\r\nt":"chunks\r\n2\r\n"}\r\n0\r\nX-Trailer: 1\r\n\r\n',
    )
    answer = wire.answer()
    assert answer.status == 201 and json.loads(answer.body)["text"] == "chunks"


# --- deadlines


def test_a_header_that_comes_too_slowly_is_closed(hasty):
    """[X14] Slow loris: a byte now and then does not hold a connection longer than the header's deadline."""
    with Wire(hasty.url) as wire:
        begun = time.monotonic()
        wire.send(b"GET /livez HTTP/1.1\r\nHost: a\r\nX-Slow: ")
        try:
            while time.monotonic() - begun < 8:
                wire.send(b"x")
                time.sleep(0.2)
        except OSError:
            pass
        assert time.monotonic() - begun < 4


@pytest.mark.one_process  # nginx limits the time between two reads of a body
def test_a_body_that_comes_too_slowly_is_closed(hasty):
    """[X14]"""
    with Wire(hasty.url) as wire:
        wire.request("POST /v1/auth/login HTTP/1.1\nHost: {host}\nContent-Type: application/json\nContent-Length: 1000")
        begun = time.monotonic()
        try:
            while time.monotonic() - begun < 8:
                wire.send(b" ")
                time.sleep(0.2)
        except OSError:
            pass
        assert time.monotonic() - begun < 4


def test_an_idle_connection_is_closed(hasty):
    """[X14] With and without an earlier request."""
    with Wire(hasty.url) as silent, Wire(hasty.url) as used:
        used.request("GET /livez HTTP/1.1\nHost: {host}")
        assert used.answer().status == 200
        assert used.is_closed(within=6)
        assert silent.is_closed(within=6)


def test_slow_clients_do_not_hold_up_others(hasty):
    """[X14] With hundreds of half requests open, others are served."""
    slow = [Wire(hasty.url) for _ in range(300)]
    try:
        for wire in slow:
            wire.send(b"GET /livez HTTP/1.1\r\nHost:")
        with Wire(hasty.url) as wire:
            begun = time.monotonic()
            wire.request("GET /livez HTTP/1.1\nHost: {host}")
            assert wire.answer().status == 200 and time.monotonic() - begun < 1
    finally:
        for wire in slow:
            wire.socket.close()


# --- connections


def test_a_connection_is_kept_and_closed_as_asked(wire):
    """[X14] Keep-alive by default, Connection: close honoured."""
    for _ in range(3):
        wire.request("GET /livez HTTP/1.1\nHost: {host}")
        answer = wire.answer()
        assert answer.status == 200 and answer.headers.get("connection", "").lower() != "close"
    wire.request("GET /livez HTTP/1.1\nHost: {host}\nConnection: close")
    assert wire.answer().headers["connection"].lower() == "close"
    assert wire.is_closed()


def test_http_1_0_is_closed_unless_asked_to_stay(server):
    """[X14]"""
    with Wire(server.url) as wire:
        wire.request("GET /livez HTTP/1.0\nHost: {host}")
        assert wire.answer().status == 200 and wire.is_closed()
    with Wire(server.url) as wire:
        wire.request("GET /livez HTTP/1.0\nHost: {host}\nConnection: keep-alive")
        answer = wire.answer()
        if answer.headers.get("connection", "").lower() == "keep-alive":
            wire.request("GET /livez HTTP/1.0\nHost: {host}")
            assert wire.answer().status == 200


def test_pipelined_requests_are_answered_in_order(wire):
    """[X14]"""
    one = "GET /livez HTTP/1.1\r\nHost: {0}\r\nX-Request-Id: pipe-{1}\r\n\r\n"
    wire.send("".join(one.format(wire.host, n) for n in range(20)))
    answers = [wire.answer() for _ in range(20)]
    assert [answer.status for answer in answers] == [200] * 20
    assert [answer.headers["x-request-id"] for answer in answers] == [f"pipe-{n}" for n in range(20)]


def test_a_request_in_single_bytes_is_a_request(wire):
    """[X14]"""
    for byte in f"GET /livez HTTP/1.1\r\nHost: {wire.host}\r\n\r\n".encode():
        wire.send(bytes([byte]))
    assert wire.answer().status == 200


def test_absolute_form_is_understood(wire):
    """[X14] RFC 9112 §3.2.2: a server must accept it."""
    wire.request("GET http://{host}/livez HTTP/1.1\nHost: {host}")
    assert wire.answer().status == 200


def test_expect_100_is_answered(wire):
    """[X14] A client that waits for 100 gets it, or the final answer when the body would be refused."""
    body = b'{"email":"a@example.org","password":"wrong horse"}'
    wire.request(
        "POST /v1/auth/login HTTP/1.1\nHost: {host}\nContent-Type: application/json\n"
        f"Expect: 100-continue\nContent-Length: {len(body)}"
    )
    answer = wire.answer()
    assert answer.status == 100, answer
    assert wire.send(body).answer().status == 401


def test_expect_100_for_too_large_a_body_is_refused_before_it_is_sent(wire):
    """[X14]"""
    wire.request(
        "POST /v1/auth/login HTTP/1.1\nHost: {host}\nContent-Type: application/json\n"
        "Expect: 100-continue\nContent-Length: 100000000"
    )
    assert wire.answer().status == 413


def test_the_head_of_a_get(wire):
    """[X14] HEAD has the header of GET and no body; the connection goes on."""
    wire.request("GET /v1/instance HTTP/1.1\nHost: {host}")
    full = wire.answer()
    wire.request("HEAD /v1/instance HTTP/1.1\nHost: {host}")
    head = wire.answer(to_head=True)
    assert head.status == full.status == 200
    assert head.headers.get("content-length") == full.headers["content-length"]
    wire.request("GET /livez HTTP/1.1\nHost: {host}")
    assert wire.answer().status == 200


@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH", "TRACE", "BREW"])
def test_a_method_that_a_path_does_not_have(wire, method):
    """[X14] 405 with Allow (501 for a method that nobody has)."""
    wire.request(f"{method} /v1/feed HTTP/1.1\nHost: {{host}}\nContent-Length: 0")
    answer = wire.answer()
    assert answer.status in ((405, 501) if method in ("BREW", "TRACE") else (405,)), answer
    if answer.status == 405 and method != "TRACE":  # nginx answers that one itself, without Allow
        assert "GET" in [m.strip() for m in answer.headers["allow"].split(",")]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1",
        "/v1/",
        "/v1/nothing",
        "/v1/users/me/",
        "//v1/users/me",
        "/v1/../v1/users/me",
        "/v1/posts/1/2/3/4",
        "/%2e%2e/etc/passwd",
        "/v1/users/%00",
        "/v1/users/%",
        "/v1/users/%zz",
        "/v1/users/%ff",
    ],
)
def test_paths_that_are_not_there(wire, path):
    """[X4] 404 (or 400 for what is no path) as a problem."""
    wire.request(f"GET {path} HTTP/1.1\nHost: {{host}}")
    answer = wire.answer()
    if path == "/" and answer.status in (200, 301, 302, 303, 307, 308):
        return  # the page
    assert answer.status in (400, 401, 404), answer
    is_problem(answer, answer.status)


# --- browsers


@pytest.fixture(scope="module")
def with_cors(shape, tmp_path_factory):
    from support.shapes import Launcher

    launcher = Launcher(shape, tmp_path_factory.mktemp("cors"))
    try:
        yield launcher({"http": {"cors_origins": ["https://app.example.org"]}})
    finally:
        launcher.close()


def test_a_preflight_is_answered_for_known_origins(with_cors):
    """[X14] Origin, methods and headers are allowed by name."""
    with Wire(with_cors.url) as wire:
        wire.request(
            "OPTIONS /v1/posts HTTP/1.1\nHost: {host}\nOrigin: https://app.example.org\nAccess-Control-Request-Method: POST\n"
            "Access-Control-Request-Headers: authorization, content-type, idempotency-key, if-match"
        )
        answer = wire.answer()
        assert answer.status in (200, 204)
        assert answer.headers["access-control-allow-origin"] == "https://app.example.org"
        assert "POST" in answer.headers["access-control-allow-methods"]
        allowed = answer.headers["access-control-allow-headers"].lower()
        assert allowed == "*" or all(
            name in allowed for name in ("authorization", "content-type", "idempotency-key", "if-match")
        )
        assert "origin" in answer.headers.get("vary", "").lower()
        wire.request("GET /v1/instance HTTP/1.1\nHost: {host}\nOrigin: https://app.example.org")
        answer = wire.answer()
        assert answer.headers["access-control-allow-origin"] == "https://app.example.org"
        exposed = answer.headers.get("access-control-expose-headers", "").lower()
        assert all(name in exposed for name in ("etag", "link", "location", "x-request-id", "retry-after"))


def test_other_origins_are_not_allowed(with_cors, server):
    """[X14] Neither on a server with others, nor on one without any."""
    for url in (with_cors.url, server.url):
        with Wire(url) as wire:
            for method in ("OPTIONS", "GET"):
                wire.request(
                    f"{method} /v1/instance HTTP/1.1\nHost: {{host}}\nOrigin: https://evil.example.org\nAccess-Control-Request-Method: GET"
                )
                assert "access-control-allow-origin" not in wire.answer().headers


def test_security_headers(wire, service):
    """[X14] Nothing is sniffed, framed or kept by shared caches."""
    ada = service.register()
    wire.request(f"GET /v1/users/me HTTP/1.1\nHost: {{host}}\nAuthorization: Bearer {ada.token}")
    headers = wire.answer().headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "no-store" in headers.get("cache-control", "") or "private" in headers.get("cache-control", "")
    assert "guildhall/" not in headers.get("server", "").lower()


# --- compression


def test_compressed_only_when_asked_and_worth_it(service, wire):
    """gzip of a large answer when the client takes it; never of a small one."""
    ada = service.register()
    post = ada.publish("long words " * 250)
    head = f"GET /v1/posts/{post['id']} HTTP/1.1\nHost: {{host}}\nAuthorization: Bearer {ada.token}"
    wire.request(head)
    plain = wire.answer()
    assert "content-encoding" not in plain.headers
    wire.request(head + "\nAccept-Encoding: gzip")
    packed = wire.answer()
    assert packed.headers["content-encoding"] == "gzip" and "accept-encoding" in packed.headers["vary"].lower()
    assert len(packed.body) < len(plain.body) / 2 and gzip.decompress(packed.body) == plain.body
    for refusal in ("gzip;q=0", "identity", "br", "", "*;q=0", "xgzip"):
        wire.request(head + f"\nAccept-Encoding: {refusal}")
        assert "content-encoding" not in wire.answer().headers, refusal
    wire.request("GET /livez HTTP/1.1\nHost: {host}\nAccept-Encoding: gzip")
    assert "content-encoding" not in wire.answer().headers


def test_the_etag_is_right_for_compressed_answers(service, wire):
    """[X7] What was given with gzip is recognised by If-None-Match."""
    ada = service.register()
    post = ada.publish("long words " * 250)
    head = (
        f"GET /v1/posts/{post['id']} HTTP/1.1\nHost: {{host}}\nAuthorization: Bearer {ada.token}\nAccept-Encoding: gzip"
    )
    wire.request(head)
    etag = wire.answer().headers["etag"]
    wire.request(head + f"\nIf-None-Match: {etag}")
    assert wire.answer().status == 304


# --- limits of the server as a whole


@pytest.mark.one_process
def test_connections_past_the_limit_are_refused_and_room_comes_back(launch):
    """[X14] max_connections holds; a closed connection makes room."""
    server = launch({"http": {"max_connections": 20}})
    held = [Wire(server.url) for _ in range(40)]
    served = 0
    for wire in held:
        try:
            wire.request("GET /livez HTTP/1.1\nHost: {host}")
            answer = wire.answer()
            served += answer is not None and answer.status == 200
        except OSError:
            pass
    assert 1 <= served <= 20
    for wire in held:
        wire.socket.close()
    end = time.monotonic() + 5
    while True:
        try:
            with Wire(server.url) as wire:
                wire.request("GET /livez HTTP/1.1\nHost: {host}")
                answer = wire.answer()
                if answer and answer.status == 200:
                    return
        except OSError:
            pass
        assert time.monotonic() < end
        time.sleep(0.05)
