"""What every route shares: errors, paging, limits, documents, health, metrics, logs, traces."""

import gzip
import json
import os
import re
import signal
import subprocess
import time

import jsonschema_rs
import pytest

from support.client import Api, Service, eventually
from support.raw import Wire
from support.program import binary


# --- errors


def test_errors_are_problem_documents(ada, visitor):
    """[X4] Stable code, request id, instance, for each class of fault. support/client.py checks every other error
    likewise."""
    problem = ada.get("/v1/users/1", status=404).json()
    assert problem["code"] == "not_found" and problem["instance"] == "/v1/users/1"
    assert visitor.get("/v1/users/me", status=401).headers["www-authenticate"].startswith("Bearer")
    ada.call("POST", "/v1/posts", content=b"{}", headers={"Content-Type": "text/plain"}, status=415)
    ada.call("POST", "/v1/posts", content=b"{", headers={"Content-Type": "application/json"}, status=400)


def test_an_unknown_field_or_parameter_is_named(ada):
    """[X4] 400 at its pointer; the slash and the tilde of a name are escaped (RFC 6901)."""
    ada.post("/v1/posts", {"text": "x", "colour": "red"}, status=400, field="/colour")
    ada.post("/v1/posts", {"text": "x", "a/b~c": 1}, status=400, field="/a~1b~0c")
    ada.get("/v1/feed", params={"colour": "red"}, status=400, field="/colour")
    ada.get("/v1/users/me", params={"x": "1"}, status=400, field="/x")
    ada.get("/v1/feed?limit=1&limit=2", status=400, field="/limit")


def test_a_request_id_is_echoed_or_made(visitor):
    """[X4] [X18] A sound one of the client is kept; a strange one is not put into logs and headers."""
    assert visitor.get("/livez", headers={"X-Request-Id": "abc-123"}).headers["x-request-id"] == "abc-123"
    made = visitor.get("/livez").headers["x-request-id"]
    assert made and made != visitor.get("/livez").headers["x-request-id"]
    for strange in ("x" * 500, 'a"b', "a b\tc", "<script>"):
        assert visitor.get("/livez", headers={"X-Request-Id": strange}).headers["x-request-id"] != strange


# --- lists


def test_items_inserted_while_paging_are_neither_doubled_nor_skipped(ada):
    """[X5] Faults that others had, 9: rows inserted while a client pages."""
    old = [ada.publish(f"Old {n}")["id"] for n in range(10)]
    seen = []
    for page in ada.pages(f"/v1/users/{ada.id}/posts", limit=3):
        seen += [row["id"] for row in page]
        ada.publish("New")
    assert [post for post in seen if post in old] == old[::-1] and len(seen) == len(set(seen))


def test_items_deleted_while_paging_leave_no_gap(ada):
    """[X5] The item that the cursor points at goes away: the next page follows all the same."""
    old = [ada.publish(f"Old {n}")["id"] for n in range(9)]
    seen = []
    for page in ada.pages(f"/v1/users/{ada.id}/posts", limit=3):
        seen += [row["id"] for row in page]
        if page:
            ada.delete(f"/v1/posts/{page[-1]['id']}", status=204)
    assert seen == old[::-1]


@pytest.mark.parametrize("cursor", ["x", "AAAA", "%00", "é", "' OR 1=1 --", "x" * 600, "MTIz", "bnVsbA"])
def test_a_malformed_cursor_is_refused(ada, cursor):
    """[X5] 400 at /cursor."""
    for path in ("/v1/feed", "/v1/connections", f"/v1/users/{ada.id}/posts", "/v1/auth/sessions"):
        ada.get(path, params={"cursor": cursor}, status=400, field="/cursor")


def test_a_cursor_that_was_changed_never_breaks_the_server(ada):
    """[X5] Any byte flipped: a refusal or a page, never a fault of the server."""
    for n in range(3):
        ada.publish(f"Post {n}")
    cursor = ada.get("/v1/feed", params={"limit": 1}).json()["next_cursor"]
    for n in range(len(cursor)):
        changed = cursor[:n] + ("A" if cursor[n] != "A" else "B") + cursor[n + 1 :]
        ada.get("/v1/feed", params={"limit": 1, "cursor": changed}, status=(200, 400))


# --- limits


