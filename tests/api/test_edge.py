"""The edge of the server: what is decided by the header alone, answers without a handler, addresses, start-up."""

import base64
import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess

import pytest

from support.client import Api, Service, eventually
from support.program import binary, free_port
from support.raw import Wire

MEGABYTE = 1 << 20
JSON = "Content-Type: application/json"


def head(method_and_path, *fields):
    return "\n".join((f"{method_and_path} HTTP/1.1", "Host: {host}", *fields))


# --- before the body


@pytest.mark.parametrize(
    "request_line,fields,status",
    [
        ("POST /v1/nothing", [JSON], 404),
        ("PUT /v1/feed", [JSON], 405),
        ("POST /v1/posts", [JSON], 401),
        ("POST /v1/posts", [JSON, "Authorization: Bearer x.y.z"], 401),
        ("PATCH /v1/users/me", [JSON], 401),
        ("POST /v1/auth/login", ["Content-Type: text/plain"], 415),
        ("POST /v1/auth/login", [JSON, "Content-Encoding: gzip"], 415),
        ("POST /v1/auth/login", [JSON], 413),
    ],
)
@pytest.mark.one_process  # nginx buffers bodies before the services see a header
def test_the_header_is_answered_before_the_body_comes(server, request_line, fields, status):
    """[F: bodies are buffered before route and token]"""
    with Wire(server.url) as wire:
        wire.request(head(request_line, *fields, f"Content-Length: {MEGABYTE}"))
        answer = wire.answer()
        assert answer is not None and answer.status == status, answer


def resident_bytes(pid) -> int:
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024


@pytest.mark.one_process
def test_unfinished_bodies_take_no_more_memory_than_the_budget(launch):
    """[F: bodies are buffered before route and token] [F: memory after a flood] 200 visitors and 60 members each send
    most of a megabyte: memory grows by the budget at most, the others get 503, and it is given back."""
    budget = 8 * MEGABYTE
    instance = launch({"http": {"max_received_bytes": budget, "body_deadline": 60}})
    ada = Service(instance).register()
    before = resident_bytes(instance.pid)
    members = head("POST /v1/posts", JSON, f"Authorization: Bearer {ada.token}", f"Content-Length: {MEGABYTE}")
    visitors = head("POST /v1/auth/login", JSON, f"Content-Length: {MEGABYTE}")
    with contextlib.ExitStack() as open_wires:
        wires = [open_wires.enter_context(Wire(instance.url)) for _ in range(260)]
        for number, wire in enumerate(wires):
            with contextlib.suppress(OSError):  # refused while it was still sent
                wire.request(members if number % 4 == 0 else visitors)
                wire.send(b" " * (MEGABYTE - 1))
        refused = [wire.answer() for wire in wires[1::4]]
        assert {answer.status for answer in refused} == {413}
        # The last member's body did not fit; its answer carries what clients need.
        answer = wires[256].answer()
        assert answer.status == 503 and answer.headers["retry-after"] == "1", answer
        # Besides the budget: connections, and the blocks that the allocator keeps.
        assert resident_bytes(instance.pid) < before + budget + 16 * MEGABYTE
        ada.get("/v1/users/me")
    eventually(lambda: resident_bytes(instance.pid) < before + 8 * MEGABYTE)
    ada.publish("Room again.")


@pytest.mark.one_process
def test_one_address_cannot_take_all_connections(launch):
    """[F: bodies are buffered before route and token]"""
    instance = launch({"http": {"max_connections_per_address": 10, "trusted_proxies": []}})
    with contextlib.ExitStack() as open_wires:
        for _ in range(10):
            wire = open_wires.enter_context(Wire(instance.url))
            wire.request(head("GET /livez"))
            assert wire.answer().status == 200
        with Wire(instance.url) as wire:
            wire.request(head("GET /livez"))
            answer = wire.answer()
            assert answer.status == 429 and json.loads(answer.body)["code"] == "too_many_connections"
        # Another address of this machine still gets in.
        host, port = instance.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), source_address=("127.0.0.2", 0)) as other:
            other.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            assert other.recv(100).startswith(b"HTTP/1.1 200")


# --- every answer

ORIGIN = "https://app.example.org"


def lines_of(instance, request_id):
    lines = [line for line in instance.log().splitlines() if line.startswith("{") and request_id in line]
    return [json.loads(line) for line in lines if "duration_us" in line]


@pytest.fixture(scope="module")
def small(shape, tmp_path_factory):
    """A server with small limits and short deadlines, for pages of one origin."""
    from support.shapes import Launcher

    launcher = Launcher(shape, tmp_path_factory.mktemp("small"))
    limits = {"max_connections": 3, "max_header_bytes": 2048, "header_deadline": 1, "body_deadline": 1}
    try:
        yield launcher({"http": {"cors_origins": [ORIGIN], **limits}})
    finally:
        launcher.close()


