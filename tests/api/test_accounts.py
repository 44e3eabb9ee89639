"""Registering, verifying, signing in and out, sessions, passwords."""

import base64
import datetime
import json
import re
import statistics
import threading
import time
import uuid

import pytest

from support.client import PASSWORD, Api, Service, eventually, in_parallel


def new_email():
    return f"{uuid.uuid4().hex[:20]}@example.org"


def codes_in(mails):
    return [re.search(r"Code: (\S+)", mail.get_content())[1] for mail in mails]


def claims(token):
    head, body, _ = token.split(".")
    read = lambda part: json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return read(head), read(body)


# --- registering


def test_a_newcomer_registers_verifies_and_is_signed_in(service, visitor):
    """[U1] [U2] [U3] From registration over the code in the mail to working tokens."""
    email = new_email()
    answer = visitor.post(
        "/v1/auth/register", {"email": email, "password": PASSWORD, "name": "Grace Hopper"}, status=202
    ).json()
    token = answer.pop("registration_token")
    assert answer == {"status": "check_your_email"}
    tokens = visitor.verify(email, service.mailbox.code(email), token, status=200).json()
    assert tokens["token_type"] == "Bearer" and tokens["expires_in"] <= 15 * 60
    me = Api(service, tokens["access_token"]).get("/v1/users/me").json()
    assert (me["id"], me["name"], me["email"]) == (tokens["user_id"], "Grace Hopper", email)
    assert me["handle"].startswith("grace")


def test_an_address_is_one_account_whatever_its_case_and_the_blanks_around_it(service, ada, visitor):
    """[U1] [F: small] An e-mail address is unique; upper case and blanks at its ends are the same address."""
    email = f" \t{ada.email.upper()}\u00a0 "
    visitor.post("/v1/auth/register", {"email": email, "password": PASSWORD, "name": "Eve"}, status=202)
    visitor.post("/v1/auth/login", {"email": email, "password": ada.password}, status=200)
    mails = service.mailbox.of(ada.email, 2)
    assert "Code:" not in mails[-1].get_content()
    ada.session()  # still hers, with her password


@pytest.mark.parametrize(
    "field,value",
    [
        ("email", "nobody"),
        ("email", "a@b@example.org"),
        ("email", "a" * 300 + "@example.org"),
        ("email", ""),
        ("email", 5),
        ("email", None),
        ("password", "short"),
        ("password", "x" * 129),
        ("password", 12345678),
        ("name", ""),
        ("name", "   "),
        ("name", "n" * 101),
        ("name", "a\nb"),
        ("handle", "ab"),
        ("handle", "a" * 31),
        ("handle", "-abc"),
        ("handle", "a--b"),
        ("handle", "a_b"),
        ("handle", "ünal"),
    ],
)
def test_a_faulty_registration_names_the_field(visitor, field, value):
    """[U1] Validation errors name their field by pointer."""
    body = {"email": new_email(), "password": PASSWORD, "name": "Ada", "handle": None} | {field: value}
    body = {name: value for name, value in body.items() if value is not None or name == field}
    visitor.post("/v1/auth/register", body, status=400, field=f"/{field}")


def test_every_faulty_field_is_named_at_once(visitor):
    """[U1] [X4] One answer lists all faults."""
    answer = visitor.post("/v1/auth/register", {"email": "x", "password": "y", "nickname": 1}, status=400).json()
    assert {fault["pointer"] for fault in answer["errors"]} == {"/email", "/password", "/name", "/nickname"}


def test_a_taken_handle_is_refused_and_named(service, ada, visitor):
    """[U1] [U17] A handle is unique in the whole network."""
    visitor.post(
        "/v1/auth/register",
        {"email": new_email(), "password": PASSWORD, "name": "Eve", "handle": ada.handle.upper()},
        status=409,
        code="handle_taken",
        field="/handle",
    )


def test_members_of_one_name_get_handles_of_their_own(service):
    """[U1] The handle made from a name is unique without being asked for."""
    members = service.members(4, ["Jane Doe"] * 4)
    assert len({member.handle for member in members}) == 4


