"""Bad input on every route of the OpenAPI document: a 4xx problem that names the field, never a fault of the server."""

import json
import re

import pytest

from support.client import check_problem
from support.raw import Wire
from support.routes import BODILESS, ROUTES, World

JSON = {"Content-Type": "application/json"}
BODIES = [key for key in ROUTES if key.split()[0] in ("POST", "PUT", "PATCH") and key not in BODILESS]


@pytest.fixture(scope="module")
def world(service):
    return World(service)


@pytest.fixture(scope="module")
def caller(world):
    return world.service.register("Careless")


def operation_of(service, key):
    method, template = key.split()
    return next(operation for m, t, operation in service.document.operations if (m, t) == (method, template))


def schema_of(service, key):
    return service.document.body_schema(operation_of(service, key))


def target(world, key):
    """Path and sound body of a call that never ends the caller's session: what is wrong must be found before."""
    call = ROUTES[key].call(world)
    return call.path, call.body


def refused(
    world, caller, method, path, raw: bytes, pointer=None, headers=JSON, statuses=(400, 413, 415, 422), query=None
):
    answer = caller.call(method, path, content=raw, headers=headers, params=query, status=range(100, 600))
    said = f"{method} {path} {raw[:200]!r}: {answer.status_code} {answer.text[:500]}"
    assert answer.status_code in statuses, said
    problem = check_problem(answer)
    if pointer is not None:
        assert pointer in [fault["pointer"] for fault in problem.get("errors", [])], said


def wrong_values(service, schema, required):
    """Values that no field of this schema takes."""
    schema = service.document.resolve(schema)
    options = [service.document.resolve(option) for option in schema.get("anyOf", schema.get("oneOf", [schema]))]
    types = {
        kind
        for option in options
        for kind in (option["type"] if isinstance(option.get("type"), list) else [option.get("type")])
    }
    wrong = [{"a": 1}, [[]], True, 1.5]
    if "string" in types:
        wrong += [7, ["x"]]
    if "null" not in types and required:
        wrong.append(None)
    longest = max((option.get("maxLength", 0) for option in options), default=0)
    if longest:
        wrong += ["x" * (longest + 1), "x" * 500_000, "\U0001f600" * (longest + 1)]
    if any("enum" in option for option in options):
        wrong += ["no_such_value", ""]
    if "boolean" in types:
        wrong.remove(True)
    if "object" in types:
        wrong.remove({"a": 1})
    return wrong


@pytest.mark.parametrize("key", BODIES)
def test_each_field_with_wrong_values(service, world, caller, key):
    """Wrong types, over-long, not in the enum: 400 at the field's pointer."""
    schema = schema_of(service, key)
    method = key.split()[0]
    path, body = target(world, key)
    for name, field in schema["properties"].items():
        for value in wrong_values(service, field, name in schema.get("required", [])):
            refused(
                world, caller, method, path, json.dumps({**body, name: value}).encode(), f"/{name}", statuses=(400,)
            )


@pytest.mark.parametrize("key", BODIES)
def test_each_required_field_missing(service, world, caller, key):
    """400 at the field's pointer."""
    schema = schema_of(service, key)
    path, body = target(world, key)
    for name in schema.get("required", []):
        refused(
            world,
            caller,
            key.split()[0],
            path,
            json.dumps({k: v for k, v in body.items() if k != name}).encode(),
            f"/{name}",
            statuses=(400,),
        )


@pytest.mark.parametrize("key", BODIES)
def test_unknown_and_repeated_fields(service, world, caller, key):
    """400 that names the field: which of two would count depends on the reader."""
    method = key.split()[0]
    path, body = target(world, key)
    refused(world, caller, method, path, json.dumps({**body, "surprise": 1}).encode(), "/surprise", statuses=(400,))
    refused(world, caller, method, path, json.dumps({**body, "__proto__": {}}).encode(), "/__proto__", statuses=(400,))
    refused(world, caller, method, path, json.dumps({**body, "": 1}).encode(), "/", statuses=(400,))
    name = next(iter(body))
    twice = json.dumps(body)[:-1] + f', "{name}": {json.dumps(body[name])}}}'
    refused(world, caller, method, path, twice.encode(), f"/{name}", statuses=(400,))
    escaped = json.dumps(body)[:-1] + f', "\\u{ord(name[0]):04x}{name[1:]}": {json.dumps(body[name])}}}'
    refused(world, caller, method, path, escaped.encode(), f"/{name}", statuses=(400,))