EARLY = {
    "unknown route": (404, lambda wire, fields: wire.request(head("GET /v1/nothing", *fields))),
    "method": (405, lambda wire, fields: wire.request(head("BREW /v1/feed", *fields))),
    "no token": (401, lambda wire, fields: wire.request(head("GET /v1/feed", *fields))),
    "length": (
        413,
        lambda wire, fields: wire.request(head("POST /v1/auth/login", *fields, JSON, "Content-Length: 99999999")),
    ),
    "chunked length": (
        413,
        lambda wire, fields: wire.request(
            head("POST /v1/auth/login", *fields, JSON, "Transfer-Encoding: chunked"), b"8000\r\n" + b" " * 0x8000
        ),
    ),
    "header": (431, lambda wire, fields: wire.request(head("GET /livez", *fields, "X-Large: " + "x" * 5000))),
    "malformed": (400, lambda wire, fields: wire.request(head("GET /livez", *fields, "X-A : b"))),
    "two tokens": (
        400,
        lambda wire, fields: wire.request(head("GET /livez", *fields, "Authorization: a", "Authorization: b")),
    ),
    "slow header": (408, lambda wire, fields: wire.send("\r\n".join(("GET /livez HTTP/1.1", "Host: a", *fields, "")))),
    "slow body": (
        408,
        lambda wire, fields: wire.request(head("POST /v1/auth/login", *fields, JSON, "Content-Length: 10")),
    ),
}


@pytest.mark.one_process
@pytest.mark.parametrize("what", EARLY)
def test_every_answer_names_its_request_allows_its_origin_and_is_logged(small, what):
    """[F: early refusals bypass the dispatcher]"""
    status, ask = EARLY[what]
    request_id = "early-" + what.replace(" ", "-")
    with Wire(small.url) as wire:
        ask(wire, [f"Origin: {ORIGIN}", f"X-Request-Id: {request_id}"])
        answer = wire.answer()
    assert answer.status == status, answer
    assert answer.headers["x-request-id"] == request_id
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert "x-request-id" in answer.headers["access-control-expose-headers"]
    assert json.loads(answer.body)["request_id"] == request_id
    (line,) = eventually(lambda: lines_of(small, request_id))
    assert line["status"] == status and line["ip"] == "127.0.0.1"


@pytest.mark.one_process
def test_a_connection_above_the_limit_is_answered_like_any_other(small):
    """[F: early refusals bypass the dispatcher]"""
    with contextlib.ExitStack() as open_wires:
        for _ in range(3):
            wire = open_wires.enter_context(Wire(small.url))
            wire.request(head("GET /livez"))
            assert wire.answer().status == 200
        with Wire(small.url) as wire:
            wire.request(head("GET /livez", f"Origin: {ORIGIN}", "X-Request-Id: above-1"))
            answer = wire.answer()
    assert answer.status == 503 and answer.headers["retry-after"] == "1"
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert json.loads(answer.body)["request_id"] == answer.headers["x-request-id"] == "above-1"
    (line,) = eventually(lambda: lines_of(small, "above-1"))
    assert line["path"] == "/livez" and line["status"] == 503


# --- header fields


def test_two_authorization_headers_are_refused(server, ada):
    """[F: strictness of tokens] Which of the two counts would depend on the reader."""
    token = f"Authorization: Bearer {ada.token}"
    for fields in ((token, token), (token, "Authorization: Basic dTpw"), ("Authorization: ", token)):
        with Wire(server.url) as wire:
            wire.request(head("GET /v1/users/me", *fields))
            assert wire.answer().status == 400, fields


def test_a_token_has_one_spelling(ada):
    """[F: strictness of tokens] RFC 7515 §2: base64url without padding; RFC 7518 §3.4: 64 bytes."""
    start, _, signature = ada.token.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    longer = base64.urlsafe_b64encode(raw + b"\0").decode().rstrip("=")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    unused_bits = signature[:-1] + alphabet[alphabet.index(signature[-1]) | 1]
    ada.get("/v1/users/me")
    for forged in (longer, signature + "==", signature + ".", unused_bits, signature[:-2], signature + "A"):
        sent = {"Authorization": f"Bearer {start}.{forged}"}
        ada.get("/v1/users/me", headers=sent, status=401, code="invalid_token")
    header, payload, _ = ada.token.split(".")
    padded = base64.urlsafe_b64encode(base64.urlsafe_b64decode(header + "==") + b" ").decode()
    sent = {"Authorization": f"Bearer {padded}.{payload}.{signature}"}
    ada.get("/v1/users/me", headers=sent, status=401, code="invalid_token")