def test_one_address_registered_by_many_at_once_becomes_one_account(service):
    """[U1] The race for an address has one winner, on both databases. They share one mail."""
    email = new_email()
    tokens = in_parallel([lambda: service.visitor().ask_for_account(email)] * 4, threads=4)
    assert len(set(tokens)) == 4
    code = service.mailbox.code(email)
    answers = in_parallel(
        [lambda token=token: service.visitor().verify(email, code, token, status=(200, 422)) for token in tokens],
        threads=4,
    )
    opened = [answer.json()["user_id"] for answer in answers if answer.status_code == 200]
    assert len(opened) == 1
    again = service.visitor().post("/v1/auth/login", {"email": email, "password": PASSWORD}).json()
    assert again["user_id"] == opened[0]


def test_a_handle_is_not_held_by_a_sign_up_that_is_never_verified(service, ada):
    """[U1] [F: handles held by sign-ups that are never verified] The first that is verified gets it; another gets it
    with a number."""
    handle = "wanted-" + uuid.uuid4().hex[:12]
    service.visitor().ask_for_account(new_email(), handle=handle)
    late = new_email()
    token = service.visitor().ask_for_account(late, handle=handle)
    ada.patch("/v1/users/me", {"handle": handle}, status=200)
    tokens = service.visitor().verify(late, service.mailbox.code(late), token, status=200).json()
    assert Api(service, tokens["access_token"]).get("/v1/users/me").json()["handle"].startswith(handle + "-")


def test_one_handle_asked_for_by_many_at_once_has_one_owner(service):
    """[U1] The race for a handle has one winner."""
    handle = "race-" + uuid.uuid4().hex[:12]
    members = in_parallel([lambda: service.register("Race", handle=handle)] * 6, threads=6)
    handles = {member.handle for member in members}
    assert len(handles) == 6 and handle in handles


# --- verifying


def test_without_verification_nobody_signs_in_nor_is_seen(service, ada, visitor):
    """[U1] An unverified account does not sign in, and others do not see it."""
    email, handle = new_email(), "h" + uuid.uuid4().hex[:16]
    visitor.post(
        "/v1/auth/register", {"email": email, "password": PASSWORD, "name": "Ghost", "handle": handle}, status=202
    )
    visitor.post("/v1/auth/login", {"email": email, "password": PASSWORD}, status=401, code="invalid_credentials")
    ada.get(f"/v1/users/by-handle/{handle}", status=404)


def test_a_wrong_code_is_refused_and_the_right_one_works_once(service, visitor):
    """[U1] [U2] A code is for one address and for one use."""
    email = new_email()
    token = visitor.ask_for_account(email)
    code = service.mailbox.code(email)
    visitor.verify(email, "ZZZZZZZZ", token, status=422, problem="invalid_code")
    visitor.verify(new_email(), code, token, status=422, problem="invalid_code")
    visitor.verify(email, code, "x" * 43, status=422, problem="invalid_code")
    visitor.verify(email, code, token, status=200)
    visitor.verify(email, code, token, status=422, problem="invalid_code")


def test_nobody_opens_an_account_with_the_password_of_another(service):
    """[U1] A stranger registers an address again before its owner has verified: the owner's name and password count.

    The stranger has a token, and cannot read the code that goes with it.
    """
    email = new_email()
    owner, stranger = service.visitor(), service.visitor()
    token = owner.ask_for_account(email, name="Grace Hopper")
    strangers_token = stranger.ask_for_account(email, password="a password of the stranger", name="Eve")
    code = service.mailbox.code(email)
    stranger.verify(email, "ZZZZZZZZ", strangers_token, status=422, problem="invalid_code")
    tokens = owner.verify(email, code, token, status=200).json()
    assert Api(service, tokens["access_token"]).get("/v1/users/me").json()["name"] == "Grace Hopper"
    stranger.verify(email, code, strangers_token, status=422, problem="invalid_code")
    owner.post("/v1/auth/login", {"email": email, "password": PASSWORD}, status=200)
    stranger.post("/v1/auth/login", {"email": email, "password": "a password of the stranger"}, status=401)


