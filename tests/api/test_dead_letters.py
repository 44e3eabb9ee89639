"""`guildhall events dead list|replay`, beside the server that runs."""

import contextlib
import json
import sqlite3
import time
from datetime import UTC, datetime

import psycopg
import pytest

from support.client import Service, eventually
from support.shapes import Sqlite

# An hour ago, in whole seconds: after 90 days they are pruned.
AT = (int(time.time()) - 3600) * 1_000_000
COLUMNS = ("consumer", "event_id", "subject", "type", "source", "time", "traceparent", "data", "error", "at")


def bury(instance, **letter):
    """Puts a dead letter of connection.blocks where the connection service keeps its own."""
    row = {
        "consumer": "connection.blocks",
        "type": "user.blocked.v1",
        "source": "/user",
        "time": 1_700_000_000_000_000,
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "error": "a bug of yesterday",
        "at": AT,
        **letter,
    }
    values = [row[name] for name in COLUMNS]
    statement = f"INSERT INTO dead_letters ({', '.join(COLUMNS)}) VALUES"
    if isinstance(instance.shape, Sqlite):
        with contextlib.closing(sqlite3.connect(instance.data / "connection.db", timeout=10)) as database, database:
            database.execute(f"{statement} ({', '.join('?' * len(values))})", values)
    else:
        with psycopg.connect(instance.dsn, options="-c search_path=connection") as database:
            database.execute(f"{statement} ({', '.join(['%s'] * len(values))})", values)


def listed(instance, *arguments):
    return [json.loads(line) for line in instance.run("events dead list", *arguments).stdout.splitlines()]


@pytest.fixture
def instance(launch):
    return launch()


def test_dead_letters_are_listed_with_event_consumer_error_and_time(instance):
    bury(instance, event_id=11, subject=7, data='{"user_id":"7","blocked_id":"8"}')
    bury(instance, event_id=12, subject=7, data="no JSON", consumer="connection.names")
    assert listed(instance) == [
        {
            "service": "connection",
            "consumer": "connection.blocks",
            "at": datetime.fromtimestamp(AT // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "error": "a bug of yesterday",
            "event": {
                "id": "11",
                "source": "/user",
                "type": "user.blocked.v1",
                "subject": "7",
                "time": "2023-11-14T22:13:20.000Z",
                "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                "data": '{"user_id":"7","blocked_id":"8"}',
            },
        },
        *listed(instance, "--consumer", "connection.names"),
    ]
    assert [letter["event"]["data"] for letter in listed(instance, "--consumer", "connection.names")] == ["no JSON"]


def test_a_replayed_event_has_its_effect_while_the_server_runs(instance):
    ada, bela, clara = Service(instance).members(3)
    ada.connect(bela, clara)
    for event_id, other in ((11, bela), (12, clara)):
        bury(
            instance,
            event_id=event_id,
            subject=int(ada.id),
            data=json.dumps({"user_id": ada.id, "blocked_id": other.id}),
        )

    assert instance.run("events dead replay", "--event", "11").stdout == "1 event goes back to their consumers\n"
    eventually(lambda: not ada.relationship(bela)["connected"])
    assert ada.relationship(clara)["connected"]
    assert [letter["event"]["id"] for letter in listed(instance)] == ["12"]

    assert instance.run("events dead replay", "--all").stdout.startswith("1 event ")
    eventually(lambda: not ada.relationship(clara)["connected"])
    assert listed(instance) == []


def test_what_cannot_be_handled_is_a_dead_letter_again(instance):
    bury(instance, event_id=11, subject=7, data="no JSON")
    instance.run("events dead replay", "--all")
    letter = eventually(lambda: listed(instance))[0]
    assert letter["error"] != "a bug of yesterday" and letter["event"]["data"] == "no JSON"


def test_replay_wants_to_know_what(instance):
    for arguments, said in (((), "--event ID or --all"), (("--event", "5"), "there is no such dead letter")):
        done = instance.run("events dead replay", *arguments, check=False)
        assert done.returncode == 1 and said in done.stderr
    assert instance.run("events dead replay", "--all").stdout == "0 events go back to their consumers\n"