def test_calls_past_the_limit_are_429(launch):
    """[X46] A limit holds, is announced in headers, and lets go again. Faults that others had, 8: 429 is 429."""
    service = Service(launch({"rate_limits": {"write_per_minute": 30}}))
    ada, bela = service.register(), service.register()
    answers = [ada.post("/v1/posts", {"text": "x"}, status=(201, 429)) for _ in range(40)]
    statuses = [answer.status_code for answer in answers]
    assert statuses[:30] == [201] * 30 and statuses.count(429) >= 8
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json()["code"] == "too_many_requests" and 1 <= int(refused.headers["retry-after"]) <= 3
    assert re.search(r"q=30\b", answers[0].headers["ratelimit-policy"]) and re.search(
        r"w=60\b", answers[0].headers["ratelimit-policy"]
    )
    remaining = [int(re.search(r"r=(\d+)", answer.headers["ratelimit"])[1]) for answer in answers[:30]]
    assert remaining[0] == 29 and remaining == sorted(remaining, reverse=True) and remaining[-1] <= 1
    bela.publish(status=201)  # counted for each member
    ada.get("/v1/users/me", status=200)  # and for each class
    eventually(lambda: ada.post("/v1/posts", {"text": "x"}, status=(201, 429)).status_code == 201, within=5)


def test_limits_of_visitors_are_by_address(launch):
    """The believed proxy's X-Forwarded-For counts; what a client wrote in front of it does not fool."""
    service = Service(launch({"rate_limits": {"auth_per_minute": 3}}))
    body = {"email": "nobody@example.org", "password": "wrong horse"}
    statuses = [
        service.visitor(ip="203.0.113.5").post("/v1/auth/login", body, status=(401, 429)).status_code for _ in range(5)
    ]
    assert statuses == [401] * 3 + [429] * 2
    service.visitor(ip="1.2.3.4, 203.0.113.5").post("/v1/auth/login", body, status=429)
    service.visitor(ip="203.0.113.6").post("/v1/auth/login", body, status=401)


@pytest.mark.one_process
def test_a_forwarded_address_is_believed_from_proxies_only(launch):
    """Without trusted proxies the header changes nothing."""
    service = Service(launch({"http": {"trusted_proxies": []}, "rate_limits": {"auth_per_minute": 3}}))
    body = {"email": "nobody@example.org", "password": "wrong horse"}
    statuses = [
        service.visitor(ip=f"203.0.113.{n}").post("/v1/auth/login", body, status=(401, 429)).status_code
        for n in range(1, 6)
    ]
    assert statuses == [401] * 3 + [429] * 2


def test_the_instance_tells_its_limits(visitor):
    """[X46] /v1/instance: limits by name, and no secrets."""
    body = visitor.get("/v1/instance").json()
    text = json.dumps(body)
    assert "3000" in text and "1250" in text, "the lengths of posts and comments"
    assert "requests_per_minute" in text


def test_probes_are_not_limited(launch):
    """[X19] [X46] A load balancer asks often, and from an address that it shares."""
    visitor = Service(launch({"rate_limits": {"read_per_minute": 2}})).anyone
    for path in ("/livez", "/readyz", "/startupz", "/metrics"):
        for _ in range(5):
            assert "ratelimit" not in visitor.get(path, status=200).headers
    assert [visitor.get("/v1/instance", status=(200, 429)).status_code for _ in range(3)] == [200, 200, 429]


# --- documents


def test_the_openapi_document_is_whole(service):
    """[X8] 3.1; every operation has a summary, who may call, its refusals; every reference resolves."""
    tree = service.document.tree
    assert tree["openapi"].startswith("3.1")
    refs = re.findall(r'"\$ref": ?"#/([^"]+)"', json.dumps(tree))
    for ref in refs:
        service.document.resolve({"$ref": f"#/{ref}"})
    assert len(service.document.operations) > 45
    seen = set()
    for method, path, operation in service.document.operations:
        at = f"{method} {path}"
        assert operation.get("summary"), at
        assert operation["operationId"] not in seen, at
        seen.add(operation["operationId"])
        names = {
            service.document.resolve(p)["name"]
            for p in operation["parameters"]
            if service.document.resolve(p)["in"] == "path"
        }
        assert names == set(re.findall(r"\{([^}]+)\}", path)), at
        if operation.get("security"):
            assert "401" in operation["responses"], at
        if (
            method == "POST"
            and "201" in operation["responses"]
            and path.startswith("/v1/")
            and "invitations" not in path
        ):
            assert any(
                service.document.resolve(p)["name"].lower() == "idempotency-key" for p in operation["parameters"]
            ), at