def test_many_requests_for_one_address_are_one_mail_whose_code_works_for_all(service):
    """[U2] [F: throttle as a weapon] Nobody floods a mailbox, and nobody keeps its owner from the code."""
    email = new_email()
    for _ in range(20):
        service.visitor().ask_for_account(email)
    token = service.visitor().ask_for_account(email)
    code = service.mailbox.code(email)
    service.visitor().verify(email, code, token, status=200)
    assert len(service.settled_mails(email)) == 1


def test_a_code_is_mailed_again_with_pauses(service, visitor):
    """[U2] A further mail is asked for with the token of the registration. It comes after a pause; an unknown token is
    refused."""
    email = new_email()
    token = visitor.ask_for_account(email)
    code = service.mailbox.code(email)
    answer = visitor.post("/v1/auth/email/resend", {"email": email, "registration_token": token}, status=202)
    assert answer.json() == {"status": "check_your_email"}
    visitor.post(
        "/v1/auth/email/resend",
        {"email": email, "registration_token": "x" * 43},
        status=422,
        code="invalid_registration",
    )
    visitor.verify(email, code, token, status=200)
    assert len(service.settled_mails(email)) == 1


def test_a_wrong_code_is_no_401(service, visitor):
    """[F: a wrong mailed code is 401] 401 and WWW-Authenticate are about the token of a request."""
    email = new_email()
    token = visitor.ask_for_account(email)
    answer = visitor.verify(email, "ZZZZZZZZ", token, status=422, problem="invalid_code")
    assert "www-authenticate" not in answer.headers


def test_a_code_cannot_be_guessed(service):
    """[U12] Guesses are counted: after some, no more are accepted, even from other network addresses."""
    email = new_email()
    token = service.visitor().ask_for_account(email)
    service.mailbox.code(email)
    statuses = [
        service.visitor().verify(email, f"GUESS{n:03}", token, status=(422, 429)).status_code for n in range(30)
    ]
    assert statuses[0] == 422 and statuses[-1] == 429


# --- signing in and out


def test_sign_in_gives_short_access_and_a_refresh_token(service, ada):
    """[U3] The access token is an ES256 JWT of RFC 9068 that lives at most 15 minutes; its key is in the JWKS."""
    head, body = claims(ada.session().token)
    assert head["alg"] in ("ES256", "EdDSA") and head["typ"] == "at+jwt"
    assert body["sub"] == ada.id and 0 < body["exp"] - body["iat"] <= 15 * 60
    assert {"iss", "aud", "exp", "iat", "sub"} <= set(body)
    keys = service.anyone.get("/.well-known/jwks.json").json()["keys"]
    assert head["kid"] in [key["kid"] for key in keys]
    assert all("d" not in key for key in keys), "a private key is published"


@pytest.mark.parametrize("email_known,password", [(True, "wrong horse battery"), (False, PASSWORD)])
def test_a_wrong_sign_in_is_one_answer(service, ada, visitor, email_known, password):
    """[U3] [U43] Wrong password and unknown account are answered alike."""
    answer = visitor.post(
        "/v1/auth/login",
        {"email": ada.email if email_known else new_email(), "password": password},
        status=401,
        code="invalid_credentials",
    ).json()
    assert set(answer) >= {"type", "title", "status", "detail", "code"} and not answer.get("errors")


def test_logout_ends_the_session_at_once(service, ada):
    """[U3] After logout neither the access token nor the refresh token works."""
    other = ada.session()
    other.post("/v1/auth/logout", status=204)
    eventually(lambda: other.get("/v1/users/me", status=401), within=2)
    other.post("/v1/auth/refresh", {"refresh_token": other.tokens["refresh_token"]}, status=401)
    ada.get("/v1/users/me", status=200)