def test_blanks_behind_bearer(ada):
    """[F: small] RFC 6750 §2.1 allows several."""
    ada.get("/v1/users/me", headers={"Authorization": f"Bearer   {ada.token}"}, status=200)


def test_unsupported_media_says_what_is_supported(ada):
    """[F: small] RFC 9110 §15.5.16."""
    body = json.dumps({"text": "Good morning."}).encode()
    wrong = {"Content-Type": "text/plain"}
    answer = ada.post("/v1/posts", content=body, headers=wrong, status=415)
    assert answer.headers["accept"] == "application/json" and "accept-encoding" not in answer.headers
    answer = ada.patch("/v1/users/me", content=body, headers=wrong, status=415)
    assert "application/merge-patch+json" in answer.headers["accept"]
    assert answer.headers["accept-patch"] == answer.headers["accept"]
    packed = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    answer = ada.post("/v1/posts", content=body, headers=packed, status=415)
    assert answer.headers["accept-encoding"] == "identity" and "accept" not in answer.headers
    ada.post("/v1/posts", content=body, headers=packed | {"Content-Encoding": "identity"}, status=201)


@pytest.mark.one_process  # nginx passes no trailers on
@pytest.mark.parametrize("trailer", ["X-A: b\r\n c\r\n", "X-A: b\r\n\tc\r\n", "X-A : b\r\n", "X-A\r\n", "X-A: b\n"])
def test_a_trailer_is_held_to_the_rules_of_headers(server, ada, trailer):
    """[F: trailers]"""
    chunks = b'11\r\n{"text":"chunks"}\r\n0\r\n'
    with Wire(server.url) as wire:
        fields = (JSON, f"Authorization: Bearer {ada.token}", "Transfer-Encoding: chunked")
        wire.request(head("POST /v1/posts", *fields), chunks + trailer.encode() + b"\r\n")
        answer = wire.answer()
        assert answer.status == 400 and answer.headers["connection"] == "close", answer


def test_any_tag_of_a_list_may_match(server, ada):
    """[F: conditional requests] RFC 9110 §13.1.1: any listed tag; weak tags never match; fields are joined."""
    post = ada.publish("one")
    path = f"/v1/posts/{post['id']}"

    def edit(text, *fields):
        tag = ada.get(path).headers["etag"]
        body = json.dumps({"text": text}).encode()
        with Wire(server.url) as wire:
            names = [field.replace("CURRENT", tag) for field in fields]
            token = f"Authorization: Bearer {ada.token}"
            wire.request(head(f"PATCH {path}", token, JSON, f"Content-Length: {len(body)}", *names), body)
            return wire.answer().status

    assert edit("two", 'If-Match: "other", CURRENT') == 200
    # The nginx before separate services refuses the second field itself.
    is_behind_nginx = os.environ.get("GUILDHALL_SHAPE") == "services"
    assert edit("three", 'If-Match: "other"', "If-Match: CURRENT") == (400 if is_behind_nginx else 200)
    assert edit("four", "If-Match: *") == 200
    assert edit("five", "If-Match: W/CURRENT") == 412
    assert edit("five", 'If-Match: "other"') == 412
    assert edit("five", "If-Match: nonsense") == 400
    assert ada.find_post(post)["text"] == "four"


def test_if_none_match_is_a_list_of_any_length(ada):
    """[F: conditional requests] [F: schema precision]"""
    post = ada.publish()
    path = f"/v1/posts/{post['id']}"
    tag = ada.get(path).headers["etag"]
    many = ", ".join(f'"{number}-abcdef"' for number in range(100))
    ada.get(path, headers={"If-None-Match": f"{many}, W/{tag}"}, status=304)
    ada.get(path, headers={"If-None-Match": many}, status=200)
    ada.get(path, headers={"If-None-Match": "nonsense"}, status=400, field="/If-None-Match")


