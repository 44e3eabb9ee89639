"""What still works when something is down (design, section 8). [X19]

Each engine is stopped, silent, and back, under services with two replicas each.
"""

import re
import time

import psycopg
import pytest

from support.client import Service, eventually
from support.engines import OwnEngine
from support.program import SERVICES
from support.shapes import Services, merged

pytestmark = [
    pytest.mark.shape("services"),
    pytest.mark.slow,
    pytest.mark.faults,
    pytest.mark.timeout(300),
    pytest.mark.xdist_group("degraded"),
]


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


@pytest.fixture(scope="module")
def own_neo4j(tmp_path_factory):
    engine = OwnEngine("neo4j", tmp_path_factory.mktemp("neo4j"), HEAP="256m", PAGE_CACHE="32m")
    yield engine
    engine.stop()


@pytest.fixture(scope="module")
def own_postgres(tmp_path_factory):
    folder = tmp_path_factory.mktemp("postgres")
    primary = OwnEngine("postgres", folder / "primary")
    standby = OwnEngine("postgres", folder / "standby", STANDBY_OF=primary.env["PORT"])
    yield primary, standby
    standby.stop()
    primary.stop()


def down(engine, how):
    engine.freeze() if how == "silent" else engine.stop()


def back(engine, how):
    engine.thaw() if how == "silent" else engine.start()


def replicas_of(instance, service):
    """Each replica of a service alone, past the gateway."""
    return [Service(Direct(instance, url)) for url in instance.shape.urls(instance)[service]]


def all_replicas(instance):
    return [replica for service in ("user", "connection", "post") for replica in replicas_of(instance, service)]


def knows_position(replica):
    """A process that does not know yet what the standby must have reads nothing from it (docs/operations.md)."""
    text = replica.anyone.get("/metrics").text
    return bool(re.search(r"^guildhall_sql_position_known\{.*\} 1$", text, re.M))


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
    """Answers come from SQL and are exact at each replica; nothing is refused.

    A session that ends is ended everywhere within two seconds.
    """
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
        for name in SERVICES:
            for replica in replicas_of(instance, name):
                eventually(
                    lambda: at(replica, other).get(a_page_of(name), status=(200, 401)).status_code == 401,
                    within=2 - (time.monotonic() - ended),
                )
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
    """Writes and reads continue; what other services derive arrives when the broker is back."""
    instance = launch({"bus": {"url": own_rabbitmq.address}})
    service = Service(instance)
    ada, bela, clara = service.members(3)
    ada.connect(bela)
    ada.connect(clara)
    down(own_rabbitmq, how)
    try:
        eventually(lambda: health(instance, "user", 0, "rabbitmq")["status"] == "down", within=20)
        assert "outbox" in health(instance, "user", 0, "rabbitmq")["degrades"]
        post = ada.publish("While the broker is unavailable")
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


def wait_for_standby(primary, standby):
    """Until it has replayed all that was written."""

    def asked(engine, question):
        with psycopg.connect(engine.address) as connection:
            return connection.execute(question).fetchone()[0]

    written = asked(primary, "SELECT pg_current_wal_lsn()::text")
    eventually(lambda: asked(standby, f"SELECT pg_last_wal_replay_lsn() >= '{written}'"), within=15)


def on_replicated(own_postgres):
    """All services on a primary and its standby."""
    primary, standby = own_postgres

    class Replicated(Services):
        def settings(self, instance):
            settings = super().settings(instance)
            replica = psycopg.conninfo.make_conninfo(standby.address, dbname=instance.database)
            return merged(settings, {"sql": {"replicas": [replica]}})

    return Replicated(primary.address)


@pytest.mark.parametrize("how", ["stopped", "silent"])
def test_without_neo4j_connecting_and_listing_go_on(launch, own_neo4j, how):
    """Questions to the graph get 503 with the reason; connections come from SQL. [C11]

    Changes made meanwhile are in the graph afterwards. [F: suggestions 503 for a minute after `scripts/stack up` (cold
    Neo4j)] A process that is ready answers every question, also after Neo4j has started again.
    """
    instance = launch({"graph": {"url": own_neo4j.address, "question_deadline": 4000}})
    service = Service(instance)
    ada, bela, clara, dmitri = service.members(4)
    ada.connect(bela)
    bela.connect(clara)

    def degree_of(other):
        return ada.get("/v1/degrees", params={"ids": other.id}, status=200).json()["items"][0]["degree"]

    questions = (
        "/v1/suggestions/people",
        f"/v1/users/{clara.id}/introduction-paths",
        f"/v1/degrees?ids={clara.id}",
        "/v1/users/me/network-stats",
    )
    for path in questions:
        ada.get(path, status=200)
    eventually(lambda: degree_of(clara) == 2)
    down(own_neo4j, how)
    try:
        eventually(
            lambda: all(health(instance, "connection", number, "neo4j")["status"] == "down" for number in range(2)),
            within=15,
        )
        assert "503" in health(instance, "connection", 0, "neo4j")["degrades"]
        for path in questions:
            began = time.monotonic()
            ada.get(path, status=503, code="graph_unavailable")
            assert time.monotonic() - began < 7, path
        exercise(service, instance, "without a graph")
        clara.connect(dmitri)
        assert clara.relationship(dmitri)["connected"]
        assert ada.relationship(bela)["degree"] == 1 and ada.relationship(clara)["degree"] is None
        assert ada.get(f"/v1/users/{bela.id}").json()["degree"] == 1
        assert [row["user"]["id"] for row in ada.all("/v1/connections")] == [bela.id]
    finally:
        back(own_neo4j, how)
    eventually(
        lambda: all(health(instance, "connection", number, "neo4j")["status"] == "ok" for number in range(2)),
        within=60,
    )
    for path in questions:
        ada.get(path, status=200)
    eventually(
        lambda: ada.get("/v1/degrees", params={"ids": dmitri.id}).status_code == 200 and degree_of(dmitri) == 3,
        within=60,
    )


