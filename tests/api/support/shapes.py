"""How Guildhall is started for the tests: one launcher for each shape of a deployment. Tests only see `Instance`."""

import base64
import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import threading
import time
import urllib.parse
import urllib.request
import uuid

import pika
import psycopg

from support.gateway import Nginx
from support.program import ROOT, SERVICES, binary, free_ports

LISTENING = re.compile(r"listening on (http://\S+)")


def to_toml(tree: dict, at: str = "") -> str:
    """Nested dicts of plain values as TOML."""

    def plain(value):
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, (int, float)):
            return str(value)
        if isinstance(value, (list, tuple)):
            return "[" + ", ".join(plain(item) for item in value) + "]"
        return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'

    lines = [f"{key} = {plain(value)}" for key, value in tree.items() if not isinstance(value, dict)]
    text = (f"[{at}]\n" if at and lines else "") + "".join(line + "\n" for line in lines)
    return text + "".join(
        to_toml(value, f"{at}.{key}" if at else key) for key, value in tree.items() if isinstance(value, dict)
    )


def merged(tree: dict, over: dict) -> dict:
    out = dict(tree)
    for key, value in over.items():
        out[key] = merged(out[key], value) if isinstance(value, dict) and isinstance(out.get(key), dict) else value
    return out


# Limits high enough not to disturb other tests; the tests of limits set their own. The tests speak through a "proxy",
# so that each can have its own address.
QUIET = {
    "http": {"trusted_proxies": ["127.0.0.1"]},
    "rate_limits": {"read_per_minute": 1_000_000, "write_per_minute": 1_000_000, "auth_per_minute": 1_000_000},
    "auth": {"hashing_queue": 1000, "ip_registrations": 1_000_000},
    "connections": {"invitations_a_week": 1_000_000, "max_pending_invitations": 1_000_000},
}


def is_ready(url: str, process: subprocess.Popen, within: float) -> bool:
    end = time.monotonic() + within
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            with urllib.request.urlopen(url + "/readyz", timeout=2) as answer:
                if answer.status == 200:
                    return True
        if process.poll() is not None:
            return False
        time.sleep(0.01)
    return False