def test_the_document_and_the_subcommand_agree(service):
    """[X8] `guildhall openapi` prints the same document."""
    printed = json.loads(subprocess.run([binary(), "openapi"], capture_output=True, check=True, timeout=60).stdout)
    assert printed == service.document.tree


def test_the_page_of_the_documents(wire_get):
    """[X8] [F: Tried as a newcomer and as an operator] /docs is a page with a viewer and a sign-in, and needs nothing
    from elsewhere."""
    answer = wire_get("/docs")
    assert answer.status == 200 and answer.headers["content-type"].startswith("text/html")
    assert not re.search(rb"<(?:script|link|img|iframe)[^>]* (?:src|href)=", answer.body)
    assert b"SwaggerUIBundle" in answer.body and len(answer.body) > 1_000_000
    assert b"/v1/auth/login" in answer.body and b"validatorUrl: null" in answer.body
    compressed = wire_get("/docs", "\nAccept-Encoding: gzip")
    assert compressed.headers["content-encoding"] == "gzip" and gzip.decompress(compressed.body) == answer.body
    assert wire_get("/docs", f"\nIf-None-Match: {answer.headers['etag']}").status == 304


def test_the_document_gives_clients_good_names(service):
    """[F: Tried as a newcomer and as an operator] What Spectral's default rules ask for, operations named by verb and
    noun, pages that are types, and answers to which fields may be added."""
    tree = service.document.tree
    assert tree["info"]["description"] and tree["info"]["contact"]["name"]
    described = {tag["name"]: tag["description"] for tag in tree["tags"]}
    verbs = (
        "accept|block|cancel|change|close|confirm|create|delete|dismiss|follow|forgot|get|ignore|list|open|refresh"
        "|register|request|resend|reset|send|set|unblock|unfollow|update|verify|withdraw"
    )
    for method, path, operation in service.document.operations:
        at = f"{method} {path}"
        assert re.fullmatch(f"({verbs})([A-Z][a-z0-9]*)+", operation["operationId"]), at
        assert operation["description"] and all(described[tag] for tag in operation["tags"]), at
        for status, answer in operation["responses"].items():
            schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
            if service.document.resolve(schema).get("properties", {}).keys() >= {"items", "next_cursor"}:
                assert schema.keys() == {"$ref"}, f"{at}: a page without a name"
    names = [operation["operationId"] for _, _, operation in service.document.operations]
    assert {"createPost", "listPostComments", "updateComment", "acceptInvitation", "followUser"} <= set(names)
    assert len(names) == len(set(names))


def test_examples_fit_their_schemas(service):
    """[F: Tried as a newcomer and as an operator] Each body and each JSON answer has an example, which the validator of
    the tests accepts."""
    document, examples = service.document, 0
    for method, path, operation in document.operations:
        contents = [operation.get("requestBody", {}).get("content", {})]
        contents += [answer.get("content", {}) for status, answer in operation["responses"].items() if status < "300"]
        for content in contents:
            media = content.get("application/json")
            if not media or document.resolve(media["schema"]) == {"type": "object"}:
                continue
            schema = {"components": document.tree["components"], **media["schema"]}
            faults = [error.message for error in jsonschema_rs.validator_for(schema).iter_errors(media["example"])]
            assert not faults, f"{method} {path}: {faults}"
            examples += 1
        for parameter in map(document.resolve, operation["parameters"]):
            if parameter["in"] != "header":
                schema = {"components": document.tree["components"], **parameter["schema"]}
                assert jsonschema_rs.validator_for(schema).is_valid(parameter["example"]), f"{path} {parameter['name']}"
    assert examples > 50
    post = document.tree["paths"]["/v1/posts"]["post"]["requestBody"]["content"]["application/json"]["example"]
    assert not post["text"].isdigit(), "the example of a text is an id"


def test_answers_may_get_further_fields(service):
    """[F: Tried as a newcomer and as an operator] No answer refuses fields that a later version adds; bodies do."""
    schemas = service.document.tree["components"]["schemas"]

    def named_in(node):
        return {name for name in re.findall(r'"#/components/schemas/(\w+)"', json.dumps(node))}

    asked = named_in([operation.get("requestBody", {}) for _, _, operation in service.document.operations])
    answered = named_in([operation["responses"] for _, _, operation in service.document.operations])
    for found in (asked, answered):
        while more := set().union(*(named_in(schemas[name]) for name in found)) - found:
            found |= more
    closed = {name for name, schema in schemas.items() if schema.get("additionalProperties") is False}
    assert not closed & answered
    assert {"CreatePost", "UpdateProfile"} <= closed


