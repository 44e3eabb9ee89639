"""Invitations and connections."""

import concurrent.futures


from support.client import eventually, in_parallel


def is_connected(a, b):
    return a.relationship(b)["connected"] and b.relationship(a)["connected"]


def test_an_invitation_is_sent_seen_and_accepted(ada, bela):
    """[C1] [C2] The whole way to a connection, with the note."""
    sent = ada.invite(bela, "We met in Turin.", status=201)
    invitation = sent.json()
    assert sent.headers["location"].endswith(invitation["id"])
    assert (invitation["state"], invitation["note"]) == ("pending", "We met in Turin.")
    assert (invitation["inviter"]["id"], invitation["invitee"]["id"]) == (ada.id, bela.id)
    received = bela.all("/v1/invitations/received")
    assert [(row["id"], row["note"], row["inviter"]["id"]) for row in received] == [
        (invitation["id"], "We met in Turin.", ada.id)
    ]
    accepted = bela.post(f"/v1/invitations/{invitation['id']}/accept", status=200).json()
    assert accepted["state"] == "accepted"
    assert is_connected(ada, bela)
    for me, them in ((ada, bela), (bela, ada)):
        assert [row["user"]["id"] for row in me.all("/v1/connections")] == [them.id]
        assert me.all("/v1/invitations/sent") == me.all("/v1/invitations/received") == []


def test_no_invitation_to_oneself_nobody_or_twice(ada, bela):
    """[C1]"""
    ada.invite(ada, status=422, code="self_invitation", field="/user_id")
    ada.post("/v1/invitations", {"user_id": "1"}, status=404)
    ada.invite(bela, status=201)
    ada.invite(bela, status=409, code="already_invited")
    ada.invite(bela, "n" * 301, status=400, field="/note")


def test_a_connected_member_cannot_be_invited(friends):
    """[C1]"""
    ada, bela = friends
    ada.invite(bela, status=409, code="already_connected")
    bela.invite(ada, status=409, code="already_connected")


def test_one_invitation_sent_by_many_threads_is_one(ada, bela):
    """[C1] A race of one sender with themself."""
    statuses = in_parallel([lambda: ada.invite(bela, status=(201, 409)).status_code] * 12, threads=12)
    assert statuses.count(201) == 1
    assert len(bela.all("/v1/invitations/received")) == 1


def test_an_ignored_invitation_is_gone_silently(ada, bela):
    """[C2] The invitee no longer sees it; the inviter does not notice."""
    invitation = ada.invite(bela).json()
    bela.post(f"/v1/invitations/{invitation['id']}/ignore", status=204)
    assert bela.all("/v1/invitations/received") == []
    assert not is_connected(ada, bela)
    bela.post(f"/v1/invitations/{invitation['id']}/accept", status=(404, 409))
    # What the inviter sees must not differ from one that still waits.
    assert ada.relationship(bela)["invitation"] == "sent"
    ada.invite(bela, status=409, code="already_invited")


def test_only_the_invitee_answers_and_only_the_inviter_withdraws(ada, bela, clara):
    """[C2] [C3] Others get 404: an invitation is known to its two members only."""
    invitation = ada.invite(bela).json()
    for stranger in (ada, clara):
        stranger.post(f"/v1/invitations/{invitation['id']}/accept", status=(403, 404) if stranger is ada else 404)
        stranger.post(f"/v1/invitations/{invitation['id']}/ignore", status=(403, 404) if stranger is ada else 404)
    for stranger in (bela, clara):
        stranger.delete(f"/v1/invitations/{invitation['id']}", status=(403, 404) if stranger is bela else 404)
    bela.post(f"/v1/invitations/{invitation['id']}/accept", status=200)


def test_accepting_twice_changes_nothing(ada, bela):
    """[C2]"""
    invitation = ada.invite(bela).json()
    bela.post(f"/v1/invitations/{invitation['id']}/accept", status=200)
    bela.post(f"/v1/invitations/{invitation['id']}/accept", status=(200, 404, 409))
    assert len(ada.all("/v1/connections")) == 1
    ada.delete(f"/v1/invitations/{invitation['id']}", status=(404, 409))
    assert is_connected(ada, bela)


def test_a_withdrawn_invitation_has_to_cool_down(ada, bela):
    """[C3] The invitee no longer sees it. A new one is refused for three weeks, with the time. The other side may
    invite."""
    invitation = ada.invite(bela).json()
    ada.delete(f"/v1/invitations/{invitation['id']}", status=204)
    assert bela.all("/v1/invitations/received") == ada.all("/v1/invitations/sent") == []
    bela.post(f"/v1/invitations/{invitation['id']}/accept", status=(404, 409))
    refused = ada.invite(bela, status=409, code="cool_down")
    assert 20 * 86400 < int(refused.headers["retry-after"]) <= 21 * 86400
    bela.invite(ada, status=201)
    assert ada.all("/v1/invitations/received")[0]["inviter"]["id"] == bela.id


