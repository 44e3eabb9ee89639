"""Both sides of every question: Guildhall with a large network, and its rivals. Leaving the Stand stops all of them."""

import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from load import Failed, wait_until

ROOT = pathlib.Path(__file__).resolve().parent.parent
RIVALS = ROOT / "bench/rivals"
sys.path.insert(0, str(ROOT / "tests/tools"))
import network_files  # noqa: E402

# The limits are there and counted, only too high to be reached.
NO_LIMITS = ["--rate-limits-read-per-minute", "1000000000", "--rate-limits-write-per-minute", "1000000000"]
COPY = 10_000  # node v of copy k of the network is node v + k * COPY


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def with_children(pids):
    """These processes and those that they have started."""
    children = []
    for pid in pids:
        for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
            children += map(int, task.read_text().split())
    return [*pids, *children]


class Server:
    """A process that was started here and answers at `url`."""

    def __init__(self, name, command, port, folder, environment=None, cwd=None):
        self.name, self.url, self.port = name, f"http://127.0.0.1:{port}", port
        self.log = folder / f"{name}.log"
        # Standard output is the access log: a file, as in production.
        self.process = subprocess.Popen(
            command,
            stdout=self.log.open("w"),
            stderr=(folder / f"{name}.err").open("w"),
            env={**os.environ, **(environment or {})},
            cwd=cwd,
            start_new_session=True,
        )

    def alive(self):
        return self.process.poll() is None

    def pids(self):
        """The process and its children (Node's workers)."""
        return with_children([self.process.pid])

    def answers(self, path):
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as answer:
                return answer.status == 200
        except (OSError, urllib.error.HTTPError):
            return False

    def wait(self, path):
        wait_until(lambda: not self.alive() or self.answers(path), 60, self.name)
        if not self.alive():
            raise Failed(f"{self.name} did not start: {self.log.with_suffix('.err').read_text()[-500:]}")
        return self

    def settle(self):
        """Returns when nothing is left to do of what was accepted."""

    def resident_mib(self):
        return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{self.process.pid}/status").read_text())[1]) / 1024

    def stop(self):
        if self.alive():
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Guildhall(Server):
    def metrics(self):
        with urllib.request.urlopen(self.url + "/metrics", timeout=10) as answer:
            return answer.read().decode()

    def metric(self, name):
        """The value of a metric without labels."""
        return float(re.search(rf"^guildhall_{name} (\S+)$", self.metrics(), re.M)[1])

    def settle(self):
        """Waits until the outbox is empty, and relay and consumers have done nothing for half a second."""
        seen = [None]

        def is_still():
            text = self.metrics()

            def values(names):
                return [float(v) for v in re.findall(rf"^guildhall_(?:{names})\{{[^}}]*\}} (\S+)$", text, re.M)]

            before, seen[0] = seen[0], values("outbox_relayed_total|events_handled_total")
            return not any(values("outbox_size|sql_waiting_writes")) and seen[0] == before

        wait_until(is_still, 120, "the outbox to be empty", every=0.5)


class Together(Server):
    """Several servers that answer at one address: their CPU is counted together, and that of `engines`."""

    def __init__(self, name, front, others, engines=()):
        self.name, self.url, self.port, self.log = name, front.url, front.port, front.log
        self.servers = [front, *others]
        self.engines = engines

    def alive(self):
        return all(server.alive() for server in self.servers)

    def pids(self):
        return [pid for server in self.servers for pid in server.pids()] + with_children(self.engines)

    def settle(self):
        for server in self.servers:
            server.settle()

    def stop(self):
        for server in self.servers:
            server.stop()


