"""The questions. Each prepares both sides, checks the answers, measures in turn and yields rows of the table."""

import hashlib
import itertools
import os
import random
import shutil
import sqlite3
import statistics
import subprocess
from dataclasses import dataclass, field

from load import CONNECTIONS, call, expect, play, write_requests
from stand import COPY, RIVALS, ROOT

POSTS = 40_000
TEXT = "x" * 256  # as the rival's own script


@dataclass
class Row:
    name: str
    question: str
    unit: str
    ours: float
    rival: float | None
    ratio: float
    required: str  # "<= 2"
    conditions: str
    rounds: list = field(default_factory=list)
    is_required: bool = True  # False: only for comparison

    def holds(self):
        sign, bound = self.required.split()
        return self.ratio <= float(bound) if sign == "<=" else self.ratio >= float(bound)


def in_turn(rounds, sides):
    """Measures the sides A B A B …; the samples of each side, round by round."""
    samples = [[] for _ in sides]
    for _ in range(rounds):
        for side, list_of_it in zip(sides, samples):
            list_of_it.append(side())
    return samples


def warm_up(server, requests, seconds):
    """Plays until every request of the list was answered twice, at least for `seconds`."""
    rest = 2 * sum(1 for _ in requests.open())
    while rest > 0:
        rest -= play(server, requests, seconds).requests


def compare(name, question, unit, ours, rival, required, conditions, is_required=True):
    """The median of the ratios of the rounds, beside the medians of both sides."""
    ratios = [a / b for a, b in zip(ours, rival)]
    return Row(
        name,
        question,
        unit,
        statistics.median(ours),
        statistics.median(rival),
        statistics.median(ratios),
        required,
        conditions,
        [round(r, 3) for r in ratios],
        is_required,
    )


def rates(a, b):
    """Requests a second of both sides."""
    return " and ".join(f"{statistics.median(s.rate for s in side):,.0f}" for side in (a, b)) + " requests/s"


# ---- requests and their right answers


def get(path, token):
    return ("GET", path, token, "")


def expected_feed(network, reader, count):
    """The newest posts of a member and of their connections, from what the import says that it wrote."""
    circle = network.connections[reader] | {reader}
    mine = [p for p in network.posts if p["node"] in circle]
    return [p["post_id"] for p in sorted(mine, key=lambda p: p["created_at"], reverse=True)[:count]]


def check_posts(server, network, requests):
    by_id = {p["post_id"]: p for p in network.posts}
    for _, path, token, _ in requests[:50]:
        status, post = call(server, "GET", path, token)
        expect(status == 200 and post["id"] == path.rpartition("/")[2], f"{path}: {status}")
        expect(
            hashlib.sha256(post["text"].encode()).hexdigest() == by_id[post["id"]]["sha256"], f"{path}: another text"
        )


def check_profiles(server, network, requests):
    members = {m["user_id"]: m for m in network.members.values()}
    for _, path, token, _ in requests[:50]:
        status, profile = call(server, "GET", path, token)
        expect(status == 200 and profile["name"] == members[path.rpartition("/")[2]]["name"], f"{path}: {status}")


def check_feeds(server, network, readers, count):
    for reader in readers[:50]:
        status, page = call(server, "GET", f"/v1/feed?limit={count}", network.token[reader])
        ids = [p["id"] for p in page["items"]]
        expect(
            status == 200 and ids == expected_feed(network, reader, count),
            f"feed of node {reader}: {status}, {len(ids)} items",
        )
        expect(all(p["author"]["name"] for p in page["items"]), "an item without its author's card")


def readers_with(network, count, rng):
    """Members whose first page is full, in random order."""
    by_author = {}
    for post in network.posts:
        by_author[post["node"]] = by_author.get(post["node"], 0) + 1
    enough = [
        n
        for n in network.user
        if by_author.get(n, 0) + sum(by_author.get(c, 0) for c in network.connections[n]) >= count
    ]
    rng.shuffle(enough)
    return enough