def test_lists_are_paged_newest_first_with_mutual_counts(service, ada):
    """[C4] Received and sent, two a page, with how many connections both share."""
    common, *inviters = service.members(6)
    ada.connect(common)
    for n, inviter in enumerate(inviters):
        if n % 2:
            inviter.connect(common)
        inviter.invite(ada, status=201)
    pages = list(ada.pages("/v1/invitations/received", limit=2))
    assert [len(page) for page in pages if page] == [2, 2, 1]
    rows = sum(pages, [])
    assert [row["inviter"]["id"] for row in rows] == [inviter.id for inviter in reversed(inviters)]
    assert [row["mutual_count"] for row in rows] == [n % 2 for n in reversed(range(5))]
    assert inviters[1].all("/v1/invitations/sent", limit=1)[0]["mutual_count"] == 1


def test_removing_is_silent_and_complete(friends):
    """[C7] Both lists are empty; they may meet again without a cool-down."""
    ada, bela = friends
    ada.disconnect(bela)
    assert not ada.relationship(bela)["connected"] and not bela.relationship(ada)["connected"]
    assert ada.all("/v1/connections") == bela.all("/v1/connections") == []
    assert bela.all("/v1/invitations/received") == []
    bela.invite(ada, status=201)


def test_removing_what_is_not_there(ada, bela):
    """[C7]"""
    ada.delete(f"/v1/connections/{bela.id}", status=(204, 404))
    ada.delete("/v1/connections/1", status=(204, 404))


def test_crossing_invitations_connect(ada, bela):
    """[C8] Who invites the one that invited them has accepted."""
    ada.invite(bela, status=201)
    assert bela.invite(ada, status=201).json()["state"] == "accepted"
    assert is_connected(ada, bela)
    assert all(member.all(f"/v1/invitations/{box}") == [] for member in (ada, bela) for box in ("sent", "received"))


def test_accept_races_with_withdraw(service):
    """[C2] [C3] Exactly one of both wins, and both sides agree on which."""
    for _ in range(6):
        ada, bela = service.members(2)
        invitation = ada.invite(bela).json()
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            accept = pool.submit(
                lambda: bela.post(f"/v1/invitations/{invitation['id']}/accept", status=(200, 404, 409)).status_code
            )
            withdraw = pool.submit(
                lambda: ada.delete(f"/v1/invitations/{invitation['id']}", status=(204, 404, 409)).status_code
            )
        assert (accept.result() == 200) != (withdraw.result() == 204)
        assert ada.relationship(bela)["connected"] == bela.relationship(ada)["connected"] == (accept.result() == 200)


def test_a_blocked_member_cannot_invite(ada, bela):
    """[C1] [U32] 404 both ways, as if the other were not there."""
    ada.block(bela)
    bela.invite(ada, status=404)
    ada.invite(bela, status=404)


# --- lists


def test_connections_by_name_by_time_and_searched(service, ada):
    """[C10] Sort recent and name, search by a part of the name, paged."""
    names = ["Zoë Adams", "adam smith", "Ben Mach", "Carl Zuse", "Chloe Adams"]
    others = service.members(5, names)
    for other in others:
        ada.connect(other)
    recent = ada.all("/v1/connections", limit=2, sort="recent")
    assert [row["user"]["id"] for row in recent] == [other.id for other in reversed(others)]
    assert [row["connected_at"] for row in recent] == sorted((row["connected_at"] for row in recent), reverse=True)
    by_name = [row["user"]["name"] for row in ada.all("/v1/connections", limit=2, sort="name")]
    assert by_name == ["adam smith", "Ben Mach", "Carl Zuse", "Chloe Adams", "Zoë Adams"]
    found = {row["user"]["name"] for row in ada.all("/v1/connections", limit=2, q="adam")}
    assert found == {"adam smith", "Zoë Adams", "Chloe Adams"}
    assert [row["user"]["name"] for row in ada.all("/v1/connections", q="zoe")] == ["Zoë Adams"]
    assert ada.all("/v1/connections", q="nobody of this name") == []
    ada.get("/v1/connections", params={"sort": "size"}, status=400, field="/sort")


