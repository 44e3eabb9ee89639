"""The authorisation matrix: every route of the OpenAPI document × every kind of caller."""

import base64
import hashlib
import hmac
import json
import time

import pytest

from support.client import Api, Service, eventually
from support.routes import OK, ROUTES, World, send


@pytest.fixture(scope="module")
def world(service):
    return World(service)


@pytest.fixture
def call_of(world):
    return lambda key: ROUTES[key].call(world)


def is_for_anyone(service, key):
    method, template = key.split()
    operation = service.document.tree["paths"][template][method.lower()]
    security = operation.get("security", service.document.tree.get("security", []))
    return not security or {} in security


def part(data) -> str:
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unpart(text) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def forgeries(world):
    """Tokens that were not made by the server, from a true one of the owner."""
    head, body, signature = world.owner.token.split(".")
    claims, header = json.loads(unpart(body)), json.loads(unpart(head))
    key = json.dumps(world.service.anyone.get("/.well-known/jwks.json").json()["keys"][0]).encode()
    hs256 = f"{part(header | {'alg': 'HS256'})}.{body}"
    flipped = bytearray(unpart(signature))
    flipped[10] ^= 1
    return {
        "garbage": "garbage",
        "empty parts": "..",
        "long": "a" * 8000,
        "no signature": f"{head}.{body}.",
        "alg none": f"{part(header | {'alg': 'none'})}.{body}.",
        "alg none, signed": f"{part(header | {'alg': 'none'})}.{body}.{signature}",
        "changed signature": f"{head}.{body}.{part(bytes(flipped))}",
        "zero signature": f"{head}.{body}.{part(bytes(64))}",
        "another's body": f"{head}.{part(claims | {'sub': world.stranger.id})}.{signature}",
        "longer life": f"{head}.{part(claims | {'exp': claims['exp'] + 86400})}.{signature}",
        "signed by the public key": f"{hs256}.{part(hmac.new(key, hs256.encode(), hashlib.sha256).digest())}",
        "unknown kid": f"{part(header | {'kid': 'other'})}.{body}.{signature}",
        "kid of a file": f"{part(header | {'kid': '../../etc/passwd'})}.{body}.{signature}",
        "key in the header": f"{part(header | {'jwk': json.loads(key)})}.{body}.{signature}",
        "other typ": f"{part(header | {'typ': 'JWT'})}.{body}.{signature}",
        "four parts": world.owner.token + ".x",
        "a refresh token": world.owner.tokens["refresh_token"],
    }