@pytest.fixture
def wire_get(server):
    def get(path, headers=""):
        with Wire(server.url) as wire:
            wire.request(f"GET {path} HTTP/1.1\nHost: {{host}}" + headers)
            return wire.answer()

    return get


def test_times_are_rfc_3339_utc_with_milliseconds(friends):
    """[X38] Every time in every answer."""
    ada, bela = friends
    post = ada.publish()
    ada.patch(f"/v1/posts/{post['id']}", {"text": "edited"})
    texts = [
        ada.get(path).text
        for path in ("/v1/users/me", f"/v1/posts/{post['id']}", "/v1/auth/sessions", "/v1/connections", "/v1/feed")
    ]
    times = re.findall(r'"(?:\w+_at)":"([^"]+)"', "".join(texts))
    assert len(times) >= 6
    for text in times:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text), text


def test_ids_are_decimal_strings(ada):
    """[X38] Never numbers: 64 bits do not fit a double."""
    post = ada.publish()
    assert isinstance(post["id"], str) and post["id"].isdigit() and isinstance(post["author"]["id"], str)


# --- health, metrics, logs, traces


def test_health(visitor):
    """[X19] Alive, ready with what it depends on, started."""
    visitor.get("/livez", status=200)
    visitor.get("/startupz", status=200)
    ready = visitor.get("/readyz", status=200).text
    assert "sql" in ready.lower() or "database" in ready.lower()


def test_metrics(service, ada, visitor):
    """[X17] Requests by route and status, latencies, pools, queues, SQL by the statement's name; no ids in labels."""
    ada.get("/v1/users/me")
    for _ in range(2):  # whichever replica is asked for its metrics has had one
        ada.get("/v1/users/1", status=404)
    ada.publish()
    text = visitor.get("/metrics").text
    assert re.search(r'^guildhall_http_requests_total\{[^}]*route="/v1/users/\{user_id\}"[^}]*\} \d', text, re.M), (
        "by route"
    )
    assert re.search(r'^guildhall_http_requests_total\{.*status="404"', text, re.M), "by status"
    assert re.search(r"^guildhall_http_\w+_seconds_bucket\{", text, re.M), "latency"
    assert re.search(r'^guildhall_sql_\w+\{[^}]*statement="\w+\.\w+"', text, re.M), "by statement"
    assert re.search(r"^guildhall_\w*pool\w*", text, re.M), "pools"
    assert re.search(r"^guildhall_outbox\w*", text, re.M), "outbox"
    assert ada.id not in text and ada.handle not in text and ada.email not in text


def test_the_log_is_json_with_request_ids_and_without_secrets(launch):
    """[X18] Known fault 8: a scan of the log finds no secret. Each line is JSON; a request's line has id, route,
    status."""
    server = launch()
    service = Service(server)
    ada = service.register(password="s3cret-pass-phrase")
    other = ada.session()
    fresh = service.anyone.post("/v1/auth/refresh", {"refresh_token": other.tokens["refresh_token"]}).json()
    service.visitor().post("/v1/auth/login", {"email": ada.email, "password": "s3cret-wrong-one"}, status=401)
    ada.get("/v1/users/me", headers={"X-Request-Id": "look-for-me-1"})
    ada.post(
        "/v1/auth/password/change",
        {"current_password": "s3cret-pass-phrase", "new_password": "s3cret-new-phrase"},
        status=204,
    )
    code = service.mailbox.code(ada.email)
    assert server.terminate() == 0
    log = server.log()
    lines = [line for line in log.splitlines() if line.strip() and not line.startswith("listening on")]
    parsed = [json.loads(line) for line in lines]
    access = [row for row in parsed if "look-for-me-1" in json.dumps(row)]
    assert access and "200" in json.dumps(access[0]) and "/v1/users/me" in json.dumps(access[0])
    for secret in (
        "s3cret",
        ada.token,
        ada.tokens["refresh_token"],
        fresh["refresh_token"],
        fresh["access_token"],
        code,
        ada.email,
    ):
        assert secret not in log, f"{secret[:12]}… is in the log"
    for folder, _, files in os.walk(server.data):  # at rest: hashed
        for name in files:
            data = open(os.path.join(folder, name), "rb").read()
            assert ada.tokens["refresh_token"].encode() not in data and b"s3cret" not in data, name