def test_a_changed_name_moves_in_the_list(service, ada):
    """[C10] The list sorts by the name that is shown."""
    others = service.members(3, ["Alpha One", "Beta Two", "Gamma Three"])
    ada.connect(*others)
    others[0].patch("/v1/users/me", {"name": "Omega One"})
    eventually(
        lambda: (
            [row["user"]["name"] for row in ada.all("/v1/connections", sort="name")]
            == ["Beta Two", "Gamma Three", "Omega One"]
        )
    )
    eventually(lambda: [row["user"]["name"] for row in ada.all("/v1/connections", q="omega")] == ["Omega One"])


def test_a_cursor_of_one_list_is_refused_by_another(service, ada):
    """[C10] [X5]"""
    ada.connect(*service.members(3))
    cursor = ada.get("/v1/connections", params={"limit": 1, "sort": "recent"}).json()["next_cursor"]
    ada.get("/v1/connections", params={"limit": 1, "sort": "name", "cursor": cursor}, status=400, field="/cursor")
    ada.get("/v1/invitations/sent", params={"cursor": cursor}, status=400, field="/cursor")


def test_the_connections_of_others_are_for_their_connections(service, friends, clara):
    """[C10] A connection sees the list; a stranger is refused; a blocked member sees nobody there."""
    ada, bela = friends
    ids = {row["user"]["id"] for row in bela.all(f"/v1/users/{ada.id}/connections")}
    assert ids == {bela.id}
    clara.get(f"/v1/users/{ada.id}/connections", status=403, code="connections_hidden")
    ada.get(f"/v1/users/{ada.id}/connections", status=200)
    clara.connect(ada)
    clara.block(bela)
    assert {row["user"]["id"] for row in bela.all(f"/v1/users/{ada.id}/connections")} == {bela.id}
    assert {row["user"]["id"] for row in clara.all(f"/v1/users/{ada.id}/connections")} == {clara.id}


# --- relationships


def test_relationships_in_a_batch(service, ada):
    """[C12] Connected, invited either way, blocked, nothing, oneself."""
    friend, sent, received, blocked, stranger = service.members(5)
    ada.connect(friend)
    invitation = ada.invite(sent).json()
    theirs = received.invite(ada).json()
    ada.block(blocked)
    ids = [member.id for member in (friend, sent, received, blocked, stranger, ada)]
    found = ada.get("/v1/relationships", params={"ids": ",".join(ids)}).json()
    rows = {row["user_id"]: row for row in found["items"]}
    assert (rows[friend.id]["connected"], rows[friend.id]["degree"], rows[friend.id]["following"]) == (True, 1, True)
    assert (rows[sent.id]["invitation"], rows[sent.id]["invitation_id"]) == ("sent", invitation["id"])
    assert (rows[received.id]["invitation"], rows[received.id]["invitation_id"]) == ("received", theirs["id"])
    assert rows[blocked.id]["blocked"] is True and not rows[blocked.id]["connected"]
    assert (rows[stranger.id]["connected"], rows[stranger.id]["invitation"], rows[stranger.id]["blocked"]) == (
        False,
        "none",
        False,
    )
    assert rows[ada.id]["degree"] == 0
    ada.get("/v1/relationships", status=400, field="/ids")


def test_a_relationship_does_not_tell_of_a_block(ada, bela):
    """[C12] [U32] Who is blocked sees what a stranger would see."""
    before = bela.relationship(ada)
    ada.block(bela)
    found = bela.get("/v1/relationships", params={"ids": ada.id}).json()
    rows = found["items"]
    assert rows in ([], [before])


# --- mutual connections


def test_mutual_connections_are_listed(service, ada, bela):
    """[C13] Exactly those connected to both, as cards, paged."""
    common = service.members(3)
    only_ada, only_bela = service.members(2)
    ada.connect(*common, only_ada)
    bela.connect(*common, only_bela)
    for me, them in ((ada, bela), (bela, ada)):
        rows = me.all(f"/v1/users/{them.id}/mutual-connections", limit=2)
        assert {(row.get("user") or row)["id"] for row in rows} == {member.id for member in common}
        assert len(rows) == 3
    common[0].block(ada)
    assert {(row.get("user") or row)["id"] for row in ada.all(f"/v1/users/{bela.id}/mutual-connections")} == {
        member.id for member in common[1:]
    }


# --- events


def test_connecting_reaches_the_feed_by_its_event(ada, bela):
    """[C28] The event of a new connection takes effect: the other's posts enter the feed, and leave it when they
    part."""
    post = ada.publish("Written before we met", "connections")
    assert post["id"] not in bela.feed_ids()
    bela.find_post(post, status=404)
    ada.connect(bela)
    eventually(lambda: post["id"] in bela.feed_ids())
    bela.disconnect(ada)
    assert post["id"] not in bela.feed_ids()
    bela.find_post(post, status=404)
