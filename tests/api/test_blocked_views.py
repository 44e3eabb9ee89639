"""[P44] [F: a shared representation shown without the viewer's filter] What a blocked member reads of others' posts.

Two threads are alike, except that the member who blocks took part in only one of them. What the blocked member reads of
that one is, field by field, what a stranger reads of the other.
"""

import uuid

import pytest

from support.routes import ROUTES

VOLATILE = ("created_at", "edited_at", "next_cursor")


def fresh_handle():
    """All of one length, so that mentions are at the same places."""
    return uuid.uuid4().hex[:20]


class Thread:
    """A post of an author with what others wrote below it; `blocker`, if there is one, took part."""

    def __init__(self, service, blocker=None):
        self.author, self.friend = (service.register(name, handle=fresh_handle()) for name in ("Author", "Friend"))
        self.tag = "t" + uuid.uuid4().hex
        self.names = {self.author.id: "AUTHOR", self.friend.id: "FRIEND", self.tag: "TAG"}
        self.names |= {self.author.handle: "author", self.friend.handle: "friend"}
        self.handle = blocker.handle if blocker else fresh_handle()
        text = f"@{self.handle} @{self.friend.handle} #{self.tag}"
        self.post = self.named("POST", self.author.publish(text, "members"))
        self.friend.react(self.post, "like")
        self.first = self.comment("FIRST", self.friend, f"@{self.handle} and @{self.author.handle}")
        self.replied = self.comment("REPLIED", self.author, "Replied to")
        self.reply = self.comment("REPLY", self.friend, "Reply", self.replied)
        self.tombstone = self.comment("TOMBSTONE", blocker or self.friend, "Soon deleted")
        self.below = self.comment("BELOW", self.author, "Below a tombstone", self.tombstone)
        self.emptied = self.comment("EMPTIED", self.friend, "Soon deleted")
        if blocker:
            blocker.react(self.post, "love")
            hidden = blocker.comment(self.post, "Hidden")
            blocker.comment(self.post, "Hidden", parent=self.replied)
            blocker.comment(self.post, "Hidden", parent=self.emptied)
            blocker.comment(self.post, "Hidden", parent=hidden)
        (blocker or self.friend).delete(f"/v1/comments/{self.tombstone['id']}", status=204)
        self.friend.delete(f"/v1/comments/{self.emptied['id']}", status=204)

    def named(self, name, row):
        self.names[row["id"]] = name
        return row

    def comment(self, name, member, text, parent=None):
        return self.named(name, member.comment(self.post, text, parent=parent))

    def calls(self):
        """The reading routes that show posts, comments or reactions, with the paths to this thread."""
        comments = (self.first, self.replied, self.reply, self.tombstone, self.below, self.emptied)
        members = (self.author, self.friend)
        return {
            "GET /v1/posts/{post_id}": [f"/v1/posts/{self.post['id']}"],
            "GET /v1/posts": [f"/v1/posts?ids={self.post['id']}"],
            "GET /v1/users/{user_id}/posts": [f"/v1/users/{each.id}/posts" for each in members],
            "GET /v1/users/{user_id}/comments": [f"/v1/users/{each.id}/comments" for each in members],
            "GET /v1/users/{user_id}/reactions": [f"/v1/users/{each.id}/reactions" for each in members],
            "GET /v1/posts/{post_id}/reactions": [f"/v1/posts/{self.post['id']}/reactions"],
            "GET /v1/posts/{post_id}/comments": [
                f"/v1/posts/{self.post['id']}/comments?sort={sort}" for sort in ("recent", "oldest")
            ],
            "GET /v1/comments/{comment_id}": [f"/v1/comments/{each['id']}" for each in comments],
            "GET /v1/comments/{comment_id}/replies": [f"/v1/comments/{each['id']}/replies" for each in comments],
            "GET /v1/hashtags/{tag}/posts": [f"/v1/hashtags/{self.tag}/posts"],
            "GET /v1/feed": ["/v1/feed"],
        }

    def as_named(self, data):
        """`data` with the names of this thread's things in place of their ids."""
        if isinstance(data, dict):
            return {key: self.as_named(value) for key, value in data.items() if key not in VOLATILE}
        if isinstance(data, list):
            return [self.as_named(value) for value in data]
        if isinstance(data, str):
            for name in sorted(self.names, key=len, reverse=True):
                data = data.replace(name, self.names[name])
            return data.replace(self.handle, "NOBODY")
        return data


@pytest.fixture(scope="module")
def views(service):
    """For each route, what the blocked member and the stranger read."""
    blocked, stranger = service.members(2)
    blocker = service.register("Blocker", handle=fresh_handle())
    seen = {}
    for reader, thread in ((blocked, Thread(service, blocker)), (stranger, Thread(service))):
        reader.put(f"/v1/users/{thread.author.id}/follow", status=(200, 204))
        if reader is blocked:
            blocker.block(blocked)
        for key, paths in thread.calls().items():
            answers = [reader.get(path, status=(200, 404, 410)) for path in paths]
            seen.setdefault(key, []).append(
                [(each.status_code, each.status_code == 200 and thread.as_named(each.json())) for each in answers]
            )
    return seen


READING = [
    key
    for key in ROUTES
    if key.startswith("GET /v1/")
    and any(part in key for part in ("posts", "comments", "reactions", "hashtags", "feed"))
]


@pytest.mark.parametrize("key", READING)
def test_a_blocked_member_reads_what_a_stranger_would_without_the_blocker(views, key):
    """Mentions, parents, counts and tombstones included."""
    of_blocked, of_stranger = views[key]
    assert of_blocked == of_stranger
    assert any(body for _, body in of_blocked)
