"""What members choose about their network, follows, and what the social graph answers."""

import uuid

import pytest

from support.client import Service, eventually, settle


def settings(member, **change):
    return member.patch("/v1/users/me/network-settings", change, status=200).json()


def ids(rows):
    return [row["id"] for row in rows]


def mutual(me, other):
    answer = me.get(f"/v1/users/{other.id}/mutual-connections").json()
    return answer["total"], ids(answer["items"])


def suggested(member, limit=50):
    return member.get("/v1/suggestions/people", params={"limit": limit}, status=200).json()["items"]


def suggestion(member, other):
    return next((item for item in suggested(member) if item["user"]["id"] == other.id), None)


def degrees(member, *others):
    answer = member.get("/v1/degrees", params={"ids": ",".join(other.id for other in others)}, status=200).json()
    return [item["degree"] for item in answer["items"]]


def paths(member, other, **query):
    answer = member.get(f"/v1/users/{other.id}/introduction-paths", params=query, status=200).json()
    return [ids(path["members"]) for path in answer["items"]]


# Settings


def test_settings_begin_open_and_change_one_by_one(ada):
    """[C6] [C16] [C19]"""
    path = "/v1/users/me/network-settings"
    assert ada.get(path).json() == {"who_may_invite": "everyone", "hides_connections": False, "suggestable": True}
    assert settings(ada, hides_connections=True)["hides_connections"] is True
    assert settings(ada, who_may_invite="email_known") == ada.get(path).json()
    assert ada.get(path).json() == {"who_may_invite": "email_known", "hides_connections": True, "suggestable": True}
    ada.patch(path, {"who_may_invite": "nobody"}, status=400, field="/who_may_invite")
    ada.patch(path, {"suggestable": None}, status=400, field="/suggestable")
    ada.patch(path, {"suggestable": "yes"}, status=400, field="/suggestable")


def test_who_knows_the_address_may_invite(ada, bela):
    """[C6]"""
    settings(bela, who_may_invite="email_known")
    ada.invite(bela, status=403, code="invitation_restricted")
    ada.post(
        "/v1/invitations",
        {"user_id": bela.id, "email": "somebody@example.org"},
        status=403,
        code="invitation_restricted",
    )
    ada.post("/v1/invitations", {"user_id": bela.id, "email": bela.email.upper()}, status=201)


def test_who_shares_a_connection_may_invite(service):
    """[C6]"""
    ada, bela, clara, stranger = service.members(4)
    ada.connect(bela)
    bela.connect(clara)
    settings(clara, who_may_invite="second_degree")
    stranger.invite(clara, status=403, code="invitation_restricted")
    # A connection that is hidden counts for nobody, so that an invitation does not tell of it.
    settings(bela, hides_connections=True)
    ada.invite(clara, status=403, code="invitation_restricted")
    settings(bela, hides_connections=False)
    ada.invite(clara, status=201)
    # An invited member may answer with an invitation, whatever the inviter chose.
    clara.invite(stranger, status=201)
    assert stranger.invite(clara, status=201).json()["state"] == "accepted"


@pytest.mark.one_process
def test_an_address_is_not_found_by_guessing(launch):
    """[C6] Wrong addresses count like invitations."""
    service = Service(launch({"connections": {"invitations_a_week": 3}}))
    ada, bela = service.members(2)
    settings(bela, who_may_invite="email_known")
    for guess in range(3):
        ada.post(
            "/v1/invitations",
            {"user_id": bela.id, "email": f"guess{guess}@example.org"},
            status=403,
            code="invitation_restricted",
        )
    ada.post("/v1/invitations", {"user_id": bela.id, "email": bela.email}, status=429, code="invitation_limit")


@pytest.mark.one_process
def test_invitations_have_limits(launch):
    """[C5] Limits of invitations a week, pending invitations, connections and follows: each refused with its reason.

    The first one also says until when.
    """
    service = Service(
        launch(
            {
                "connections": {
                    "invitations_a_week": 3,
                    "max_pending_invitations": 2,
                    "max_connections": 1,
                    "max_follows": 1,
                }
            }
        )
    )
    ada, *others = service.members(5)
    ada.invite(others[0], status=201)
    waiting = ada.invite(others[1], status=201).json()
    ada.invite(others[2], status=409, code="too_many_pending")
    ada.delete(f"/v1/invitations/{waiting['id']}", status=204)
    ada.invite(others[2], status=201)
    refused = ada.invite(others[3], status=429, code="invitation_limit")
    assert 6 * 86_400 < int(refused.headers["retry-after"]) <= 7 * 86_400
    others[0].connect(others[3])
    invitation = others[0].get("/v1/invitations/received").json()["items"][0]
    others[0].post(f"/v1/invitations/{invitation['id']}/accept", status=409, code="connection_limit")
    others[0].invite(others[1], status=409, code="connection_limit")
    ada.put(f"/v1/users/{others[0].id}/follow", status=204)
    ada.put(f"/v1/users/{others[1].id}/follow", status=409, code="follow_limit")


