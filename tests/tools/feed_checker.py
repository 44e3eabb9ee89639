#!/usr/bin/env python3
"""Compares the feeds of an imported network, item by item, with the feeds that follow from the input files.

It is independent of the server: it knows the files, the seed and the rules of docs/import.md, and uses only HTTP.

    feed_checker.py --url http://127.0.0.1:8080 --edges EDGES --posts PARAGRAPHS --post-count N --seed N --tokens TOKENS
                    [--pages 3] [--limit 20]

Prints the differences and a summary. The exit code is 1 if there is any difference.
"""

import argparse
import collections
import concurrent.futures
import datetime
import hashlib
import http.client
import json
import multiprocessing
import pathlib
import sys
import time
import unicodedata
import urllib.parse

KINDS = ["like"] * 5 + ["celebrate", "support", "love", "insightful", "funny"]
WINDOW_BITS, SLOT_BITS, SPREAD = 35, 20, 610_007
END = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
START = END - datetime.timedelta(milliseconds=1 << WINDOW_BITS)

Post = collections.namedtuple("Post", "n author text visibility at")


class Network:
    """The network that an import of these files makes (docs/import.md)."""

    def __init__(self, edges: pathlib.Path, posts: pathlib.Path, post_count: int, seed: int):
        self.seed = seed
        pairs = set()
        for line in edges.read_text().splitlines():
            if line.strip() and line.lstrip()[0] not in "#%":
                a, b = map(int, line.split()[:2])
                pairs.add((min(a, b), max(a, b)))
        self.nodes = sorted({node for pair in pairs for node in pair})
        pairs = {(a, b) for a, b in pairs if a != b}
        self.connected = collections.defaultdict(set)
        for a, b in pairs:
            self.connected[a].add(b)
            self.connected[b].add(a)
        self.paragraphs = [
            text
            for line in posts.read_text(encoding="utf-8").split("\n")
            if (
                text := unicodedata.normalize(
                    "NFC", (line.split("\t", 1)[1] if posts.suffix == ".tsv" and "\t" in line else line).strip()
                )
            )
        ]
        self.posts = [self.post(n) for n in range(post_count or len(self.paragraphs))]
        self.by_author = collections.defaultdict(list)
        for post in self.posts:
            self.by_author[post.author].append(post)
        self.neighbours = {node: sorted(self.connected[node]) for node in self.nodes}
        self.reactions = {post.n: self.reactions_of(post) for post in self.posts}
        self.comments = {post.n: self.comments_of(post) for post in self.posts}

    def hash(self, kind: str, name) -> int:
        return int.from_bytes(hashlib.sha256(f"{self.seed}:{kind}:{name}".encode()).digest()[:8], "big")

    def post(self, n: int) -> Post:
        author = self.nodes[self.hash("author", n) % len(self.nodes)]
        audience = self.hash("visibility", n) % 10
        visibility = "members" if audience < 7 else "public" if audience < 9 else "connections"
        slot = self.hash("post", n) >> (64 - (WINDOW_BITS - SLOT_BITS))
        at = START + datetime.timedelta(milliseconds=slot << SLOT_BITS | n * SPREAD % (1 << SLOT_BITS))
        return Post(n, author, self.paragraphs[n % len(self.paragraphs)], visibility, at)

    def reactions_of(self, post: Post) -> dict:
        """kind by node"""
        near = self.neighbours[post.author]
        if not near:
            return {}
        count, first = min(self.hash("reactions", post.n) % 5, len(near)), self.hash("reactor", post.n) % len(near)
        return {near[(first + k) % len(near)]: KINDS[self.hash("kind", f"{post.n}:{k}") % 10] for k in range(count)}

    def comments_of(self, post: Post) -> int:
        return bool(self.neighbours[post.author]) * (0, 0, 0, 0, 0, 1, 1, 2)[self.hash("comments", post.n) % 8]

    def feed(self, node: int, count: int) -> list[Post]:
        """The newest posts of the member and of those connected with them."""
        near = [post for other in (node, *self.neighbours[node]) for post in self.by_author[other]]
        return sorted(near, key=lambda post: post.at, reverse=True)[:count]


