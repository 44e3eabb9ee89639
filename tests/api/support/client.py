"""A small client. Each call says what it expects.

Each answer is checked against the conventions of the API and the OpenAPI document.
"""

import itertools
import os
import re
import threading
import time
import urllib.parse
import uuid

import httpx

from support import conformance
from support.mail import Mailbox

NOTHING = object()
PASSWORD = "correct horse battery staple"


def eventually(check, within: float = 20.0, every: float = 0.02):
    """Calls `check` until it neither fails an assertion nor gives a false value; its last failure otherwise."""
    end = time.monotonic() + within
    while True:
        try:
            value = check()
            if value or value is None:
                return value
            failure = AssertionError(f"still {value!r} after {within} s")
        except AssertionError as error:
            failure = error
        if time.monotonic() > end:
            raise failure
        time.sleep(every)


def check_problem(answer: httpx.Response):
    """An error is a problem document (RFC 9457) with the fields that api.md lists. [X4]"""
    kind = answer.headers.get("content-type")
    said = f"{answer.request.method} {answer.request.url}: {answer.status_code} {kind} {answer.text[:500]}"
    assert answer.headers.get("content-type", "").split(";")[0] == "application/problem+json", said
    body = answer.json()
    assert body["status"] == answer.status_code, said
    for field in ("type", "title", "detail", "instance", "code", "request_id"):
        assert isinstance(body.get(field), str) and body[field], f"{field} is missing: {said}"
    assert body["request_id"] == answer.headers["x-request-id"], said
    for fault in body.get("errors", []):
        assert fault["pointer"] == "" or fault["pointer"].startswith("/"), said
        assert fault["code"] and fault["detail"], said
    if answer.status_code == 401:
        assert answer.headers.get("www-authenticate"), said
    if answer.status_code in (429, 503):
        assert int(answer.headers["retry-after"]) >= 0, said
    return body


class Api:
    """Calls as one caller: a token or none, and an address of its own."""

    addresses = itertools.count(1)

    def __init__(self, service: "Service", token: str | None = None, ip: str | None = None):
        self.service = service
        self.token = token
        n = next(Api.addresses)
        self.ip = ip or f"10.{os.getpid() % 250 + 1}.{n // 250 % 250}.{n % 250 + 1}"

    def call(
        self,
        method,
        path,
        json=NOTHING,
        *,
        content=None,
        headers=None,
        params=None,
        status=None,
        code=None,
        field=None,
        timeout=30,
    ):
        """One request. `status`: the expected one (or several); by default any 2xx. `code` and `field`: of the
        problem."""
        sent = {"X-Forwarded-For": self.ip}
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        sent.update(headers or {})
        sent = {name: value for name, value in sent.items() if value is not None}
        given = {} if json is NOTHING else {"json": json}
        answer = self.service.http.request(
            method, self.service.url + path, content=content, headers=sent, params=params, timeout=timeout, **given
        )
        said = f"{method} {path}: {answer.status_code} {answer.text[:2000]}"
        if status is None:
            assert 200 <= answer.status_code < 300, said
        else:
            assert answer.status_code in ((status,) if isinstance(status, int) else status), said
        assert answer.headers.get("x-request-id"), said
        if answer.status_code >= 400:
            problem = check_problem(answer)
            assert problem["code"] in self.service.explained, f"/docs/problems does not explain {problem['code']}"
            if code:
                assert problem["code"] in ((code,) if isinstance(code, str) else code), said
            if field is not None:
                assert field in [fault["pointer"] for fault in problem.get("errors", [])], said
        self.service.check(method, urllib.parse.urlsplit(path).path, answer)
        return answer

    def get(self, path, **more):
        return self.call("GET", path, **more)

    def post(self, path, json=NOTHING, **more):
        return self.call("POST", path, json, **more)

    def put(self, path, json=NOTHING, **more):
        return self.call("PUT", path, json, **more)

    def patch(self, path, json=NOTHING, **more):
        return self.call("PATCH", path, json, **more)

    def delete(self, path, **more):
        return self.call("DELETE", path, **more)

    def ask_for_account(self, email, password=PASSWORD, name="Ada Lovelace", handle=None) -> str:
        """Registers; the token that goes with the code of the mail."""
        body = {"email": email, "password": password, "name": name} | ({"handle": handle} if handle else {})
        return self.post("/v1/auth/register", body, status=202).json()["registration_token"]

    def verify(self, email, code, token, status, problem=None):
        """Enters the code of a mail; `problem`: the expected code of the refusal."""
        body = {"email": email, "code": code, "registration_token": token}
        return self.post("/v1/auth/email/verify", body, status=status, code=problem)

    def pages(self, path, limit=None, **params):
        """Walks a list to its end; one list of items a page."""
        if limit:
            params["limit"] = limit
        while True:
            answer = self.get(path, params=params)
            page = answer.json()
            assert {"items", "next_cursor"} <= set(page), page
            assert not limit or len(page["items"]) <= limit
            yield page["items"]
            if page["next_cursor"] is None:
                assert 'rel="next"' not in answer.headers.get("link", "")
                return
            link = answer.headers["link"]
            assert 'rel="next"' in link
            params["cursor"] = page["next_cursor"]
            # The Link header is the same next page as next_cursor.
            query = urllib.parse.parse_qs(urllib.parse.urlsplit(link[link.index("<") + 1 : link.index(">")]).query)
            assert query["cursor"] == [page["next_cursor"]]

    def all(self, path, limit=None, **params):
        return list(itertools.chain.from_iterable(self.pages(path, limit, **params)))