# Follows


def test_follow_without_connecting(service):
    """[C9] Posts of whom one follows come to the feed, as far as one may see them."""
    ada, bela = service.members(2)
    public, private = bela.publish("for all members", "members"), bela.publish("for connections", "connections")
    assert ada.feed_ids() == []
    for _ in range(2):
        ada.put(f"/v1/users/{bela.id}/follow", status=204)
    assert ada.relationship(bela)["following"] and not bela.relationship(ada)["following"]
    assert ids(ada.all("/v1/users/me/following")) == [bela.id] == ids(ada.all("/v1/users/me/following"))
    assert ids(bela.all("/v1/users/me/followers")) == [ada.id]
    assert ada.all("/v1/users/me/followers") == bela.all("/v1/users/me/following") == []
    eventually(lambda: ada.feed_ids() == [public["id"]])
    assert private["id"] not in ada.feed_ids()
    for _ in range(2):
        ada.delete(f"/v1/users/{bela.id}/follow", status=204)
    assert ada.feed_ids() == []
    assert not ada.relationship(bela)["following"]
    ada.put(f"/v1/users/{ada.id}/follow", status=422, code="self_follow")
    ada.put("/v1/users/1/follow", status=404)


def test_connections_follow_each_other_until_one_unfollows(service):
    """[C9]"""
    ada, bela = service.members(2)
    post = bela.publish("hello")
    ada.connect(bela)
    assert ada.relationship(bela)["following"] and bela.relationship(ada)["following"]
    assert ids(ada.all("/v1/users/me/following")) == ids(ada.all("/v1/users/me/followers")) == [bela.id]
    eventually(lambda: post["id"] in ada.feed_ids())
    ada.delete(f"/v1/users/{bela.id}/follow", status=204)
    assert ada.relationship(bela)["connected"] and not ada.relationship(bela)["following"]
    assert bela.relationship(ada)["following"]
    assert ada.all("/v1/users/me/following") == [] == bela.all("/v1/users/me/followers")
    assert post["id"] not in ada.feed_ids()
    ada.put(f"/v1/users/{bela.id}/follow", status=204)
    assert post["id"] in ada.feed_ids()
    ada.delete(f"/v1/users/{bela.id}/follow", status=204)
    # The end of the connection ends all; connecting again starts from nothing.
    ada.disconnect(bela)
    assert not ada.relationship(bela)["following"] and not bela.relationship(ada)["following"]
    bela.connect(ada)
    assert ada.relationship(bela)["following"]


def test_a_block_ends_follows(service):
    """[C9]"""
    ada, bela, clara = service.members(3)
    for other in (bela, clara):
        ada.put(f"/v1/users/{other.id}/follow", status=204)
    post = bela.publish("hello")
    eventually(lambda: post["id"] in ada.feed_ids())
    bela.block(ada)
    assert ids(ada.all("/v1/users/me/following")) == [clara.id]
    ada.put(f"/v1/users/{bela.id}/follow", status=404)
    bela.unblock(ada)
    eventually(lambda: ids(ada.all("/v1/users/me/following")) == [clara.id] and not ada.relationship(bela)["following"])
    eventually(lambda: post["id"] not in ada.feed_ids())
    ada.delete("/v1/users/1/follow", status=404)


def test_follows_are_listed_in_pages(service):
    """[C9]"""
    ada, *others = service.members(6)
    for other in others[:3]:
        ada.put(f"/v1/users/{other.id}/follow", status=204)
    ada.connect(*others[3:])
    ada.delete(f"/v1/users/{others[4].id}/follow", status=204)
    expected = sorted((int(other.id) for i, other in enumerate(others) if i != 4))
    assert [int(i) for i in ids(ada.all("/v1/users/me/following", limit=2))] == expected
    ada.get("/v1/users/me/following", params={"cursor": "nonsense"}, status=400, field="/cursor")


# A hidden network


