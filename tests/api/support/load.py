"""Writers that note for each write whether it was acknowledged, refused, or nobody knows."""

import dataclasses
import http.client
import json
import threading
import time
import urllib.parse
import uuid

ACKNOWLEDGED, REFUSED, UNKNOWN = "acknowledged", "refused", "unknown"


@dataclasses.dataclass
class Write:
    author: int
    text: str
    key: str
    outcome: str = UNKNOWN
    status: int = 0
    id: str = ""
    seconds: float = 0.0


def body_of(text, visibility="members"):
    """The very bytes of a write: its Idempotency-Key is for these only."""
    return json.dumps({"text": text, "visibility": visibility})


class Writers:
    """Threads that publish posts, each as one of the members, until they are stopped.

    `refusals_hold`: a 503 or 507 says that the post was not written, unless the deadline of its request had passed.
    """

    def __init__(self, url, members, label, per_member=2, pause=0.0, visibility="members", refusals_hold=False):
        self.url = urllib.parse.urlsplit(url)
        self.members = members
        self.label = label
        self.pause = pause
        self.visibility = visibility
        self.refusals_hold = refusals_hold
        self.writes = []
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.threads = [
            threading.Thread(target=self.work, args=(n, k), daemon=True)
            for n in range(len(members))
            for k in range(per_member)
        ]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(30)

    def count(self, outcome=ACKNOWLEDGED):
        with self.lock:
            return sum(write.outcome == outcome for write in self.writes)

    def wait_for(self, count, within=20.0):
        end = time.monotonic() + within
        while self.count() < count:
            assert time.monotonic() < end, f"only {self.count()} writes were acknowledged"
            time.sleep(0.005)

    def of(self, outcome):
        return [write for write in self.writes if write.outcome == outcome]

    def work(self, n, k):
        connection = None
        i = 0
        while not self.stopping.is_set():
            i += 1
            write = Write(n, f"{self.label} {n}.{k}.{i}", str(uuid.uuid4()))
            with self.lock:
                self.writes.append(write)
            begun = time.monotonic()
            try:
                if connection is None:
                    connection = http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=20)
                    try:
                        connection.connect()
                    except OSError:
                        write.outcome = REFUSED  # nothing was sent
                        connection = None
                        time.sleep(0.02)
                        continue
                connection.request(
                    "POST",
                    "/v1/posts",
                    body_of(write.text, self.visibility),
                    {
                        "Authorization": f"Bearer {self.members[n].token}",
                        "Content-Type": "application/json",
                        "Idempotency-Key": write.key,
                    },
                )
                answer = connection.getresponse()
                body = answer.read()
                write.status = answer.status
                if answer.status == 201:
                    write.id = json.loads(body)["id"]
                    write.outcome = ACKNOWLEDGED
                elif answer.status < 500:
                    write.outcome = REFUSED
                else:
                    if self.refusals_hold and json.loads(body)["code"] != "deadline_exceeded":
                        write.outcome = REFUSED
                    time.sleep(0.1)  # as a polite client; and what nobody knows is retried one by one later
                if answer.will_close:
                    connection = None
            except (OSError, http.client.HTTPException):
                connection = None
            finally:
                write.seconds = time.monotonic() - begun
            if self.pause:
                time.sleep(self.pause)


def newest_texts(member, label, path=None):
    """The texts of a member's own list, newest first, down to the first that is not of this round: [(id, text)]."""
    found = []
    for page in member.pages(path or f"/v1/users/{member.id}/posts", limit=100):
        for row in page:
            if not row["text"].startswith(label):
                return found
            found.append((row["id"], row["text"]))
    return found