@pytest.mark.parametrize("how", ["stopped", "silent"])
def test_without_the_primary_reads_go_on(launch, own_postgres, how):
    """Reads come from the standby; writes get 503 soon and are not half-done; then everything recovers by itself."""
    primary, standby = own_postgres
    instance = launch(shape=on_replicated(own_postgres))
    service = Service(instance)
    ada, bela = exercise_reads(service, "before")
    post = ada.publish("Before the primary goes", visibility="connections")
    wait_for_standby(primary, standby)
    eventually(lambda: all(knows_position(replica) for replica in all_replicas(instance)), within=15)
    down(primary, how)
    try:
        # A process that has not noticed yet would send a write over an idle connection, and the frozen server may
        # execute it when it continues. The first caller also waits for as long as it takes to notice.
        for name in ("user", "connection", "post"):
            for number in range(2):
                eventually(lambda: health(instance, name, number, f"sql:{name}")["status"] == "down", within=15)
        for replica in replicas_of(instance, "post"):
            eventually(lambda: at(replica, bela).get("/v1/feed", status=(200, 503)).status_code == 200, within=15)
        for _ in range(4):  # both replicas of each service
            assert bela.get(f"/v1/posts/{post['id']}").json()["text"] == post["text"]
            bela.get("/v1/feed")
            bela.get(f"/v1/users/{ada.id}")
            bela.get("/v1/connections")
            begun = time.monotonic()
            ada.publish("While the primary is unavailable", status=503)
            ada.patch("/v1/users/me", {"headline": "Not now"}, status=503)
            assert time.monotonic() - begun < 8
    finally:
        back(primary, how)
    eventually(lambda: "id" in ada.publish("The primary is back", status=(201, 503)), within=30)
    # Each process learns of it within its own back-off.
    for replica in all_replicas(instance):
        eventually(
            lambda: replica.anyone.get("/readyz", status=(200, 503)).json()["dependencies"][0]["status"] == "ok",
            within=15,
        )
    texts = [row["text"] for row in bela.get("/v1/feed").json()["items"]]
    assert texts[0] == "The primary is back" and "While the primary is unavailable" not in texts, texts
    assert ada.get("/v1/users/me").json()["headline"] != "Not now"


def exercise_reads(service, label):
    ada, bela = service.members(2)
    ada.connect(bela)
    assert ada.publish(label)["id"] in bela.feed_ids()
    return ada, bela


def reads_of_standby(service, instance):
    """Asks for lists that a standby may answer; how many it has answered so far."""
    bela = service.register("Bela Bartok")
    for _ in range(4):
        bela.get("/v1/connections")
    texts = [replica.anyone.get("/metrics").text for replica in replicas_of(instance, "connection")]
    return sum(
        float(n)
        for text in texts
        for n in re.findall(r'^guildhall_sql_reads_total\{.*where="replica".*\} (\S+)$', text, re.M)
    )


@pytest.mark.parametrize("how", ["stopped", "silent"])
def test_without_the_standby_everything_works(launch, own_postgres, how):
    primary, standby = own_postgres
    instance = launch(shape=on_replicated(own_postgres))
    service = Service(instance)
    exercise(service, instance, "before")
    eventually(lambda: reads_of_standby(service, instance) > 0, within=15)
    down(standby, how)
    try:
        exercise(service, instance, "without")
    finally:
        back(standby, how)
    exercise(service, instance, "after")


@pytest.mark.parametrize("name", ["user", "connection", "post"])
def test_a_replica_is_killed(launch, name):
    """Requests go to the other replica, also those between services. The replica is used again when it is back."""
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


def test_without_the_connection_service_profiles_are_read(launch):
    """Only the degree is not known. [C11]"""
    instance = launch()
    service = Service(instance)
    ada, bela = service.members(2)
    for number in range(2):
        process = instance.replicas["connection", number]
        process.kill()
        process.wait(10)
    assert ada.get(f"/v1/users/{bela.id}", status=200).json()["degree"] is None
    assert ada.get("/v1/users", params={"ids": bela.id}, status=200).json()["items"][0]["degree"] is None
    for number in range(2):
        instance.start_replica("connection", number)
    eventually(lambda: ada.get(f"/v1/degrees?ids={ada.id}", status=(200, 502, 503)).status_code == 200, within=30)
    ada.connect(bela)
    eventually(lambda: ada.get(f"/v1/users/{bela.id}").json()["degree"] == 1)
