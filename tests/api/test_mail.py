"""Mail over a real SMTP server: with TLS and a password, refusing, and dead."""

import email
import email.policy
import json
import re
import urllib.parse

import pytest

from support.client import Service, eventually
from support.engines import OwnEngine

pytestmark = [pytest.mark.shape("sqlite"), pytest.mark.xdist_group("mail")]


@pytest.fixture(scope="module")
def mailpit(tmp_path_factory):
    engine = OwnEngine("mailpit", tmp_path_factory.mktemp("mailpit"))
    yield engine
    engine.stop()


@pytest.fixture
def service(launch, mailpit):
    settings = {"url": mailpit.values["SMTP"], "ca_file": mailpit.values["SMTP_CA"], "from": "Hall <hall@example.org>"}
    return Service(launch({"mail": settings}))


def mail_to(service, mailpit, address):
    """The only mail to `address`, when it has come."""
    api = mailpit.values["MAILPIT"] + "/api/v1"
    query = urllib.parse.quote(f"to:{address}")

    def found():
        return service.http.get(f"{api}/search?query={query}").json()["messages"]

    messages = eventually(found, within=30)
    assert len(messages) == 1
    raw = service.http.get(f"{api}/message/{messages[0]['ID']}/raw").content
    return email.message_from_bytes(raw, policy=email.policy.default)


def code_of(mail):
    return re.search(r"^Code: (\S+)\s*$", mail.get_content(), re.MULTILINE)[1]


def metric(service, outcome):
    text = service.http.get(service.url + "/metrics").text
    found = re.search(rf'^guildhall_mails_total{{outcome="{outcome}"}} (\S+)$', text, re.MULTILINE)
    return float(found[1])


def mail_health(service):
    answer = service.anyone.get("/readyz", status=200).json()
    return next(one for one in answer["dependencies"] if one["name"] == "mail")


def test_a_newcomer_gets_the_code_by_smtp(service, mailpit):
    """[U2] STARTTLS with a verified certificate, a password, the configured sender."""
    visitor, address = service.visitor(), "newcomer@example.org"
    token = visitor.ask_for_account(address)
    mail = mail_to(service, mailpit, address)
    assert mail["From"] == "Hall <hall@example.org>"
    assert mail["Auto-Submitted"] == "auto-generated"
    visitor.verify(address, code_of(mail), token, status=200)
    assert mail_health(service)["status"] == "ok"
    assert eventually(lambda: metric(service, "sent") == 1)


def test_a_mail_that_is_refused_is_listed(service, mailpit):
    """5xx: it is not tried again, and the operator sees why. The client sees nothing of it."""
    service.visitor().ask_for_account("nobody@refused.invalid")

    def dead():
        return [json.loads(line) for line in service.instance.run("mail dead").stdout.splitlines()]

    (mail,) = eventually(dead)
    assert (mail["recipient"], mail["tries"]) == ("nobody@refused.invalid", 1)
    assert "550" in mail["error"]
    assert metric(service, "dead") == 1
    assert mail_health(service)["status"] == "ok", "the server is there"


def test_mails_wait_while_the_server_is_dead(service, mailpit):
    """Requests are answered as quickly as ever; /readyz names what waits. Afterwards the mails come."""
    visitor, address = service.visitor(), "patient@example.org"
    mailpit.stop()
    try:
        token = visitor.ask_for_account(address)
        eventually(lambda: mail_health(service)["status"] == "down")
        assert "mails wait" in mail_health(service)["degrades"]
        eventually(lambda: metric(service, "deferred") >= 1)
        late = "late@example.org"
        service.visitor().ask_for_account(late)
    finally:
        mailpit.start()
    mail_to(service, mailpit, late)
    visitor.verify(address, code_of(mail_to(service, mailpit, address)), token, status=200)
    assert mail_health(service)["status"] == "ok"


def test_a_mail_that_is_put_off_waits(launch, mailpit):
    """4xx: it is tried again later, not given up."""
    service = Service(launch({"mail": {"url": mailpit.values["SMTP_DEFERRING"], "tls": False}}))
    service.visitor().ask_for_account("put-off@example.org")
    eventually(lambda: metric(service, "deferred") == 1)
    assert service.instance.run("mail dead").stdout == ""
    assert mail_health(service)["status"] == "ok", "the server is there"


def test_a_password_of_the_mail_server_is_not_shown(service):
    """[X40] Neither the log nor the printed configuration has it."""
    assert "secret" not in service.instance.run("config print").stdout.replace("secrets", "")
    assert "mail%20secret" not in service.instance.log()
