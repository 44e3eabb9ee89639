"""Forgotten passwords, and changes of the e-mail address."""

import statistics
import time
import uuid

import pytest

from support.client import PASSWORD, eventually, in_parallel

NEW_PASSWORD = "another correct horse battery"


def new_email():
    return f"{uuid.uuid4().hex[:20]}@example.org"


def forget(service, email):
    """Asks for a new password; the token of the request."""
    answer = service.visitor().post("/v1/auth/password/forgot", {"email": email}, status=202).json()
    token = answer.pop("reset_token")
    assert answer == {"status": "check_your_email"}
    return token


def reset(service, email, code, token, status, ip=None):
    body = {"email": email, "code": code, "reset_token": token, "new_password": NEW_PASSWORD}
    return service.visitor(ip).post("/v1/auth/password/reset", body, status=status)


def change_email(member, email, status=202, password=None, **more):
    body = {"email": email, "password": password or member.password}
    return member.post("/v1/auth/email/change", body, status=status, **more)


def subjects(service, email, count):
    return [str(mail["Subject"]) for mail in service.mailbox.of(email, count)]


def test_a_forgotten_password_is_replaced(service, ada):
    """[U6] The mailed code and the token of the request set a new password; all sessions end. A mail says so."""
    other = ada.session()
    token = forget(service, ada.email)
    code = service.mailbox.code(ada.email, 2)
    ada.get("/v1/users/me", status=200)
    reset(service, ada.email, code, token, status=204)
    for session in (ada, other):
        eventually(lambda session=session: session.get("/v1/users/me", status=401), within=2)
        service.anyone.post("/v1/auth/refresh", {"refresh_token": session.tokens["refresh_token"]}, status=401)
    service.visitor().post("/v1/auth/login", {"email": ada.email, "password": ada.password}, status=401)
    service.visitor().post("/v1/auth/login", {"email": ada.email, "password": NEW_PASSWORD}, status=200)
    assert subjects(service, ada.email, 3)[-1] == "Your password for Guildhall was changed"


def test_a_code_sets_a_password_once_and_with_its_token_only(service, ada, bela):
    """[U6] [F: a wrong mailed code is 401] A wrong code, another address, another token, a second use: 422."""
    token = forget(service, ada.email)
    code = service.mailbox.code(ada.email, 2)
    for email, tried, held in (
        (ada.email, "ZZZZZZZZ", token),
        (bela.email, code, token),
        (ada.email, code, forget(service, bela.email)),
        (new_email(), code, token),
    ):
        answer = reset(service, email, tried, held, status=422)
        assert answer.json()["code"] == "invalid_code" and "www-authenticate" not in answer.headers
    reset(service, ada.email, code.lower(), token, status=204)
    reset(service, ada.email, code, token, status=422)


def test_a_code_of_a_reset_cannot_be_guessed(service, ada):
    """[U6] [U12] Five tries for each request; then its right code is refused too."""
    token = forget(service, ada.email)
    code = service.mailbox.code(ada.email, 2)
    for n in range(5):
        reset(service, ada.email, f"GUESS{n:03}", token, status=422)
    reset(service, ada.email, code, token, status=422)
    statuses = [reset(service, ada.email, "ZZZZZZZZ", token, status=(422, 429)).status_code for _ in range(10)]
    assert statuses[-1] == 429
    reset(service, ada.email, code, forget(service, ada.email), status=204)


def test_strangers_who_ask_for_a_reset_do_not_stop_the_owner(service, ada):
    """[U6] [F: throttle as a weapon] Many requests for one address are one mail, whose code works for each of them."""
    for _ in range(25):
        forget(service, ada.email)
    token = forget(service, ada.email)
    code = service.mailbox.code(ada.email, 2)
    reset(service, ada.email, code, token, status=204)
    assert len(service.settled_mails(ada.email)) == 3, "of the sign-up, of the resets, of the change"


def test_requests_for_a_reset_from_one_address_are_limited(service):
    """[U6] [U12] Twenty for one e-mail address; others may still ask for it."""
    email, visitor = new_email(), service.visitor()
    answers = [visitor.post("/v1/auth/password/forgot", {"email": email}, status=(202, 429)) for _ in range(21)]
    assert [answer.status_code for answer in answers] == [202] * 20 + [429]
    assert 0 < int(answers[-1].headers["retry-after"]) <= 15 * 60
    forget(service, email)


def test_who_has_reset_the_password_signs_in_while_strangers_guess(service, ada):
    """[U6] [F: throttle as a weapon]"""
    for _ in range(11):
        body = {"email": ada.email, "password": "wrong horse battery"}
        service.visitor().post("/v1/auth/login", body, status=(401, 429))
    token = forget(service, ada.email)
    owner = service.visitor()
    reset(service, ada.email, service.mailbox.code(ada.email, 2), token, status=204, ip=owner.ip)
    owner.post("/v1/auth/login", {"email": ada.email, "password": NEW_PASSWORD}, status=200)