def requests_for(network, rng, page):
    """Lists of requests for posts, profiles and feeds; readers and what they read are random and many."""
    nodes = list(network.user)
    visible = [p for p in network.posts if p["visibility"] != "connections"]
    any_token = lambda: network.token[rng.choice(nodes)]
    readers = readers_with(network, page, rng)
    return {
        "post": [get(f"/v1/posts/{rng.choice(visible)['post_id']}", any_token()) for _ in range(16_384)],
        "profile": [get(f"/v1/users/{network.user[rng.choice(nodes)]}", any_token()) for _ in range(16_384)],
        "feed": [get(f"/v1/feed?limit={page}", network.token[r]) for r in readers],
    }, readers


def wanted(names, options):
    return [n for n in names if not options.only or any(n == o or n.startswith(o + "-") for o in options.only)]


# ---- the questions


def ceiling(stand, options):
    """What do a post, a profile and a feed page cost beside a bare Beast server that answers a constant?"""
    names = wanted(["ceiling-post", "ceiling-profile", "ceiling-feed"], options)
    network = stand.load("small", POSTS)
    requests, readers = requests_for(network, random.Random(1), 20)
    ours, beast = stand.guildhall("small", threads=1, cores="0"), stand.beast()
    check_posts(ours, network, requests["post"])
    check_profiles(ours, network, requests["profile"])
    check_feeds(ours, network, readers, 20)
    plain = write_requests(stand.folder / "beast.requests", [("GET", "/json", "", "")])
    bounds = {"post": 1.75, "profile": 1.75, "feed": 4}
    for name in names:
        what = name.removeprefix("ceiling-")
        path = write_requests(stand.folder / f"{what}.requests", requests[what])
        warm_up(ours, path, options.warm)
        warm_up(beast, plain, options.warm)
        a, b, c = in_turn(
            options.rounds,
            [
                lambda: play(ours, path, options.seconds),
                lambda: play(beast, plain, options.seconds),
                lambda: play(beast, path, options.seconds),
            ],
        )
        distinct = len({r[1] for r in requests[what]})
        things = f" for {distinct:,} different {what}s" if distinct > 1 else ""
        conditions = (
            f"SQLite, warm, {len(requests[what]):,} requests{things} of {len({r[2] for r in requests[what]}):,} "
            f"signed-in members, {a[0].size:,.0f} bytes an answer, access log to a file, one io thread on core 0, "
            f"wrk on the other, {CONNECTIONS} kept connections; {rates(a, b)}"
        )
        cost = [s.cpu_us for s in a]
        question = {"post": "GET a post", "profile": "GET a profile", "feed": "first feed page, 20 items"}[what]
        yield compare(
            name,
            f"{question}; bare Beast, GET /json",
            "µs CPU",
            cost,
            [s.cpu_us for s in b],
            f"<= {bounds[what]}",
            conditions,
        )
        yield compare(
            name + "-same",
            f"{question}; bare Beast, sent the same requests",
            "µs CPU",
            cost,
            [s.cpu_us for s in c],
            f"<= {bounds[what]}",
            "as above; Beast reads the path and the token's header too",
            is_required=False,
        )


