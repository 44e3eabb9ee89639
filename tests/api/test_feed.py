"""The home feed: own posts and those of connections, newest first, exact whatever happened before."""

import random

import pytest

from support.client import eventually


def test_the_feed_is_own_and_connections_newest_first(service, ada):
    """[P28] Posts of strangers are not in it."""
    friend, other, stranger = service.members(3)
    ada.connect(friend, other)
    expected = []
    for n in range(9):
        author = (ada, friend, other)[n % 3]
        expected.insert(0, author.publish(f"Post {n}", ("public", "members", "connections")[n % 3])["id"])
        stranger.publish(f"Noise {n}", "public")
    eventually(lambda: ada.feed_ids() == expected)
    assert [post["id"] for post in ada.all("/v1/feed", limit=2)] == expected
    assert [post["id"] for post in ada.all("/v1/feed", limit=4, sort="newest")] == expected


def test_own_actions_are_in_the_next_answer(friends):
    """[P28] Read your writes: my next read reflects what I published, deleted, reacted to, and whom I connected or
    blocked."""
    ada, bela = friends
    theirs = bela.publish("From Bela", "members")
    eventually(lambda: theirs["id"] in ada.feed_ids())
    for n in range(5):
        post = ada.publish(f"Mine {n}")
        assert ada.feed_ids()[0] == post["id"]
        ada.react(post, "love")
        assert ada.get("/v1/feed").json()["items"][0]["my_reaction"] == "love"
        ada.comment(post)
        assert ada.get("/v1/feed").json()["items"][0]["comment_count"] == 1
        ada.patch(f"/v1/posts/{post['id']}", {"text": f"Edited {n}"})
        assert ada.get("/v1/feed").json()["items"][0]["text"] == f"Edited {n}"
        ada.delete(f"/v1/posts/{post['id']}", status=204)
        assert post["id"] not in ada.feed_ids()
    ada.block(bela)
    assert theirs["id"] not in ada.feed_ids()


def test_what_others_do_arrives(friends):
    """[P28] [C28] New posts, edits, reactions, names and deletions of others show within a moment."""
    ada, bela = friends
    assert ada.feed_ids() == []
    post = bela.publish("Hello", "members")
    eventually(lambda: ada.feed_ids() == [post["id"]])
    item = lambda: ada.get("/v1/feed").json()["items"][0]
    bela.patch(f"/v1/posts/{post['id']}", {"text": "Hello again"})
    eventually(lambda: item()["text"] == "Hello again")
    bela.react(post, "celebrate")
    eventually(lambda: item()["reactions"]["celebrate"] == 1 and item()["my_reaction"] is None)
    bela.patch("/v1/users/me", {"name": "Bela the Second"})
    eventually(lambda: item()["author"]["name"] == "Bela the Second")
    bela.delete(f"/v1/posts/{post['id']}", status=204)
    eventually(lambda: ada.feed_ids() == [])


def test_a_cached_feed_never_shows_what_is_not_for_the_reader(friends):
    """[P44] At the moment that the author hides, deletes, blocks or disconnects, the reader's warm feed no longer shows
    it.

    This holds immediately, not just eventually.
    """
    ada, bela = friends
    for n, hide in enumerate(
        (
            lambda post: bela.delete(f"/v1/posts/{post['id']}", status=204),
            lambda post: (bela.disconnect(ada), bela.patch(f"/v1/posts/{post['id']}", {"visibility": "connections"})),
            lambda post: bela.block(ada),
        )
    ):
        post = bela.publish(f"Post {n}", "members")
        eventually(lambda: post["id"] in ada.feed_ids())
        ada.get("/v1/feed")
        hide(post)
        assert post["id"] not in ada.feed_ids()
        if n == 1:
            ada.connect(bela)