def test_a_trace_is_carried_on(visitor):
    """A sound traceparent is kept as the trace of the request's log line; a broken one is not."""
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    visitor.get("/livez", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}, status=200)
    for broken in ("00-0-0-0", "zz", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "x" * 1000):
        visitor.get("/livez", headers={"traceparent": broken}, status=200)


# --- one program


@pytest.mark.one_process
def test_one_process_serves_everything_from_an_empty_folder(launch):
    """[X45] The embedded shape: ready on an empty data folder within a second; all data is there after a restart."""
    instance = launch.prepare()
    begun = time.monotonic()
    instance.start()
    assert time.monotonic() - begun < 3
    service = Service(instance)
    ada, bela = service.members(2)
    ada.connect(bela)
    post = ada.publish("Before the restart", "connections")
    bela.react(post, "love")
    bela.comment(post, "Still here?")
    assert instance.terminate() == 0
    instance.start()
    after = Service(instance)
    again = Api(after, bela.token)  # the signing key is kept
    found = again.get("/v1/feed").json()["items"]
    assert [(row["id"], row["my_reaction"], row["comment_count"]) for row in found] == [(post["id"], "love", 1)]
    after.anyone.post("/v1/auth/refresh", {"refresh_token": ada.tokens["refresh_token"]}, status=200)


@pytest.mark.one_process
def test_a_drain_finishes_what_runs(launch):
    """[X20] SIGTERM: the sign-ins under way are answered, new connections are not taken, exit code 0."""
    instance = launch()
    service = Service(instance)
    ada = service.register()
    wires = [Wire(instance.url) for _ in range(6)]
    body = json.dumps({"email": ada.email, "password": ada.password}).encode()
    for n, wire in enumerate(wires):
        wire.request(
            "POST /v1/auth/login HTTP/1.1\nHost: {host}\nContent-Type: application/json\n"
            f"X-Forwarded-For: 10.9.9.{n}\nContent-Length: {len(body)}",
            body,
        )
    time.sleep(0.05)  # they hash now, one after the other, 20 to 64 ms each
    instance.process.send_signal(signal.SIGTERM)
    answers = [wire.answer() for wire in wires]
    assert [answer.status for answer in answers] == [200] * 6
    assert all(answer.headers.get("connection", "").lower() == "close" for answer in answers[4:]), (
        "those that ended after the signal"
    )
    assert instance.process.wait(15) == 0


@pytest.mark.one_process
def test_a_drain_can_be_announced_first(launch):
    """[X20] With drain_notice, readiness ends first; requests that arrive before the load balancer notices are
    served."""
    instance = launch({"http": {"drain_notice": 3}})
    visitor = Service(instance).anyone
    kept = Wire(instance.url)
    kept.request("GET /livez HTTP/1.1\nHost: {host}")
    assert kept.answer().status == 200
    begun = time.monotonic()
    instance.process.send_signal(signal.SIGTERM)
    eventually(lambda: visitor.get("/readyz", status=(200, 503)).status_code == 503, within=2)
    with Wire(instance.url) as late:
        late.request("GET /v1/instance HTTP/1.1\nHost: {host}")
        answer = late.answer()
    assert answer.status == 200 and answer.headers["connection"].lower() == "close"
    kept.request("GET /livez HTTP/1.1\nHost: {host}")
    assert kept.answer().headers["connection"].lower() == "close", "kept connections end with their next answer"
    assert instance.process.wait(15) == 0
    assert time.monotonic() - begun >= 3


@pytest.mark.one_process
def test_a_second_signal_ends_the_notice(launch):
    """[X20] A second SIGTERM ends the wait."""
    instance = launch({"http": {"drain_notice": 60}})
    instance.process.send_signal(signal.SIGTERM)
    eventually(lambda: Service(instance).anyone.get("/readyz", status=(200, 503)).status_code == 503, within=2)
    assert instance.terminate(within=10) == 0