def broken_bodies():
    deep = lambda n, open, close, inner: (open * n + inner + close * n).encode()
    return {
        "empty": b"",
        "blank": b"  \n",
        "null": b"null",
        "list": b"[]",
        "string": b'"x"',
        "number": b"1",
        "true": b"true",
        "cut": b'{"text": "x',
        "comma": b'{"text": "x",}',
        "comment": b'{"text": "x" /* y */}',
        "single quotes": b"{'text': 'x'}",
        "two values": b'{"text":"x"} {"text":"y"}',
        "rubbish behind": b'{"text":"x"}x',
        "NaN": b'{"text": NaN}',
        "Infinity": b'{"text": -Infinity}',
        "hex": b'{"text": 0x10}',
        "leading zero": b'{"text": 012}',
        "plus": b'{"text": +1}',
        "huge number": b'{"text": 1e999999}',
        "huge integer": b'{"text": ' + b"9" * 10_000 + b"}",
        "tiny number": b'{"text": 1e-999999}',
        "minus zero": b'{"text": -0}',
        "byte order mark": b'\xef\xbb\xbf{"text":"x"}',
        "UTF-16": '{"text":"x"}'.encode("utf-16"),
        "UTF-32": '{"text":"x"}'.encode("utf-32"),
        "invalid UTF-8": b'{"text": "\xff\xfe"}',
        "overlong UTF-8": b'{"text": "\xc0\xaf"}',
        "surrogate in UTF-8": b'{"text": "\xed\xa0\x80"}',
        "past Unicode": b'{"text": "\xf4\x90\x80\x80"}',
        "cut UTF-8": b'{"text": "\xe2\x82"}',
        "invalid UTF-8 in a name": b'{"te\xffxt": "x"}',
        "lone surrogate": b'{"text": "\\ud800"}',
        "NUL byte": b'{"text": "a\x00b"}',
        "NUL alone": b"\x00",
        "raw line feed": b'{"text": "a\nb"}',
        "bad escape": b'{"text": "\\x41"}',
        "cut escape": b'{"text": "\\u00"}',
        "deep lists": deep(100, "[", "]", ""),
        "deep objects": deep(100, '{"a":', "}", "1"),
        "very deep lists": deep(100_000, "[", "]", ""),
        "very deep objects": deep(100_000, '{"a":', "}", "1"),
        "deep and open": b"[" * 100_000,
        "deep in a field": b'{"text":' + b"[" * 100 + b"]" * 100 + b"}",
        "very deep in a field": b'{"text":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        "many fields": json.dumps({f"f{n}": n for n in range(50_000)}).encode(),
        "many items": b'{"text":[' + b"0," * 200_000 + b"0]}",
        "long name": b'{"' + b"n" * 500_000 + b'": 1}',
    }


@pytest.mark.parametrize("key", BODIES)
def test_bodies_that_are_no_json(service, world, caller, key):
    """Bodies that are not a JSON object in valid UTF-8, on every route that takes a body: 400 (413 for large ones)."""
    path, _ = target(world, key)
    for what, raw in broken_bodies().items():
        # The name of a known field, so that what is wrong is the value.
        name = next(iter(schema_of(service, key)["properties"]))
        refused(world, caller, key.split()[0], path, raw.replace(b'"text"', f'"{name}"'.encode()), statuses=(400, 413))


@pytest.mark.parametrize("key", BODIES)
def test_nul_and_controls_in_every_text(service, world, caller, key):
    """An escaped NUL is a character that no field takes: 400 at its pointer."""
    schema = schema_of(service, key)
    path, body = target(world, key)
    for name, field in schema["properties"].items():
        text = json.dumps(field) + json.dumps(service.document.resolve(field))
        if '"string"' in text:
            for character in ("\\u0000", "\\u0007", "\\u001b"):
                raw = json.dumps({**body, name: "@@"}).replace("@@", f"abcdef{character}ghijkl").encode()
                refused(world, caller, key.split()[0], path, raw, f"/{name}", statuses=(400,))