def test_refresh_rotates(service, ada):
    """[U4] Each refresh gives a new pair of the same session; the old access token is not cut off."""
    fresh = service.anyone.post("/v1/auth/refresh", {"refresh_token": ada.tokens["refresh_token"]}, status=200).json()
    assert fresh["refresh_token"] != ada.tokens["refresh_token"]
    assert (fresh["user_id"], fresh["session_id"]) == (ada.id, ada.session_id)
    Api(service, fresh["access_token"]).get("/v1/users/me", status=200)
    service.anyone.post("/v1/auth/refresh", {"refresh_token": fresh["refresh_token"]}, status=200)


def test_two_tabs_that_refresh_at_once_stay_signed_in(service, ada):
    """[U4] [F: two tabs refresh at once] The same token gives the same successor for ten seconds; the family lives."""
    token = ada.tokens["refresh_token"]
    answers = in_parallel(
        [lambda: service.visitor().post("/v1/auth/refresh", {"refresh_token": token}, status=200).json()] * 6, threads=6
    )
    assert len({answer["refresh_token"] for answer in answers}) == 1
    for answer in answers:
        assert answer["session_id"] == ada.session_id
        Api(service, answer["access_token"]).get("/v1/users/me", status=200)
    service.anyone.post("/v1/auth/refresh", {"refresh_token": answers[0]["refresh_token"]}, status=200)


def test_without_a_grace_period_a_refresh_token_works_once(launch):
    """[U4] auth.refresh_grace = 0: the second use ends the family."""
    service = Service(launch({"auth": {"refresh_grace": 0}}))
    ada = service.register()
    token = ada.tokens["refresh_token"]
    answers = in_parallel(
        [lambda: service.visitor().post("/v1/auth/refresh", {"refresh_token": token}, status=(200, 401))] * 6, threads=6
    )
    won = [answer.json() for answer in answers if answer.status_code == 200]
    assert len(won) <= 1
    for tokens in won:
        service.anyone.post("/v1/auth/refresh", {"refresh_token": tokens["refresh_token"]}, status=401)


def test_an_invented_refresh_token_is_refused(visitor):
    """[U4]"""
    visitor.post("/v1/auth/refresh", {"refresh_token": "x" * 40}, status=401)
    visitor.post("/v1/auth/refresh", {"refresh_token": "x" * 5_000}, status=400, field="/refresh_token")


def test_hashing_is_slow_and_does_not_stop_the_others(service, ada):
    """[U5] argon2id as it can be observed: a sign-in costs tens of milliseconds of CPU, and reads stay fast
    meanwhile."""
    begun = time.monotonic()
    ada.session()
    assert time.monotonic() - begun > 0.02
    stop = threading.Event()
    busy = [
        threading.Thread(
            target=lambda: [
                stop.is_set()
                or service.visitor().post(
                    "/v1/auth/login", {"email": new_email(), "password": "wrong horse"}, status=(401, 503)
                )
                for _ in range(8)
            ]
        )
        for _ in range(4)
    ]
    for thread in busy:
        thread.start()
    waits = []
    for _ in range(100):
        begun = time.monotonic()
        ada.get("/v1/users/me")
        waits.append(time.monotonic() - begun)
    stop.set()
    for thread in busy:
        thread.join()
    assert statistics.median(waits) < 0.05


def test_passwords_are_not_trimmed_nor_cut(service):
    """[U5] Blanks at the ends count, and so do the characters behind the 72nd."""
    password = " " + "long" * 30 + " "
    member = service.register(password=password)
    member.session()
    for wrong in (password.strip(), password[:72], password[:-1]):
        service.visitor().post("/v1/auth/login", {"email": member.email, "password": wrong}, status=401)


