#!/usr/bin/env python3
"""Proves the levels of src/: a file includes only files of its own room (folder) and of rooms of lower levels.

    scripts/check_layers.py [ROOT]      ROOT: the folder that holds src/, by default this repository

It also proves that a service includes only public/ of another one, that files and rooms have no loops, and that some
libraries are seen by one room only. There is no list of exceptions: if an include is needed, the level of a room is
wrong, and must be changed here, in ROOMS.
"""
import re
import sys
from pathlib import Path

# Room -> level. A service is two rooms, its public/ and the rest of it; app and main lie above.
ROOMS = {
    "platform/base": 0,
    "platform/async": 1,
    "platform/json": 1,
    "platform/redis": 2,  # below the ports: cache, realtime and http each have something of their own in it
    "platform/sql": 3,
    "platform/bus": 3,
    "platform/realtime": 3,
    "platform/mail": 3,
    "platform/cache": 4,  # above realtime, which carries what to drop, and above sql: it is dropped at the commit
    "platform/http": 5,  # above sql: a request's idempotency key is recorded in the transaction of its fact
    "platform/outbox": 6,
    "platform/neo4j": 6,  # above http, over which it speaks
    "platform/service": 7,  # what every service stands on
}
PUBLIC_LEVEL = 8  # services/<service>/public
SERVICE_LEVEL = 9  # services/<service>
APP_LEVEL = 10
MAIN_LEVEL = 11

# Include prefix -> the rooms that may see that library.
ONLY_IN = {
    "boost/beast": {"platform/http"},
    "curl/": {"platform/http", "platform/mail"},
    "libpq-fe.h": {"platform/sql"},
    "amqp": {"platform/bus"},
    "sqlite3.h": {"platform/sql"},
    "hiredis/": {"platform/redis"},
    "CLI/": {"app", "main"},
    "toml++/": {"app"},
}
# Include prefix -> the rooms that may not.
NOT_IN = {"boost/asio": {"platform/base", "platform/json"}}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)
SUFFIXES = {".hpp", ".cpp", ".h", ".cc", ".ipp"}


def room_of(path):
    """(room, level) of a path relative to src/; (None, None) when the path is in no room."""
    parts = Path(path).parts
    if parts[0] == "platform" and len(parts) > 2:
        room = "/".join(parts[:2])
        return (room, ROOMS[room]) if room in ROOMS else (None, None)
    if parts[0] == "services" and len(parts) > 2:
        service = "/".join(parts[:2])
        if parts[2] == "public":
            return service + "/public", PUBLIC_LEVEL
        return service, SERVICE_LEVEL
    if parts[0] == "app" and len(parts) > 1:
        return "app", APP_LEVEL
    if parts == ("main.cpp",):
        return "main", MAIN_LEVEL
    return None, None


def without_comments(text):
    """`text` with comments blanked, lines kept."""
    blank = lambda match: re.sub(r"[^\n]", " ", match.group())
    return re.sub(r"//[^\n]*|/\*.*?\*/", blank, text, flags=re.DOTALL)


def loops(graph):
    """The loops that a depth-first walk of `graph` (node -> iterable of nodes) meets, first node repeated."""
    found, done, path = [], set(), []

    def visit(node):
        if node in path:
            found.append(path[path.index(node):] + [node])
            return
        if node in done:
            return
        path.append(node)
        for follower in sorted(graph.get(node, ())):
            visit(follower)
        path.pop()
        done.add(node)

    for node in sorted(graph):
        visit(node)
    return found


def check(root):
    """The faults of `root`/src as lines "src/file:line: what is wrong"."""
    src = Path(root) / "src"
    faults, files, rooms = [], {}, {}
    paths = sorted(p for p in src.rglob("*") if p.suffix in SUFFIXES)
    for path in paths:
        name = path.relative_to(src).as_posix()
        room, level = room_of(name)
        if room is None:
            faults.append(f"src/{name}:1: in no room of the house; add the room to ROOMS in scripts/check_layers.py")
            continue
        text = without_comments(path.read_text(encoding="utf-8"))
        for match in INCLUDE.finditer(text):
            at = f"src/{name}:{text.count(chr(10), 0, match.start()) + 1}"
            quote, target = match.groups()
            for prefix, allowed in ONLY_IN.items():
                if target.startswith(prefix) and room not in allowed:
                    faults.append(f"{at}: only {', '.join(sorted(allowed))} may see <{prefix}>")
            for prefix, forbidden in NOT_IN.items():
                if target.startswith(prefix) and room in forbidden:
                    faults.append(f"{at}: {room} may not see <{prefix}>")
            if target.startswith((".", "/")):
                faults.append(f"{at}: write the path from src/, not {target}")
                continue
            if quote == "<":
                if target.split("/")[0] in ("platform", "services", "app"):
                    faults.append(f"{at}: our own files are included with quotes")
                continue
            target_room, target_level = room_of(target)
            if target_room is None:
                faults.append(f"{at}: \"{target}\" is in no room of the house")
                continue
            files.setdefault(name, set()).add(target)
            if target_room == room:
                continue
            rooms.setdefault(room, set()).add(target_room)
            if target_level > level:
                faults.append(f"{at}: {room} (level {level}) may not include {target_room} (level {target_level})")
            elif target_level == level and not target_room.endswith("/public"):
                faults.append(f"{at}: {room} may not include {target_room}, a room of its own level")
    faults += ["src: files in a loop: " + " -> ".join(loop) for loop in loops(files)]
    faults += ["src: rooms in a loop: " + " -> ".join(loop) for loop in loops(rooms)]
    return faults


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    faults = check(root)
    print("\n".join(faults) if faults else "levels hold, no loops")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
