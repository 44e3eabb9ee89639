"""Profiles, handles, blocks."""

import uuid


from support.client import eventually

TEXTS = {"headline": 3, "about": 3, "location": 3, "industry": 3, "pronouns": 3}


def fresh_handle():
    return "h" + uuid.uuid4().hex[:16]


def test_a_member_edits_the_profile_and_others_see_it(ada, bela):
    """[U16] Name, headline, about, location, industry, pronouns."""
    wish = {
        "name": "Ada King",
        "headline": "Analyst of engines",
        "about": "Poetical science.\nNotes, A to G.",
        "location": "London",
        "industry": "Computing",
        "pronouns": "she/her",
    }
    mine = ada.patch("/v1/users/me", wish, status=200).json()
    seen = bela.get(f"/v1/users/{ada.id}").json()
    for field, value in wish.items():
        assert mine[field] == value and seen[field] == value
    assert "email" not in seen and mine["version"] == seen["version"]


def test_a_patch_changes_only_what_it_names(ada):
    """[U16] JSON Merge Patch: absent stays, null removes."""
    ada.patch("/v1/users/me", {"headline": "One", "about": "Two"})
    after = ada.patch("/v1/users/me", {"headline": None}).json()
    assert (after["headline"], after["about"], after["name"]) == ("", "Two", ada.name)


def test_a_patch_may_have_the_media_type_of_merge_patch(ada):
    """[U16] application/merge-patch+json is RFC 7396's own type."""
    after = ada.call(
        "PATCH",
        "/v1/users/me",
        content=b'{"headline":"Typed"}',
        headers={"Content-Type": "application/merge-patch+json"},
    ).json()
    assert after["headline"] == "Typed"


def test_the_name_cannot_be_removed(ada):
    """[U16]"""
    ada.patch("/v1/users/me", {"name": None}, status=400, field="/name")
    ada.patch("/v1/users/me", {"handle": None}, status=400, field="/handle")
    ada.patch("/v1/users/me", {"email": "new@example.org"}, status=400, field="/email")


def test_text_is_kept_as_it_was_meant(ada, bela):
    """[U16] NFC, trimmed, any script; markup is text and stays text."""
    ada.patch("/v1/users/me", {"headline": "  Cafe\u0301 <b>&amp; 数学 👩‍🔬  "})
    assert bela.get(f"/v1/users/{ada.id}").json()["headline"] == "Caf\u00e9 <b>&amp; 数学 👩‍🔬"


def test_an_edit_meets_the_version_it_saw(ada):
    """[X7] If-Match with a stale ETag is 412 and changes nothing; with the current one it works."""
    first = ada.get("/v1/users/me")
    etag = first.headers["etag"]
    assert etag.startswith('"')
    ada.patch("/v1/users/me", {"headline": "A"}, headers={"If-Match": etag}, status=200)
    ada.patch("/v1/users/me", {"headline": "B"}, headers={"If-Match": etag}, status=412)
    now = ada.get("/v1/users/me")
    assert now.json()["headline"] == "A" and now.headers["etag"] != etag
    ada.patch("/v1/users/me", {"headline": "C"}, headers={"If-Match": now.headers["etag"]}, status=200)


def test_an_unchanged_profile_is_not_sent_again(ada, bela):
    """[X7] If-None-Match gives 304 without a body, until something changed."""
    etag = bela.get(f"/v1/users/{ada.id}").headers["etag"]
    answer = bela.get(f"/v1/users/{ada.id}", headers={"If-None-Match": etag}, status=304)
    assert not answer.content and answer.headers["etag"] == etag
    ada.patch("/v1/users/me", {"headline": "Changed"})
    bela.get(f"/v1/users/{ada.id}", headers={"If-None-Match": etag}, status=200)


def test_a_profile_is_found_by_its_handle(ada, bela):
    """[U17] /by-handle/, in any case."""
    handle = fresh_handle()
    ada.patch("/v1/users/me", {"handle": handle.upper()})
    assert bela.get(f"/v1/users/by-handle/{handle}").json()["id"] == ada.id
    assert bela.get(f"/v1/users/by-handle/{handle.upper()}").json()["handle"] == handle


def test_an_old_handle_leads_to_the_new_one(ada, bela):
    """[U17] 301 to where the profile is now, over several changes."""
    names = [fresh_handle() for _ in range(3)]
    for handle in names:
        ada.patch("/v1/users/me", {"handle": handle})
    for old in names[:2]:
        assert (
            bela.get(f"/v1/users/by-handle/{old}", status=301).headers["location"] == f"/v1/users/by-handle/{names[2]}"
        )


def test_a_handle_in_use_cannot_be_taken(ada, bela):
    """[U17]"""
    bela.patch("/v1/users/me", {"handle": ada.handle}, status=409, code="handle_taken", field="/handle")
    assert bela.get(f"/v1/users/by-handle/{ada.handle}").json()["id"] == ada.id


def test_the_owner_takes_an_old_handle_back(ada, bela):
    """[U17] Going back to an earlier handle is no conflict."""
    first, second = fresh_handle(), fresh_handle()
    for handle in (first, second, first):
        ada.patch("/v1/users/me", {"handle": handle}, status=200)
    assert bela.get(f"/v1/users/by-handle/{first}").json()["id"] == ada.id
    bela.get(f"/v1/users/by-handle/{second}", status=301)