def settle(service, members):
    """The same members with a service that was started again: their tokens stay good."""
    for member in members:
        member.service = service


class Member(Api):
    """A registered, verified, signed-in member."""

    def __init__(self, service, email, password, name, tokens, ip=None):
        super().__init__(service, tokens["access_token"], ip)
        self.email = email
        self.password = password
        self.name = name
        self.tokens = tokens
        self.id = tokens["user_id"]
        self.session_id = tokens["session_id"]
        self._handle = None

    def __repr__(self):
        return f"<{self.name} {self.id}>"

    @property
    def handle(self):
        if not self._handle:
            self._handle = self.get("/v1/users/me").json()["handle"]
        return self._handle

    def session(self, device=None, ip=None) -> "Member":
        """The same member, signed in once more."""
        body = {"email": self.email, "password": self.password} | ({"device": device} if device else {})
        tokens = Api(self.service, ip=ip).post("/v1/auth/login", body).json()
        return Member(self.service, self.email, self.password, self.name, tokens, ip)

    def invite(self, other, note=None, **more):
        return self.post("/v1/invitations", {"user_id": other.id} | ({"note": note} if note else {}), **more)

    def connect(self, *others):
        for other in others:
            invitation = self.invite(other, status=201).json()
            if invitation["state"] == "pending":
                other.post(f"/v1/invitations/{invitation['id']}/accept", status=200)

    def disconnect(self, other):
        self.delete(f"/v1/connections/{other.id}", status=204)

    def block(self, other):
        self.put(f"/v1/users/me/blocks/{other.id}", status=204)

    def unblock(self, other):
        self.delete(f"/v1/users/me/blocks/{other.id}", status=204)

    def publish(self, text="Good morning.", visibility=None, key=None, **more):
        headers = {"Idempotency-Key": key} if key else None
        answer = self.post(
            "/v1/posts", {"text": text} | ({"visibility": visibility} if visibility else {}), headers=headers, **more
        )
        return answer.json()

    def comment(self, post, text="Well said.", parent=None, **more):
        return self.post(
            f"/v1/posts/{post['id']}/comments", {"text": text} | ({"parent_id": parent["id"]} if parent else {}), **more
        ).json()

    def react(self, post, kind="like", **more):
        return self.put(f"/v1/posts/{post['id']}/reaction", {"kind": kind}, **more)

    def unreact(self, post, **more):
        return self.delete(f"/v1/posts/{post['id']}/reaction", **more)

    def find_post(self, post, **more):
        return self.get(f"/v1/posts/{post['id']}", **more).json()

    def relationship(self, other):
        found = self.get("/v1/relationships", params={"ids": other.id}).json()
        return next(item for item in found["items"] if item["user_id"] == other.id)

    def feed_ids(self, limit=100):
        return [post["id"] for post in self.get("/v1/feed", params={"limit": limit}).json()["items"]]


