"""nginx with the configuration from `guildhall gateway nginx`: what a client sees, and what reaches a stand-in."""

import json
import re
import socket
import ssl
import subprocess
import time

import httpx
import pytest

from support.client import check_problem
from support.client import in_parallel
from support.gateway import Nginx, StandIn, hang_up
from support.program import SERVICES, free_port

pytestmark = pytest.mark.shape("sqlite")  # no server runs here: once is enough


@pytest.fixture
def stand_ins():
    made = [StandIn(), StandIn()]
    yield made
    for stand_in in made:
        stand_in.close()


@pytest.fixture
def replica(stand_ins):
    return stand_ins[0]


@pytest.fixture
def gateway(tmp_path):
    """gateway(replicas, *options): a running nginx."""
    started = []

    def start(replicas, *options):
        started.append(Nginx(tmp_path / f"nginx{len(started)}", replicas, *options))
        return started[-1]

    yield start
    for nginx in started:
        nginx.close()


def send_raw(nginx, text: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", nginx.port), timeout=10) as connection:
        connection.sendall(text)
        out = b""
        while chunk := connection.recv(65536):
            out += chunk
        return out


# --- which service


def test_each_path_reaches_the_service_that_owns_it(gateway):
    """Fixed segments win over parameters, whatever the order of the routes."""
    owners = {service: StandIn() for service in SERVICES}
    nginx = gateway({service: [owner.url] for service, owner in owners.items()})
    expected = {
        "/v1/users/me": "user",
        "/v1/users/7": "user",
        "/v1/users/by-handle/posts": "user",
        "/v1/users/7/posts": "post",
        "/v1/users/7/comments?limit=3": "post",
        "/v1/users/7/connections": "connection",
        "/v1/users/me/blocks/7": "user",
        "/v1/feed": "post",
        "/v1/posts/7": "post",
        "/v1/invitations/received": "connection",
        "/v1/hashtags/caf%C3%A9/posts": "post",
        "/.well-known/jwks.json": "user",
        "/v1/openapi.json": "user",
    }
    for path, service in expected.items():
        assert httpx.get(nginx.url + path).status_code == 200, path
        assert {name: [seen[1] for seen in owner.seen] for name, owner in owners.items() if owner.seen} == {
            service: [path]
        }
        owners[service].seen.clear()
    for owner in owners.values():
        owner.close()


@pytest.mark.parametrize(
    "path",
    [
        "/v1/nothing",
        "/internal/v1/user/cards",
        "/v1/../internal/v1/user/cards",
        "/v1/%2e%2e/internal/v1/user/cards",
        "//internal/v1/user/cards",
        "/v1/posts/7/nothing",
        "/readyz",
        "/startupz",
        "/metrics",
        "/.problem/404",
        "/v1/%22%7B%0A",
    ],
)
def test_what_is_not_public_is_not_there(gateway, replica, path):
    """Internal routes, health of the services, metrics: 404 as a problem document, and nothing reaches a service."""
    nginx = gateway([replica.url])
    answer = send_raw(nginx, f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
    head, body = answer.split(b"\r\n\r\n", 1)
    assert head.startswith(b"HTTP/1.1 404 ") and b"application/problem+json" in head
    assert json.loads(body)["code"] == "no_such_route"
    assert replica.seen == []


def test_operators_may_ask_for_health_and_metrics(gateway, replica):
    nginx = gateway([replica.url], "--operator=127.0.0.0/8")
    for path in ("/readyz", "/startupz", "/metrics"):
        assert httpx.get(nginx.url + path).status_code == 200
    assert [seen[1] for seen in replica.seen] == ["/readyz", "/startupz", "/metrics"]


def test_a_gateway_with_a_host_name_answers_for_no_other(gateway, replica):
    nginx = gateway([replica.url], "--host=guildhall.example")
    assert httpx.get(nginx.url + "/v1/instance", headers={"Host": "guildhall.example"}).status_code == 200
    assert check_problem(httpx.get(nginx.url + "/v1/instance"))["status"] == 421
    assert len(replica.seen) == 1


# --- what reaches the service


def test_what_a_client_says_of_its_address_counts_for_nothing(gateway, replica):
    """[X2] The address that limits and the access log go by is the one that the gateway saw."""
    nginx = gateway([replica.url])
    forged = {"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9", "X-Real-IP": "203.0.113.9"}
    httpx.get(nginx.url + "/v1/instance", headers=forged)
    headers = replica.seen[0][2]
    assert headers["X-Forwarded-For"] == "127.0.0.1"
    assert "203.0.113.9" not in str(headers)


def test_a_load_balancer_before_the_gateway_is_believed(gateway, replica):
    nginx = gateway([replica.url], "--trusted-proxy=127.0.0.1")
    httpx.get(nginx.url + "/v1/instance", headers={"X-Forwarded-For": "198.51.100.1, 203.0.113.9"})
    assert replica.seen[0][2]["X-Forwarded-For"] == "203.0.113.9"


def test_headers_between_our_processes_cannot_be_sent_from_outside(gateway, replica):
    nginx = gateway([replica.url])
    sent = {
        "X-Deadline-Ms": "1",
        "Proxy": "x",
        "TE": "trailers",
        "Upgrade": "websocket",
        "Connection": "keep-alive, Upgrade",
    }
    httpx.get(nginx.url + "/v1/instance", headers=sent)
    assert not {"x-deadline-ms", "proxy", "te", "upgrade"} & {name.lower() for name in replica.seen[0][2]}


def test_a_request_id_is_passed_on_or_made(gateway, replica):
    nginx = gateway([replica.url])
    for sent, is_kept in (("my-id.1", True), (None, False), ("a b", False), ("x" * 65, False)):
        replica.seen.clear()
        answer = httpx.get(nginx.url + "/v1/instance", headers={"X-Request-Id": sent} if sent else {})
        passed = replica.seen[0][2]["X-Request-Id"]
        assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", passed) and (passed == sent) == is_kept
        assert answer.headers.get_list("x-request-id") == [passed], "once, and the same"


def test_headers_are_not_doubled(gateway, replica):
    replica.answer = lambda handler: StandIn.answer(
        handler,
        X_Content_Type_Options="nosniff",
        RateLimit='"read";r=1;t=1',
        RateLimit_Policy='"read";q=1;w=60',
        Cache_Control="no-store",
    )
    answer = httpx.get(gateway([replica.url]).url + "/v1/instance")
    for name in ("x-content-type-options", "ratelimit", "ratelimit-policy", "cache-control", "x-request-id"):
        assert len(answer.headers.get_list(name)) == 1, name
    assert answer.headers["server"] == "nginx"


def test_it_ends_tls(gateway, replica, tmp_path):
    certificate, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    made = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
    ]
    made += ["-subj", "/CN=gateway", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate]
    subprocess.run(made, check=True, capture_output=True)
    nginx = gateway([replica.url], f"--certificate={certificate}", f"--key={key}")
    assert (
        httpx.get(nginx.url + "/v1/instance", verify=ssl.create_default_context(cafile=str(certificate))).status_code
        == 200
    )
    assert replica.seen[0][2]["X-Forwarded-Proto"] == "https"


# --- what the gateway says itself


def test_own_refusals_are_problem_documents(gateway, replica):
    nginx = gateway(
        [replica.url],
        "--http-max-body-bytes=1000",
        "--http-max-header-bytes=2048",
        "--http-cors-origins=https://a.example",
    )
    too_large = httpx.post(nginx.url + "/v1/posts", content=b"x" * 1001, headers={"Origin": "https://a.example"})
    assert check_problem(too_large)["status"] == 413
    assert too_large.headers["access-control-allow-origin"] == "https://a.example"
    other = httpx.post(nginx.url + "/v1/posts", content=b"x" * 1001, headers={"Origin": "https://b.example"})
    assert "access-control-allow-origin" not in other.headers
    assert check_problem(httpx.get(nginx.url + "/v1/feed", headers={"X-Long": "x" * 3000}))["status"] == 431
    assert check_problem(httpx.get(nginx.url + "/v1/feed?" + "x" * 3000))["status"] == 414
    assert replica.seen == []
    assert httpx.post(nginx.url + "/v1/posts", content=b"x" * 1000).status_code == 200


SMUGGLED = b"GET /internal/v1/user/cards HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        b"POST /v1/posts HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        + SMUGGLED,
        b"POST /v1/posts HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 40\r\n\r\n" + SMUGGLED,
        b"POST /v1/posts HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
        b"POST /v1/posts HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
        b"GET /v1/feed HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /v1/feed HTTP/1.1\r\n\r\n",
        b"GET /v1/feed HTTP/1.1\r\nHost : a\r\n\r\n",
        b"GET /v1/feed HTTP/1.1\r\nHost: a\r\n X: folded\r\n\r\n",
    ],
)
def test_a_request_of_two_meanings_is_refused(gateway, replica, head):
    """RFC 9112: 400 (501 for an unknown coding) and the connection ends; nothing reaches a service."""
    answer = send_raw(gateway([replica.url]), head)
    assert re.match(rb"HTTP/1.1 (400|501) ", answer) and answer.count(b"HTTP/1.1 ") == 1
    assert json.loads(answer.split(b"\r\n\r\n", 1)[1])["status"] in (400, 501)
    assert replica.seen == []


