"""Networks of 4,039 members and 88,234 connections with 40,000 posts, imported and read by all members."""

import pytest

import feed_checker
import network_files
from support.client import Api, Service

POST_COUNT = 40_000
SEED = 7
# The real one only if it is available; without it, nothing is skipped.
NETWORKS = ["generated", *(["real"] if network_files.real() else [])]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


PARAMETERS = [pytest.param(name, marks=pytest.mark.xdist_group(f"{name}_network")) for name in NETWORKS]


@pytest.fixture(scope="module", params=PARAMETERS)
def files(request, tmp_path_factory):
    if request.param == "real":
        return network_files.real()
    return network_files.generated(tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="module")
def connected(files):
    """The connections of each node, from the edge list."""
    return feed_checker.Network(files.edges, files.posts, 1, SEED).connected


def run_import(instance, files):
    options = {"edges": files.edges, "posts": files.posts, "names": files.names, "tokens": instance.tokens}
    options |= {"posts-count": POST_COUNT, "seed": SEED}
    instance.run("import", *(f"--{name}={value}" for name, value in options.items()), timeout=500)


@pytest.fixture(scope="module")
def network(shape, files, tmp_path_factory):
    """The imported network, served."""
    from support.shapes import Launcher

    folder = tmp_path_factory.mktemp("network")
    launcher = Launcher(shape, folder)
    try:
        instance = launcher.prepare()
        instance.tokens = folder / "tokens"
        run_import(instance, files)
        yield instance.start()
    finally:
        launcher.close()


def check(network, files, **pages):
    return feed_checker.check(network.url, files.edges, files.posts, POST_COUNT, SEED, network.tokens, **pages)


def test_all_members_read_three_pages_of_the_right_feed(network, files):
    """[P28] [P44] 4,039 members × three pages from a cold start.

    Author, text, visibility, time, counts and own reaction of each item are compared.
    """
    problems, compared, times = check(network, files)
    assert not problems, "\n".join(problems[:20])
    assert compared > 4039 * 40 and len(times) == 4039
    print(f"{compared} items; a page took {sorted(times)[len(times) // 2] * 1000:.1f} ms (median)")


def test_a_second_reading_from_warm_caches_is_the_same(network, files):
    """[P28] The caches contain the same as the database."""
    problems, compared, _ = check(network, files, pages=2, limit=10)
    assert not problems, "\n".join(problems[:20])
    assert compared > 4039 * 15


def test_the_connections_are_those_of_the_file(network, connected):
    """[C10] [C13] Connection lists and mutual connections equal the sets of the file.

    The best and the least connected members are checked, and some in between.
    """
    by_degree = sorted(connected, key=lambda node: (len(connected[node]), node))
    nodes = [*by_degree[-3:], *(by_degree[len(by_degree) * fifth // 5] for fifth in range(5))]
    service = Service(network)
    tokens = network_files.read_tokens(network.tokens)
    some = {node: sorted(connected[node])[:20] for node in nodes}
    members = {
        node: Api(service, tokens[node]) for node in {*nodes, *(other for others in some.values() for other in others)}
    }
    ids = {node: member.get("/v1/users/me").json()["id"] for node, member in members.items()}
    for node, other in zip(nodes, [*nodes[1:], nodes[0]]):
        rows = members[node].all("/v1/connections", limit=100)
        assert len(rows) == len({row["user"]["id"] for row in rows}) == len(connected[node])
        assert {ids[known] for known in connected[node] if known in ids} <= {row["user"]["id"] for row in rows}
        answer = members[node].get(f"/v1/users/{ids[other]}/mutual-connections", params={"limit": 1}).json()
        assert answer["total"] == len(connected[node] & connected[other])


def test_an_import_is_resumed_without_doubles(network, files):
    """The same import again writes nothing twice."""
    assert network.terminate() == 0
    run_import(network, files)
    network.start()
    problems, _, _ = check(network, files, pages=1)
    assert not problems, "\n".join(problems[:20])
