"""What still works when something is down (design, section 8): each engine stopped, silent, and back, under eight services with two replicas each. [X19]"""

import time

import pytest

from support.client import Service, eventually
from support.engines import OwnEngine
from support.program import SERVICES

pytestmark = [pytest.mark.shape("services"), pytest.mark.slow, pytest.mark.faults, pytest.mark.timeout(300), pytest.mark.xdist_group("degraded")]


@pytest.fixture(scope="module")
def own_redis(tmp_path_factory):
    engine = OwnEngine("redis", tmp_path_factory.mktemp("redis"))
    yield engine
    engine.stop()


@pytest.fixture(scope="module")
def own_rabbitmq(tmp_path_factory):
    engine = OwnEngine("rabbitmq", tmp_path_factory.mktemp("rabbitmq"))
    yield engine
    engine.stop()


def down(engine, how):
    engine.freeze() if how == "silent" else engine.stop()


def back(engine, how):
    engine.thaw() if how == "silent" else engine.start()


def replicas_of(instance, service):
    """Each replica of a service alone, past the gateway."""
    return [Service(Direct(instance, url)) for url in instance.shape.urls(instance)[service]]


class Direct:
    """An instance as it is seen at another address."""

    def __init__(self, instance, url):
        self.url, self.mails, self.shape = url, instance.mails, instance.shape


def health(instance, service, number, name):
    """What one replica's /readyz says of a dependency."""
    answer = replicas_of(instance, service)[number].anyone.get("/readyz", status=200)
    return next(d for d in answer.json()["dependencies"] if d["name"] == name)


def exercise(service, instance, label):
    """A journey through all services whose every step is read back at once, at every replica."""
    ada, bela, clara = service.members(3)
    ada.connect(bela)
    post = ada.publish(f"{label}: for my connections", visibility="connections")
    for replica in replicas_of(instance, "post"):
        seen = [row["id"] for row in at(replica, bela).get("/v1/feed").json()["items"]]
        assert seen == [post["id"]]
        at(replica, clara).get(f"/v1/posts/{post['id']}", status=404)
    bela.comment(post)
    bela.react(post)
    for replica in replicas_of(instance, "post"):
        counts = at(replica, ada).get(f"/v1/posts/{post['id']}").json()
        assert counts["comment_count"] == 1 and counts["reactions"]["like"] == 1, counts
    ada.patch("/v1/users/me", {"headline": label})
    for replica in replicas_of(instance, "user"):
        assert at(replica, bela).get(f"/v1/users/{ada.id}").json()["headline"] == label
    ada.block(bela)
    for replica in replicas_of(instance, "post"):
        at(replica, bela).get(f"/v1/posts/{post['id']}", status=404)
    return ada, bela


def at(replica, member):
    """The member, asking this replica."""
    moved = member.__class__.__new__(member.__class__)
    moved.__dict__.update(member.__dict__)
    moved.service = replica
    return moved


@pytest.mark.parametrize("how", ["stopped", "silent"])
def test_without_redis_everything_works(launch, own_redis, how):
    """Answers come from SQL and are exact at each replica; a session that ends is ended everywhere within two seconds; nothing is refused."""
    instance = launch({"redis": {"url": own_redis.address}})
    service = Service(instance)
    exercise(service, instance, "before")
    down(own_redis, how)
    try:
        # A silent server is noticed by its first overdue answer and by a heartbeat that does not come back.
        eventually(lambda: health(instance, "post", 0, "redis")["status"] == "down", within=10)
        time.sleep(3)
        said = health(instance, "post", 1, "redis")
        assert said["status"] == "down" and "SQL" in said["degrades"]
        exercise(service, instance, "without")

        member = service.register("Grace Hopper")
        other = member.session()
        other.post("/v1/auth/logout", status=(200, 204))
        ended = time.monotonic()
        for name in SERVICES[:3]:
            for replica in replicas_of(instance, name):
                eventually(lambda: at(replica, other).get(a_page_of(name), status=(200, 401)).status_code == 401, within=2 - (time.monotonic() - ended))
    finally:
        back(own_redis, how)
    for number in range(2):
        eventually(lambda: health(instance, "post", number, "redis")["status"] == "ok", within=10)
    time.sleep(2)
    exercise(service, instance, "after")


def a_page_of(service):
    return {"user": "/v1/users/me", "connection": "/v1/connections", "post": "/v1/feed"}[service]


@pytest.mark.parametrize("how", ["stopped", "silent"])
def test_without_rabbitmq_events_wait(launch, own_rabbitmq, how):
    """Writes and reads go on; what other services derive comes when the broker is back, once."""
    instance = launch({"bus": {"url": own_rabbitmq.address}})
    service = Service(instance)
    ada, bela, clara = service.members(3)
    ada.connect(bela)
    ada.connect(clara)
    down(own_rabbitmq, how)
    try:
        eventually(lambda: health(instance, "user", 0, "rabbitmq")["status"] == "down", within=20)
        assert "outbox" in health(instance, "user", 0, "rabbitmq")["degrades"]
        post = ada.publish("While the broker is away")
        assert clara.feed_ids() == [post["id"]]
        ada.block(bela)  # the connection service ends their connection by the event
        bela.get(f"/v1/posts/{post['id']}", status=404)
    finally:
        back(own_rabbitmq, how)
    ada.unblock(bela)
    eventually(lambda: not ada.relationship(bela)["connected"], within=30)
    assert ada.relationship(clara)["connected"]
    for number in range(2):
        eventually(lambda: health(instance, "user", number, "rabbitmq")["status"] == "ok", within=20)


@pytest.mark.parametrize("name", ["user", "connection", "post"])
def test_a_replica_is_killed(launch, name):
    """Requests go to the other; what the services ask each other does too. The replica is taken back when it is there again."""
    instance = launch()
    service = Service(instance)
    exercise(service, instance, "before")
    instance.replicas[name, 0].kill()
    instance.replicas[name, 0].wait(10)
    ada, bela = service.members(2)
    ada.connect(bela)
    post = ada.publish("One replica is enough", visibility="connections")
    for _ in range(20):
        bela.get(f"/v1/posts/{post['id']}")
        assert bela.feed_ids() == [post["id"]]
        bela.get(f"/v1/users/{ada.id}")
        bela.get("/v1/connections")
    instance.start_replica(name, 0)
    eventually(lambda: exercise(service, instance, "after"), within=15)