class Service:
    """A server as its clients see it: an address, and where its mails arrive."""

    def __init__(self, instance):
        self.instance = instance
        self.url = instance.url
        self.http = httpx.Client(
            limits=httpx.Limits(max_connections=200, max_keepalive_connections=100), follow_redirects=False
        )
        self.mailbox = Mailbox(instance.mails)
        self.document = None
        self.explained = set()
        self.lock = threading.Lock()
        self.anyone = Api(self)
        tree = self.http.get(self.url + "/v1/openapi.json").raise_for_status().json()
        self.document = conformance.Document(tree)
        page = self.http.get(self.url + "/docs/problems").raise_for_status().text
        self.explained = set(re.findall(r'<dt id="(\w+)">', page))

    def check(self, method, path, answer):
        kind = answer.headers.get("content-type", "")
        body = answer.json() if "json" in kind and answer.content else conformance.UNSAID
        faults = self.document.faults_of(method, path, answer.status_code, kind if answer.content else "", body)
        assert not faults, faults

    def visitor(self, ip=None) -> Api:
        return Api(self, ip=ip)

    def register(self, name="Ada Lovelace", password=PASSWORD, email=None, handle=None) -> Member:
        """A new member, created as people do it: register, read the mail, verify."""
        email = email or f"{uuid.uuid4().hex[:20]}@example.org"
        visitor = Api(self)
        token = visitor.ask_for_account(email, password, name, handle)
        with self.lock:
            code = self.mailbox.code(email)
        tokens = visitor.verify(email, code, token, status=200).json()
        return Member(self, email, password, name, tokens, visitor.ip)

    def warm_graph(self):
        """Asks each question of the graph until it is answered.

        Neo4j compiles each new statement, which can take longer than the deadline of a question on a busy machine.
        """
        ada, bela = self.members(2)
        asked = (
            "/v1/suggestions/people",
            "/v1/users/me/network-stats",
            f"/v1/degrees?ids={bela.id}",
            f"/v1/users/{bela.id}/introduction-paths",
        )
        for path in asked:
            eventually(lambda path=path: ada.get(path, status=(200, 503)).status_code == 200, within=60)

    def settled_mails(self, address: str):
        """The mails to `address`, when those of all earlier requests have been sent: they are sent in order."""
        self.register("Passer-by")
        with self.lock:
            return self.mailbox.all(address)

    def members(self, count: int, names=()) -> list[Member]:
        """Several new members, made side by side."""
        defaults = [
            "Ada Lovelace",
            "Bela Bartok",
            "Clara Schumann",
            "Dmitri Mendeleev",
            "Emmy Noether",
            "Frida Kahlo",
            "Grace Hopper",
            "Hedy Lamarr",
        ]
        names = [names[i] if i < len(names) else defaults[i % len(defaults)] for i in range(count)]
        return in_parallel([lambda name=name: self.register(name) for name in names], threads=4)


def in_parallel(jobs, threads=16):
    """Runs the callables on threads; their results in order. The first failure is raised."""
    results = [None] * len(jobs)
    failures = []
    left = iter(range(len(jobs)))
    lock = threading.Lock()

    def work():
        while True:
            with lock:
                i = next(left, None)
            if i is None:
                return
            try:
                results[i] = jobs[i]()
            except BaseException as error:
                failures.append(error)

    workers = [threading.Thread(target=work) for _ in range(min(threads, len(jobs)))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if failures:
        raise failures[0]
    return results
