"""`guildhall user list|reset-password|disable|enable`, beside the server that runs."""

import json

import pytest

from support.client import Service, eventually


@pytest.fixture
def instance(launch):
    return launch()


def listed(instance):
    return {line["email"]: line for line in map(json.loads, instance.run("user list").stdout.splitlines())}


def test_accounts_are_listed(instance):
    service = Service(instance)
    ada, bela = service.members(2)
    lines = listed(instance)
    assert set(lines) == {ada.email, bela.email}
    line = lines[ada.email]
    assert (line["id"], line["handle"], line["name"], line["disabled_at"]) == (ada.id, ada.handle, ada.name, None)


def test_a_disabled_account_is_signed_out_and_kept_out_until_it_is_enabled(instance):
    service = Service(instance)
    ada, bela = service.members(2)
    body = {"email": ada.email, "password": ada.password}
    instance.run("user disable", ada.email)
    eventually(lambda: ada.get("/v1/users/me", status=401), within=3)
    service.anyone.post("/v1/auth/refresh", {"refresh_token": ada.tokens["refresh_token"]}, status=401)
    service.visitor().post("/v1/auth/login", body, status=403, code="account_disabled")
    wrong = body | {"password": "wrong horse battery"}
    service.visitor().post("/v1/auth/login", wrong, status=401, code="invalid_credentials")
    assert listed(instance)[ada.email]["disabled_at"]
    bela.get(f"/v1/users/{ada.id}", status=200)
    # An id is the id, also when another member has taken its digits as handle.
    bela.patch("/v1/users/me", {"handle": ada.id}, status=200)
    instance.run("user enable", ada.id)
    service.visitor().post("/v1/auth/login", body, status=200)


def test_a_password_is_reset_and_printed_once(instance):
    service = Service(instance)
    ada = service.register()
    password = instance.run("user reset-password", ada.handle).stdout.strip()
    assert len(password) >= 20
    eventually(lambda: ada.get("/v1/users/me", status=401), within=3)
    service.visitor().post("/v1/auth/login", {"email": ada.email, "password": ada.password}, status=401)
    service.visitor().post("/v1/auth/login", {"email": ada.email, "password": password}, status=200)


@pytest.mark.parametrize("account", ["nobody@example.org", "no-such-handle", "123456789"])
def test_an_unknown_account_is_named(instance, account):
    for command in ("user disable", "user enable", "user reset-password"):
        done = instance.run(command, account, check=False)
        assert done.returncode == 1
        assert f"there is no account '{account}'" in done.stderr
