"""The process, the disk, fsync and the database fail under load.

What was acknowledged stays; what was not is complete or absent.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import threading
import time

import psycopg
import pytest

from support.client import Service, eventually, settle
from support.load import ACKNOWLEDGED, REFUSED, UNKNOWN, Writers, body_of, newest_texts
from support.engines import OwnEngine
from support.shapes import Engines

pytestmark = pytest.mark.faults
ROUNDS = int(os.environ.get("GUILDHALL_KILL_ROUNDS", "50"))
FAULT_ROUNDS = int(os.environ.get("GUILDHALL_FAULT_ROUNDS", "10"))
BATCH = 5


def check_files(instance):
    """Every SQLite file is sound."""
    for path in instance.data.rglob("*.db"):
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)], path


def check_writes(writers, members, reader, label):
    """Acknowledged posts exist once: in the author's list, by id and in the reader's feed.

    Others exist once or not at all, and once after a retry with the same key.
    """
    acknowledged = {write.text: write for write in writers.of(ACKNOWLEDGED)}
    unknown = {write.text: write for write in writers.of(UNKNOWN)}
    refused = {write.text for write in writers.writes} - set(acknowledged) - set(unknown)
    for n, member in enumerate(members):
        listed = newest_texts(member, label)
        texts = [text for _, text in listed]
        assert len(texts) == len(set(texts)), "a post twice"
        mine = {text: write for text, write in acknowledged.items() if write.author == n}
        assert set(mine) <= set(texts), f"lost: {sorted(set(mine) - set(texts))[:5]}"
        assert {post: text for post, text in listed if text in mine} == {write.id: text for text, write in mine.items()}
        assert not refused & set(texts), "a refused write is there"
        assert set(texts) <= set(mine) | set(unknown)
        for text, write in unknown.items():
            if write.author == n:
                headers = {"Idempotency-Key": write.key, "Content-Type": "application/json"}
                again = member.call("POST", "/v1/posts", content=body_of(text), headers=headers, status=201).json()
                assert (text in texts) == (again["id"] in [post for post, _ in listed])
        after = [text for _, text in newest_texts(member, label)]
        assert sorted(after) == sorted([*mine, *(t for t, w in unknown.items() if w.author == n)])
    # The events had their effect, each once: the friend's feed has every post of the round, once.
    expected = sorted([*acknowledged, *unknown])
    eventually(lambda: sorted(text for _, text in newest_texts(reader, label, "/v1/feed")) == expected)
    return len(acknowledged)


@pytest.mark.one_process
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("batch", range(max(1, ROUNDS // BATCH)))
def test_kill_9_under_load_loses_nothing(launch, batch):
    """Killed in the middle of writing, started again, checked; several rounds on the same data."""
    instance = launch()
    service = Service(instance)
    *authors, reader = members = service.members(3)
    reader.connect(*authors)
    for round_ in range(min(BATCH, ROUNDS)):
        label = f"round {batch}.{round_}."
        with Writers(instance.url, authors, label, per_member=4) as writers:
            writers.wait_for(20 + 37 * (round_ + batch) % 150)
            instance.kill()
            writers.stopping.set()
        instance.start()
        settle(Service(instance), members)
        assert check_writes(writers, authors, reader, label) >= 20
        if instance.shape.name == "sqlite":
            check_files(instance)


@pytest.mark.one_process
@pytest.mark.slow
@pytest.mark.timeout(120)
def test_counters_survive_kill_9(launch):
    """[P15] [P17] Reactions and comments under kill -9: the counters equal a recount from the lists."""
    instance = launch()
    service = Service(instance)
    members = service.members(6)
    posts = [members[0].publish(f"Popular {n}", "public") for n in range(3)]
    for round_ in range(4):

        def storm(n):
            try:
                for i in range(400):
                    post = posts[(n + i) % 3]
                    members[n].react(post, ["like", "love", "funny"][i % 3], status=204) if i % 3 else members[
                        n
                    ].comment(post, f"{round_} {n} {i}")
                    if i % 7 == 6:
                        members[n].unreact(post, status=(204, 404))
            except Exception:
                pass  # killed meanwhile

        threads = [threading.Thread(target=storm, args=(n,)) for n in range(6)]
        for thread in threads:
            thread.start()
        time.sleep(0.4 + 0.1 * round_)
        instance.kill()
        for thread in threads:
            thread.join()
        instance.start()
        settle(Service(instance), members)
        for post in posts:
            seen = members[0].find_post(post)
            rows = members[0].all(f"/v1/posts/{post['id']}/reactions", limit=100)
            by_kind = {kind: sum(row["kind"] == kind for row in rows) for kind in ("like", "love", "funny")}
            assert {kind: seen["reactions"][kind] for kind in by_kind} == by_kind and seen["reactions"]["total"] == len(
                rows
            )
            assert seen["comment_count"] == len(members[0].all(f"/v1/posts/{post['id']}/comments", limit=100))


@pytest.mark.one_process
@pytest.mark.slow
def test_connections_stay_symmetric_over_kill_9(launch):
    """Killed while invitations are accepted: both sides agree on every connection."""
    instance = launch()
    service = Service(instance)
    members = service.members(10)
    for round_ in range(3):
        pairs = [(a, b) for a in range(10) for b in range(a)]

        def storm(n):
            for a, b in pairs[n::4]:
                try:
                    if round_ % 2:
                        members[a].disconnect(members[b])
                    else:
                        members[a].connect(members[b])
                except Exception:
                    if instance.process.poll() is not None:
                        return

        threads = [threading.Thread(target=storm, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(0.06)
        instance.kill()
        for thread in threads:
            thread.join()
        instance.start()
        settle(Service(instance), members)
        lists = {
            member.id: {row["user"]["id"] for row in member.all("/v1/connections", limit=100)} for member in members
        }
        for a in lists:
            for b in lists:
                assert (b in lists[a]) == (a in lists[b])
        for member in members:
            pending = {row["invitee"]["id"] for row in member.all("/v1/invitations/sent", limit=100)}
            assert not pending & lists[member.id]


# --- the disk

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 32 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill(folder):
    filler = folder / "filler"
    with open(filler, "ab", buffering=0) as out:
        for size in (1 << 20, 4096, 512, 1):
            with contextlib.suppress(OSError):
                while True:
                    if out.write(b"\0" * size) < size:
                        break
    return filler


def small_data(launch, small_disk):
    """An instance whose data folder is on the small disk; not started."""
    instance = launch.prepare()
    instance.data = small_disk / "data"
    instance.data.mkdir()
    instance.mails = instance.data / "mail"
    return instance


@pytest.mark.shape("sqlite")
@needs_root
@pytest.mark.timeout(120)
def test_a_full_disk_refuses_writes_and_recovers(launch, small_disk):
    """Writes get 507 or 503, and reads continue. Writes work again when there is space, without a restart.

    Nothing acknowledged is lost.
    """
    instance = small_data(launch, small_disk).start()
    service = Service(instance)
    ada, bela = service.members(2)
    ada.connect(bela)
    kept = [ada.publish(f"Before {n}")["id"] for n in range(5)]
    filler = fill(small_disk)
    refusals = []
    for n in range(200):
        answer = ada.post("/v1/posts", {"text": "x" * 3000}, status=(201, 503, 507))
        if answer.status_code == 201:
            kept.append(answer.json()["id"])  # the write-ahead log had some room
        else:
            refusals.append(answer)
        if len(refusals) >= 10:
            break
    assert len(refusals) >= 10, "the disk is full and every write was acknowledged"
    assert 507 in {answer.status_code for answer in refusals}
    bela.react({"id": kept[0]}, status=(204, 503, 507))
    service.anyone.post("/v1/auth/login", {"email": ada.email, "password": ada.password}, status=(200, 503, 507))
    for member in (ada, bela):
        assert kept[0] in {row["id"] for row in member.all("/v1/feed", limit=50)}
        member.get(f"/v1/posts/{kept[0]}", status=200)
        member.get(f"/v1/users/{ada.id}", status=200)
    filler.unlink()
    kept.append(
        eventually(
            lambda: (
                ada.post("/v1/posts", {"text": "After"}, status=(201, 503, 507))
                and ada.publish("After all", status=201)
            )
        )["id"]
    )
    listed = [row["id"] for row in ada.all(f"/v1/users/{ada.id}/posts", limit=100)]
    assert set(kept) <= set(listed) and len(listed) == len(set(listed))
    instance.kill()
    instance.start()
    settle(Service(instance), [ada, bela])
    assert set(kept) <= {row["id"] for row in ada.all(f"/v1/users/{ada.id}/posts", limit=100)}
    check_files(instance)


def down_at_readiness(service):
    """The dependencies that /readyz names as down, while it answers 200."""
    report = service.anyone.get("/readyz", status=200).json()
    return {dependency["name"] for dependency in report["dependencies"] if dependency["status"] != "ok"}


@pytest.mark.shape("sqlite")
@needs_root
@pytest.mark.timeout(120)
def test_it_starts_on_a_full_disk_and_serves_reads(launch, small_disk):
    """[F: no start on a full disk] /readyz names what is degraded, before and after the start; writes get 507.

    They work again when there is space, without a restart.
    """
    instance = small_data(launch, small_disk).start()
    service = Service(instance)
    ada, bela = service.members(2)
    ada.connect(bela)
    post = ada.publish("Before")
    eventually(lambda: post["id"] in bela.feed_ids())
    assert down_at_readiness(service) == set()
    filler = fill(small_disk)
    eventually(lambda: ada.post("/v1/posts", {"text": "x" * 3000}, status=(201, 507)).status_code == 507)
    assert "storage:post" in down_at_readiness(service)
    instance.kill()
    fill(small_disk)  # what the kill set free
    instance.start()
    service = Service(instance)
    settle(service, [ada, bela])
    assert bela.find_post(post)["text"] == "Before"
    assert post["id"] in bela.feed_ids()
    bela.get(f"/v1/users/{ada.id}", status=200)
    ada.publish("Refused", status=507)
    assert {"storage:user", "storage:connection", "storage:post"} <= down_at_readiness(service)
    filler.unlink()
    eventually(lambda: down_at_readiness(service) == set())
    kept = ada.publish("After")
    texts = [row["text"] for row in ada.all(f"/v1/users/{ada.id}/posts", limit=100)]
    assert "Refused" not in texts
    assert {post["id"], kept["id"]} <= set(bela.feed_ids())


@contextlib.contextmanager
def injected(pid, tmp_path, calls, fault):
    """While inside, the system calls `calls` of the process fail as `fault` says, such as "error=EIO"."""
    said = open(tmp_path / "strace", "wb")
    strace = subprocess.Popen(
        ["strace", "-f", "-p", str(pid), "-e", f"trace={calls}", "-e", f"inject={calls}:{fault}"],
        stderr=said,
    )
    threads = len(os.listdir(f"/proc/{pid}/task"))

    def attached():
        traced = [open(f"/proc/{pid}/task/{task}/status").read() for task in os.listdir(f"/proc/{pid}/task")]
        return len(traced) >= threads and all("TracerPid:\t0" not in text for text in traced)

    try:
        eventually(attached)
        yield
    finally:
        strace.send_signal(signal.SIGINT)
        strace.wait(10)
        said.close()


needs_strace = pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")


@pytest.mark.shape("sqlite")
@needs_strace
@pytest.mark.timeout(120)
def test_a_failing_fsync_is_never_acknowledged(launch, tmp_path):
    """While fsync fails, every write gets 503, and reads continue.

    After a restart everything acknowledged is there, and writes work. [F: a refused write returns] What was refused is
    not there, although the process was killed while fsync failed.
    """
    instance = launch()
    service = Service(instance)
    ada, bela = service.members(2)
    ada.connect(bela)
    kept = [ada.publish(f"Before {n}")["id"] for n in range(5)]
    with injected(instance.pid, tmp_path, "fsync,fdatasync", "error=EIO"):
        for n in range(10):
            ada.publish(f"During {n}", status=(503, 507))
            bela.react({"id": kept[0]}, status=(503, 507))
        ada.get("/v1/users/me", status=200)
        assert bela.find_post({"id": kept[0]})["text"] == "Before 0"
        assert set(kept) <= set(bela.feed_ids())
        instance.kill()
    instance.start()
    settle(Service(instance), [ada, bela])
    texts = {row["id"]: row["text"] for row in ada.all(f"/v1/users/{ada.id}/posts", limit=100)}
    assert list(texts) == kept[::-1]
    assert bela.find_post({"id": kept[0]})["reactions"]["total"] == 0
    ada.publish("After the restart", status=201)
    check_files(instance)


# Each failing call begins after some that work, so that commits are half-written.
FAULTS = [
    ("fsync,fdatasync", "error=EIO"),
    ("pwrite64", "error=ENOSPC:when=7+"),
    ("pwrite64", "error=EIO:when=10+"),
    ("fsync,fdatasync", "error=ENOSPC:when=4+"),
    ("pread64", "error=EIO:when=5+"),
]


@pytest.mark.shape("sqlite")
@needs_strace
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("batch", range(max(1, FAULT_ROUNDS // BATCH)))
def test_kill_9_after_disk_errors_loses_and_revives_nothing(launch, tmp_path, batch):
    """[F: a refused write returns] Disk errors under load, then kill -9 and a start, several rounds on the same data.

    Acknowledged posts are there, refused ones are not.
    """
    instance = launch()
    service = Service(instance)
    *authors, reader = members = service.members(3)
    reader.connect(*authors)
    for round_ in range(min(BATCH, FAULT_ROUNDS)):
        label = f"round {batch}.{round_}."
        with Writers(instance.url, authors, label, per_member=4, refusals_hold=True) as writers:
            writers.wait_for(10 + 17 * (round_ + batch) % 50)
            with injected(instance.pid, tmp_path, *FAULTS[round_ % len(FAULTS)]):
                count = writers.count()
                # Reads that fail refuse nothing while all is in memory.
                eventually(lambda: writers.count(REFUSED) >= 5 or writers.count() > count + 100)
                instance.kill()
            writers.stopping.set()
        instance.start()
        settle(Service(instance), members)
        check_writes(writers, authors, reader, label)
        check_files(instance)


@pytest.mark.shape("sqlite")
@needs_strace
@pytest.mark.timeout(120)
def test_a_read_error_is_tried_again_then_503_and_counted(launch, tmp_path):
    """[F: read error] EIO once: nobody notices. EIO at every read: 503 with Retry-After, never 500."""
    instance = launch()
    service = Service(instance)
    ada, bela = service.members(2)
    ada.connect(bela)
    posts = [ada.publish(f"{n} " + "x" * 2000) for n in range(100)]
    eventually(lambda: posts[-1]["id"] in bela.feed_ids())

    def restart():
        instance.kill()
        instance.start()
        settle(Service(instance), [ada, bela])
        return Service(instance).anyone

    def errors(visitor):
        return sum(
            float(line.split()[-1])
            for line in visitor.get("/metrics", status=200).text.splitlines()
            if line.startswith("guildhall_sql_disk_errors_total")
        )

    visitor = restart()
    with injected(instance.pid, tmp_path, "pread64", "error=EIO:when=1"):
        for post in posts:
            bela.get(f"/v1/posts/{post['id']}", status=200)
        assert len(bela.all("/v1/feed", limit=50)) >= 100
    assert errors(visitor) >= 1
    visitor = restart()
    with injected(instance.pid, tmp_path, "pread64", "error=EIO"):
        refused = [bela.get(f"/v1/posts/{post['id']}", status=(200, 503)).status_code == 503 for post in posts]
        bela.get("/v1/feed", params={"limit": 50}, status=(200, 503))
        assert any(refused)
    assert errors(visitor) >= sum(refused)
    assert len(bela.all("/v1/feed", limit=50)) >= 100


# --- PostgreSQL


@pytest.fixture
def own_postgres(tmp_path_factory):
    """fsync on, because what is durable is the question."""
    engine = OwnEngine("postgres", tmp_path_factory.mktemp("pg"), FSYNC="on")
    yield engine
    engine.stop()


def crash(postgres):
    """No farewell to clients, recovery at the next start."""
    postgres.signal(signal.SIGQUIT)
    eventually(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in postgres.pids()))


@pytest.mark.one_process
@pytest.mark.shape("engines")
@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("immediate", [False, True], ids=["shut down", "crashed"])
def test_postgres_restarted_under_load(own_postgres, launch, immediate):
    """503 with Retry-After at once while the database is down; then the server recovers by itself.

    Nothing is half-done: acknowledged posts are there, refused ones are not.
    """
    instance = launch(shape=Engines(own_postgres.address))
    service = Service(instance)
    *authors, reader = members = service.members(3)
    reader.connect(*authors)
    for round_ in range(2):
        label = f"restart {round_}."
        with Writers(instance.url, authors, label, per_member=3) as writers:
            writers.wait_for(30)
            if immediate:
                crash(own_postgres)
            own_postgres.stop()
            time.sleep(0.3)
            begun = time.monotonic()
            authors[0].publish("While it is down", status=503)  # its Retry-After is checked with every problem
            assert time.monotonic() - begun < 3
            assert reader.get("/v1/feed", status=(200, 503))
            service.anyone.get("/livez", status=200)
            service.anyone.get("/readyz", status=503)
            own_postgres.start()
            back = writers.count()
            eventually(lambda: writers.count() > back + 30, within=20)
        statuses = {write.status for write in writers.writes}
        assert statuses <= {0, 201, 503}, statuses
        eventually(lambda: service.anyone.get("/readyz", status=(200, 503)).status_code == 200, within=10)
        check_writes(writers, authors, reader, label)
    assert instance.process.poll() is None


# --- leaving


@pytest.mark.one_process
@pytest.mark.timeout(120)
def test_sigterm_under_load_finishes_what_was_begun(launch):
    """[X20] Drained under load, several times: exit code 0, acknowledged writes are there, and no answer is cut off."""
    instance = launch()
    service = Service(instance)
    *authors, reader = members = service.members(3)
    reader.connect(*authors)
    for round_ in range(3):
        label = f"drain {round_}."
        with Writers(instance.url, authors, label, per_member=4) as writers:
            writers.wait_for(50)
            assert instance.terminate() == 0
            writers.stopping.set()
        assert not [write for write in writers.writes if write.status >= 500 and write.status != 503]
        instance.start()
        settle(Service(instance), members)
        check_writes(writers, authors, reader, label)