def signed_by_another_key(world):
    """A perfect token, of a key that is not the server's, with the kid of the server's."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    head, body, _ = world.owner.token.split(".")
    r, s = decode_dss_signature(
        ec.generate_private_key(ec.SECP256R1()).sign(f"{head}.{body}".encode(), ec.ECDSA(hashes.SHA256()))
    )
    return f"{head}.{body}.{part(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def test_every_documented_route_has_a_rule(service):
    """[X8] A route without a rule here fails, and so does a rule without a route."""
    documented = {f"{method} {template}" for method, template, _ in service.document.operations}
    assert documented - set(ROUTES) == set(), "routes without a rule in support/routes.py"
    assert set(ROUTES) - documented == set(), "rules without a route"


@pytest.mark.parametrize("key", ROUTES)
def test_without_a_token(service, world, visitor, call_of, key):
    """401 wherever the document asks for a token; elsewhere nothing that is for members only."""
    answer = send(world, visitor, key, call_of(key))
    assert ROUTES[key].anyone == is_for_anyone(service, key), "the document and the rule disagree on who may call"
    if not ROUTES[key].anyone:
        assert answer.status_code == 401 and answer.json()["code"] == "unauthenticated"
    else:
        assert answer.status_code < 500
        if "{" in key:  # the world's things are for members
            assert answer.status_code in (401, 404) or world.owner.id not in answer.text


@pytest.mark.parametrize("key", [key for key in ROUTES if not ROUTES[key].anyone])
def test_with_a_token_that_is_none(service, world, call_of, key):
    """Garbage, forged, unsigned, re-signed: 401 on every route."""
    call = call_of(key)
    for what, token in {**forgeries(world), "another key": signed_by_another_key(world)}.items():
        answer = send(world, Api(service, token), key, call)
        assert answer.status_code == 401, (what, answer.status_code)
    for header in (
        "Basic dXNlcjpwYXNz",
        "Bearer",
        f"bearer{world.owner.token}",
        world.owner.token,
        f"Bearer {world.owner.token} x",
        f"Token {world.owner.token}",
    ):
        answer = send(world, service.visitor(), key, call, headers={"Authorization": header})
        assert answer.status_code == 401, header


def test_a_false_token_is_nobody_on_open_routes(service, world):
    """Where anyone may read, a forged token gives nothing that is for members."""
    for token in forgeries(world).values():
        Api(service, token).get(f"/v1/posts/{world.kept['id']}", status=(401, 404))


def test_the_scheme_is_not_case_sensitive_and_two_headers_are_refused(service, world):
    """RFC 9110 §11.1."""
    service.visitor().get("/v1/users/me", headers={"Authorization": f"bEARER {world.owner.token}"}, status=200)


@pytest.mark.parametrize("key", [key for key in ROUTES if not ROUTES[key].anyone])
def test_with_a_revoked_session(service, world, revoked, call_of, key):
    """[U3] [U10] The access token of an ended session is dead on every route, though it has not expired."""
    assert send(world, revoked, key, call_of(key)).status_code == 401


@pytest.fixture(scope="module")
def revoked(service, world):
    ended = service.register("Ended")
    other = ended.session()
    ended.delete(f"/v1/auth/sessions/{other.session_id}", status=204)
    time.sleep(2)  # then every replica of every service knows
    return other


def test_an_expired_token_is_refused(launch):
    """[U3] After its time, on every route; a refresh goes on."""
    service = Service(launch({"auth": {"access_token_ttl": 2}}))
    ada = service.register()
    ada.get("/v1/users/me", status=200)
    eventually(lambda: ada.get("/v1/users/me", status=(200, 401)).status_code == 401, within=5)
    for method, template, operation in service.document.operations:
        if not is_for_anyone(service, f"{method} {template}"):
            path = template.replace("{handle}", "abc").replace("{tag}", "abc")
            path = path.split("{")[0] + "1" + path.split("}")[1] if "{" in path else path
            assert ada.call(method, path, status=range(600)).status_code == 401, template
    tokens = service.anyone.post("/v1/auth/refresh", {"refresh_token": ada.tokens["refresh_token"]}, status=200).json()
    Api(service, tokens["access_token"]).get("/v1/users/me", status=200)


def as_session(member):
    """The member in a session of its own: some routes end the session that calls."""
    return member.session()


@pytest.mark.parametrize("key", ROUTES)
def test_as_the_owner(world, call_of, key):
    """The call works for whom it is meant: without this the refusals below would prove nothing."""
    caller = as_session(world.owner) if key in ("POST /v1/auth/logout", "DELETE /v1/auth/sessions") else world.owner
    try:
        answer = send(world, caller, key, call_of(key))
        assert answer.status_code in ROUTES[key].owner, answer.text
    finally:
        repair(world, key)


@pytest.mark.parametrize("key", ROUTES)
def test_as_a_stranger(world, call_of, key):
    """Authorisation by object: another member gets only what is for all members."""
    caller = (
        as_session(world.stranger) if key in ("POST /v1/auth/logout", "DELETE /v1/auth/sessions") else world.stranger
    )
    try:
        answer = send(world, caller, key, call_of(key))
        assert answer.status_code in ROUTES[key].stranger, answer.text
    finally:
        repair(world, key)


@pytest.mark.parametrize("key", ROUTES)
def test_as_a_blocked_member(world, call_of, key):
    """[U32] [P44] A blocked member sees nothing of the owner on any route, and cannot detect the block."""
    caller = as_session(world.blocked) if key in ("POST /v1/auth/logout", "DELETE /v1/auth/sessions") else world.blocked
    try:
        answer = send(world, caller, key, call_of(key))
        assert answer.status_code in ROUTES[key].blocked, answer.text
        if ROUTES[key].reveals:
            assert world.owner.id not in answer.text and world.kept["id"] not in answer.text
    finally:
        repair(world, key)


def repair(world, key):
    """Signing out all others hits the world's own sessions, and a connection may be gone."""
    if key == "DELETE /v1/auth/sessions":
        for name in ("owner", "stranger", "blocked"):
            setattr(world, name, getattr(world, name).session())
    if key == "DELETE /v1/connections/{user_id}" and not world.owner.relationship(world.friend)["connected"]:
        world.owner.connect(world.friend)


def test_what_is_for_connections_is_for_connections(world):
    """[P13] The owner's connections-only objects, as owner, friend, stranger, blocked and visitor, on all their
    routes."""
    post = world.owner.publish("Among friends", "connections")
    comment = world.owner.comment(post)
    visitor = world.service.visitor()
    for method, path, body in (
        ("GET", f"/v1/posts/{post['id']}", None),
        ("GET", f"/v1/posts/{post['id']}/comments", None),
        ("GET", f"/v1/posts/{post['id']}/reactions", None),
        ("GET", f"/v1/comments/{comment['id']}", None),
        ("GET", f"/v1/comments/{comment['id']}/replies", None),
        ("PUT", f"/v1/posts/{post['id']}/reaction", {"kind": "like"}),
        ("POST", f"/v1/posts/{post['id']}/comments", {"text": "x"}),
    ):
        given = {"json": body} if body else {}
        assert world.friend.call(method, path, status=range(600), **given).status_code in OK, path
        for outsider in (world.stranger, world.blocked):
            outsider.call(method, path, status=404, **given)
        visitor.call(method, path, status=(401, 404), **given)


def test_identity_cannot_be_given_by_header(world):
    """Headers of internal identity from outside change nothing."""
    for name in ("X-User-Id", "X-Guildhall-User", "X-Authenticated-User", "X-Consumer-Custom-Id", "X-Internal-Token"):
        world.service.visitor().get("/v1/users/me", headers={name: world.owner.id}, status=401)
        assert world.stranger.get("/v1/users/me", headers={name: world.owner.id}).json()["id"] == world.stranger.id