def test_a_reset_does_not_tell_who_has_an_account(service, ada):
    """[U6] [U43] Status, body and headers are alike; an address without an account gets a mail that says so."""
    email = new_email()
    answers = [
        service.visitor().post("/v1/auth/password/forgot", {"email": to}, status=202) for to in (ada.email, email)
    ]
    bodies = [answer.json() for answer in answers]
    tokens = [body.pop("reset_token") for body in bodies]
    assert bodies[0] == bodies[1] and len(tokens[0]) == len(tokens[1])
    strip = lambda answer: sorted(name for name in answer.headers if name not in ("date", "x-request-id"))
    assert strip(answers[0]) == strip(answers[1])
    assert subjects(service, email, 1) == ["You have no account at Guildhall"]
    guesses = [
        reset(service, to, "ZZZZZZZZ", token, status=422).json()["detail"]
        for to, token in zip((ada.email, email), tokens, strict=True)
    ]
    assert guesses[0] == guesses[1]


@pytest.mark.slow
def test_the_time_of_a_reset_does_not_tell_who_has_an_account(service):
    """[U6] [U43]"""
    known = service.members(5)
    times = {True: [], False: []}
    for n in range(24):  # in turn, so that a busy machine weighs on both
        for is_known in (True, False):
            email = known[n % 5].email if is_known else new_email()
            begun = time.perf_counter()
            token = forget(service, email)
            reset(service, email, "ZZZZZZZZ", token, status=422)
            times[is_known].append(time.perf_counter() - begun)
    a, b = (statistics.median(times[is_known]) for is_known in (True, False))
    assert 0.6 < a / b < 1.67, (a, b)


def test_one_code_used_by_many_at_once_sets_one_password(service, ada):
    """[U6]"""
    tokens = [forget(service, ada.email) for _ in range(4)]
    code = service.mailbox.code(ada.email, 2)
    answers = in_parallel(
        [lambda token=token: reset(service, ada.email, code, token, status=(204, 422)) for token in tokens], threads=4
    )
    assert sorted(answer.status_code for answer in answers) == [204] + [422] * 3


def test_an_address_is_changed_when_the_new_one_is_verified(service, ada):
    """[U2] Until then nothing changes; the old address gets a mail about the request and about the change."""
    old, new = ada.email, new_email()
    tag = ada.get("/v1/users/me").headers["etag"]
    assert change_email(ada, new).json() == {"status": "check_your_email"}
    assert ada.get("/v1/users/me").json()["email"] == old
    ada.post("/v1/auth/email/change/confirm", {"code": service.mailbox.code(new)}, status=204)
    me = ada.get("/v1/users/me")
    assert me.json()["email"] == new and me.headers["etag"] != tag
    assert subjects(service, old, 3)[1:] == [
        "A new address was asked for your account at Guildhall",
        "Your account at Guildhall has a new address",
    ]
    service.visitor().post("/v1/auth/login", {"email": old, "password": ada.password}, status=401)
    service.visitor().post("/v1/auth/login", {"email": new, "password": ada.password}, status=200)


def test_a_change_of_the_address_needs_the_password_and_the_code(service, ada, bela):
    """[U2] [F: a wrong mailed code is 401]"""
    new = new_email()
    change_email(ada, new, status=403, password="not the password", code="invalid_credentials", field="/password")
    change_email(ada, ada.email.upper(), status=422, code="same_email", field="/email")
    change_email(ada, new)
    code = service.mailbox.code(new)
    for member, tried in ((bela, code), (ada, "ZZZZZZZZ")):
        answer = member.post("/v1/auth/email/change/confirm", {"code": tried}, status=422, code="invalid_code")
        assert "www-authenticate" not in answer.headers
    for _ in range(4):
        ada.post("/v1/auth/email/change/confirm", {"code": "ZZZZZZZZ"}, status=422)
    ada.post("/v1/auth/email/change/confirm", {"code": code}, status=422, code="invalid_code")


def test_a_change_to_the_address_of_another_member_is_answered_alike(service, ada, bela):
    """[U2] [U43] The owner of the address gets a mail without a code."""
    answers = [change_email(ada, email) for email in (bela.email, new_email())]
    assert answers[0].json() == answers[1].json()
    assert "Code:" not in service.mailbox.of(bela.email, 2)[-1].get_content()
    assert bela.get("/v1/users/me").json()["email"] == bela.email


def test_a_changed_password_stops_a_change_of_the_address(service, ada):
    """[U2] [U6] Else who had the old password keeps a way in."""
    new = new_email()
    change_email(ada, new)
    code = service.mailbox.code(new)
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    ada.post("/v1/auth/password/change", body, status=204)
    ada.post("/v1/auth/email/change/confirm", {"code": code}, status=422, code="invalid_code")