def test_an_address_that_asks_too_often_gets_429(gateway, replica):
    nginx = gateway([replica.url], "--address-requests=1")
    with httpx.Client() as client:  # however slow the machine is: one a second is less
        answers = in_parallel([lambda: client.get(nginx.url + "/v1/instance") for _ in range(60)])
    refused = [answer for answer in answers if answer.status_code == 429]
    assert 20 <= len(refused) < 60 and len(replica.seen) == 60 - len(refused)
    check_problem(refused[0])
    assert httpx.get(nginx.url + "/livez").status_code == 200


def test_no_replica_is_502_and_a_silent_one_is_504(gateway, replica):
    replica.answer = lambda handler: time.sleep(4)
    gone = gateway([f"http://127.0.0.1:{free_port()}"])
    assert check_problem(httpx.get(gone.url + "/v1/feed", timeout=10))["status"] == 502
    silent = gateway([replica.url], "--http-handler-deadline=1")
    answer = httpx.get(silent.url + "/v1/feed", timeout=10)
    assert check_problem(answer)["code"] == "deadline_exceeded" and answer.status_code == 504
    assert answer.headers["retry-after"] == "1"


# --- another replica


def test_what_may_be_done_twice_goes_to_another_replica(gateway, stand_ins):
    dying, well = stand_ins
    dying.answer = hang_up
    nginx = gateway([dying.url, well.url])
    with httpx.Client() as client:
        for _ in range(6):
            assert client.get(nginx.url + "/v1/feed").status_code == 200
    assert dying.seen, "the test asked nobody who dies"