@pytest.mark.parametrize("key", BODIES)
def test_other_content_types(service, world, caller, key):
    """415 for what is not JSON."""
    path, body = target(world, key)
    raw = json.dumps(body).encode()
    for kind in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "application/jsonx",
        "rubbish",
    ):
        refused(world, caller, key.split()[0], path, raw, headers={"Content-Type": kind}, statuses=(415,))
    refused(world, caller, key.split()[0], path, raw, headers=None, statuses=(415,))


@pytest.mark.parametrize("key", BODILESS)
def test_a_body_where_none_is_taken(service, world, key):
    """A route without a body refuses one or does not look at it; it never fails."""
    assert not schema_of(service, key)
    for raw in (b"{}", b"\xff", b"[" * 100_000):
        call = ROUTES[key].call(world)
        answer = world.service.register("Signs out").call(
            key.split()[0], call.path, content=raw, headers=JSON, status=range(100, 600)
        )
        assert answer.status_code < 500, answer.text


# At /livez a gateway answers for itself.
@pytest.mark.parametrize(
    "key", [pytest.param(key, marks=pytest.mark.one_process if key == "GET /livez" else ()) for key in ROUTES]
)
def test_unknown_query_parameters(service, world, caller, key):
    """400 at the parameter's name, on every route, whatever its method."""
    call = ROUTES[key].call(world)
    given = {} if call.body is None else {"json": call.body}
    fresh = world.service.register("Other") if key in ("POST /v1/auth/logout", "DELETE /v1/auth/sessions") else caller
    answer = fresh.call(
        key.split()[0], call.path, params={**(call.query or {}), "surprise": "1"}, status=range(100, 600), **given
    )
    assert answer.status_code == 400, answer.text[:300]
    assert "/surprise" in [fault["pointer"] for fault in answer.json()["errors"]]


@pytest.mark.parametrize("key", ROUTES)
def test_each_parameter_with_wrong_values(service, world, key):
    """Limits, cursors, ids, enums in the query: 400 at their names; a repeated one too."""
    call, caller = ROUTES[key].call(world), world.owner
    for parameter in operation_of(service, key)["parameters"]:
        parameter = service.document.resolve(parameter)
        if parameter["in"] != "query":
            continue
        name = parameter["name"]
        schema = service.document.resolve(parameter["schema"])
        wrong = ["\x00", "\x07", "x" * 5000]
        if name == "limit":
            wrong += ["0", "-1", "101", "1.5", "1e1", "x", "", " 1", "99999999999999999999", "0x1", "+1", "１"]
        elif name == "ids":
            wrong += [
                "",
                "x",
                "1,",
                ",1",
                "1,,2",
                "-1",
                "0",
                "1;2",
                "9223372036854775808",
                "1.0",
                "01",
                ",".join(["1"] * 3000 + ["x"]),
            ]
        elif name == "cursor":
            wrong += ["", "x", "AAAA", "💥", "../..", "e30", "W10", "=" * 8]
        elif "enum" in schema:
            wrong += ["", "no_such_value", schema["enum"][0].upper(), schema["enum"][0] + " "]
        for value in wrong:
            query = {**(call.query or {}), name: value}
            answer = caller.call(key.split()[0], call.path, params=query, status=range(100, 600))
            assert answer.status_code == 400, (name, value[:50], answer.status_code, answer.text[:300])
            assert f"/{name}" in [fault["pointer"] for fault in answer.json()["errors"]], (
                name,
                value[:50],
                answer.text[:300],
            )
        for raw in (f"{name}=%ff", f"{name}=%zz", f"{name}=%", f"{name}=%e2%82"):
            others = "".join(f"&{k}={v}" for k, v in (call.query or {}).items() if k != name)
            answer = caller.call(key.split()[0], f"{call.path}?{raw}{others}", status=range(100, 600))
            assert answer.status_code == 400, (raw, answer.status_code, answer.text[:300])