def node(stand, options):
    """What do a profile, a feed page and a new post cost beside Express on the same PostgreSQL?"""
    names = wanted(["node-profile", "node-feed", "node-post", "node-mix"], options)
    page = 10
    rng = random.Random(2)
    rival, tokens = stand.node(posts_per_member=10)
    network = stand.load("postgres", POSTS, dsn=stand.postgres())
    requests, readers = requests_for(network, rng, page)
    ours = stand.guildhall("postgres", threads=2, options=["--sql-engine", "postgres", "--sql-dsn", stand.postgres()])
    check_profiles(ours, network, requests["profile"])
    check_feeds(ours, network, readers, page)
    check_writes(ours, network)
    sides = {
        "profile": (
            requests["profile"],
            [get(f"/users/{rng.randint(1, len(tokens))}", rng.choice(tokens)) for _ in range(16_384)],
        ),
        "feed": (requests["feed"], [get("/feed", t) for t in rng.sample(tokens, len(requests["feed"]))]),
        "post": (new_posts(network), [("POST", "/posts", t, f'{{"body":"{TEXT}"}}') for t in tokens]),
    }
    authors = list(network.user.values())
    sides["mix"] = (
        mix(
            rng,
            *(sides[what][0] for what in ("feed", "post")),
            [get(f"/v1/users/{rng.choice(authors)}/posts?limit={page}", t) for t in network.token.values()],
        ),
        mix(
            rng,
            *(sides[what][1] for what in ("feed", "post")),
            [get(f"/users/{rng.randint(1, len(tokens))}/posts", t) for t in tokens],
        ),
    )
    check_node(rival, tokens, page)
    for name in names:
        what = name.removeprefix("node-")
        a_path, b_path = (
            write_requests(stand.folder / f"{side}-{what}.requests", list_of_it)
            for side, list_of_it in zip(("ours", "node"), sides[what])
        )
        warm_up(ours, a_path, options.warm)
        warm_up(rival, b_path, options.warm_node)
        a, b = in_turn(
            options.rounds, [lambda: play(ours, a_path, options.seconds), lambda: play(rival, b_path, options.seconds)]
        )
        conditions = (
            f"the same PostgreSQL 15 (fsync on; its own CPU is not counted), warm (Node {options.warm_node} s), "
            f"2 threads and 2 workers, {CONNECTIONS} kept connections, "
            f"{a[0].size:,.0f} and {b[0].size:,.0f} bytes an answer; {rates(a, b)}"
        )
        question = {
            "profile": "GET a profile",
            "feed": f"first feed page, {page} items",
            "post": "POST a post of 256 characters",
            "mix": "60 % feed pages, 30 % pages of one member's posts, 10 % new posts (DeathStarBench's mix)",
        }[what]
        # Less is asked of us: the ratio is how many times more the rival takes.
        more = compare(
            name,
            f"{question}; Express",
            "µs CPU",
            [s.cpu_us for s in b],
            [s.cpu_us for s in a],
            ">= 5" if what == "mix" else ">= 8",
            conditions,
        )
        more.ours, more.rival = more.rival, more.ours
        yield more
        yield compare(
            f"{name}-p99",
            f"{question}; Express: 99th percentile",
            "µs",
            [s.p99_us for s in a],
            [s.p99_us for s in b],
            "<= 1",
            "as above, both as fast as they can: the side that serves more requests a second has the harder task",
        )


def mix(rng, feeds, posts, members_posts):
    """The mix of DeathStarBench's social network: 60 % home timeline, 30 % user timeline, 10 % compose."""
    return [rng.choice(kind) for kind in rng.choices([feeds, members_posts, posts], weights=[60, 30, 10], k=16_384)]


def services(stand, options):
    """What does a feed page cost in total with separate services behind nginx, compared with one process?"""
    page = 20
    network = stand.load("postgres", POSTS, dsn=stand.postgres())
    requests, readers = requests_for(network, random.Random(3), page)
    one, split = stand.on_engines(), stand.split_services()
    for side in (one, split):
        check_feeds(side, network, readers, page)
    path = write_requests(stand.folder / "services-feed.requests", requests["feed"])
    for side in (one, split):
        warm_up(side, path, options.warm)
    a, b = in_turn(
        options.rounds, [lambda: play(split, path, options.seconds), lambda: play(one, path, options.seconds)]
    )
    conditions = (
        f"PostgreSQL, Redis (rate limits, live channel) and RabbitMQ on both sides, their CPU not counted; warm, "
        f"{a[0].size:,.0f} bytes an answer, {CONNECTIONS} kept connections; {rates(a, b)}; "
        f"a process of one io thread for each service and nginx, one process of two"
    )
    yield compare(
        "services-feed",
        f"first feed page, {page} items, services split behind nginx, all their CPU; one process",
        "µs CPU",
        [s.cpu_us for s in a],
        [s.cpu_us for s in b],
        "<= 2.5",
        conditions,
    )


