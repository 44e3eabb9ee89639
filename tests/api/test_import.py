"""`guildhall import`: malformed files, members who sign in, and an import that was killed."""

import subprocess

import pytest

import feed_checker
import network_files
from support.client import Api, Service
from support.program import binary

pytestmark = pytest.mark.timeout(300)

SMALL = "1 2\n2 3\n3 1\n# a comment\n3 4\n"


def small_import(launch, edges, posts="A first paragraph of some length.\nAnd a second one.\n", *more):
    instance = launch.prepare()
    instance.tokens = instance.folder / "tokens"
    (instance.folder / "edges").write_text(edges)
    (instance.folder / "posts").write_bytes(posts if isinstance(posts, bytes) else posts.encode())
    done = instance.run(
        "import",
        "--edges",
        instance.folder / "edges",
        "--posts",
        instance.folder / "posts",
        "--password",
        "correct horse battery staple",
        "--tokens",
        instance.folder / "tokens",
        *more,
        check=False,
    )
    return instance, done


@pytest.mark.parametrize(
    "edges,line",
    [
        ("1 2\n2 x\n", 2),
        ("1 2\n3\n", 2),
        ("1 2\n1,,2\n", 2),
        ("1 2\n-1 3\n", 2),
        ("1 99999999999999999999\n", 1),
    ],
)
def test_a_malformed_edge_is_an_error_with_its_number(launch, edges, line):
    """The import names the line and writes nothing."""
    instance, done = small_import(launch, edges)
    assert done.returncode == 1 and f":{line}:" in done.stderr, done.stderr
    assert not (instance.folder / "tokens").exists()
    service = Service(instance.start())
    service.visitor().post(
        "/v1/auth/login", {"email": "member-1@demo.example", "password": "correct horse battery staple"}, status=401
    )


@pytest.mark.parametrize(
    "posts,line", [(b"fine\n\xff\xfe\n", 2), (b"fine\nalso\nx\x00y\n", 3), (b"x" * 3001 + b"\n", 1)]
)
def test_a_malformed_paragraph_is_an_error_with_its_number(launch, posts, line):
    """The import names the line and writes nothing."""
    _, done = small_import(launch, SMALL, posts)
    assert done.returncode == 1 and f":{line}:" in done.stderr, done.stderr


@pytest.mark.parametrize(
    "edges,line,why",
    [
        ("1 2\n\n5 5\n", 3, "with itself"),
        ("1 2\n2 3\n2 1\n", 3, "repeats"),
        ("% KONECT\n1 2 1 1095541200\n", 2, "two columns"),
        ("source,target\n1,2\n", 1, "two numbers"),
    ],
)
def test_a_strict_import_refuses_what_is_otherwise_ignored(launch, edges, line, why):
    """[F: files that people have] --strict names the line and writes nothing."""
    _, done = small_import(launch, edges, "A first paragraph of some length.\n", "--strict")
    assert done.returncode == 1 and f":{line}:" in done.stderr and why in done.stderr, done.stderr


def test_files_that_people_have_are_loaded_and_what_was_ignored_is_reported(launch):
    """[F: files that people have] [F: byte order mark] comments, commas, self loops, times, both directions."""
    edges = "\ufeff% asym positive\nFromNodeId,ToNodeId,Time\n1,2,7\n2,1,8\n3,3,9\n2,4,9\n"
    instance, done = small_import(launch, edges, "\ufeffA first paragraph of some length.\n")
    assert done.returncode == 0, done.stderr
    assert "imported 4 members, 2 connections and 1 posts" in done.stdout, done.stdout
    assert "ignored 1 heading, 1 self loops, 1 repeated edges, further columns in 4 lines" in done.stdout, done.stdout
    service = Service(instance.start())
    tokens = network_files.read_tokens(instance.tokens)
    second, third = (Api(service, tokens[node]) for node in (2, 3))
    assert len(second.all("/v1/connections")) == 2 and not third.all("/v1/connections")
    texts = {row["text"] for token in tokens.values() for row in Api(service, token).all("/v1/feed")}
    assert texts == {"A first paragraph of some length."}


def test_imported_members_sign_in(launch):
    """They share a password, their profile is whole, and their tokens work at once."""
    instance, done = small_import(launch, SMALL)
    assert done.returncode == 0, done.stderr
    service = Service(instance.start())
    service.visitor().post(
        "/v1/auth/login", {"email": "member-3@demo.example", "password": "correct horse battery staple"}, status=200
    )
    third = Api(service, network_files.read_tokens(instance.tokens)[3])
    me = third.get("/v1/users/me").json()
    assert me["name"] and me["headline"] and me["handle"].endswith("-3")
    assert len(third.all("/v1/connections")) == 3


def test_an_import_killed_in_the_middle_is_finished_by_the_next(launch, tmp_path):
    """kill -9 at some moments: the next run completes it, and the network is the same as from one run."""
    edges = "".join(f"{a} {b}\n" for a in range(60) for b in range(a) if (a * 7 + b * 3) % 5 == 0)
    posts = "".join(f"Paragraph number {n} of a file, as long as it has to be.\n" for n in range(400))
    instance = launch.prepare()
    (instance.folder / "edges").write_text(edges)
    (instance.folder / "posts").write_text(posts)
    command = [
        "import",
        "--edges",
        instance.folder / "edges",
        "--posts",
        instance.folder / "posts",
        "--posts-count",
        "3000",
        "--seed",
        "5",
    ]
    for seconds in (0.15, 0.3, 0.45, 0.6, 0.9):
        process = subprocess.Popen(
            [binary(), command[0], "--config", instance.config, "--data", instance.data, *command[1:]],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    tokens = instance.folder / "tokens"
    instance.run(*command, "--tokens", tokens)
    instance.start()
    problems, compared, _ = feed_checker.check(
        instance.url, instance.folder / "edges", instance.folder / "posts", 3000, 5, tokens, pages=5, limit=100
    )
    assert not problems and compared > 0, "\n".join(problems[:20])
    # The checker sees a difference when there is one: here, the posts of a wrong seed.
    wrong, _, _ = feed_checker.check(
        instance.url, instance.folder / "edges", instance.folder / "posts", 3000, 6, tokens, pages=1
    )
    assert len(wrong) > 100