def test_answers_that_carry_an_entity_have_a_tag(ada, bela):
    """[F: `PATCH` without If-Match silently overwrites; `POST` sends no ETag]"""
    created = ada.post("/v1/posts", {"text": "tagged"})
    path = f"/v1/posts/{created.json()['id']}"
    tags = [created.headers["etag"], ada.get(path).headers["etag"]]
    edited = ada.patch(path, {"text": "edited"}, headers={"If-Match": tags[0]})
    tags.append(edited.headers["etag"])
    ada.patch(path, {"text": "again"}, headers={"If-Match": tags[1]}, status=412)
    ada.patch(path, {"text": "again"}, headers={"If-Match": tags[2]}, status=200)
    invitation = ada.post("/v1/invitations", {"user_id": bela.id})
    assert invitation.headers["etag"]
    assert ada.get(f"/v1/invitations/{invitation.json()['id']}").headers["etag"]
    assert ada.get("/v1/users/me/network-settings").headers["etag"]
    feed = ada.get("/v1/feed")
    ada.get("/v1/feed", headers={"If-None-Match": feed.headers["etag"]}, status=304)
    ada.publish("Something new.")
    ada.get("/v1/feed", headers={"If-None-Match": feed.headers["etag"]}, status=200)


def test_ids_of_a_list_are_counted_before_they_are_compared(ada):
    """[F: schema precision] maxItems of the document counts duplicates."""
    ada.get("/v1/users", params={"ids": ",".join([ada.id] * 100)}, status=200)
    ada.get("/v1/users", params={"ids": ",".join([ada.id] * 101)}, status=400, field="/ids")


# --- addresses


def asked(url, forwarded=None, times=1):
    """The status of the last of some requests."""
    with Wire(url) as wire:
        for _ in range(times):
            wire.request(head("GET /v1/instance", *([f"X-Forwarded-For: {forwarded}"] if forwarded else [])))
            answer = wire.answer()
    return answer.status


@pytest.mark.one_process
@pytest.mark.parametrize(
    "one,same,other",
    [
        ("203.0.113.7:51234", "203.0.113.7", "203.0.113.8:51234"),
        ("203.0.113.9", "::ffff:203.0.113.9", "203.0.113.10"),
        ("[2001:db8:1:1::7]:443", "2001:db8:1:1:ffff::1", "[2001:db8:1:2::7]:443"),
        ("2001:DB8:2:1:0:0:0:7", "2001:db8:2:1::7", "2001:db8:3:1::7"),
    ],
)
def test_an_address_is_one_client_in_all_its_forms(launch, one, same, other):
    """[F: a client's address is compared as text] Mapped addresses, ports, forms; IPv6 by /64."""
    url = launch({"rate_limits": {"read_per_minute": 3}}).url
    assert asked(url, one, times=3) == 200
    assert asked(url, one) == asked(url, same) == 429
    assert asked(url, other) == 200


@pytest.mark.one_process
def test_ranges_of_proxies_may_be_trusted(launch):
    """[F: a client's address is compared as text] CIDR in trusted_proxies."""
    trusted = {"trusted_proxies": ["127.0.0.0/8", "10.0.0.0/8"]}
    url = launch({"http": trusted, "rate_limits": {"read_per_minute": 1}}).url
    assert asked(url, "203.0.113.7, 10.1.2.3") == 200
    assert asked(url, "203.0.113.7, 10.9.9.9") == 429
    assert asked(url, "203.0.113.8") == 200


@pytest.mark.one_process
def test_ipv4_clients_of_a_dual_stack_socket_are_told_apart(launch):
    """[F: a client's address is compared as text] On [::], IPv4 clients come as ::ffff:…"""
    if not pathlib.Path("/proc/net/if_inet6").exists():
        pytest.skip("this machine has no IPv6")
    instance = launch.prepare({"rate_limits": {"read_per_minute": 3}, "http": {"trusted_proxies": ["127.0.0.1"]}})
    port = free_port()
    instance.config.write_text(instance.config.read_text().replace("[http]", f'[http]\nlisten = "[::]:{port}"'))
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GUILDHALL_")}
    with open(instance.log_path, "ab") as log:
        instance.process = subprocess.Popen(
            [binary(), "serve", "--config", instance.config, "--data", instance.data], stdout=log, env=environment
        )
    url = f"http://127.0.0.1:{port}"

    def is_up():
        with contextlib.suppress(OSError):
            return asked(url, "198.51.100.1") == 200
        return False

    eventually(is_up)
    assert asked(url, "203.0.113.1", times=4) == 429
    assert asked(url, "203.0.113.2") == 200
    assert asked(url, times=4) == 429  # 127.0.0.1 itself


# --- starting