class Instance:
    """A running Guildhall: its address, its mails and log, and for the tests of faults its process."""

    def __init__(self, shape, folder: pathlib.Path, settings: dict):
        self.shape = shape
        self.folder = folder
        self.data = folder / "data"
        self.mails = self.data / "mail"
        self.config = folder / "guildhall.toml"
        self.log_path = folder / "log"
        self.url = ""
        self.process = None
        self.data.mkdir(parents=True, exist_ok=True)
        self.config.write_text(to_toml(merged(merged(QUIET, shape.settings(self)), settings)))

    def start(self, *, env=None, within=30.0):
        """`env`: variables that are added; `within`: seconds until it must be ready."""
        self.process, self.url = self.serve([], env, within)
        if not self.url or not is_ready(self.url, self.process, within):
            self.kill()
            raise RuntimeError(f"guildhall did not start; its log:\n{self.log()[-8000:]}")
        return self

    def serve(self, options, env, within, port=0):
        """Starts a process; returns it and its address, which is empty if the process printed none."""
        with open(self.log_path, "ab") as log:
            process = subprocess.Popen(
                [
                    binary(),
                    "serve",
                    "--config",
                    self.config,
                    "--data",
                    self.data,
                    "--listen",
                    f"127.0.0.1:{port}",
                    *options,
                ],
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )
        said, urls = threading.Event(), []

        def read(pipe):
            with open(self.log_path, "ab", buffering=0) as out:
                for line in pipe:
                    out.write(line)
                    if found := LISTENING.search(line.decode(errors="replace")):
                        urls.append(found[1])
                        said.set()
            said.set()

        threading.Thread(target=read, args=(process.stdout,), daemon=True).start()
        if not port:
            said.wait(within)
        return process, urls[0] if urls else ""

    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    @property
    def pid(self) -> int:
        return self.process.pid

    def terminate(self, within: float = 20.0) -> int:
        """SIGTERM; the exit code."""
        return self.end(self.process, within)

    def end(self, process, within: float) -> int:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            return process.wait(within)
        except subprocess.TimeoutExpired:
            self.kill()
            raise RuntimeError(
                f"guildhall did not end within {within} s of SIGTERM; its log:\n{self.log()[-8000:]}"
            ) from None

    def kill(self):
        """SIGKILL."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)

    def run(self, *arguments, check=True, timeout=300) -> subprocess.CompletedProcess:
        """Another subcommand with the same configuration and data, such as run("import", "--edges", path)."""
        done = subprocess.run(
            [binary(), *arguments[0].split(), "--config", self.config, "--data", self.data, *arguments[1:]],
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if check and done.returncode != 0:
            raise RuntimeError(
                f"guildhall {' '.join(map(str, arguments))}: exit {done.returncode}\n"
                f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
            )
        return done

    def close(self):
        self.kill()
        self.shape.clean(self)


class Fleet(Instance):
    """A process for each replica of each service, behind nginx."""

    def start(self, *, env=None, within=60.0):
        self.replicas = {}  # (service, number): process
        self.env = env
        for service, number in self.shape.replicas(self):
            self.start_replica(service, number)
        for (service, number), process in self.replicas.items():
            if not is_ready(self.shape.url_of(self, service, number), process, within):
                log = self.log()[-8000:]
                self.kill()
                raise RuntimeError(f"replica {number} of {service} did not start; the log of all:\n{log}")
        self.gateway = self.gateway or Nginx(
            self.folder / "nginx", self.shape.urls(self), f"--config={self.config}", *self.shape.gateway_options
        )
        self.url = self.gateway.url
        return self

    def start_replica(self, service, number):
        port = self.ports[service][number]
        self.replicas[service, number], _ = self.serve(["--services", service], self.env, 0, port)

    @property
    def process(self):
        raise AttributeError("a fleet has many processes; a test of one is marked one_process")

    @process.setter
    def process(self, value):
        pass

    def terminate(self, within: float = 30.0) -> int:
        """SIGTERM to all; the largest exit code."""
        for process in self.replicas.values():
            process.send_signal(signal.SIGTERM)
        return max(self.end(process, within) for process in self.replicas.values())

    def kill(self):
        for process in self.replicas.values():
            process.kill()
        for process in self.replicas.values():
            process.wait(10)

    def close(self):
        try:
            if self.gateway:
                self.gateway.close()
        finally:
            super().close()


class Sqlite:
    """One process, all services, SQLite files in the data folder."""

    name = "sqlite"
    instance = Instance

    def settings(self, instance):
        return {"sql": {"engine": "sqlite"}}

    def clean(self, instance):
        pass


def engine(name: str) -> str:
    """How a real engine is reached: tests/engines/up-* say so."""
    found = os.environ.get(f"GUILDHALL_TEST_{name}", "")
    if not found:
        raise RuntimeError(f"GUILDHALL_TEST_{name} is not set")
    return found


def cypher(url: str, statement: str):
    """Runs one statement in a Neo4j; its rows."""
    parts = urllib.parse.urlsplit(url)
    request = urllib.request.Request(
        f"http://{parts.hostname}:{parts.port}/db/neo4j/tx/commit",
        json.dumps({"statements": [{"statement": statement}]}).encode(),
        {
            "Content-Type": "application/json",
            "Authorization": "Basic " + base64.b64encode(f"{parts.username}:{parts.password}".encode()).decode(),
        },
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        said = json.load(answer)
    if said["errors"]:
        raise RuntimeError(said["errors"])
    return [row["row"] for row in said["results"][0]["data"]]


class Engines:
    """One process, all services, on all real engines; each instance has its own database, queues and keys."""

    name = "engines"
    instance = Instance

    def __init__(self, dsn: str | None = None):
        self.dsn = dsn or engine("POSTGRES")  # of an administrator

    def settings(self, instance):
        instance.database = f"api_{uuid.uuid4().hex[:16]}"
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {instance.database}")
        instance.dsn = psycopg.conninfo.make_conninfo(self.dsn, dbname=instance.database)
        return {
            "sql": {"engine": "postgres", "dsn": instance.dsn},
            "redis": {"url": engine("REDIS"), "prefix": instance.database + ":"},
            "bus": {"url": engine("RABBITMQ"), "prefix": instance.database + "."},
            # Neo4j compiles new statements, and all statements after another instance has changed the schema. On a busy
            # machine this takes seconds.
            "graph": {"url": engine("NEO4J"), "prefix": self.graph_prefix(instance), "question_deadline": 8000},
        }

    @staticmethod
    def graph_prefix(instance) -> str:
        """Of labels, which hold no underscore here."""
        return instance.database.replace("_", "").capitalize()

    def clean(self, instance):
        queues = instance.run("events queues").stdout.split()
        with (
            contextlib.suppress(pika.exceptions.AMQPError),
            pika.BlockingConnection(pika.URLParameters(engine("RABBITMQ"))) as broker,
        ):
            channel = broker.channel()
            for queue in queues:
                channel.queue_delete(queue)
            channel.exchange_delete(instance.database + ".events")
        with contextlib.suppress(OSError, RuntimeError):
            cypher(engine("NEO4J"), f"MATCH (n:{self.graph_prefix(instance)}Member) DETACH DELETE n")
        with contextlib.suppress(psycopg.Error), psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {instance.database} WITH (FORCE)")


class Sharded(Instance):
    """Its tables are distributed before it starts for the first time."""

    is_distributed = False

    def start(self, *, env=None, within=60.0):
        if not self.is_distributed:
            self.run("migrate")
            with psycopg.connect(self.dsn, autocommit=True) as coordinator:
                coordinator.execute((ROOT / "deploy/postgres/citus.sql").read_text())
            self.is_distributed = True
        return super().start(env=env, within=within)


class Citus(Engines):
    """As Engines, on a Citus cluster: GUILDHALL_TEST_CITUS is the DSN of an administrator at its coordinator.

    The coordinator must reach the workers, and this program too, at the addresses in pg_dist_node. Each instance has a
    database of its own on all of them.
    """

    name = "citus"
    instance = Sharded

    def __init__(self):
        super().__init__(engine("CITUS"))

    def settings(self, instance):
        settings = super().settings(instance)
        with psycopg.connect(self.dsn) as connection:
            nodes = connection.execute(
                "SELECT nodename, nodeport, groupid = 0 FROM pg_dist_node WHERE noderole = 'primary' ORDER BY groupid"
            ).fetchall()
        workers = [(host, port) for host, port, is_coordinator in nodes if not is_coordinator]
        for host, port in workers:
            dsn = psycopg.conninfo.make_conninfo(self.dsn, host=host, port=port)
            with psycopg.connect(dsn, autocommit=True) as worker:
                worker.execute(f"CREATE DATABASE {instance.database}")
            with psycopg.connect(dsn, dbname=instance.database, autocommit=True) as worker:
                worker.execute("CREATE EXTENSION citus")
        with psycopg.connect(instance.dsn, autocommit=True) as coordinator:
            coordinator.execute("CREATE EXTENSION citus")
            for host, port, is_coordinator in nodes:
                if is_coordinator:
                    coordinator.execute("SELECT citus_set_coordinator_host(%s, %s)", [host, port])
            for host, port in workers:
                coordinator.execute("SELECT citus_add_node(%s, %s)", [host, port])
        return settings


class Services(Engines):
    """Eight services in processes of their own, two replicas each, behind nginx, on all real engines."""

    name = "services"
    instance = Fleet
    count = 2
    # Tests ask for /readyz and /metrics too, and speak through a "proxy".
    gateway_options = ("--operator=0.0.0.0/0", "--trusted-proxy=127.0.0.1")

    def settings(self, instance):
        ports = iter(free_ports(len(SERVICES) * self.count))
        instance.ports = {service: [next(ports) for _ in range(self.count)] for service in SERVICES}
        instance.replicas, instance.gateway = {}, None
        return merged(
            super().settings(instance),
            {
                "services": {
                    "secrets": [uuid.uuid4().hex],
                    **{service: {"url": urls} for service, urls in self.urls(instance).items()},
                },
                "http": {"threads": 1},
                "sql": {"connections_per_thread": 2},
            },
        )

    def replicas(self, instance):
        return [(service, number) for service in SERVICES for number in range(self.count)]

    def url_of(self, instance, service, number):
        return f"http://127.0.0.1:{instance.ports[service][number]}"

    def urls(self, instance):
        return {
            service: [self.url_of(instance, service, number) for number in range(self.count)] for service in SERVICES
        }


SHAPES = {"sqlite": Sqlite, "engines": Engines, "services": Services, "citus": Citus}


def chosen_shape():
    return SHAPES[os.environ.get("GUILDHALL_SHAPE", "sqlite")]()


class Launcher:
    """Makes instances and ends them all."""

    def __init__(self, shape, folder=None):
        self.shape = shape
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="guildhall-api-"))
        self.instances = []

    def prepare(self, settings=None, shape=None) -> Instance:
        """An instance that is configured, not started."""
        shape = shape or self.shape
        instance = shape.instance(shape, self.folder / f"{len(self.instances)}", settings or {})
        self.instances.append(instance)
        return instance

    def __call__(self, settings=None, shape=None, **start) -> Instance:
        return self.prepare(settings, shape).start(**start)

    def close(self):
        for instance in self.instances:
            with contextlib.suppress(Exception):
                instance.close()