def coherence(stand, options):
    """What do the coherent caches of two replicas save on reads, and cost on writes, beside SQL for each read?"""
    page = 20
    names = wanted([f"coherence-{what}" for what in ("post", "profile", "feed", "write", "mix")], options)
    networks = {name: stand.load(name, POSTS, dsn=stand.database(name)) for name in ("coherent", "bare")}
    sides = {name: stand.two_replicas(name, is_coherent=name == "coherent") for name in networks}
    lists = {}
    for name, network in networks.items():
        lists[name], readers = requests_for(network, random.Random(4), page)
        check_posts(sides[name], network, lists[name]["post"])
        check_profiles(sides[name], network, lists[name]["profile"])
        check_feeds(sides[name], network, readers, page)
        check_writes(sides[name], network)
        authors = list(network.user.values())
        lists[name]["write"] = new_posts(network)
        rng = random.Random(5)
        lists[name]["mix"] = mix(
            rng,
            lists[name]["feed"],
            lists[name]["write"],
            [get(f"/v1/users/{rng.choice(authors)}/posts?limit={page}", t) for t in network.token.values()],
        )
    questions = {
        "post": "GET a post",
        "profile": "GET a profile",
        "feed": f"first feed page, {page} items",
        "write": "POST a post of 256 characters",
        "mix": "60 % feed pages, 30 % pages of one member's posts, 10 % new posts",
    }
    for name in names:
        what = name.removeprefix("coherence-")
        paths = {side: write_requests(stand.folder / f"{side}-{what}.requests", lists[side][what]) for side in sides}
        for side, server in sides.items():
            warm_up(server, paths[side], options.warm)
        a, b = in_turn(
            options.rounds,
            [lambda side=side: play(sides[side], paths[side], options.seconds) for side in ("coherent", "bare")],
        )
        conditions = (
            f"two replicas of one io thread behind nginx; all CPU of them, nginx, PostgreSQL 15 (fsync on) and Redis; "
            f"the rival's replicas keep nothing, as when Redis does not let them hear each other; {CONNECTIONS} kept "
            f"connections; {rates(a, b)}; median latency {statistics.median(s.p50_us for s in a):,.0f} and "
            f"{statistics.median(s.p50_us for s in b):,.0f} µs"
        )
        yield compare(
            name,
            f"{questions[what]}, two replicas with coherent caches; without caches",
            "µs CPU",
            [s.cpu_us for s in a],
            [s.cpu_us for s in b],
            "<= 1",
            conditions,
            is_required=False,
        )


def check_node(server, tokens, page):
    status, feed = call(server, "GET", "/feed", tokens[0])
    expect(status == 200 and len(feed["posts"]) == page, f"Express's feed: {status}")
    status, profile = call(server, "GET", "/users/7", tokens[0])
    expect(status == 200 and profile["name"] == "User 7", f"Express's profile: {status}")
    status, post = call(server, "POST", "/posts", tokens[0], {"body": TEXT})
    expect(status == 201 and post["body"] == TEXT, f"Express's new post: {status}")


def check_writes(server, network):
    """A post that was accepted can be read by another member."""
    author, reader = list(network.user)[:2]
    status, post = call(server, "POST", "/v1/posts", network.token[author], {"text": TEXT})
    expect(status == 201, f"a new post: {status}")
    status, read = call(server, "GET", f"/v1/posts/{post['id']}", network.token[reader])
    expect(status == 200 and read["text"] == TEXT, f"the new post read by another member: {status}")


def new_posts(network):
    return [("POST", "/v1/posts", token, f'{{"text":"{TEXT}"}}') for token in network.token.values()]