@pytest.mark.parametrize("key", [key for key in ROUTES if "{" in key])
def test_each_path_parameter_with_wrong_values(service, world, caller, key):
    """What is no id, handle or tag: 400 at its name; ids of nothing: 404."""
    method, template = key.split()
    call = ROUTES[key].call(world)
    given = {} if call.body is None else {"json": call.body}
    names = re.findall(r"\{([^}]+)\}", template)
    for name in names:
        is_id = name.endswith("_id")
        wrong = [
            "0",
            "-1",
            "x",
            "1.5",
            "01",
            "+1",
            "1e5",
            "9223372036854775808",
            "9" * 200,
            "%20",
            "%00",
            "%ff",
            "1%00",
            "%31x",
            "%F0%9F%92%A5" if is_id else "a%20b",
            "x" * 5000,
            "null",
            "%2e%2e",
        ]
        for value in wrong:
            if not is_id and re.fullmatch(r"[a-z0-9]{1,200}", value):
                continue
            if name == "tag" and value in ("0", "01", "1e5", "%31x", "null", "9" * 200):
                continue
            path = re.sub(r"\{[^}]+\}", lambda m: value if m[0][1:-1] == name else "1", template)
            answer = caller.call(method, path, status=range(100, 600), **given)
            undecodable = value in ("%20", "%00", "%ff", "1%00", "%2e%2e")  # may be no path at all
            assert answer.status_code in ((400, 404) if undecodable else (400,)), (
                path[:100],
                answer.status_code,
                answer.text[:300],
            )
            if answer.status_code == 400 and not undecodable:
                assert f"/{name}" in [fault["pointer"] for fault in answer.json().get("errors", [])], (
                    path[:100],
                    answer.text[:300],
                )
        if is_id:
            for value in ("1", "8999999999999999999"):
                path = re.sub(r"\{[^}]+\}", value, template)
                answer = caller.call(method, path, status=range(100, 600), **given)
                assert answer.status_code == 404 or (method == "DELETE" and answer.status_code == 204), (
                    path,
                    answer.text[:300],
                )


@pytest.mark.parametrize(
    "value",
    ["rubbish", '"', 'W/"1"', '"1', '"99999999999999999999"', '"' + "x" * 5000 + '"', "*", '"1", "2"', '""', ","],
)
def test_odd_conditions(world, value):
    """If-Match and If-None-Match with anything: an answer of the 2xx, 3xx or 4xx, never a fault."""
    owner = world.owner
    post = world.post()
    for name in ("If-Match", "If-None-Match"):
        for method, path, given in (
            ("GET", f"/v1/posts/{post['id']}", {}),
            ("PATCH", f"/v1/posts/{post['id']}", {"json": {"text": "x"}}),
            ("PATCH", "/v1/users/me", {"json": {"about": "x"}}),
        ):
            answer = owner.call(method, path, headers={name: value}, status=range(100, 600), **given)
            assert answer.status_code < 500, (name, value[:50], answer.text[:300])


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "Idempotency-Key",
        "If-Match",
        "Accept-Encoding",
        "X-Request-Id",
        "traceparent",
        "X-Forwarded-For",
        "Accept",
        "Cookie",
        "User-Agent",
        "Origin",
        "Content-Type",
    ],
)
def test_odd_header_values(server, world, name):
    """Bytes that are not ASCII, quotes, long ones: never a fault, and the connection's next request is served."""
    for value in (
        b"\xff\xfe",
        b'"',
        b"\\",
        b"x" * 4000,
        b"a,b,,c",
        b"%00",
        "ü".encode(),
        b"",
        b";;;",
        b"=?utf-8?q?x?=",
    ):
        with Wire(server.url) as wire:
            body = b'{"text":"x"}'
            head = f"POST /v1/posts HTTP/1.1\r\nHost: {wire.host}\r\nContent-Length: {len(body)}\r\n".encode()
            if name != "Authorization":
                head += f"Authorization: Bearer {world.owner.token}\r\n".encode()
            if name != "Content-Type":
                head += b"Content-Type: application/json\r\n"
            wire.send(head + name.encode() + b": " + value + b"\r\n\r\n" + body)
            answer = wire.answer()
            assert answer is not None and answer.status < 500, (name, value[:50], answer)