def test_a_changed_password_closes_the_other_sessions(service, ada):
    """[U3] [U6] [U10] The new password works, the old one does not; other sessions end, the current one continues."""
    other = ada.session()
    ada.post(
        "/v1/auth/password/change",
        {"current_password": "not her password", "new_password": "a new long password"},
        status=403,
        code="invalid_credentials",
    )
    ada.post(
        "/v1/auth/password/change",
        {"current_password": ada.password, "new_password": "short"},
        status=400,
        field="/new_password",
    )
    ada.post(
        "/v1/auth/password/change",
        {"current_password": ada.password, "new_password": "a new long password"},
        status=204,
    )
    eventually(lambda: other.get("/v1/users/me", status=401), within=2)
    service.anyone.post("/v1/auth/refresh", {"refresh_token": other.tokens["refresh_token"]}, status=401)
    ada.get("/v1/users/me", status=200)
    service.visitor().post("/v1/auth/login", {"email": ada.email, "password": ada.password}, status=401)
    ada.password = "a new long password"
    ada.session()


# --- sessions


def test_sessions_are_listed_with_where_they_came_from(service, ada):
    """[U10] IP, agent, device and times of every session, the current one marked."""
    other = ada.session(device="Telephone", ip="192.0.2.77")
    sessions = {row["id"]: row for row in ada.all("/v1/auth/sessions")}
    assert set(sessions) == {ada.session_id, other.session_id}
    assert sessions[ada.session_id]["is_current"] and not sessions[other.session_id]["is_current"]
    row = sessions[other.session_id]
    assert (row["ip"], row["device"]) == ("192.0.2.77", "Telephone")
    assert "python-httpx" in row["user_agent"]
    for field in ("created_at", "last_seen_at"):
        assert (
            abs(
                datetime.datetime.fromisoformat(row[field]) - datetime.datetime.now(datetime.timezone.utc)
            ).total_seconds()
            < 120
        )


def test_one_session_is_revoked(service, ada):
    """[U10] The owner ends a session by id; it is gone from the list."""
    other, third = ada.session(), ada.session()
    ada.delete(f"/v1/auth/sessions/{other.session_id}", status=204)
    eventually(lambda: other.get("/v1/users/me", status=401), within=2)
    third.get("/v1/users/me", status=200)
    assert other.session_id not in [row["id"] for row in ada.all("/v1/auth/sessions")]


def test_all_other_sessions_are_revoked(service, ada):
    """[U10] DELETE /v1/auth/sessions leaves only the one that asks."""
    others = [ada.session(), ada.session()]
    ada.delete("/v1/auth/sessions", status=204)
    for other in others:
        eventually(lambda: other.get("/v1/users/me", status=401), within=2)
    assert [row["id"] for row in ada.all("/v1/auth/sessions")] == [ada.session_id]


def test_a_session_of_another_member_is_not_there(ada, bela):
    """[U10] Nobody ends the session of another."""
    bela.delete(f"/v1/auth/sessions/{ada.session_id}", status=404)
    ada.get("/v1/users/me", status=200)


# --- throttling


def wrong_sign_in(visitor, email):
    return visitor.post("/v1/auth/login", {"email": email, "password": "wrong horse battery"}, status=(401, 429))


def test_guessing_at_one_account_is_stopped(service, ada):
    """[U12] After ten failures the account is locked for every caller, with the time to retry."""
    statuses = [wrong_sign_in(service.visitor(), ada.email).status_code for _ in range(10)]
    assert statuses == [401] * 10
    answer = service.visitor().post(
        "/v1/auth/login", {"email": ada.email, "password": ada.password}, status=429, code="too_many_requests"
    )
    assert 0 < int(answer.headers["retry-after"]) <= 15 * 60
    ada.get("/v1/users/me", status=200)  # who is signed in stays signed in


def test_strangers_do_not_lock_an_owner_out(service, ada):
    """[U12] [F: throttle as a weapon] Wrong passwords from anywhere lock the account for unknown callers; not at an
    address from which its owner has signed in, nor on a device that presents the token of an earlier sign-in."""
    for _ in range(11):
        wrong_sign_in(service.visitor(), ada.email)
    body = {"email": ada.email, "password": ada.password}
    service.visitor().post("/v1/auth/login", body, status=429)
    service.visitor(ip=ada.ip).post("/v1/auth/login", body, status=200)
    known = body | {"device_token": ada.tokens["device_token"]}
    tokens = service.visitor().post("/v1/auth/login", known, status=200).json()
    assert tokens["device_token"] == ada.tokens["device_token"]
    service.visitor().post("/v1/auth/login", body | {"device_token": "x" * 43}, status=429)