def writes(stand, options):
    """How many durable posts a second through HTTP, with one commit for many of them?

    On the disk as it is, and on one whose fsync takes 2 ms longer.
    """
    network = stand.load("writes", POSTS)
    probe = stand.build(RIVALS / "grouped_inserts.cpp", "-lsqlite3")
    bare = stand.build(RIVALS / "sqlite_inserts.cpp", "-lsqlite3")
    slow_fsync = {"LD_PRELOAD": str(stand.build(ROOT / "bench/slow_fsync.cpp", "-shared", "-fPIC", "-ldl"))}
    yield from writes_on(stand, options, network, probe, bare, {}, "")
    yield from writes_on(stand, options, network, probe, bare, slow_fsync, "-2ms")


def writes_on(stand, options, network, probe, bare, environment, suffix):
    ours = stand.guildhall("writes", threads=2, environment=environment)
    check_writes(ours, network)
    file = write_requests(stand.folder / "writes.requests", new_posts(network))
    play(ours, file, options.warm)

    def count():
        with sqlite3.connect(stand.folder / "writes" / "post.db") as db:
            return db.execute("select count(*) from posts").fetchone()[0]

    before = count()
    sent = 0

    def grouped(connections):
        nonlocal sent
        sample = play(ours, file, options.seconds, connections)
        sent += sample.requests
        return sample

    many, one, single, port = in_turn(
        options.rounds,
        [
            lambda: grouped(CONNECTIONS),
            lambda: grouped(1),
            lambda: rate_of(bare, stand.folder, environment),
            lambda: rate_of(probe, stand.folder, environment),
        ],
    )
    # wrk leaves without waiting for its last answers: there may be more posts than it counted, but not fewer.
    expect(count() - before >= sent, f"{sent:,} posts were acknowledged and {count() - before:,} are in the database")
    stand.stop(ours)
    rate = [s.rate for s in many]
    conditions = (
        f"SQLite, synchronous=FULL, POST /v1/posts of 256 characters, {CONNECTIONS} clients, 2 io threads, "
        f"wrk on the same 2 cores"
    )
    if suffix:
        conditions += "; each fsync of both sides takes 2 ms longer (bench/slow_fsync.cpp)"
    yield compare(
        f"writes-bare{suffix}",
        "durable posts through HTTP; bare SQLite, one INSERT a transaction",
        "1/s",
        rate,
        single,
        ">= 10",
        conditions + "; the rival (bench/rivals/sqlite_inserts.cpp) has no HTTP, no event and one table",
    )
    yield compare(
        f"writes-one{suffix}",
        "durable posts through HTTP; ours with one client, each its own commit",
        "1/s",
        rate,
        [s.rate for s in one],
        ">= 10",
        "as above; the rival does the same work with one transaction each",
        is_required=False,
    )
    yield compare(
        f"writes-probe{suffix}",
        "durable posts through HTTP; bare group commit of posts with their events",
        "1/s",
        rate,
        port,
        ">= 0.4",
        conditions + "; the rival (bench/rivals/grouped_inserts.cpp) has no HTTP",
    )


def rate_of(program, folder, environment):
    """What a rival that only writes to SQLite does in a second."""
    file = folder / "bare" / "bare.db"
    shutil.rmtree(file.parent, ignore_errors=True)
    file.parent.mkdir()
    command = [program, file]
    return float(subprocess.check_output(command, text=True, env={**os.environ, **environment}))