def test_connecting_brings_old_posts_and_removing_takes_them(service, ada):
    """[P28] [C28] The feed is exact after every change of the network."""
    friend = service.register()
    posts = [friend.publish(f"Old {n}", "connections")["id"] for n in range(30)][::-1]
    assert ada.feed_ids() == []
    ada.connect(friend)
    eventually(lambda: ada.feed_ids() == posts)
    friend.disconnect(ada)
    eventually(lambda: ada.feed_ids() == [])
    ada.connect(friend)
    eventually(lambda: ada.feed_ids() == posts)


def test_the_feed_needs_a_member(visitor, ada):
    """[P28]"""
    visitor.get("/v1/feed", status=401)
    ada.get("/v1/feed", params={"sort": "best"}, status=400, field="/sort")
    ada.get("/v1/feed", params={"limit": 101}, status=400, field="/limit")
    ada.get("/v1/feed", params={"limit": 0}, status=400, field="/limit")
    ada.get("/v1/feed", params={"cursor": "rubbish"}, status=400, field="/cursor")


class Model:
    """The network as it should be: who is connected, who blocks whom, what was posted."""

    def __init__(self, members):
        self.members = members
        self.connected = set()
        self.blocked = set()
        self.posts = []  # (id, author, visibility), oldest first

    def pair(self, a, b):
        return frozenset((a, b))

    def is_hidden(self, a, b):
        return (a, b) in self.blocked or (b, a) in self.blocked

    def feed(self, reader):
        return [
            post
            for post, author, _ in reversed(self.posts)
            if author == reader or (self.pair(author, reader) in self.connected and not self.is_hidden(author, reader))
        ]

    def sees(self, reader, author, visibility):
        if reader == author:
            return True
        return not self.is_hidden(reader, author) and (
            visibility != "connections" or self.pair(reader, author) in self.connected
        )


@pytest.mark.parametrize("seed", range(3))
def test_any_history_gives_the_feed_of_the_model(service, seed):
    """[P28] [P44] [C7] [U32] Random histories compared with a plain model, with warm caches throughout.

    They consist of posting, hiding, deleting, connecting, parting and blocking.
    """
    chance = random.Random(seed)
    members = service.members(5)
    model = Model(members)
    for step in range(120):
        a, b = chance.sample(range(5), 2)
        action = chance.choices(
            ["publish", "delete", "hide", "connect", "part", "block", "unblock", "read"], [8, 2, 2, 6, 2, 1, 2, 8]
        )[0]
        if action == "publish":
            visibility = chance.choice(["public", "members", "connections"])
            model.posts.append((members[a].publish(f"Step {step}", visibility)["id"], a, visibility))
        elif action in ("delete", "hide") and (own := [post for post in model.posts if post[1] == a]):
            post = chance.choice(own)
            at = model.posts.index(post)
            if action == "delete":
                members[a].delete(f"/v1/posts/{post[0]}", status=204)
                del model.posts[at]
            else:
                visibility = chance.choice(["public", "members", "connections"])
                members[a].patch(f"/v1/posts/{post[0]}", {"visibility": visibility})
                model.posts[at] = (post[0], a, visibility)
        elif action == "connect" and not model.is_hidden(a, b) and model.pair(a, b) not in model.connected:
            members[a].connect(members[b])
            model.connected.add(model.pair(a, b))
        elif action == "part" and model.pair(a, b) in model.connected:
            members[a].disconnect(members[b])
            model.connected.discard(model.pair(a, b))
        elif action == "block" and not model.is_hidden(a, b):
            members[a].block(members[b])
            model.blocked.add((a, b))
            model.connected.discard(model.pair(a, b))
        elif action == "unblock" and (a, b) in model.blocked:
            members[a].unblock(members[b])
            model.blocked.discard((a, b))
        elif action == "read":
            shown = {post: (author, visibility) for post, author, visibility in model.posts}
            for post in members[a].feed_ids():  # at any moment: nothing that the reader may not see
                assert post in shown and model.sees(a, *shown[post]), (step, post)
    for n, member in enumerate(members):
        eventually(lambda: member.feed_ids() == model.feed(n))
        assert [post["id"] for post in member.all("/v1/feed", limit=3)] == model.feed(n)