def test_a_post_that_was_sent_is_never_sent_again(gateway, stand_ins):
    """The replica died with the request: nobody knows whether it took effect, and only the client may decide to
    retry."""
    for stand_in in stand_ins:
        stand_in.answer = hang_up
    nginx = gateway([stand_in.url for stand_in in stand_ins])
    for method in ("POST", "PATCH"):
        answer = httpx.request(method, nginx.url + "/v1/posts/7", json={"text": method})
        assert check_problem(answer)["status"] == 502
        assert sum(seen[0] == method for stand_in in stand_ins for seen in stand_in.seen) == 1


def test_a_post_that_no_replica_took_goes_to_another(gateway, replica):
    nginx = gateway([f"http://127.0.0.1:{free_port()}", replica.url])
    for _ in range(4):
        assert httpx.post(nginx.url + "/v1/posts", json={"text": "x"}).status_code == 200
    assert len(replica.seen) == 4


def test_connections_to_the_services_are_kept(gateway, replica):
    ports = []
    replica.answer = lambda handler: (ports.append(handler.client_address[1]), StandIn.answer(handler))
    nginx = gateway([replica.url])
    with httpx.Client() as client:
        for _ in range(20):
            client.get(nginx.url + "/v1/feed")
    assert len(set(ports)) <= 2, "one for each worker at most, here: one client connection is one worker"


# --- kept answers


def numbered():
    count = iter(range(1, 1000))
    return lambda handler: StandIn.answer(
        handler, f'{{"answer":{next(count)}}}'.encode(), ETag='"v1"', Cache_Control="private, no-cache", Vary="Origin"
    )


def test_visitors_share_an_answer_and_members_never_do(gateway, replica):
    replica.answer = numbered()
    nginx = gateway([replica.url], "--cache-seconds=60")
    url = nginx.url + "/v1/posts/7"
    first, again = httpx.get(url), httpx.get(url, headers={"X-Request-Id": "mine"})
    assert [first.headers["x-cache"], again.headers["x-cache"]] == ["MISS", "HIT"]
    assert first.json() == again.json() == {"answer": 1}
    assert again.headers.get_list("x-request-id") == ["mine"] and again.headers["cache-control"] == "private, no-cache"

    member = {"Authorization": "Bearer x"}
    assert [httpx.get(url, headers=member).json()["answer"] for _ in range(2)] == [2, 3], (
        "neither from the cache nor into it"
    )
    assert httpx.get(url).json() == {"answer": 1}
    assert httpx.get(nginx.url + "/v1/posts/7?x=1").json() == {"answer": 4}, "another target"
    assert httpx.get(url, headers={"Origin": "https://a.example"}).json() == {"answer": 5}, "what Vary names"
    assert httpx.get(url, headers={"If-None-Match": '"v1"'}).status_code == 304
    assert httpx.head(url).headers["x-cache"] == "HIT"


def test_what_is_not_marked_as_cacheable_is_not_kept(gateway, replica):
    replica.answer = numbered()
    nginx = gateway([replica.url], "--cache-seconds=60")
    for path in ("/v1/users/7/posts", "/v1/feed", "/v1/users/7"):
        answers = [httpx.get(nginx.url + path) for _ in range(2)]
        assert answers[0].json() != answers[1].json() and "x-cache" not in answers[0].headers, path


def test_errors_are_not_kept(gateway, replica):
    replica.answer = lambda handler: StandIn.answer(handler, status=404 if len(replica.seen) == 1 else 200)
    nginx = gateway([replica.url], "--cache-seconds=60")
    assert [httpx.get(nginx.url + "/v1/posts/7").status_code for _ in range(2)] == [404, 200]