def test_a_hidden_network_shows_to_nobody_else(service):
    """[C19] [C13] Not as a list, not as a shared connection, not on a path, not as a suggestion's reason."""
    ada, bela, clara, dmitri = service.members(4)
    ada.connect(bela, dmitri)
    bela.connect(clara, dmitri)
    assert mutual(ada, clara) == (1, [bela.id])
    eventually(lambda: degrees(ada, clara) == [2] and suggestion(ada, clara) is not None)
    eventually(lambda: paths(ada, clara) == [[ada.id, bela.id, clara.id], [ada.id, dmitri.id, bela.id, clara.id]])

    settings(bela, hides_connections=True)
    assert ids(row["user"] for row in bela.all("/v1/connections"))  # one's own are always there
    ada.get(f"/v1/users/{bela.id}/connections", status=403, code="connections_hidden")
    assert mutual(ada, clara) == mutual(ada, bela) == (0, [])
    assert ids(row["user"] for row in ada.all(f"/v1/users/{dmitri.id}/connections")) == [ada.id]
    assert clara.invite(ada, status=201).json()["mutual_count"] == 0
    eventually(lambda: degrees(ada, bela, clara) == [1, None] and paths(ada, clara) == [])
    assert not any(
        reason["kind"] == "shared_connections" for reason in (suggestion(ada, clara) or {"reasons": []})["reasons"]
    )

    settings(bela, hides_connections=False)
    assert mutual(ada, clara) == (1, [bela.id])
    eventually(lambda: degrees(ada, clara) == [2])


# Degrees


def test_degrees_are_told_wherever_members_are_shown(service):
    """[C11] [C12] A chain of five: profiles, relationships, commenters, reactors, and up to 100 in one call."""
    chain = service.members(5)
    for a, b in zip(chain, chain[1:]):
        a.connect(b)
    ada = chain[0]
    expected = [0, 1, 2, 3, None]
    eventually(lambda: degrees(ada, *chain) == expected)
    post = ada.publish("Who comes by?")
    for member in chain:
        member.comment(post)
        member.react(post)

    def listed():
        rows = ada.get("/v1/users", params={"ids": ",".join(other.id for other in chain)}).json()["items"]
        return [row["degree"] for row in rows]

    def told(rows, who):
        degree = {row[who]["id"]: row["degree"] for row in ada.all(f"/v1/posts/{post['id']}/{rows}")}
        return [degree[member.id] for member in chain]

    # A service that asks another does not wait long for it: what is not known by then is left out.
    eventually(lambda: [ada.relationship(other)["degree"] for other in chain] == expected)
    eventually(lambda: [ada.get(f"/v1/users/{other.id}").json()["degree"] for other in chain] == expected)
    eventually(lambda: listed() == expected)
    eventually(lambda: told("comments", "author") == expected)
    eventually(lambda: told("reactions", "user") == expected)
    ada.get("/v1/degrees", status=400, field="/ids")
    ada.get("/v1/degrees", params={"ids": ",".join(str(i) for i in range(1, 102))}, status=400, field="/ids")
    # A connection that ends is one no longer, at once; how far its end is now, the graph says.
    ada.disconnect(chain[1])
    assert ada.relationship(chain[1])["degree"] != 1
    eventually(lambda: degrees(ada, *chain) == [0, None, None, None, None])


# People you may know


def test_suggestions_carry_reasons_whose_scores_add_up(service):
    """[C14] [C15] Two shared connections with two connections each, and the same place and industry: all parts of the
    score."""
    ada, bela, clara, dmitri = service.members(4)
    place = uuid.uuid4().hex
    for member in (ada, dmitri):
        member.patch("/v1/users/me", {"location": f"  {place.upper()}  ", "industry": f"Making {place}"}, status=200)
    for shared in (bela, clara):
        ada.connect(shared)
        shared.connect(dmitri)
    one = round(10_000 / 0.6931471805599453)  # 10,000 / ln 2: a shared connection with two connections

    eventually(lambda: (suggestion(ada, dmitri) or {"score": 0})["score"] == 2 * one + 2 * 2_500)
    found = suggestion(ada, dmitri)
    reasons = {reason["kind"]: reason for reason in found["reasons"]}
    shared = reasons["shared_connections"]
    assert (shared["score"], shared["count"]) == (2 * one, 2)
    assert sorted(ids(shared["members"])) == sorted([bela.id, clara.id])
    assert reasons["same_place"]["score"] == reasons["same_industry"]["score"] == 2_500
    assert found["score"] == sum(reason["score"] for reason in found["reasons"])
    assert suggested(ada)[0]["user"]["id"] == dmitri.id


def test_who_is_dismissed_blocked_invited_or_has_opted_out_is_not_suggested(service):
    """[C14] [C16]"""
    ada, hub, dismissed, blocked, invited, inviting, ignored, shy, stays = service.members(9)
    hub.connect(ada, dismissed, blocked, invited, inviting, ignored, shy, stays)
    everybody = {member.id for member in (dismissed, blocked, invited, inviting, ignored, shy, stays)}
    eventually(lambda: everybody <= {item["user"]["id"] for item in suggested(ada)})
    for _ in range(2):
        ada.delete(f"/v1/suggestions/people/{dismissed.id}", status=204)
    blocked.block(ada)
    ada.invite(invited, status=201)
    inviting.invite(ada, status=201)
    invitation = ignored.invite(ada, status=201).json()
    ada.post(f"/v1/invitations/{invitation['id']}/ignore", status=204)
    settings(shy, suggestable=False)
    # At once: the tables have the last word, not the graph.
    assert everybody & {item["user"]["id"] for item in suggested(ada)} == {stays.id}
    ada.delete(f"/v1/suggestions/people/{ada.id}", status=404)
    ada.delete("/v1/suggestions/people/1", status=404)
    ada.get("/v1/suggestions/people", params={"limit": 51}, status=400, field="/limit")