def rfc3339(at: datetime.datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z"


class Reader:
    """One kept connection."""

    def __init__(self, url: str):
        parts = urllib.parse.urlsplit(url)
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)

    def get(self, path: str, token: str):
        self.connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"GET {path}: {answer.status} {body[:300]!r}")
        return json.loads(body)


# Shared with the processes by fork.
network: Network = None
tokens: dict = {}
user_ids: dict = {}


def differences(node: int, reader: Reader, pages: int, limit: int) -> tuple[list[str], int]:
    """The differences in a member's first pages, and the number of items compared."""
    expected = network.feed(node, pages * limit + 1)
    items, cursor, found = [], None, []
    for _ in range(pages):
        page = reader.get(
            f"/v1/feed?limit={limit}" + (f"&cursor={urllib.parse.quote(cursor)}" if cursor else ""), tokens[node]
        )
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    if len(items) != min(len(expected), pages * limit):
        found.append(f"{len(items)} items, not {min(len(expected), pages * limit)}")
    if cursor is None and len(expected) > pages * limit:
        found.append("the feed ends though there is more")
    for place, (item, post) in enumerate(zip(items, expected)):
        reactions = network.reactions[post.n]
        counts = collections.Counter(reactions.values())
        must = {
            "author": user_ids[post.author],
            "text": post.text,
            "visibility": post.visibility,
            "created_at": rfc3339(post.at),
            "edited_at": None,
            "reactions": {"total": len(reactions), **{kind: counts[kind] for kind in dict.fromkeys(KINDS)}},
            "comment_count": network.comments[post.n],
            "my_reaction": reactions.get(node),
        }
        for field, value in must.items():
            got = item["author"]["id"] if field == "author" else item[field]
            if got != value:
                found.append(f"item {place} (post {post.n}): {field} is {str(got)[:80]!r}, must be {str(value)[:80]!r}")
    return found, len(items)


def check_share(arguments) -> tuple[list[str], int, list[float]]:
    nodes, url, pages, limit, connections = arguments
    compared, problems, times = 0, [], []

    def work(share):
        nonlocal compared
        reader = Reader(url)
        for node in share:
            begun = time.perf_counter()
            found, count = differences(node, reader, pages, limit)
            times.append((time.perf_counter() - begun) / pages)
            compared += count
            problems.extend(f"member {node}: {text}" for text in found)

    with concurrent.futures.ThreadPoolExecutor(connections) as pool:
        for done in [pool.submit(work, nodes[k::connections]) for k in range(connections)]:
            done.result()
    return problems, compared, times


def check(url, edges, posts, post_count, seed, tokens_file, pages=3, limit=20, processes=2, connections=8):
    """The differences, the number of items compared, and the seconds of each page."""
    global network, tokens, user_ids
    network = Network(pathlib.Path(edges), pathlib.Path(posts), post_count, seed)
    rows = [line.split("\t") for line in pathlib.Path(tokens_file).read_text().splitlines() if line]
    tokens = {int(node): token for node, _, token in rows}
    user_ids = {int(node): user_id for node, user_id, _ in rows}
    missing = [node for node in network.nodes if node not in tokens]
    if missing:
        return [f"no token for {len(missing)} members"], 0, []
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        results = pool.map(
            check_share, [(network.nodes[k::processes], url, pages, limit, connections) for k in range(processes)]
        )
    return (
        [text for part in results for text in part[0]],
        sum(part[1] for part in results),
        [t for part in results for t in part[2]],
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True)
    parser.add_argument("--edges", required=True)
    parser.add_argument("--posts", required=True)
    parser.add_argument("--post-count", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tokens", required=True)
    parser.add_argument("--pages", type=int, default=3)
    parser.add_argument("--limit", type=int, default=20)
    given = parser.parse_args()
    begun = time.perf_counter()
    problems, compared, times = check(
        given.url, given.edges, given.posts, given.post_count, given.seed, given.tokens, given.pages, given.limit
    )
    for text in problems[:50]:
        print(text)
    print(
        f"{len(network.nodes)} members, {compared} items compared in {time.perf_counter() - begun:.1f} s: "
        f"{len(problems)} differences"
    )
    sys.exit(1 if problems or not compared else 0)


if __name__ == "__main__":
    main()
