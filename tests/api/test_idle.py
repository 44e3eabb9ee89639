"""What a server does that nobody uses."""

import hashlib
import time

import psycopg
import pytest

from support.client import Service, eventually

pytestmark = [pytest.mark.one_process, pytest.mark.slow, pytest.mark.timeout(120)]
SECONDS = 12


def used(launch):
    """A server that was used, and whose events have all been relayed."""
    instance = launch()
    service = Service(instance)
    ada, bela = service.members(2)
    ada.connect(bela)
    post = ada.publish()
    eventually(lambda: post["id"] in bela.feed_ids())
    return instance, service


def quiet(look, seconds=6.0):
    """Waits until what `look` gives has stayed the same for `seconds`; gives it."""
    seen, since = look(), time.monotonic()

    def is_quiet():
        nonlocal seen, since
        if (now := look()) != seen:
            seen, since = now, time.monotonic()
        return time.monotonic() - since >= seconds

    eventually(is_quiet, within=60, every=0.5)
    return seen


def commits(service):
    """Commits of each database."""
    lines = service.anyone.get("/metrics", status=200).text.splitlines()
    return {
        line.split()[0]: float(line.split()[1]) for line in lines if line.startswith("guildhall_sql_commits_total")
    }


@pytest.mark.shape("sqlite")
def test_an_idle_server_writes_nothing(launch):
    """[F: at rest 1.3 commits a second in each database] At most one commit in each database, and no file changes."""
    instance, service = used(launch)

    def files():
        return {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in instance.data.glob("*.db*")
            if not path.name.endswith("-shm")
        }

    before, first = quiet(lambda: (commits(service), files()))
    assert len(before) == 3
    end = time.monotonic() + SECONDS
    eventually(lambda: time.monotonic() >= end, within=2 * SECONDS, every=0.5)
    after = commits(service)
    assert all(after[database] - before[database] <= 1 for database in before), (before, after)
    changed = {name for name, content in files().items() if first[name] != content}
    assert len(changed) <= sum(after.values()) - sum(before.values()), changed


@pytest.mark.shape("engines")
def test_an_idle_server_hardly_asks_postgres(launch, shape):
    """[F: an idle process sends 73 statements a second] Few statements, and no row is written.

    [F: at rest 1.3 commits a second in each database]
    """
    instance, _ = used(launch)
    with psycopg.connect(shape.dsn, autocommit=True) as connection:

        def counted(columns):
            row = connection.execute(
                f"SELECT {columns} FROM pg_stat_database WHERE datname = %s", [instance.database]
            ).fetchone()
            return row[0]

        def rows():
            return counted("tup_inserted + tup_updated + tup_deleted")

        before = quiet(rows)
        statements = counted("xact_commit + xact_rollback")
        begun = time.monotonic()
        eventually(lambda: time.monotonic() >= begun + SECONDS, within=2 * SECONDS, every=0.5)
        rate = (counted("xact_commit + xact_rollback") - statements) / (time.monotonic() - begun)
        assert rate < 8, f"{rate} statements a second"
        assert rows() - before <= 3, "one row in each database"
