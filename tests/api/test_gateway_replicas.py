"""nginx in front of two real replicas of each service, while replicas end and start again under load."""

import collections
import signal
import time

import pytest

from support.client import Service, eventually
from support.gateway import Nginx
from support.program import SERVICES
from support.shapes import Launcher, is_ready
from support.traffic import Traffic

pytestmark = [pytest.mark.shape("services"), pytest.mark.faults, pytest.mark.xdist_group("gateway")]
RATE = 300


@pytest.fixture(scope="module")
def fleet(shape, tmp_path_factory):
    launcher = Launcher(shape, tmp_path_factory.mktemp("fleet"))
    try:
        yield launcher({"http": {"drain_notice": 3}})
    finally:
        launcher.close()


@pytest.fixture
def service(fleet):
    return Service(fleet)


def url_of(fleet, service, number):
    return fleet.shape.url_of(fleet, service, number)


def bring_back(fleet, service, number):
    fleet.start_replica(service, number)
    assert is_ready(url_of(fleet, service, number), fleet.replicas[service, number], 30), fleet.log()[-3000:]


def mix(member, post, label):
    """Of ten requests seven read the feed, one a post, one the profile, and one publishes."""
    token = {"Authorization": f"Bearer {member.token}"}

    def make(n):
        kind = n // 16 % 10
        if kind == 0:
            return (
                "POST",
                "/v1/posts",
                f'{{"text":"{label} {n}","visibility":"members"}}',
                token | {"Content-Type": "application/json"},
            )
        return "GET", {1: f"/v1/posts/{post['id']}", 2: "/v1/users/me"}.get(kind, "/v1/feed?limit=5"), None, token

    return make


def check_posts(member, label, traffic):
    """Each acknowledged post is there once, each other at most once."""
    created = {answer[3]["text"] for answer in traffic.answers if answer[1] == "POST" and answer[2] == 201}
    listed = collections.Counter(
        post["text"] for post in member.all(f"/v1/users/{member.id}/posts", limit=100) if post["text"].startswith(label)
    )
    assert listed and max(listed.values()) == 1, "a post twice"
    assert created <= set(listed), "an acknowledged post is lost"
    assert len(created) > 10


def test_every_documented_route_answers_through_the_gateway(fleet, service):
    """[X1] As the service itself does."""
    for path, operations in service.document.tree["paths"].items():
        if path in ("/livez", "/readyz", "/startupz", "/metrics"):
            continue  # of the gateway, and for operators: test_gateway.py
        concrete = path.replace("{handle}", "nobody").replace("{tag}", "nothing")
        for name in ("user_id", "post_id", "comment_id", "invitation_id", "session_id"):
            concrete = concrete.replace("{" + name + "}", "1")
        for method, operation in operations.items():
            owner = operation["tags"][0] if operation["tags"][0] in SERVICES else "user"
            through = service.http.request(method.upper(), fleet.url + concrete)
            direct = service.http.request(method.upper(), url_of(fleet, owner, 0) + concrete)
            assert through.status_code == direct.status_code and through.status_code != 405, (
                method,
                path,
                through.text,
            )
            if direct.status_code >= 400:
                assert through.json()["code"] == direct.json()["code"] != "no_such_route", (method, path)


@pytest.mark.slow
@pytest.mark.load
@pytest.mark.timeout(240)
def test_kill_9_of_a_replica_fails_nothing_that_may_be_done_twice(fleet, service):
    """The other replica answers reads. A post in flight when the replica died gets 502, and exists at most once."""
    member = service.register()
    post = member.publish("Before", "members")
    with Traffic(fleet.url, mix(member, post, "kill"), RATE) as traffic:
        for name in SERVICES:
            time.sleep(2.5)  # nginx leaves a replica alone for 2 s after its last failure
            fleet.replicas[name, 0].kill()
            fleet.replicas[name, 0].wait(10)
            time.sleep(1)
            bring_back(fleet, name, 0)
    failed = traffic.failed()
    assert not [failure for failure in failed if failure[1] != "POST"], failed[:5]
    assert len(failed) <= 4 and {failure[2] for failure in failed} <= {502}, failed
    assert traffic.rate > 0.9 * RATE
    check_posts(member, "kill", traffic)


@pytest.mark.slow
@pytest.mark.load
@pytest.mark.timeout(300)
def test_a_rolling_restart_fails_no_request(fleet, service):
    """SIGTERM, not ready, drained, started again: one replica of each service, then the other, at 300 requests a
    second."""
    member = service.register()
    post = member.publish("Before", "members")
    with Traffic(fleet.url, mix(member, post, "rolling"), RATE) as traffic:
        for name in SERVICES:
            for number in range(fleet.shape.count):
                fleet.replicas[name, number].send_signal(signal.SIGTERM)
                url = url_of(fleet, name, number)
                eventually(lambda url=url: service.http.get(url + "/readyz").status_code == 503, within=2)
                assert fleet.replicas[name, number].wait(20) == 0  # a second signal would end the notice
                bring_back(fleet, name, number)
    assert traffic.failed() == []
    assert traffic.rate > 0.9 * RATE
    check_posts(member, "rolling", traffic)


def test_a_read_that_a_stopped_replica_holds_up_is_answered_by_the_other(fleet, tmp_path):
    """Stopped, not dead: the kernel accepts connections, and nothing answers.

    After the deadline of the handlers, nginx asks the other replica.
    """
    nginx = Nginx(
        tmp_path / "impatient", fleet.shape.urls(fleet), "--http-handler-deadline=1", *fleet.shape.gateway_options
    )
    stopped = fleet.replicas["user", 1]
    try:
        member = Service(fleet).register()
        stopped.send_signal(signal.SIGSTOP)
        begun = time.monotonic()
        for _ in range(2):
            answer = member.service.http.get(
                nginx.url + "/v1/users/me", headers={"Authorization": f"Bearer {member.token}"}
            )
            assert answer.status_code == 200
        assert 1 < time.monotonic() - begun < 6
    finally:
        stopped.send_signal(signal.SIGCONT)
        nginx.close()