@pytest.mark.one_process
def test_the_health_command_says_whether_a_server_is_ready(launch):
    """[X19] 0 and the report of /readyz; 1 and the reason while the server drains, and when there is none."""
    instance = launch({"http": {"drain_notice": 60}})

    def health(*arguments):
        return subprocess.run([binary(), "health", *arguments], capture_output=True, text=True, timeout=30)

    ready = health(instance.url)
    assert (ready.returncode, ready.stderr) == (0, "")
    assert json.loads(ready.stdout)["status"] == "ok"
    instance.process.send_signal(signal.SIGTERM)
    eventually(lambda: health(instance.url).returncode == 1, within=5)
    draining = health(instance.url)
    assert (draining.returncode, draining.stdout) == (1, "") and "503" in draining.stderr
    assert instance.terminate(within=10) == 0
    assert health(instance.url).returncode == 1
    assert health("not a URL").returncode == 1


def test_a_log_reader_that_stalls_holds_up_nobody(tmp_path):
    """[X18] Nobody reads the pipe of the access log: requests are answered, lines are dropped and counted, the drain
    ends."""
    process = subprocess.Popen(
        [
            binary(),
            "serve",
            "--data",
            tmp_path / "d",
            "--listen",
            "127.0.0.1:0",
            "--rate-limits-read-per-minute",
            "100000000",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = process.stdout.readline().decode().split()[-1]
        path = "/" + "x" * 12_000  # long lines: the bound is reached soon
        with Wire(url) as wire:
            for _ in range(1200):
                wire.request(f"GET {path} HTTP/1.1\nHost: {{host}}")
                assert wire.answer().status == 404
            time.sleep(0.6)  # lines are handed over at least that often
            wire.request("GET /metrics HTTP/1.1\nHost: {host}")
            dropped = re.search(rb"^guildhall_access_log_dropped_total (\d+)", wire.answer().body, re.M)
        assert dropped and int(dropped[1]) > 100
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.one_process
def test_a_drain_does_not_wait_for_idle_connections(launch):
    """[X20] Kept-alive and half-sent connections do not hold it."""
    instance = launch()
    used, silent, half = Wire(instance.url), Wire(instance.url), Wire(instance.url)
    used.request("GET /livez HTTP/1.1\nHost: {host}")
    assert used.answer().status == 200
    half.send(b"GET /livez HTTP/1.1\r\nHo")
    begun = time.monotonic()
    assert instance.terminate(within=15) == 0
    assert time.monotonic() - begun < 3


# --- starting


def run_serve(tmp_path, text, *flags):
    config = tmp_path / "c.toml"
    config.write_text(text)
    return subprocess.run(
        [binary(), "serve", "--config", config, "--data", tmp_path / "d", "--listen", "127.0.0.1:0", *flags],
        capture_output=True,
        text=True,
        timeout=20,
    )


@pytest.mark.parametrize(
    "text,named",
    [
        ("[http]\nprot = 1\n", "prot"),
        ("[nothing]\nx = 1\n", "nothing"),
        ('[http]\nmax_body_bytes = "many"\n', "max_body_bytes"),
        ("[http\n", "c.toml"),
        ('[sql]\nengine = "oracle"\n', "engine"),
        ("[http]\nmax_body_bytes = -1\n", "max_body_bytes"),
    ],
)
def test_a_faulty_configuration_is_one_line_and_exit_1(tmp_path, text, named):
    """[X45] An unknown key, a wrong type, a wrong value: named; nothing is started."""
    done = run_serve(tmp_path, text)
    assert done.returncode == 1
    said = (done.stderr + done.stdout).strip()
    assert named in said and len(said.splitlines()) <= 3, said


def test_a_database_that_is_not_there_is_said(tmp_path):
    """[X45] The reason in one line, without the password of the DSN."""
    done = run_serve(tmp_path, '[sql]\nengine = "postgres"\ndsn = "postgresql://u:hunter22@127.0.0.1:1/none"\n')
    assert done.returncode == 1
    assert "hunter22" not in done.stderr + done.stdout and done.stderr.strip()


def test_the_printed_configuration_masks_secrets(tmp_path):
    """[X18] `guildhall config print` prints what holds, secrets masked."""
    config = tmp_path / "c.toml"
    config.write_text('[sql]\nengine = "postgres"\ndsn = "postgresql://u:hunter22@127.0.0.1:1/none"\n')
    done = subprocess.run([binary(), "config", "print", "--config", config], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0 and "[sql]" in done.stdout and "hunter22" not in done.stdout + done.stderr