class Network:
    """An imported network: its members' tokens and, where a manifest was asked for, all that was written."""

    def __init__(self, tokens, manifest=None):
        rows = [line.split("\t") for line in tokens.read_text().splitlines()]
        self.user = {int(node): user for node, user, _ in rows}
        self.token = {int(node): token for node, _, token in rows}
        self.members, self.posts, self.connections = {}, [], {node: set() for node in self.user}
        for line in manifest.open() if manifest else ():
            row = json.loads(line)
            if row["kind"] == "member":
                self.members[row["node"]] = row
            elif row["kind"] == "connection":
                self.connections[row["a"]].add(row["b"])
                self.connections[row["b"]].add(row["a"])
            elif row["kind"] == "post":
                self.posts.append(row)
            else:
                break


class Stand:
    def __init__(self, binary, folder, is_real=False):
        self.folder = folder / ("real" if is_real else "generated")
        self.folder.mkdir(parents=True, exist_ok=True)
        self.binary = self.folder / "guildhall"  # a copy: the original may be rebuilt meanwhile
        self.files = network_files.real() if is_real else network_files.generated(self.folder)
        shutil.copy2(binary, self.binary)
        self.running = []
        self.temporary = pathlib.Path(tempfile.mkdtemp(prefix="guildhall-bench-"))
        self.temporary.chmod(0o755)
        self.engines = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in reversed(self.running):
            server.stop()
        for name in self.engines:
            environment = {**os.environ, "STATE_DIR": str(self.state_of(name))}
            subprocess.run([ROOT / "tests/engines/down"], env=environment, check=False)
        shutil.rmtree(self.temporary, ignore_errors=True)

    def start(self, server, path):
        self.running.append(server)
        return server.wait(path)

    def stop(self, server):
        server.stop()
        self.running.remove(server)

    # ---- Guildhall

    def load(self, name, posts, copies=1, manifest=True, dsn=None):
        """Imports the network, at once if it is there, and gives each member an access token for 15 minutes."""
        edges = self.files.edges if copies == 1 else self.copied_graph(copies)
        tokens, written = self.folder / f"{name}.tokens", self.folder / f"{name}.manifest"
        given = {"data": self.folder / name, "edges": edges, "posts": self.files.posts, "names": self.files.names}
        given |= {"posts-count": posts, "password": "correct horse battery", "tokens": tokens}
        command = [self.binary, "import", *(f"--{option}={value}" for option, value in given.items())]
        if manifest:
            command += ["--manifest", written]
        if dsn:
            command += ["--sql-engine", "postgres", "--sql-dsn", dsn]
        with (self.folder / f"{name}.import.log").open("w") as log:
            if subprocess.run(command, stdout=log, stderr=log, check=False).returncode:
                raise Failed(f"import into {name} failed: {pathlib.Path(log.name).read_text()[-500:]}")
        return Network(tokens, written if manifest else None)

    def copied_graph(self, copies):
        """The edge list `copies` times with other node numbers, and one edge between neighbouring copies."""
        path = self.folder / f"graph-{copies}.txt"
        edges = [tuple(map(int, line.split())) for line in self.files.edges.read_text().splitlines()]
        with path.open("w") as out:
            for k in range(copies):
                out.writelines(f"{a + k * COPY} {b + k * COPY}\n" for a, b in edges)
            out.writelines(f"{k * COPY} {(k + 1) * COPY}\n" for k in range(copies - 1))
        return path

    def guildhall(self, data, threads, cores=None, options=(), environment=None, log=None):
        port = free_port()
        pinned = ["taskset", "-c", cores] if cores else []
        given = {"data": self.folder / data, "listen": f"127.0.0.1:{port}", "http-threads": threads}
        command = [*pinned, self.binary, "serve", *(f"--{option}={value}" for option, value in given.items())]
        command += [*NO_LIMITS, *options]
        return self.start(Guildhall(f"serve-{log or data}", command, port, self.folder, environment), "/readyz")

    # ---- rivals

    def build(self, source, *libraries):
        """Builds a program of one file, unless the program is newer than the file."""
        program = self.folder / "rivals" / source.stem
        program.parent.mkdir(exist_ok=True)
        if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
            compiler = "clang++-19 -std=c++20 -O2 -DNDEBUG -pthread".split()
            subprocess.run([*compiler, source, "-o", program, *libraries], check=True)
        return program

    def beast(self):
        program, port = self.build(RIVALS / "beast_server.cpp"), free_port()
        return self.start(Server("beast", ["taskset", "-c", "0", program, str(port)], port, self.folder), "/json")

    def engine(self, kind, name=""):
        """Starts an engine of its own, which writes to the disk as in production; how to reach it."""
        key = kind + name
        if key not in self.engines:
            folders = {"DATA_DIR": str(self.temporary / key), "STATE_DIR": str(self.state_of(key))}
            environment = {**os.environ, **folders, "FSYNC": "on"}
            program = ROOT / f"tests/engines/up-{kind}"
            run = subprocess.run([program], env=environment, capture_output=True, text=True, check=False)
            if run.returncode:
                raise Failed(f"{kind} did not start: {run.stdout}{run.stderr}")
            self.engines[key] = run.stdout.rstrip().rpartition("\n")[2].partition("=")[2]
        return self.engines[key]

    def state_of(self, key):
        return self.temporary / f"state-{key}"

    def engine_pids(self, kind, name=""):
        return [int(record.read_text().split()[0]) for record in self.state_of(kind + name).glob("*.pid")]

    def postgres(self):
        """Starts a PostgreSQL; its libpq connection string."""
        return self.engine("postgres")

    def database(self, name):
        """Makes a database of this name in it, unless there is one; its libpq connection string."""
        words = ["psql", "-qAt", "-v", "ON_ERROR_STOP=1", self.postgres(), "-c"]
        found = subprocess.check_output([*words, f"SELECT 1 FROM pg_database WHERE datname = '{name}'"])
        if not found.strip():
            subprocess.run([*words, f"CREATE DATABASE {name}"], check=True)
        return self.postgres().replace("dbname=postgres", f"dbname={name}")

    def engine_options(self, prefix, dsn=None, redis=None):
        options = {"sql-engine": "postgres", "sql-dsn": dsn or self.postgres(), "sql-connections-per-thread": 4}
        options |= {"redis-url": redis or self.engine("redis"), "redis-prefix": f"{prefix}:"}
        options |= {"bus-url": self.engine("rabbitmq"), "bus-prefix": f"{prefix}."}
        options |= {"graph-url": self.engine("neo4j"), "graph-prefix": prefix.capitalize()}
        return [f"--{name}={value}" for name, value in options.items()]

    def services(self):
        return subprocess.check_output([self.binary, "services"], text=True).split()

    def on_engines(self):
        """One process with all services on all engines."""
        return self.guildhall("engines", threads=2, options=self.engine_options("one"))

    def split_services(self):
        """A process for each service behind nginx, on the same engines."""
        ports = {name: free_port() for name in self.services()}
        url = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
        options = [*self.engine_options("split"), *NO_LIMITS, "--services-secrets", "s" * 32, "--http-threads", "1"]
        options += ["--services-user-url", url["user"], "--services-connection-url", url["connection"]]
        options += ["--http-trusted-proxies", "127.0.0.1", "--data", self.temporary / "split"]
        processes = []
        for name in ports:
            command = [self.binary, "serve", "--services", name, "--listen", f"127.0.0.1:{ports[name]}", *options]
            processes.append(self.start(Server(f"serve-{name}", command, ports[name], self.folder), "/readyz"))
        return Together("split", self.nginx("split", {name: [url[name]] for name in ports}), processes)

    def two_replicas(self, name, is_coherent):
        """Two processes with all services behind nginx, on the database of this name.

        Both share a Redis of their own. If they are not coherent, it refuses them pub/sub: then none hears what the
        other changes, so both read from SQL each time.
        """
        redis = self.engine("redis", name)
        if not is_coherent:
            port = redis.rpartition(":")[2]
            subprocess.run(["redis-cli", "-p", port, *"ACL SETUSER default resetchannels".split()], check=True)
        options = [*self.engine_options(name, self.database(name), redis), "--http-trusted-proxies", "127.0.0.1"]
        replicas = [self.guildhall(name, threads=1, options=options, log=f"{name}-{n}") for n in range(2)]
        wait_until(lambda: all(r.metric("coherence_live") == is_coherent for r in replicas), 10, "coherence")
        front = self.nginx(name, {service: [replica.url for replica in replicas] for service in self.services()})
        return Together(name, front, replicas, [*self.engine_pids("postgres"), *self.engine_pids("redis", name)])

    def nginx(self, name, urls):
        """Starts nginx before the replicas of each service."""
        port, folder = free_port(), self.temporary / f"nginx-{name}"
        folder.mkdir()
        command = [self.binary, "gateway", "nginx", f"--bind=127.0.0.1:{port}"]
        command += ["--address-requests=0", "--address-connections=0", "--cache-seconds=0"]
        command += [f"--replica={service}={url}" for service in urls for url in urls[service]]
        written = subprocess.run(command, capture_output=True, text=True, check=True)
        (folder / "nginx.conf").write_text(written.stdout)
        user = " user root;" if os.geteuid() == 0 else ""
        program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
        settings = ["-e", "stderr", "-c", "nginx.conf", "-g", "daemon off;" + user]
        command = [program, "-p", f"{folder}/", *settings]
        return self.start(Server(f"nginx-{name}", command, port, self.folder), "/livez")

    def node(self, posts_per_member):
        """The usual stack on the same PostgreSQL, two workers: the server, and a token for each user in order of id."""
        source, place = RIVALS / "express", self.folder / "node"
        shutil.copytree(source, place, dirs_exist_ok=True)
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--silent"], cwd=place, check=True)
        database = self.database("node")
        place_of = dict(word.split("=", 1) for word in database.split())
        psql = ["psql", "-q", "-v", "ON_ERROR_STOP=1"]
        subprocess.run([*psql, database, "-f", source / "schema.sql"], check=True)
        users = 1 + max(int(line.split()[1]) for line in self.files.edges.read_text().splitlines())
        seed = [*psql, database, "-v", f"users={users}", "-v", f"posts={posts_per_member}", "-f", source / "seed.sql"]
        with self.files.edges.open() as edges:
            subprocess.run(seed, stdin=edges, stdout=subprocess.DEVNULL, check=True)
        port = free_port()
        environment = {"PORT": str(port), "WORKERS": "2", "NODE_ENV": "production", "JWT_SECRET": "bench"}
        environment |= {"PGHOST": place_of["host"], "PGPORT": place_of["port"], "PGUSER": place_of["user"]}
        environment |= {"PGDATABASE": "node", "REDIS_PORT": self.engine("redis").rpartition(":")[2]}
        tokens = subprocess.run(
            ["node", "tokens.js", str(users)],
            cwd=place,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        server = Server("node", ["node", "server.js"], port, self.folder, environment, place)
        return self.start(server, "/health"), tokens

    def time_until_ready(self, folder):
        """Starts Guildhall on an empty folder: milliseconds until the first 200 of /readyz, and the server."""
        port = free_port()
        begin = time.monotonic()
        server = Guildhall(
            "serve-empty", [self.binary, "serve", "--data", folder, "--listen", f"127.0.0.1:{port}"], port, self.folder
        )
        self.running.append(server)
        while time.monotonic() < begin + 30:
            try:
                with socket.create_connection(("127.0.0.1", port), 5) as s:
                    s.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                    if s.recv(64).startswith(b"HTTP/1.1 200 "):
                        return (time.monotonic() - begin) * 1000, server
            except OSError:
                pass
            time.sleep(0.0005)
        raise Failed("not ready within 30 s")
