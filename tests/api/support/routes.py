"""For every documented route: how a valid call is made, and who may make it.

A documented route that is not in ROUTES fails a test, so nobody adds one without saying who may call it.
"""

import dataclasses
import uuid

from support.client import PASSWORD, Service

OK = (200, 201, 202, 204)
HIDDEN = (404,)


@dataclasses.dataclass
class Call:
    path: str
    body: object = None
    query: dict | None = None


@dataclasses.dataclass
class Route:
    """`call` makes a valid call that concerns an object of the world's owner; the fields are the expected statuses by
    caller.

    `owner` is the member for whom the call is meant.
    """

    call: object
    owner: tuple = OK
    stranger: tuple = OK
    blocked: tuple = HIDDEN
    anyone: bool = False  # also without a token
    reveals: bool = False  # a list: instead of its status, look whether the owner's id is in the answer


class World:
    """An owner with objects of every kind, and other members with different relations to the owner."""

    def __init__(self, service: Service):
        self.service = service
        self.owner, self.friend, self.stranger, self.blocked, self.helper = service.members(5)
        self.owner.connect(self.friend)
        self.owner.block(self.blocked)
        self.tag = "t" + uuid.uuid4().hex
        self.kept = self.owner.publish(f"Kept #{self.tag}", "members")
        self.kept_comment = self.owner.comment(self.kept, "Kept")
        self.owner.react(self.kept, "love")

    def post(self):
        return self.owner.publish("For one call", "members")

    def comment(self):
        return self.owner.comment(self.kept, "For one call")

    def invitation_to_owner(self):
        return self.service.register("Passer-by").invite(self.owner, status=201).json()

    def invitation_by_owner(self):
        return self.owner.invite(self.service.register("Passer-by"), status=201).json()


def new_email():
    return f"{uuid.uuid4().hex[:20]}@example.org"


def fixed(path, body=None, query=None):
    return lambda world: Call(path, body, query)


def of_owner(path):
    return lambda world: Call(
        path.format(
            owner=world.owner.id,
            handle=world.owner.handle,
            post=world.kept["id"],
            comment=world.kept_comment["id"],
            tag=world.tag,
        )
    )


OPEN = dict(anyone=True, blocked=OK)  # about nobody in particular
OWN = dict(blocked=OK)  # about the caller alone: each gets their own
NO_SUCH_CODE = dict(owner=(422,), stranger=(422,), blocked=(422,), anyone=True)  # a code or token that nobody has

