"""Requests at a steady rate, whatever the answers; failures are recorded."""

import http.client
import json
import threading
import time
import urllib.parse


class Traffic:
    """A context that sends `rate` requests a second over `clients` kept connections.

    `make` returns the n-th request as (method, path, body, headers). `answers` has (n, method, status, body of what was
    created) of each answer, `broken` the requests without one.
    """

    def __init__(self, url, make, rate=300, clients=16):
        self.address = urllib.parse.urlsplit(url)
        self.make = make
        self.pause = clients / rate
        self.answers = []
        self.broken = []
        self.stopping = threading.Event()
        self.threads = [
            threading.Thread(target=self.work, args=(first, clients), daemon=True) for first in range(clients)
        ]

    def __enter__(self):
        self.begun = time.monotonic()
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join(60)
        self.seconds = time.monotonic() - self.begun

    @property
    def rate(self):
        return (len(self.answers) + len(self.broken)) / self.seconds

    def failed(self):
        """Answers that are no success, and requests without one."""
        return [answer for answer in self.answers if answer[2] >= 400] + self.broken

    def work(self, n, clients):
        connection = None
        due = time.monotonic() + self.pause * n / clients
        while not self.stopping.is_set():
            due += self.pause
            time.sleep(max(0.0, due - time.monotonic()))
            method, path, body, headers = self.make(n)
            try:
                connection = connection or http.client.HTTPConnection(
                    self.address.hostname, self.address.port, timeout=30
                )
                connection.request(method, path, body, headers)
                answer = connection.getresponse()
                text = answer.read()
                self.answers.append(
                    (n, method, answer.status, json.loads(text) if answer.status == 201 else text[:300])
                )
                if answer.will_close:
                    connection.close()
                    connection = None
            except (OSError, http.client.HTTPException) as error:
                self.broken.append((n, method, repr(error)))
                connection.close()
                connection = None
            n += clients