def test_newcomers_get_suggestions(service):
    """[C26] Without connections: people of the same place first, then well-connected members."""
    newcomer, neighbour, popular, *others = service.members(6)
    popular.connect(*others)
    place = uuid.uuid4().hex
    for member in (newcomer, neighbour):
        member.patch("/v1/users/me", {"location": place}, status=200)
    eventually(lambda: suggested(newcomer) and suggested(newcomer)[0]["user"]["id"] == neighbour.id)
    found = suggested(newcomer)
    assert [reason["kind"] for reason in found[0]["reasons"]] == ["same_place"]
    assert len(found) > 1 and all(
        reason["kind"] == "well_connected" for item in found[1:] for reason in item["reasons"]
    )


# Paths


def test_introduction_paths_are_short_ones_first(service):
    """[C17]"""
    ada, left, right, far, target = service.members(5)
    ada.connect(left, right)
    left.connect(target)
    right.connect(far)
    far.connect(target)
    short, long = [ada.id, left.id, target.id], [ada.id, right.id, far.id, target.id]
    eventually(lambda: paths(ada, target) == [short, long])
    found = ada.get(f"/v1/users/{target.id}/introduction-paths").json()["items"]
    assert [path["hops"] for path in found] == [2, 3] and all(path["score"] > 0 for path in found)
    assert paths(ada, target, limit=1) == paths(ada, target, max_hops=2) == [short]
    ada.get(f"/v1/users/{ada.id}/introduction-paths", status=422, code="self_path")
    ada.get("/v1/users/1/introduction-paths", status=404)
    ada.get(f"/v1/users/{target.id}/introduction-paths", params={"max_hops": 5}, status=400, field="/max_hops")
    # Nobody is passed who blocks the one who asks.
    left.block(ada)
    eventually(lambda: paths(ada, target) == [long])
    target.block(ada)
    ada.get(f"/v1/users/{target.id}/introduction-paths", status=404)


# Size


def test_the_size_of_a_network_and_its_growth(service):
    """[C20]"""
    chain = service.members(4)
    for a, b in zip(chain, chain[1:]):
        a.connect(b)

    def stats():
        return chain[0].get("/v1/users/me/network-stats", status=200).json()

    eventually(lambda: [stats()[step] for step in ("first", "second", "third")] == [1, 1, 1])
    assert sum(week["connections"] for week in stats()["growth"]) == 1


# The graph as a projection


@pytest.mark.one_process
def test_the_graph_is_checked_and_rebuilt_while_serving(launch):
    """[C27] A network that came by import; a graph that fits, is compared, and made again."""
    instance = launch()
    service = Service(instance)
    ada, bela, clara = service.members(3)
    ada.connect(bela)
    bela.connect(clara)
    eventually(lambda: degrees(ada, clara) == [2])
    checked = instance.run("graph check")
    assert '"missing_connections":0' in checked.stdout and '"connections":2' in checked.stdout
    rebuilt = instance.run("rebuild graph")
    assert '"repaired":true' in rebuilt.stdout and '"members":3' in rebuilt.stdout
    assert degrees(ada, clara) == [2]


@pytest.mark.one_process
def test_the_graph_is_there_after_a_restart_and_after_a_crash(launch):
    """[C27]"""
    instance = launch()
    service = Service(instance)
    members = ada, bela, clara, dmitri = service.members(4)
    ada.connect(bela)
    bela.connect(clara)
    eventually(lambda: degrees(ada, clara, dmitri) == [2, None])
    instance.terminate()
    has_snapshot = (instance.data / "graph.snapshot").exists()
    assert has_snapshot == (instance.shape.name == "sqlite")
    instance.start()
    settle(Service(instance), members)
    eventually(lambda: degrees(ada, clara, dmitri) == [2, None])
    clara.connect(dmitri)
    # What the graph in memory has learned since its start is in the tables; what Neo4j has not received is in the
    # outbox.
    instance.kill()
    instance.start()
    settle(Service(instance), members)
    # A relay that died keeps its part of the outbox for 10 s.
    eventually(lambda: degrees(ada, clara, dmitri) == [2, 3], within=30)