def test_guessing_at_an_unknown_account_is_stopped_alike(service):
    """[U12] [U43] The lock does not tell which accounts exist."""
    email = new_email()
    statuses = [wrong_sign_in(service.visitor(), email).status_code for _ in range(11)]
    assert statuses == [401] * 10 + [429]


def test_guessing_from_one_address_is_stopped(service):
    """[U12] One address that tries many accounts is stopped too; others are not."""
    visitor = service.visitor(ip="198.51.100.7")
    for n in range(120):
        if wrong_sign_in(visitor, new_email()).status_code == 429:
            break
    else:
        pytest.fail("120 accounts were tried from one address")
    assert n >= 5
    assert wrong_sign_in(service.visitor(), new_email()).status_code == 401


def test_success_forgives_earlier_failures_of_the_account(service, ada):
    """[U12] Nine typing errors and a success are no attack."""
    for _ in range(2):
        for _ in range(6):
            assert wrong_sign_in(service.visitor(), ada.email).status_code == 401
        ada.session()


def test_registering_from_one_address_is_limited(launch):
    """[U12] A network address has a limit of registrations, because each costs a hash and a mail; then it gets
    Retry-After.

    Other addresses are not affected, and members at this address can still sign in.
    """
    service = Service(launch({"auth": {"ip_registrations": 3}}))
    member = service.register()
    visitor = service.visitor(ip="198.51.100.9")
    for _ in range(3):
        visitor.ask_for_account(new_email())
    for email in (new_email(), member.email):
        answer = visitor.post(
            "/v1/auth/register",
            {"email": email, "password": PASSWORD, "name": "Eve"},
            status=429,
            code="too_many_requests",
        )
        assert 0 < int(answer.headers["retry-after"]) <= 15 * 60
    service.visitor().ask_for_account(new_email())
    visitor.post("/v1/auth/login", {"email": member.email, "password": member.password}, status=200)


# --- no telling who has an account


def test_registering_does_not_tell_who_has_an_account(service, ada):
    """[U43] Status, body and headers are alike for a known and an unknown address."""
    answers = [
        service.visitor().post("/v1/auth/register", {"email": email, "password": PASSWORD, "name": "Eve"}, status=202)
        for email in (ada.email, new_email())
    ]
    bodies = [answer.json() for answer in answers]
    tokens = [body.pop("registration_token") for body in bodies]
    assert bodies[0] == bodies[1] and len(tokens[0]) == len(tokens[1]) and tokens[0] != tokens[1]
    strip = lambda answer: sorted(name for name in answer.headers if name not in ("date", "x-request-id"))
    assert strip(answers[0]) == strip(answers[1])


@pytest.mark.slow
def test_time_does_not_tell_who_has_an_account(service, ada):
    """[U43] A sign-in with a wrong password takes as long for an unknown account as for a known one; so does
    registering."""
    known = service.members(5)

    def seconds(path, body):
        begun = time.perf_counter()
        service.visitor().post(path, body, status=(202, 401))
        return time.perf_counter() - begun

    for path, body in (
        ("/v1/auth/login", {"password": "wrong horse"}),
        ("/v1/auth/register", {"password": "wrong horse", "name": "Eve"}),
    ):
        times = {True: [], False: []}
        for n in range(24):  # in turn, so that a busy machine weighs on both
            for is_known in (True, False):
                times[is_known].append(seconds(path, body | {"email": known[n % 5].email if is_known else new_email()}))
        a, b = (statistics.median(times[is_known]) for is_known in (True, False))
        assert 0.6 < a / b < 1.67, (path, a, b)