def serve_on(port, data, **more):
    return subprocess.Popen(
        [binary(), "serve", "--data", data, "--listen", f"127.0.0.1:{port}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


def test_a_port_in_use_is_named(tmp_path):
    """[F: a port in use is shared silently] By another Guildhall, and by another program."""
    port = free_port()
    first = serve_on(port, tmp_path / "a")
    try:
        assert "listening on" in first.stdout.readline()
        second = serve_on(port, tmp_path / "b")
        _, said = second.communicate(timeout=20)
        assert second.returncode == 1
        assert f"127.0.0.1:{port}" in said and "already in use" in said.lower()
    finally:
        first.send_signal(signal.SIGTERM)
        first.communicate(timeout=20)
    with socket.create_server(("127.0.0.1", port), reuse_port=True):
        third = serve_on(port, tmp_path / "a")
        _, said = third.communicate(timeout=20)
        assert third.returncode == 1 and "already in use" in said.lower()
        assert ".hpp" not in said and "/usr/" not in said
        assert f"127.0.0.1:{port}" in said


def test_missing_standard_streams_are_not_taken_for_files(tmp_path):
    """[F: missing standard descriptors] With descriptors 0 to 2 closed, the log goes nowhere, not into a file."""
    port = free_port()
    command = f'exec "{binary()}" serve --data "{tmp_path / "d"}" --listen 127.0.0.1:{port} <&- >&- 2>&-'
    process = subprocess.Popen(["bash", "-c", command])

    def is_up():
        with contextlib.suppress(OSError):
            return asked(f"http://127.0.0.1:{port}") == 200
        return False

    try:
        eventually(is_up)
        asked(f"http://127.0.0.1:{port}", times=20)
        targets = [os.readlink(f"/proc/{process.pid}/fd/{number}") for number in range(3)]
        assert targets == ["/dev/null"] * 3
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    for path in (tmp_path / "d").rglob("*"):
        assert not path.is_file() or b'"duration_us"' not in path.read_bytes(), path


def check(environment=(), *flags):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GUILDHALL_")}
    return subprocess.run(
        [binary(), "config", "check", *flags], env=clean | dict(environment), capture_output=True, text=True, timeout=20
    )


def test_an_unknown_variable_is_an_error(tmp_path):
    """[F: unknown environment variables] All mistakes are listed; what Kubernetes sets is allowed."""
    done = check({"GUILDHALL_HTTP_LISTN": "x", "GUILDHALL_LOG_LEVEL": "loud", "GUILDHALL_HTTP_THREADS": "many"})
    assert done.returncode == 1
    for name in ("GUILDHALL_HTTP_LISTN", "log.level", "http.threads"):
        assert name in done.stderr, done.stderr
    done = check(
        {
            "GUILDHALL_SERVICE_HOST": "10.0.0.1",
            "GUILDHALL_PORT": "tcp://10.0.0.1:80",
            "GUILDHALL_PORT_80_TCP_ADDR": "10.0.0.1",
            "GUILDHALL_USER_SERVICE_PORT_HTTP": "80",
        }
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.one_process
def test_items_of_lists_are_trimmed(launch):
    """[F: list options]"""
    instance = launch.prepare()
    flags = ["--http-cors-origins", "https://a.example,  https://b.example "]
    instance.process, url = instance.serve(flags, None, 30)
    with Wire(url) as wire:
        wire.request(head("GET /livez", "Origin: https://b.example"))
        assert wire.answer().headers["access-control-allow-origin"] == "https://b.example"


@pytest.mark.parametrize(
    "origins", ["*", "https://a.example/", "https://A.example", "https://a.example:443", "'https://a.example'", "null"]
)
def test_an_origin_that_can_never_match_is_refused(origins):
    """[F: list options]"""
    done = check((), f"--http-cors-origins=https://ok.example,{origins}")
    assert done.returncode == 1
    assert "http.cors_origins" in done.stderr and origins in done.stderr
    assert "must" in done.stderr


# --- pages


def test_the_root_leads_to_the_documents(server):
    """[F: every problem's `type`, `/`, `/favicon.ico` are 404]"""
    with Wire(server.url) as wire:
        for path, kind in (("/", "text/html"), ("/docs/problems", "text/html"), ("/favicon.ico", "image/svg+xml")):
            wire.request(head(f"GET {path}"))
            answer = wire.answer()
            assert answer.status == 200 and answer.headers["content-type"].startswith(kind), path
        wire.request(head("GET /"))
        assert b"/v1/openapi.json" in wire.answer().body


def test_the_type_of_a_problem_leads_to_its_explanation(service, ada):
    """[F: every problem's `type`, `/`, `/favicon.ico` are 404] Also checked for each problem that any test meets."""
    for answer in (
        ada.get("/v1/nothing", status=404),
        ada.post("/v1/posts", {"text": ""}, status=400),
        ada.put(f"/v1/users/me/blocks/{ada.id}", status=422),
        Api(service).get("/v1/feed", status=401),
    ):
        page, _, anchor = answer.json()["type"].partition("#")
        assert f'id="{anchor}"' in service.http.get(service.url + page).text
