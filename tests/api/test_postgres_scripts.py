"""The scripts in deploy/postgres, run as the postgres image runs them, with PostgreSQL as it is installed here."""

import os
import pathlib
import shutil
import subprocess
import tempfile

import psycopg
import pytest

from support.client import eventually
from support.deployed import make_secrets
from support.program import ROOT, free_ports

pytestmark = pytest.mark.shape("sqlite")  # it has servers of its own

PROGRAMS = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
AS_POSTGRES = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []


class Servers:
    """A primary and a standby in a folder that PostgreSQL's own user can reach."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="guildhall-postgres."))
        self.secrets = make_secrets(self.folder / "secrets")
        shutil.copytree(ROOT / "deploy/postgres", self.folder / "scripts")
        for path in (self.folder, self.folder / "secrets", self.folder / "scripts"):
            path.chmod(0o755)
        self.port, self.standby_port = free_ports(2)
        self.running = []
        if AS_POSTGRES:
            shutil.chown(self.folder, "postgres")

    def environment(self, name):
        return os.environ | {
            "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
            "PGDATA": str(self.folder / name),
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PRIMARY": "127.0.0.1",
            "POSTGRES_USER": "guildhall",
            "POSTGRES_DB": "postgres",
            "POSTGRES_PASSWORD_FILE": str(self.secrets / "postgres_password"),
        }

    def run(self, name, *command, **more):
        environment = self.environment(name) | more
        done = subprocess.run(
            [*AS_POSTGRES, *command], env=environment, cwd=self.folder, capture_output=True, text=True, timeout=100
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self, name, *command):
        with open(self.folder / f"{name}.log", "ab") as log:
            process = subprocess.Popen(
                [*AS_POSTGRES, *command], env=self.environment(name), cwd=self.folder, stdout=log, stderr=log
            )
        self.running.append(name)
        return process

    def query(self, port, statement):
        password = (self.secrets / "postgres_password").read_text()
        where = f"host=127.0.0.1 port={port} user=guildhall dbname=postgres connect_timeout=5"
        with psycopg.connect(where, password=password, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def answers(self, port):
        try:
            return self.query(port, "SELECT 1") == [(1,)]
        except psycopg.OperationalError:
            return False

    def stop(self, name):
        self.run(name, "pg_ctl", "-D", self.folder / name, "-m", "fast", "-w", "stop")
        self.running.remove(name)

    def close(self):
        for name in reversed(self.running):
            subprocess.run(
                [*AS_POSTGRES, "pg_ctl", "-D", self.folder / name, "-m", "immediate", "stop"],
                env=self.environment(name),
                cwd=self.folder,
                capture_output=True,
                timeout=60,
            )
        shutil.rmtree(self.folder)


@pytest.fixture
def servers():
    made = Servers()
    try:
        yield made
    finally:
        made.close()


def test_the_standby_follows_the_primary_and_survives_a_restart(servers):
    listen = ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off"]
    servers.run(
        "main",
        "initdb",
        "-U",
        "guildhall",
        "-A",
        "scram-sha-256",
        "--no-sync",
        "--pwfile",
        servers.secrets / "postgres_password",
    )
    # The image starts the server for the scripts of its folder, and again when they have ended.
    password = (servers.secrets / "postgres_password").read_text()
    options = " ".join([*listen, "-p", str(servers.port)])
    servers.run("main", "pg_ctl", "-w", "-l", servers.folder / "main.log", "-o", options, "start")
    servers.running.append("main")
    servers.run("main", servers.folder / "scripts/allow_replication.sh", PGPASSWORD=password)
    servers.stop("main")
    servers.start("main", "postgres", *listen, "-p", str(servers.port))
    eventually(lambda: servers.answers(servers.port), within=60)

    start_standby = [servers.folder / "scripts/start_standby.sh", *listen, "-p", str(servers.standby_port)]
    servers.start("standby", *start_standby)
    eventually(lambda: servers.answers(servers.standby_port), within=60)
    servers.query(servers.port, "CREATE TABLE seen (n integer)")
    servers.query(servers.port, "INSERT INTO seen VALUES (1)")
    assert servers.query(servers.standby_port, "SELECT pg_is_in_recovery()") == [(True,)]

    def copied():
        try:
            return servers.query(servers.standby_port, "SELECT count(*) FROM seen")[0][0]
        except psycopg.errors.UndefinedTable:
            return 0

    eventually(lambda: copied() == 1, within=30)
    assert servers.query(servers.port, "SELECT slot_name, active FROM pg_replication_slots") == [("standby", True)]

    # What is written while it is down, it gets from the slot.
    servers.stop("standby")
    servers.query(servers.port, "INSERT INTO seen VALUES (2)")
    servers.start("standby", *start_standby)
    eventually(lambda: servers.answers(servers.standby_port), within=60)
    eventually(lambda: copied() == 2, within=30)