def start(stand, options):
    """How soon is it ready, and how much does it take doing nothing?"""
    names = wanted(["start-ready", "start-memory", "start-binary"], options)
    times = []
    memory = []
    for turn in range(options.starts if "start-ready" in names else 1):
        folder = stand.temporary / f"empty{turn}"
        elapsed, server = stand.time_until_ready(folder)
        times.append(elapsed)
        if turn == 0 and "start-memory" in names:
            for _ in range(10):
                subprocess.run(["sleep", "0.3"], check=True)
                memory.append(server.resident_mib())
        stand.stop(server)
    if "start-ready" in names:
        rank = sorted(times)
        yield Row(
            "start-ready",
            "from the start of the process to the first 200 of /readyz",
            "ms",
            statistics.median(times),
            None,
            statistics.median(times),
            "<= 100",
            f"an empty data folder each, SQLite, {len(times)} starts: {rank[0]:.0f} to {rank[-1]:.0f} ms",
            [round(t, 1) for t in times],
        )
    if "start-memory" in names:
        yield Row(
            "start-memory",
            "resident memory, idle after the start",
            "MiB",
            max(memory),
            None,
            max(memory),
            "<= 30",
            "VmRSS, the largest of 3 s; default configuration, empty data folder",
        )
    if "start-binary" in names:
        stripped = stand.temporary / "stripped"
        subprocess.run(["strip", "-o", stripped, stand.binary], check=True)
        size = stripped.stat().st_size / 1e6
        yield Row(
            "start-binary",
            "size of the stripped binary",
            "MB",
            size,
            None,
            size,
            "<= 20",
            "Debian's shared libraries apart",
        )


def growth(stand, options):
    """Does a feed page cost more when the network is ten times as large and everybody knows as many?"""
    posts_per_copy = 10_000
    large = stand.load("ten", 10 * posts_per_copy, copies=10, manifest=False)
    small = stand.load("one", posts_per_copy)
    rng = random.Random(3)
    readers = readers_with(small, 20, rng)
    ours = stand.guildhall("one", threads=1, cores="0")
    check_feeds(ours, small, readers, 20)
    many = stand.guildhall("ten", threads=1, cores="0")
    # The same places in the graph, hence the same degrees: once all in the first copy, once each in another copy.
    places = {
        "one": (ours, small, readers),
        "first": (many, large, readers),
        "spread": (many, large, [r + k * COPY for r, k in zip(readers, itertools.cycle(range(10)))]),
    }
    files = {}
    for name, (server, network, who) in places.items():
        files[name] = write_requests(
            stand.folder / f"growth-{name}.requests", [get("/v1/feed?limit=20", network.token[r]) for r in who]
        )
        for reader in who[:50]:
            status, page = call(server, "GET", "/v1/feed?limit=20", network.token[reader])
            ids = [int(p["id"]) for p in page["items"]]
            expect(
                status == 200 and len(ids) >= 10 and ids == sorted(ids, reverse=True),
                f"feed in the large network: {status}, {len(ids)} items",
            )

    def cost(sides):
        for name in sides:
            warm_up(places[name][0], files[name], options.warm)
        return in_turn(
            options.rounds, [lambda name=name: play(places[name][0], files[name], options.seconds) for name in sides]
        )

    common = (
        f"SQLite, warm, {len(readers):,} readers at the same places of the graph in both, "
        f"{posts_per_copy / len(small.user):.1f} posts a member, "
        f"pages of 20 items, one io thread on core 0"
    )
    for name, where, is_required in (
        ("spread", "spread over all of it", True),
        ("first", "all in one tenth of it", False),
    ):
        a, b = cost([name, "one"])
        yield compare(
            "growth" if is_required else "growth-one-place",
            f"feed page with {len(large.user):,} members, readers {where}; with {len(small.user):,}",
            "µs CPU",
            [s.cpu_us for s in a],
            [s.cpu_us for s in b],
            "<= 1.2",
            f"{common}; {a[0].size:,.0f} and {b[0].size:,.0f} bytes an answer; "
            f"{many.resident_mib():.0f} and {ours.resident_mib():.0f} MiB resident",
            is_required,
        )


# name: (function, its rows)
ALL = {
    "ceiling": (ceiling, ["ceiling-post", "ceiling-profile", "ceiling-feed"]),
    "node": (node, ["node-profile", "node-feed", "node-post", "node-mix"]),
    "services": (services, ["services-feed"]),
    "coherence": (coherence, [f"coherence-{what}" for what in ("post", "profile", "feed", "write", "mix")]),
    "writes": (writes, ["writes"]),
    "start": (start, ["start-ready", "start-memory", "start-binary"]),
    "growth": (growth, ["growth"]),
}