ROUTES = {
    # platform
    **{
        f"GET {path}": Route(fixed(path), **OPEN)
        for path in (
            "/livez",
            "/readyz",
            "/startupz",
            "/metrics",
            "/v1/openapi.json",
            "/docs",
            "/docs/problems",
            "/",
            "/favicon.ico",
            "/v1/instance",
            "/.well-known/jwks.json",
        )
    },
    # auth
    "POST /v1/auth/register": Route(
        lambda w: Call("/v1/auth/register", {"email": new_email(), "password": PASSWORD, "name": "Newcomer"}), **OPEN
    ),
    "POST /v1/auth/email/verify": Route(
        lambda w: Call(
            "/v1/auth/email/verify", {"email": new_email(), "code": "ABCDEFGH", "registration_token": "x" * 43}
        ),
        **NO_SUCH_CODE,
    ),
    "POST /v1/auth/email/resend": Route(
        lambda w: Call("/v1/auth/email/resend", {"email": new_email(), "registration_token": "x" * 43}), **NO_SUCH_CODE
    ),
    "POST /v1/auth/password/forgot": Route(lambda w: Call("/v1/auth/password/forgot", {"email": new_email()}), **OPEN),
    "POST /v1/auth/password/reset": Route(
        lambda w: Call(
            "/v1/auth/password/reset",
            {"email": new_email(), "code": "ABCDEFGH", "reset_token": "x" * 43, "new_password": PASSWORD},
        ),
        **NO_SUCH_CODE,
    ),
    "POST /v1/auth/email/change": Route(
        lambda w: Call("/v1/auth/email/change", {"email": new_email(), "password": "not the password"}),
        owner=(403,),
        stranger=(403,),
        blocked=(403,),
    ),
    "POST /v1/auth/email/change/confirm": Route(
        fixed("/v1/auth/email/change/confirm", {"code": "ABCDEFGH"}), owner=(422,), stranger=(422,), blocked=(422,)
    ),
    "POST /v1/auth/login": Route(
        lambda w: Call("/v1/auth/login", {"email": w.helper.email, "password": w.helper.password}), **OPEN
    ),
    "POST /v1/auth/refresh": Route(
        lambda w: Call("/v1/auth/refresh", {"refresh_token": "x" * 40}),
        owner=(401,),
        stranger=(401,),
        blocked=(401,),
        anyone=True,
    ),
    "POST /v1/auth/logout": Route(fixed("/v1/auth/logout"), **OWN),
    "POST /v1/auth/password/change": Route(
        fixed("/v1/auth/password/change", {"current_password": "not the password", "new_password": "another long one"}),
        owner=(403,),
        stranger=(403,),
        blocked=(403,),
    ),
    "GET /v1/auth/sessions": Route(fixed("/v1/auth/sessions"), **OWN, reveals=True),
    "DELETE /v1/auth/sessions/{session_id}": Route(
        lambda w: Call(f"/v1/auth/sessions/{w.owner.session().session_id}"), stranger=HIDDEN
    ),
    "DELETE /v1/auth/sessions": Route(fixed("/v1/auth/sessions"), **OWN),
    # users
    "GET /v1/users/me": Route(fixed("/v1/users/me"), **OWN),
    "PATCH /v1/users/me": Route(fixed("/v1/users/me", {"headline": "Patched"}), **OWN),
    "GET /v1/users/by-handle/{handle}": Route(of_owner("/v1/users/by-handle/{handle}")),
    "GET /v1/users/{user_id}": Route(of_owner("/v1/users/{owner}")),
    "GET /v1/users": Route(lambda w: Call("/v1/users", query={"ids": w.owner.id}), blocked=OK, reveals=True),
    "GET /v1/users/me/blocks": Route(fixed("/v1/users/me/blocks"), **OWN, reveals=True),
    "PUT /v1/users/me/blocks/{user_id}": Route(
        lambda w: Call(f"/v1/users/me/blocks/{w.service.register('Nuisance').id}"), **OWN
    ),
    "DELETE /v1/users/me/blocks/{user_id}": Route(lambda w: Call(f"/v1/users/me/blocks/{w.helper.id}"), **OWN),
    # connections
    "POST /v1/invitations": Route(
        lambda w: Call("/v1/invitations", {"user_id": w.service.register("Invited").id, "note": "Hello"}), **OWN
    ),
    "GET /v1/invitations/received": Route(fixed("/v1/invitations/received"), **OWN, reveals=True),
    "GET /v1/invitations/sent": Route(fixed("/v1/invitations/sent"), **OWN, reveals=True),
    "GET /v1/invitations/{invitation_id}": Route(
        lambda w: Call(f"/v1/invitations/{w.invitation_to_owner()['id']}"), stranger=HIDDEN
    ),
    "POST /v1/invitations/{invitation_id}/accept": Route(
        lambda w: Call(f"/v1/invitations/{w.invitation_to_owner()['id']}/accept"), stranger=HIDDEN
    ),
    "POST /v1/invitations/{invitation_id}/ignore": Route(
        lambda w: Call(f"/v1/invitations/{w.invitation_to_owner()['id']}/ignore"), stranger=HIDDEN
    ),
    "DELETE /v1/invitations/{invitation_id}": Route(
        lambda w: Call(f"/v1/invitations/{w.invitation_by_owner()['id']}"), stranger=HIDDEN
    ),
    "GET /v1/connections": Route(fixed("/v1/connections"), **OWN, reveals=True),
    "DELETE /v1/connections/{user_id}": Route(
        lambda w: Call(f"/v1/connections/{w.friend.id}"), stranger=(204, 404), blocked=(204, 404)
    ),
    "GET /v1/users/{user_id}/connections": Route(of_owner("/v1/users/{owner}/connections"), stranger=(403,)),
    "GET /v1/users/{user_id}/mutual-connections": Route(
        of_owner("/v1/users/{owner}/mutual-connections"), owner=(200, 422)
    ),
    "GET /v1/relationships": Route(lambda w: Call("/v1/relationships", query={"ids": w.owner.id}), blocked=OK),
    "PUT /v1/users/{user_id}/follow": Route(of_owner("/v1/users/{owner}/follow"), owner=(422,)),
    "DELETE /v1/users/{user_id}/follow": Route(of_owner("/v1/users/{owner}/follow"), owner=(404,)),
    "GET /v1/users/me/following": Route(fixed("/v1/users/me/following"), **OWN, reveals=True),
    "GET /v1/users/me/followers": Route(fixed("/v1/users/me/followers"), **OWN, reveals=True),
    "GET /v1/users/me/network-settings": Route(fixed("/v1/users/me/network-settings"), **OWN),
    "PATCH /v1/users/me/network-settings": Route(fixed("/v1/users/me/network-settings", {"suggestable": True}), **OWN),
    "GET /v1/users/me/network-stats": Route(fixed("/v1/users/me/network-stats"), **OWN),
    "GET /v1/degrees": Route(lambda w: Call("/v1/degrees", query={"ids": w.owner.id}), blocked=OK),
    "GET /v1/suggestions/people": Route(fixed("/v1/suggestions/people"), **OWN, reveals=True),
    "DELETE /v1/suggestions/people/{user_id}": Route(of_owner("/v1/suggestions/people/{owner}"), owner=(404,)),
    "GET /v1/users/{user_id}/introduction-paths": Route(of_owner("/v1/users/{owner}/introduction-paths"), owner=(422,)),
    # posts
    "POST /v1/posts": Route(fixed("/v1/posts", {"text": "Mine", "visibility": "members"}), **OWN),
    "GET /v1/posts/{post_id}": Route(of_owner("/v1/posts/{post}"), anyone=True),
    "PATCH /v1/posts/{post_id}": Route(
        lambda w: Call(f"/v1/posts/{w.post()['id']}", {"text": "Edited"}), stranger=(403,)
    ),
    "DELETE /v1/posts/{post_id}": Route(lambda w: Call(f"/v1/posts/{w.post()['id']}"), stranger=(403,)),
    "GET /v1/posts": Route(
        lambda w: Call("/v1/posts", query={"ids": w.kept["id"]}), blocked=OK, anyone=True, reveals=True
    ),
    "GET /v1/users/{user_id}/posts": Route(of_owner("/v1/users/{owner}/posts"), anyone=True),
    "GET /v1/users/{user_id}/comments": Route(of_owner("/v1/users/{owner}/comments")),
    "GET /v1/users/{user_id}/reactions": Route(of_owner("/v1/users/{owner}/reactions")),
    "GET /v1/feed": Route(fixed("/v1/feed"), **OWN, reveals=True),
    "PUT /v1/posts/{post_id}/reaction": Route(lambda w: Call(f"/v1/posts/{w.kept['id']}/reaction", {"kind": "love"})),
    "DELETE /v1/posts/{post_id}/reaction": Route(
        lambda w: Call(f"/v1/posts/{w.post()['id']}/reaction"), blocked=(404, 204)
    ),
    "GET /v1/posts/{post_id}/reactions": Route(of_owner("/v1/posts/{post}/reactions"), anyone=True),
    "POST /v1/posts/{post_id}/comments": Route(lambda w: Call(f"/v1/posts/{w.kept['id']}/comments", {"text": "Aha"})),
    "GET /v1/posts/{post_id}/comments": Route(of_owner("/v1/posts/{post}/comments"), anyone=True),
    "GET /v1/comments/{comment_id}": Route(of_owner("/v1/comments/{comment}"), anyone=True),
    "GET /v1/comments/{comment_id}/replies": Route(of_owner("/v1/comments/{comment}/replies"), anyone=True),
    "PATCH /v1/comments/{comment_id}": Route(
        lambda w: Call(f"/v1/comments/{w.comment()['id']}", {"text": "Edited"}), stranger=(403,)
    ),
    "DELETE /v1/comments/{comment_id}": Route(lambda w: Call(f"/v1/comments/{w.comment()['id']}"), stranger=(403,)),
    "GET /v1/hashtags/{tag}/posts": Route(of_owner("/v1/hashtags/{tag}/posts"), blocked=OK, anyone=True, reveals=True),
}


# Writing routes that take no body.
BODILESS = (
    "PUT /v1/users/{user_id}/follow",
    "POST /v1/auth/logout",
    "PUT /v1/users/me/blocks/{user_id}",
    "POST /v1/invitations/{invitation_id}/accept",
    "POST /v1/invitations/{invitation_id}/ignore",
)


def send(world: World, caller, key: str, call: Call, **more):
    """The call as `caller`."""
    method = key.split()[0]
    given = {} if call.body is None else {"json": call.body}
    return caller.call(method, call.path, params=call.query, status=range(100, 600), **given, **more)