def test_unknown_members_are_not_found(ada):
    """[U17]"""
    ada.get("/v1/users/1", status=404)
    ada.get("/v1/users/8999999999999999999", status=404)
    ada.get(f"/v1/users/by-handle/{fresh_handle()}", status=404)
    ada.get("/v1/users/abc", status=400, field="/user_id")
    ada.get("/v1/users/by-handle/no_such", status=400, field="/handle")


def test_profiles_are_read_in_a_batch(service, ada, bela, clara):
    """[U16] [F: one list shape everywhere] The visible ones of the ids, each once; a fault for what is no id, and for
    too many."""
    clara.block(ada)
    found = ada.get("/v1/users", params={"ids": f"{bela.id},{ada.id},{bela.id},1,{clara.id}"}).json()
    assert found["next_cursor"] is None
    assert [row["id"] for row in found["items"]] == [bela.id, ada.id]
    ada.get("/v1/users", params={"ids": "1,x"}, status=400)
    ada.get("/v1/users", params={"ids": ",".join(str(n) for n in range(1, 1000))}, status=400)
    ada.get("/v1/users", status=400, field="/ids")


# --- blocks


def test_a_block_hides_both_from_each_other(ada, bela, clara):
    """[U32] Profile, handle, batch: as if the other were not there, in both directions; a third member sees both."""
    handles = ada.handle, bela.handle
    ada.block(bela)
    for me, them, handle in ((ada, bela, handles[1]), (bela, ada, handles[0])):
        me.get(f"/v1/users/{them.id}", status=404)
        me.get(f"/v1/users/by-handle/{handle}", status=404)
        found = me.get("/v1/users", params={"ids": them.id}).json()
        assert found["items"] == []
        me.get(f"/v1/users/{them.id}/posts", status=404)
        me.get(f"/v1/users/{them.id}/mutual-connections", status=404)
        clara.get(f"/v1/users/{them.id}", status=200)


def test_the_blocked_member_cannot_tell_a_block_from_absence(ada, bela):
    """[U32] The answer is the same as for a member that never was."""
    ada.block(bela)
    hidden, absent = bela.get(f"/v1/users/{ada.id}", status=404).json(), bela.get("/v1/users/1", status=404).json()
    assert {k: v for k, v in hidden.items() if k not in ("request_id", "instance")} == {
        k: v for k, v in absent.items() if k not in ("request_id", "instance")
    }


def test_blocks_are_listed_and_lifted(service, ada):
    """[U32] The list of whom I block, newest first, paged; unblocking shows both again."""
    others = service.members(3)
    for other in others:
        ada.block(other)
    rows = ada.all("/v1/users/me/blocks", limit=2)
    assert [row["user"]["id"] for row in rows] == [other.id for other in reversed(others)]
    assert others[0].all("/v1/users/me/blocks") == []
    ada.unblock(others[0])
    others[0].get(f"/v1/users/{ada.id}", status=200)
    ada.get(f"/v1/users/{others[0].id}", status=200)
    assert len(ada.all("/v1/users/me/blocks")) == 2


def test_blocking_twice_is_blocking(ada, bela):
    """[U32] PUT and DELETE are idempotent."""
    ada.block(bela)
    ada.block(bela)
    assert len(ada.all("/v1/users/me/blocks")) == 1
    ada.unblock(bela)
    ada.delete(f"/v1/users/me/blocks/{bela.id}", status=(204, 404))
    assert ada.all("/v1/users/me/blocks") == []


def test_nobody_blocks_themself_or_nobody(ada):
    """[U32]"""
    ada.put(f"/v1/users/me/blocks/{ada.id}", status=422)
    ada.put("/v1/users/me/blocks/1", status=404)


def test_mutual_blocks_stand_apart(ada, bela):
    """[U32] When both block, lifting one leaves the other."""
    ada.block(bela)
    bela.put(f"/v1/users/me/blocks/{ada.id}", status=(204, 404))
    ada.unblock(bela)
    still = bela.all("/v1/users/me/blocks")
    ada.get(f"/v1/users/{bela.id}", status=404 if still else 200)


def test_a_block_ends_the_connection_and_the_invitations(service, friends):
    """[U32] [C7] The connection is gone for both, and does not come back by unblocking."""
    ada, bela = friends
    ada.block(bela)
    for me in friends:
        eventually(lambda: me.all("/v1/connections") == [])
    ada.unblock(bela)  # at once: the end of the connection may still be on its way, as an event
    eventually(lambda: ada.relationship(bela)["connected"] is False)
    assert [me.all("/v1/connections") for me in friends] == [[], []]
    clara = service.register("Clara")
    clara.invite(ada, status=201)
    ada.block(clara)
    eventually(lambda: ada.all("/v1/invitations/received") == [])
    eventually(lambda: clara.all("/v1/invitations/sent") == [])


def test_a_block_hides_what_was_written(friends):
    """[U32] [P44] Posts, comments, reactions and mentions of either vanish for the other, at once."""
    ada, bela = friends
    post = ada.publish("Before the quarrel", "public")
    bela.comment(post, "I was here")
    bela.react(post, "love")
    assert ada.find_post(post)["comment_count"] == 1
    ada.block(bela)
    bela.find_post(post, status=404)
    assert post["id"] not in bela.feed_ids()
    assert ada.get(f"/v1/posts/{post['id']}/comments").json()["items"] == []
    assert ada.get(f"/v1/posts/{post['id']}/reactions").json()["items"] == []
    bela.comment(post, "And again", status=404)
    bela.react(post, status=404)
