"""Posts, reactions, comments, mentions, hashtags."""

import os
import pathlib
import random
import unicodedata
import urllib.parse
import uuid

import pytest

from support.client import Service, eventually, in_parallel

KINDS = ["like", "celebrate", "support", "love", "insightful", "funny"]


def counts(post):
    return {kind: n for kind, n in post["reactions"].items() if n}


# --- publishing


def test_a_post_is_published_and_read(ada, bela):
    """[P1] 201 with Location and ETag; read by others as it was written."""
    answer = ada.post(
        "/v1/posts", {"text": "The Analytical Engine weaves algebraic patterns.", "visibility": "public"}, status=201
    )
    post = answer.json()
    assert answer.headers["location"] == f"/v1/posts/{post['id']}"
    assert post["author"]["id"] == ada.id and post["author"]["name"] == ada.name
    assert (post["edited_at"], post["comment_count"], post["my_reaction"], counts(post)) == (None, 0, None, {})
    assert bela.find_post(post) == post


def test_a_post_has_members_visibility_when_nothing_is_said(ada):
    """[P1] [P13]"""
    assert ada.publish("Quietly")["visibility"] == "members"


@pytest.mark.parametrize(
    "text,kept",
    [
        ("x", "x"),
        ("x" * 3000, "x" * 3000),
        ("👩‍🔬" * 1000, "👩‍🔬" * 1000),
        ("  trimmed\n\n", "trimmed"),
        ("a\n\nb\tc", "a\n\nb\tc"),
        ("e\u0301", "\u00e9"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("مرحبا بالعالم", "مرحبا بالعالم"),
        ("''; DROP TABLE posts; --", "''; DROP TABLE posts; --"),
        ("\\u0041 \\n", "\\u0041 \\n"),
        ("𝕏 \U0010ffff", "𝕏 \U0010ffff"),
    ],
)
def test_text_is_kept_as_it_was_meant(ada, text, kept):
    """[P1] NFC and trimmed, otherwise unchanged; lengths count code points."""
    assert ada.find_post(ada.publish(text))["text"] == kept


@pytest.mark.parametrize("text", ["", " \n ", "x" * 3001, "a\x00b", "a\x07b", "\x1b[1m", 5, None, ["x"], {"x": 1}])
def test_text_that_is_refused(ada, text):
    """[P1] Empty, over-long, control characters, other types: 400 at /text."""
    ada.post("/v1/posts", {"text": text}, status=400, field="/text")


def test_lone_surrogates_are_refused(ada):
    """[P1] An escape that is no character is no UTF-8."""
    ada.call(
        "POST", "/v1/posts", content=b'{"text":"a\\ud800b"}', headers={"Content-Type": "application/json"}, status=400
    )


# --- idempotency


def test_the_same_key_gives_the_same_post(ada):
    """[P41] [X6] A retry gets the stored answer and says so; there is one post."""
    key = str(uuid.uuid4())
    body = {"text": "Once"}
    first = ada.post("/v1/posts", body, headers={"Idempotency-Key": key}, status=201)
    again = ada.post("/v1/posts", body, headers={"Idempotency-Key": key}, status=201)
    assert again.json() == first.json() and again.headers["location"] == first.headers["location"]
    assert again.headers["idempotency-replayed"] == "true" and "idempotency-replayed" not in first.headers
    assert len(ada.all(f"/v1/users/{ada.id}/posts")) == 1


def test_the_same_key_with_another_request_is_refused(ada):
    """[P41] [X6] 422"""
    key = str(uuid.uuid4())
    ada.publish("One", key=key)
    ada.publish("Two", key=key, status=422)
    assert len(ada.all(f"/v1/users/{ada.id}/posts")) == 1


def test_a_key_is_of_one_member_and_one_route(ada, bela):
    """[P41] [X6] Another member's key of the same name is another key, and so is one on another route."""
    key = str(uuid.uuid4())
    post = ada.publish("Mine", "public", key=key)
    assert bela.publish("Mine", "public", key=key)["id"] != post["id"]
    ada.post(f"/v1/posts/{post['id']}/comments", {"text": "Mine"}, headers={"Idempotency-Key": key}, status=201)


def test_one_key_used_by_many_at_once_gives_one_post(ada):
    """[P41] [X6] Concurrent requests: created once; the others are replayed or told that it is still running."""
    key = str(uuid.uuid4())
    answers = in_parallel(
        [lambda: ada.post("/v1/posts", {"text": "Race"}, headers={"Idempotency-Key": key}, status=(201, 409))] * 12,
        threads=12,
    )
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
    assert len(ada.all(f"/v1/users/{ada.id}/posts")) == 1


def test_a_refused_request_does_not_use_up_its_key(ada):
    """[P41] [X6] A faulty request can be corrected under the same key."""
    key = str(uuid.uuid4())
    ada.publish("", key=key, status=400)
    ada.publish("Corrected", key=key, status=201)


@pytest.mark.parametrize("key", ["", "k" * 256, "k" * 5000])
def test_a_key_has_a_length(ada, key):
    """[X6]"""
    ada.post("/v1/posts", {"text": "Keyed"}, headers={"Idempotency-Key": key}, status=400)


def test_a_comment_is_created_once(ada):
    """[P41] [P17]"""
    post = ada.publish()
    key = str(uuid.uuid4())
    ids = {
        ada.post(
            f"/v1/posts/{post['id']}/comments", {"text": "Once"}, headers={"Idempotency-Key": key}, status=201
        ).json()["id"]
        for _ in range(3)
    }
    assert len(ids) == 1 and ada.find_post(post)["comment_count"] == 1


# --- editing and deleting


def test_an_edit_is_marked(ada, bela):
    """[P8] The new text, `edited_at`, a new version."""
    post = ada.publish("Frist", "public")
    after = ada.patch(f"/v1/posts/{post['id']}", {"text": "First"}, status=200).json()
    assert after["text"] == "First" and after["edited_at"] and after["version"] != post["version"]
    assert after["created_at"] == post["created_at"]
    assert bela.find_post(post)["text"] == "First"


def test_an_edit_meets_the_version_it_saw(ada):
    """[P42] [X7] A stale If-Match is 412; reactions meanwhile do not make it stale."""
    post = ada.publish("v1")
    etag = ada.get(f"/v1/posts/{post['id']}").headers["etag"]
    ada.react(post)
    ada.patch(f"/v1/posts/{post['id']}", {"text": "v2"}, headers={"If-Match": etag}, status=200)
    ada.patch(f"/v1/posts/{post['id']}", {"text": "v3"}, headers={"If-Match": etag}, status=412)
    assert ada.find_post(post)["text"] == "v2"
    ada.patch(f"/v1/posts/{post['id']}", {"text": "v3"}, headers={"If-Match": "*"}, status=200)
    ada.patch(f"/v1/posts/{post['id']}", {"text": "v4"}, headers={"If-Match": "rubbish"}, status=(400, 412))


def test_one_of_many_edits_of_a_version_wins(ada):
    """[P42] Lost updates do not happen."""
    post = ada.publish("start")
    etag = ada.get(f"/v1/posts/{post['id']}").headers["etag"]
    jobs = [
        lambda n=n: ada.patch(
            f"/v1/posts/{post['id']}", {"text": f"edit {n}"}, headers={"If-Match": etag}, status=(200, 412)
        )
        for n in range(10)
    ]
    answers = in_parallel(jobs, threads=10)
    won = [answer.json()["text"] for answer in answers if answer.status_code == 200]
    assert len(won) == 1 and ada.find_post(post)["text"] == won[0]


def test_an_unchanged_post_is_not_sent_again(ada, bela):
    """[X7] 304 while nothing changed, also no counter; 200 after a reaction."""
    post = ada.publish("Same", "public")
    etag = ada.get(f"/v1/posts/{post['id']}").headers["etag"]
    ada.get(f"/v1/posts/{post['id']}", headers={"If-None-Match": etag}, status=304)
    ada.get(f"/v1/posts/{post['id']}", headers={"If-None-Match": f'"other", {etag}'}, status=304)
    bela.react(post)
    ada.get(f"/v1/posts/{post['id']}", headers={"If-None-Match": etag}, status=200)


def test_only_the_author_edits_and_deletes(ada, bela):
    """[P8] [P10] 403 for who can see it, 404 for who cannot."""
    open_post, hidden = ada.publish("Seen", "public"), ada.publish("Unseen", "connections")
    bela.patch(f"/v1/posts/{open_post['id']}", {"text": "Mine now"}, status=403)
    bela.delete(f"/v1/posts/{open_post['id']}", status=403)
    bela.patch(f"/v1/posts/{hidden['id']}", {"text": "Mine now"}, status=404)
    bela.delete(f"/v1/posts/{hidden['id']}", status=404)
    assert ada.find_post(open_post)["text"] == "Seen"


def test_a_deleted_post_is_gone_with_all_that_hung_on_it(friends):
    """[P10] 410 for who could see it, 404 for others; comments, reactions, lists and feeds lose it."""
    ada, bela = friends
    post, hidden = ada.publish("Short-lived #fleeting", "public"), ada.publish("Unseen", "connections")
    comment = bela.comment(post)
    bela.react(post, "funny")
    eventually(lambda: post["id"] in bela.feed_ids())
    ada.delete(f"/v1/posts/{post['id']}", status=204)
    ada.delete(f"/v1/posts/{hidden['id']}", status=204)
    for member in friends:
        member.find_post(post, status=410)
        assert post["id"] not in member.feed_ids()
        assert post["id"] not in [row["id"] for row in member.all(f"/v1/users/{ada.id}/posts")]
    bela.get(f"/v1/comments/{comment['id']}", status=(404, 410))
    bela.get(f"/v1/posts/{post['id']}/comments", status=(404, 410))
    bela.get(f"/v1/posts/{post['id']}/reactions", status=(404, 410))
    bela.comment(post, status=(404, 410))
    bela.react(post, status=(404, 410))
    assert bela.all(f"/v1/users/{bela.id}/comments") == [] and bela.all(f"/v1/users/{bela.id}/reactions") == []
    ada.patch(f"/v1/posts/{post['id']}", {"text": "Back"}, status=410)
    assert post["id"] not in [row["id"] for row in bela.all("/v1/hashtags/fleeting/posts")]


def test_a_deleted_hidden_post_is_just_not_there(ada, bela):
    """[P10] [P13] 410 would tell that there was something."""
    hidden = ada.publish("Unseen", "connections")
    ada.delete(f"/v1/posts/{hidden['id']}", status=204)
    bela.find_post(hidden, status=404)
    ada.find_post(hidden, status=410)


def test_posts_are_read_in_a_batch(ada, bela):
    """[P45] [F: one list shape everywhere] Those that the reader may see, in the order asked for."""
    seen, hidden, gone = ada.publish("A", "public"), ada.publish("B", "connections"), ada.publish("C", "public")
    own = bela.publish("D", "connections")
    ada.delete(f"/v1/posts/{gone['id']}", status=204)
    ids = [own["id"], seen["id"], hidden["id"], gone["id"], "1"]
    found = bela.get("/v1/posts", params={"ids": ",".join(ids)}).json()
    assert found["next_cursor"] is None
    assert [row["id"] for row in found["items"]] == [own["id"], seen["id"]]
    bela.get("/v1/posts", params={"ids": "x"}, status=400)
    bela.get("/v1/posts", params={"ids": ",".join(str(n) for n in range(1, 600))}, status=400)


# --- visibility


def readers(post, **who):
    """Who can read the post, over every path that gives single posts."""
    can = set()
    for name, caller in who.items():
        answer = caller.get(f"/v1/posts/{post['id']}", status=(200, 401, 404))
        if answer.status_code == 200:
            can.add(name)
        if caller.token:
            batch = caller.get("/v1/posts", params={"ids": post["id"]}).json()
            assert bool(batch["items"]) == (answer.status_code == 200)
        reactions = caller.get(f"/v1/posts/{post['id']}/reactions", status=(200, 401, 404)).status_code
        comments = caller.get(f"/v1/posts/{post['id']}/comments", status=(200, 401, 404)).status_code
        if answer.status_code != 200:
            assert 200 not in (reactions, comments)
    return can


def test_visibility_is_kept_on_every_way_to_a_post(service, friends, clara, visitor):
    """[P13] [P44] public, members, connections: read, batch, reactions, comments, author's list, hashtag page, feed."""
    ada, bela = friends
    tag = "t" + uuid.uuid4().hex
    who = {"author": ada, "friend": bela, "member": clara, "visitor": visitor}
    posts = {
        visibility: ada.publish(f"{visibility} #{tag}", visibility)
        for visibility in ("public", "members", "connections")
    }
    expected = {
        "public": {"author", "friend", "member", "visitor"},
        "members": {"author", "friend", "member"},
        "connections": {"author", "friend"},
    }
    for visibility, post in posts.items():
        assert readers(post, **who) == expected[visibility]
    for name, caller in who.items():
        visible = {post["id"] for visibility, post in posts.items() if name in expected[visibility]}
        if caller.token:
            assert {row["id"] for row in caller.all(f"/v1/users/{ada.id}/posts")} == visible
            assert {row["id"] for row in caller.all(f"/v1/hashtags/{tag}/posts", limit=1)} == visible
    assert {post["id"] for post in posts.values()} <= set(bela.feed_ids())


def test_a_change_of_visibility_holds_at_once(friends, clara, visitor):
    """[P13] [P44] Warm caches and lists follow."""
    ada, bela = friends
    post = ada.publish("Now you see me", "public")
    who = {"friend": bela, "member": clara, "visitor": visitor}
    assert readers(post, **who) == {"friend", "member", "visitor"}
    ada.patch(f"/v1/posts/{post['id']}", {"visibility": "connections"})
    assert readers(post, **who) == {"friend"}
    assert clara.all(f"/v1/users/{ada.id}/posts") == []
    ada.patch(f"/v1/posts/{post['id']}", {"visibility": "members"})
    assert readers(post, **who) == {"friend", "member"}
    ada.disconnect(bela)
    ada.patch(f"/v1/posts/{post['id']}", {"visibility": "connections"})
    assert readers(post, **who) == set()


def test_an_unknown_visibility_is_refused(ada):
    """[P13]"""
    ada.post("/v1/posts", {"text": "x", "visibility": "secret"}, status=400, field="/visibility")


# --- reactions


@pytest.mark.parametrize("kind", KINDS)
def test_each_of_six_reactions(ada, bela, kind):
    """[P15] Counted by kind, and told to the one who reacted."""
    post = ada.publish("React", "public")
    bela.react(post, kind)
    seen = bela.find_post(post)
    assert counts(seen) == {kind: 1, "total": 1} and seen["my_reaction"] == kind
    assert ada.find_post(post)["my_reaction"] is None


def test_a_reaction_is_changed_and_removed(ada, bela):
    """[P15] One for each member, idempotent."""
    post = ada.publish("React", "public")
    for kind in ("like", "like", "love"):
        bela.react(post, kind)
    assert counts(bela.find_post(post)) == {"love": 1, "total": 1}
    bela.unreact(post, status=204)
    bela.unreact(post, status=(204, 404))
    assert counts(bela.find_post(post)) == {} and bela.find_post(post)["my_reaction"] is None
    bela.react(post, "hate", status=400, field="/kind")


def test_counts_are_exact_under_many_at_once(service, ada):
    """[P15] Members who react, change and remove side by side: the counts are what remains."""
    post = ada.publish("Popular", "public")
    members = service.members(8)
    last = {}

    def storm(n):
        chance = random.Random(n)
        for _ in range(12):
            kind = chance.choice([*KINDS, None])
            members[n].react(post, kind) if kind else members[n].unreact(post, status=(204, 404))
            last[n] = kind

    in_parallel([lambda n=n: storm(n) for n in range(8)], threads=8)
    expected = {}
    for kind in filter(None, last.values()):
        expected[kind] = expected.get(kind, 0) + 1
        expected["total"] = expected.get("total", 0) + 1
    eventually(lambda: counts(ada.find_post(post)) == expected)
    rows = ada.all(f"/v1/posts/{post['id']}/reactions", limit=3)
    assert {(row["user"]["id"], row["kind"]) for row in rows} == {
        (members[n].id, kind) for n, kind in last.items() if kind
    }


def test_who_reacted_is_listed_by_kind(service, ada):
    """[P16] Paged, newest first, filtered."""
    post = ada.publish("React", "public")
    members = service.members(5)
    for n, member in enumerate(members):
        member.react(post, "like" if n % 2 else "support")
    rows = ada.all(f"/v1/posts/{post['id']}/reactions", limit=2)
    assert [row["user"]["id"] for row in rows] == [member.id for member in reversed(members)]
    likes = ada.all(f"/v1/posts/{post['id']}/reactions", limit=1, kind="like")
    assert {row["user"]["id"] for row in likes} == {members[1].id, members[3].id} and {
        row["kind"] for row in likes
    } == {"like"}
    ada.get(f"/v1/posts/{post['id']}/reactions", params={"kind": "hate"}, status=400, field="/kind")
    members[0].block(members[1])
    assert members[0].id not in [row["user"]["id"] for row in members[1].all(f"/v1/posts/{post['id']}/reactions")]


# --- comments


def test_comments_are_listed_both_ways(ada, bela):
    """[P17] Recent first or oldest first, paged, counted."""
    post = ada.publish("Discuss", "public")
    comments = [bela.comment(post, f"Number {n}") for n in range(5)]
    ids = [comment["id"] for comment in comments]
    assert [row["id"] for row in ada.all(f"/v1/posts/{post['id']}/comments", limit=2, sort="oldest")] == ids
    assert [row["id"] for row in ada.all(f"/v1/posts/{post['id']}/comments", limit=2, sort="recent")] == ids[::-1]
    assert ada.find_post(post)["comment_count"] == 5
    one = ada.get(f"/v1/comments/{ids[0]}").json()
    assert (one["text"], one["author"]["id"], one["post_id"], one["parent_id"]) == (
        "Number 0",
        bela.id,
        post["id"],
        None,
    )


@pytest.mark.parametrize("text", ["", "x" * 1251, "a\x00", 7])
def test_comments_that_are_refused(ada, text):
    """[P17]"""
    post = ada.publish()
    ada.post(f"/v1/posts/{post['id']}/comments", {"text": text}, status=400, field="/text")


def test_replies_are_kept_under_their_comment(ada, bela):
    """[P18] A list of their own, a count at the parent; the parent must be of the same post."""
    post, other = ada.publish("Discuss", "public"), ada.publish("Elsewhere", "public")
    comment = bela.comment(post, "Top")
    replies = [ada.comment(post, f"Reply {n}", comment) for n in range(3)]
    assert {reply["parent_id"] for reply in replies} == {comment["id"]}
    assert [row["id"] for row in bela.all(f"/v1/comments/{comment['id']}/replies", limit=2)] in (
        [reply["id"] for reply in replies],
        [reply["id"] for reply in reversed(replies)],
    )
    assert bela.get(f"/v1/comments/{comment['id']}").json()["reply_count"] == 3
    assert [row["id"] for row in bela.all(f"/v1/posts/{post['id']}/comments")] == [comment["id"]]
    assert ada.find_post(post)["comment_count"] == 4
    ada.comment(other, "Lost", comment, status=(404, 422))
    ada.post(f"/v1/posts/{post['id']}/comments", {"text": "x", "parent_id": "1"}, status=(404, 422))


def test_a_reply_to_a_reply_is_not_lost(ada, bela):
    """[P18] It is found below its parent or below the comment of the thread."""
    post = ada.publish("Discuss", "public")
    top = bela.comment(post, "Top")
    reply = ada.comment(post, "Reply", top)
    deep = bela.comment(post, "Deeper", reply)
    below = [row["id"] for comment in (top, reply) for row in ada.all(f"/v1/comments/{comment['id']}/replies")]
    assert deep["id"] in below and ada.find_post(post)["comment_count"] == 3


def test_a_comment_is_edited_by_its_author(ada, bela, clara):
    """[P20] With the mark; nobody else may, not the post's author either; a stale version is 412."""
    post = ada.publish("Discuss", "public")
    comment = bela.comment(post, "Frist")
    etag = bela.get(f"/v1/comments/{comment['id']}").headers["etag"]
    after = bela.patch(f"/v1/comments/{comment['id']}", {"text": "First"}, headers={"If-Match": etag}).json()
    assert after["text"] == "First" and after["edited_at"]
    bela.patch(f"/v1/comments/{comment['id']}", {"text": "Third"}, headers={"If-Match": etag}, status=412)
    for other in (ada, clara):
        other.patch(f"/v1/comments/{comment['id']}", {"text": "Mine"}, status=403)


def test_a_comment_is_removed_by_its_author_or_the_posts(ada, bela, clara):
    """[P20] The count follows; others may not."""
    post = ada.publish("Discuss", "public")
    first, second = bela.comment(post, "One"), bela.comment(post, "Two")
    clara.delete(f"/v1/comments/{first['id']}", status=403)
    bela.delete(f"/v1/comments/{first['id']}", status=204)
    ada.delete(f"/v1/comments/{second['id']}", status=204)
    assert ada.all(f"/v1/posts/{post['id']}/comments") == [] and ada.find_post(post)["comment_count"] == 0
    bela.get(f"/v1/comments/{first['id']}", status=(404, 410))


def test_removing_a_comment_with_replies_keeps_the_count_right(ada, bela):
    """[P18] [P20] The count says what can still be read, whether replies stay under a tombstone or go with it."""
    post = ada.publish("Discuss", "public")
    top = bela.comment(post, "Top")
    reply = ada.comment(post, "Reply", top)
    bela.delete(f"/v1/comments/{top['id']}", status=204)
    alive = ada.get(f"/v1/comments/{reply['id']}", status=(200, 404, 410)).status_code == 200
    assert ada.find_post(post)["comment_count"] == (1 if alive else 0)
    for row in ada.all(f"/v1/posts/{post['id']}/comments"):
        assert row["id"] != top["id"] or (row["text"] == "" and alive)


def test_comments_of_unseen_posts_are_unseen(ada, bela):
    """[P17] [P44]"""
    post = ada.publish("Unseen", "connections")
    comment = ada.comment(post)
    bela.get(f"/v1/comments/{comment['id']}", status=404)
    bela.get(f"/v1/comments/{comment['id']}/replies", status=404)
    bela.comment(post, status=404)
    bela.patch(f"/v1/comments/{comment['id']}", {"text": "x"}, status=404)
    bela.delete(f"/v1/comments/{comment['id']}", status=404)


# --- mentions and hashtags


def test_mentions_carry_whom_and_where(ada, bela):
    """[P21] Offsets in code points, also after emoji and combining marks; unknown handles and addresses are plain
    text."""
    text = f"👩‍🔬 é @{bela.handle}, @{ada.handle.upper()}! @nobody-of-this-name mail@{bela.handle}.org"
    post = ada.publish(text, "public")
    found = {(m["user_id"], m["handle"]): post["text"][m["start"] : m["start"] + m["length"]] for m in post["mentions"]}
    assert found == {(bela.id, bela.handle): f"@{bela.handle}", (ada.id, ada.handle): f"@{ada.handle.upper()}"}
    after = ada.patch(f"/v1/posts/{post['id']}", {"text": "Nobody here"}).json()
    assert after["mentions"] == []


def test_a_mention_stays_with_its_member(ada, bela, clara):
    """[P21] A handle that changes owner later does not change who was meant."""
    old = bela.handle
    post = ada.publish(f"Thank you @{old}", "public")
    bela.patch("/v1/users/me", {"handle": "n" + uuid.uuid4().hex[:12]})
    assert [m["user_id"] for m in clara.find_post(post)["mentions"]] == [bela.id]


def test_comments_have_mentions(ada, bela):
    """[P21]"""
    comment = ada.comment(ada.publish(), f"@{bela.handle} look")
    assert [(m["user_id"], m["start"], m["length"]) for m in comment["mentions"]] == [
        (bela.id, 0, len(bela.handle) + 1)
    ]


def test_a_blocked_member_is_not_mentioned(ada, bela, clara):
    """[P21] [U32] No link between the two in what the blocked member is shown of others, and none is made."""
    bela.block(ada)
    assert ada.publish(f"@{bela.handle}", "public")["mentions"] == []


@pytest.mark.parametrize("tag", ["col·legi", "می\u200cخواهم", "ක්\u200dෂ", "co\u00adop", "צה״ל", "ジョン・スミス"])
def test_a_hashtag_is_not_cut_where_a_word_goes_on(ada, tag):
    """[F: hashtags cut at joiners] Its page is found under the tag as it is written, and under that of the answer."""
    own = uuid.uuid4().hex[:8]
    post = ada.publish(f"Look: #{tag}{own}, ＃{tag.upper()}{own} and #a{own}\u200bb", "public")
    (whole, part) = post["hashtags"]
    assert whole.endswith(own) and len(whole) >= len(tag.replace("\u00ad", "")) + len(own) and part == f"a{own}"
    for asked in (tag + own, tag.upper() + own, whole, unicodedata.normalize("NFD", tag) + own):
        path = f"/v1/hashtags/{urllib.parse.quote(asked)}/posts"
        assert [row["id"] for row in ada.all(path)] == [post["id"]], asked


def test_a_full_width_sign_starts_a_hashtag_and_a_mention(ada, bela):
    """[F: hashtags cut at joiners]"""
    post = ada.publish(f"＃Tag ﹟small ＠{bela.handle} a＃b", "public")
    assert post["hashtags"] == ["tag", "small"]
    assert [(m["user_id"], m["start"], m["length"]) for m in post["mentions"]] == [(bela.id, 12, len(bela.handle) + 1)]


def test_urls_and_addresses_hold_no_entities(ada, bela):
    """[F: entities inside URLs and addresses]"""
    at = f"@{bela.handle}"
    for text in (
        "https://x.example/Go_(game)#History",
        f"(http://x.example/?u={at})",
        f"x.example/~{at}",
        f"www.x.example/a,#b({at}",
        f"{at}@server.example",
        f"{at}.example.org",
        f"{at}/repository",
        "#tag@server.example",
    ):
        post = ada.publish(text, "public")
        assert post["hashtags"] == [] and post["mentions"] == [], text
    beside = ada.publish(f"(https://x.example/a_(b)#c) #yes, {at}. https://x.example {at}", "public")
    assert beside["hashtags"] == ["yes"] and len(beside["mentions"]) == 2


# --- what a text is


@pytest.mark.parametrize(
    "text", ["\u3164", "\u200b", "\u2060", "\u200b \u200b", "\u2800", "\ufeff\u00ad", "\u115f\u1160"]
)
def test_a_text_that_shows_nothing_is_too_short(ada, text):
    """[F: texts that show nothing] of posts, comments and names; a headline becomes empty."""
    post = ada.publish()
    for answer in (
        ada.post("/v1/posts", {"text": text}, status=400),
        ada.post(f"/v1/posts/{post['id']}/comments", {"text": text}, status=400),
        ada.patch("/v1/users/me", {"name": text}, status=400),
    ):
        assert [error["code"] for error in answer.json()["errors"]] == ["too_short"]
    assert not ada.patch("/v1/users/me", {"headline": text}).json()["headline"]


@pytest.mark.parametrize("separator", ["\u2028", "\u2029"])
def test_one_line_has_no_separator_of_lines(ada, separator):
    """[F: texts that show nothing]"""
    answer = ada.patch("/v1/users/me", {"name": f"Ada{separator}Lovelace"}, status=400)
    assert answer.json()["errors"][0]["pointer"] == "/name"


def test_line_ends_are_line_feeds_and_count_once(ada):
    """[F: line ends] 3,000 characters with CR LF; a lone CR."""
    assert ada.publish("a\r\n" * 1499 + "bc")["text"] == "a\n" * 1499 + "bc"
    assert ada.publish("one\rtwo\r\rthree")["text"] == "one\ntwo\n\nthree"
    ada.post("/v1/posts", {"text": "a\r\n" * 1500 + "b"}, status=400)


@pytest.mark.one_process
def test_a_text_of_many_marks_is_refused_as_quickly_as_a_plain_one(launch):
    """[F: quadratic work on an io thread] 36 KB, of which all but the first character are marks."""
    instance = launch()
    ada = Service(instance).register()

    def cpu_used():
        """Seconds of CPU that the server has used."""
        fields = pathlib.Path(f"/proc/{instance.process.pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def cpu_seconds(text):
        before = cpu_used()
        for _ in range(20):
            ada.post("/v1/posts", {"text": text}, status=400)
        return cpu_used() - before

    plain = cpu_seconds("a" * 36_000)
    assert cpu_seconds("a" + "\u0301" * 9_000 + "\u0316" * 9_000) < 5 * plain + 1
    answer = ada.post("/v1/posts", {"text": "a" + "\u0301\u0316" * 16}, status=400)
    assert answer.json()["errors"][0]["code"] == "too_many_marks"
    assert ada.publish("Z" + "\u0351" * 30 + "algo")["text"].endswith("algo")


def test_hashtags_make_a_page(ada, bela):
    """[P1] [P13] [P22] Extracted in order, folded, any script; the page lists them newest first; edits move posts."""
    tag = "Zürich" + uuid.uuid4().hex[:8]
    post = ada.publish(f"#{tag} and #{tag.upper()} and #数学 but not a#b nor # alone", "public")
    assert [t.lower() for t in post["hashtags"]] == [tag.lower(), "数学"]
    second = bela.publish(f"also #{tag}", "public")
    assert [row["id"] for row in ada.all(f"/v1/hashtags/{tag.lower()}/posts", limit=1)] == [second["id"], post["id"]]
    ada.patch(f"/v1/posts/{post['id']}", {"text": "no more"})
    assert [row["id"] for row in ada.all(f"/v1/hashtags/{tag}/posts")] == [second["id"]]
    bela.block(ada)
    assert ada.all(f"/v1/hashtags/{tag}/posts") == []


# --- activity


def test_the_activity_of_a_member_has_three_tabs(friends, clara):
    """[P32] Posts, comments, reactions, each only as far as the reader may see."""
    ada, bela = friends
    own = [ada.publish(f"Post {n}", visibility) for n, visibility in enumerate(("public", "members", "connections"))]
    theirs = bela.publish("Bela's", "public")
    hidden = bela.publish("Bela's own", "connections")
    comments = [ada.comment(theirs, "Seen"), ada.comment(hidden, "Unseen")]
    ada.react(theirs, "love")
    ada.react(hidden, "love")
    for reader, sees_hidden in ((bela, True), (ada, True), (clara, False)):
        rows = reader.all(f"/v1/users/{ada.id}/posts", limit=2)
        assert [row["id"] for row in rows] == [post["id"] for post in reversed(own if sees_hidden else own[:2])]
        rows = reader.all(f"/v1/users/{ada.id}/comments", limit=1)
        assert [row["id"] for row in rows] == [
            comment["id"] for comment in reversed(comments if sees_hidden else comments[:1])
        ]
        text = str(reader.all(f"/v1/users/{ada.id}/reactions", limit=1))
        assert theirs["id"] in text and (hidden["id"] in text) == sees_hidden
    clara.get("/v1/users/1/posts", status=404)
