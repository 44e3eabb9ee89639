"""What makes the tables fit for a Citus cluster, tried on PostgreSQL alone.

The shape `citus` runs on a real cluster.
"""

import json
import threading

import psycopg
import pytest

from support.client import Service, eventually
from support.program import ROOT, SERVICES

pytestmark = [pytest.mark.one_process, pytest.mark.shape("engines")]

# Of Citus, as far as the script uses it.
STAND_IN = """
CREATE TABLE pg_dist_partition (logicalrelid regclass PRIMARY KEY, key text NOT NULL, colocated text NOT NULL);
CREATE FUNCTION create_distributed_table(name regclass, key text, colocate_with text) RETURNS void LANGUAGE sql
    AS 'INSERT INTO pg_dist_partition VALUES (name, key, colocate_with)';
CREATE FUNCTION undistribute_table(name regclass) RETURNS void LANGUAGE sql
    AS 'DELETE FROM pg_dist_partition WHERE logicalrelid = name';
"""


@pytest.fixture
def database(launch):
    """A database with the tables of all services."""
    instance = launch()
    assert instance.terminate() == 0
    with psycopg.connect(instance.dsn, autocommit=True) as connection:
        connection.execute(STAND_IN)
        yield connection


def distribute(database):
    """Runs the script; table -> (key, group), with the first table of a group as its name."""
    database.execute((ROOT / "deploy/postgres/citus.sql").read_text())
    database.execute("DROP FUNCTION pg_temp.distribute, pg_temp.keep_local")  # as the end of a session does
    rows = database.execute("SELECT logicalrelid::text, key, colocated FROM pg_dist_partition").fetchall()
    near = {name.replace('"', ""): neighbour for name, _, neighbour in rows}

    def group(name):
        return name if near[name] == "none" else group(near[name])

    return {name.replace('"', ""): (key, group(name.replace('"', ""))) for name, key, _ in rows}


def test_the_script_can_be_run_again_and_distributes_what_is_new(database):
    """[F: citus.sql runs once] A table of a later migration is distributed; what is to be local comes back."""
    first = distribute(database)
    assert first and distribute(database) == first
    database.execute("DELETE FROM pg_dist_partition WHERE logicalrelid = 'post.comments'::regclass")
    database.execute("""INSERT INTO pg_dist_partition VALUES ('"user".signing_keys', 'kid', 'none')""")
    assert distribute(database) == first


def test_the_tables_of_a_service_with_keys_of_a_type_are_one_group(database):
    """[F: every traced write is a two-phase commit over both workers] Fact, event, idempotency key and inbox.

    [F: inbox and dead letters are keyed by consumer] [F: signing_keys as a reference table]
    """
    tables = distribute(database)
    types = dict(
        database.execute(
            "SELECT table_schema || '.' || table_name || '.' || column_name, data_type FROM information_schema.columns"
        ).fetchall()
    )
    groups = {}
    for name, (key, group) in tables.items():
        groups.setdefault((name.partition(".")[0], types[f"{name}.{key}"]), set()).add(group)
    assert {service for service, _ in groups} == set(SERVICES)
    assert all(len(of_a_type) == 1 for of_a_type in groups.values()), groups
    for service in SERVICES:
        for table, key in (
            ("outbox", "subject"),
            ("idempotency_keys", "user_id"),
            ("inbox", "event_id"),
            ("dead_letters", "event_id"),
        ):
            assert tables[f"{service}.{table}"][0] == key
            assert tables[f"{service}.{table}"][1] == groups[service, "bigint"].copy().pop()
    assert not {"user.signing_keys", "user.revoked_sessions", "user.mails"} & set(tables)


def test_commands_print_warnings_to_standard_error_only(launch):
    """[F: commands other than `serve` print slow-statement warnings to standard output]"""
    instance = launch()
    ada, bela = Service(instance).members(2)
    ada.connect(bela)
    with psycopg.connect(instance.dsn) as other:
        other.execute("LOCK TABLE post.dead_letters IN ACCESS EXCLUSIVE MODE")
        done = []
        command = threading.Thread(target=lambda: done.append(instance.run("events dead list", timeout=60)))
        command.start()

        def waits():
            with psycopg.connect(instance.dsn) as watcher:
                return watcher.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                    " AND wait_event_type = 'Lock' AND clock_timestamp() - query_start > interval '0.5 s'"
                ).fetchone()[0]

        eventually(waits)
    command.join(60)
    assert "slow statement" in done[0].stderr
    for line in done[0].stdout.splitlines():
        json.loads(line)
