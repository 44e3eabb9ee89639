"""Faults that other systems had (api.md), for the services that exist: one test each. 8 is in test_platform.py."""

import random
import re

import pytest

from support.client import Api, eventually, in_parallel
from support.program import ROOT


def test_fault_2_a_replayed_refresh_token_kills_the_family(service, ada):
    """[U4] Rotated, used, then replayed: 401, and the tokens from the rotation no longer work; after logout, a refresh
    gets 401."""
    stolen = ada.tokens["refresh_token"]
    second = service.anyone.post("/v1/auth/refresh", {"refresh_token": stolen}, status=200).json()
    fresh = service.anyone.post("/v1/auth/refresh", {"refresh_token": second["refresh_token"]}, status=200).json()
    service.anyone.post("/v1/auth/refresh", {"refresh_token": stolen}, status=401)
    service.anyone.post("/v1/auth/refresh", {"refresh_token": fresh["refresh_token"]}, status=401)
    for token in (fresh["access_token"], ada.token):
        eventually(lambda: Api(service, token).get("/v1/users/me", status=401), within=2)
    again = ada.session()
    again.post("/v1/auth/logout", status=204)
    service.anyone.post("/v1/auth/refresh", {"refresh_token": again.tokens["refresh_token"]}, status=401)


@pytest.mark.load
def test_fault_3_a_thousand_crossing_invitations_make_one_connection(ada, bela):
    """[C1] [C8] 1,000 concurrent A→B and B→A: exactly one connection, nothing pending, no 5xx."""
    jobs = [
        (lambda: ada.invite(bela, status=(201, 409)).status_code)
        if n % 2
        else (lambda: bela.invite(ada, status=(201, 409)).status_code)
        for n in range(1000)
    ]
    statuses = in_parallel(jobs, threads=32)
    assert statuses.count(201) in (1, 2)  # one sent and one that crossed it
    for me, them in ((ada, bela), (bela, ada)):
        assert [row["user"]["id"] for row in me.all("/v1/connections")] == [them.id]
        assert me.all("/v1/invitations/sent") == me.all("/v1/invitations/received") == []
        assert me.relationship(them)["connected"] and me.relationship(them)["invitation"] == "none"


def test_fault_4_nobody_creates_notifications_for_others(service, ada, bela):
    """No route writes a notification."""
    assert not [
        at
        for at in service.document.tree["paths"]
        if "notification" in at and {"post", "put"} & set(service.document.tree["paths"][at]) and "{" not in at
    ]
    for path in ("/v1/notifications", f"/v1/users/{bela.id}/notifications"):
        ada.post(path, {"user_id": bela.id, "text": "You have won"}, status=(404, 405))


@pytest.mark.parametrize(
    "which", ["feed", "comments", "oldest comments", "reactions", "connections", "invitations", "hashtag", "blocks"]
)
def test_fault_9_rows_inserted_while_a_client_pages(service, ada, bela, which):
    """[X5] No item twice, none skipped, whatever comes in at either end meanwhile."""
    others = service.members(12) if which in ("reactions", "connections", "invitations", "blocks") else []
    post = ada.publish("Paged #paged" + ada.handle.replace("-", ""), "public")
    insert, path, key, sort = {
        "feed": (lambda n: ada.publish(f"Post {n}"), "/v1/feed", lambda row: row["id"], {}),
        "comments": (
            lambda n: bela.comment(post, f"Comment {n}"),
            f"/v1/posts/{post['id']}/comments",
            lambda row: row["id"],
            {"sort": "recent"},
        ),
        "oldest comments": (
            lambda n: bela.comment(post, f"Comment {n}"),
            f"/v1/posts/{post['id']}/comments",
            lambda row: row["id"],
            {"sort": "oldest"},
        ),
        "reactions": (
            lambda n: others[n].react(post),
            f"/v1/posts/{post['id']}/reactions",
            lambda row: row["user"]["id"],
            {},
        ),
        "connections": (lambda n: others[n].connect(ada), "/v1/connections", lambda row: row["user"]["id"], {}),
        "invitations": (lambda n: others[n].invite(ada), "/v1/invitations/received", lambda row: row["id"], {}),
        "hashtag": (
            lambda n: ada.publish(f"{n} #paged{ada.handle.replace('-', '')}", "public"),
            f"/v1/hashtags/paged{ada.handle.replace('-', '')}/posts",
            lambda row: row["id"],
            {},
        ),
        "blocks": (lambda n: ada.block(others[n]), "/v1/users/me/blocks", lambda row: row["user"]["id"], {}),
    }[which]
    for n in range(8):
        insert(n)
    before = [key(row) for row in ada.all(path, **sort)]
    seen, n = [], 8
    for page in ada.pages(path, limit=3, **sort):
        seen += [key(row) for row in page]
        if n < 12:
            insert(n)
            n += 1
    assert len(seen) == len(set(seen)), "an item twice"
    assert [item for item in seen if item in before] == before, "an item skipped or out of order"


def test_fault_10_a_count_never_reveals_what_is_hidden(service, ada, bela):
    """[P44] [C13] Counts are of what the viewer may read, also when another viewer has warmed the cache."""
    common = service.members(3)
    for member in common:
        ada.connect(member)
        bela.connect(member)
    path = f"/v1/users/{bela.id}/mutual-connections"
    assert len(ada.all(path)) == 3
    invitation = ada.invite(bela).json()
    assert invitation["mutual_count"] == 3
    common[0].block(ada)
    assert len(ada.all(path)) == 2
    answer = ada.get(path, params={"limit": 1}).json()
    assert answer.get("total", 2) == 2
    assert ada.all("/v1/invitations/sent")[0]["mutual_count"] == 2
    tag = "t" + ada.handle.replace("-", "")
    hidden, shown = bela.publish(f"#{tag} hidden", "connections"), bela.publish(f"#{tag} shown", "public")
    for reader, expected in (
        (common[1], [shown["id"], hidden["id"]]),
        (ada, [shown["id"]]),
        (common[1], [shown["id"], hidden["id"]]),
    ):
        assert [row["id"] for row in reader.all(f"/v1/hashtags/{tag}/posts")] == expected


def test_fault_12_mutual_connections_are_the_intersection(service):
    """[C13] For every pair of a random graph, the list is the intersection of both connection lists, the count its
    size."""
    members = service.members(12)
    chance = random.Random(12)
    edges = {frozenset(pair) for pair in (chance.sample(range(12), 2) for _ in range(40))}
    for edge in edges:
        a, b = edge
        members[a].connect(members[b])
    of = {n: {next(iter(edge - {n})) for edge in edges if n in edge} for n in range(12)}
    for a in range(12):
        for b in range(12):
            if a != b:
                expected = {members[n].id for n in of[a] & of[b]}
                answer = members[a].get(f"/v1/users/{members[b].id}/mutual-connections", params={"limit": 100}).json()
                assert {(row.get("user") or row)["id"] for row in answer["items"]} == expected
                assert answer.get("total", len(expected)) == len(expected)


def test_fault_13_a_claim_of_the_readme_is_the_name_of_a_test():
    """What the README claims, it proves by naming tests or files of tests; each name exists."""
    readme = (ROOT / "README.md").read_text()
    files = {path.name: path.read_text() for path in (ROOT / "tests").rglob("test_*.py")}
    named = set(re.findall(r"\btest_[a-z0-9_]+(?:\.py)?\b", readme))
    assert named, "the README names no test"
    functions = set(re.findall(r"def (test_\w+)\(", "".join(files.values())))
    assert named - set(files) - functions == set()
