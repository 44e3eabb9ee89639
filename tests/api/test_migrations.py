"""The schema of the databases and the version of the program."""

import contextlib
import sqlite3

import psycopg
import pytest

from support.client import Service

pytestmark = pytest.mark.one_process


def execute(instance, service, text):
    """Runs a statement in the database of a service."""
    if instance.shape.name == "sqlite":
        with contextlib.closing(sqlite3.connect(instance.data / f"{service}.db")) as database, database:
            database.execute(text)
    else:
        with psycopg.connect(instance.dsn, options=f"-c search_path={service}") as database:
            database.execute(text)


@pytest.mark.parametrize("service", ["user", "post"])
def test_an_older_program_refuses_a_newer_database(launch, service):
    """[F: an older program on a newer database] It does not start and says why; without the newer migration it does."""
    instance = launch()
    Service(instance).register()
    assert instance.terminate() == 0
    execute(instance, service, f"INSERT INTO schema_migrations VALUES ('{service}/9999_later.sql', 1)")
    for command in (["serve", "--listen", "127.0.0.1:0"], ["migrate"]):
        refused = instance.run(*command, check=False, timeout=30)
        assert refused.returncode == 1
        assert f"{service}/9999_later.sql" in refused.stderr and "newer" in refused.stderr
        assert refused.stdout == ""
    execute(instance, service, f"DELETE FROM schema_migrations WHERE name = '{service}/9999_later.sql'")
    instance.start()
