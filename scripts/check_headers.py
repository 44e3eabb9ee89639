#!/usr/bin/env python3
"""Finds missing includes in the headers of src/.

A header x.hpp that x.cpp includes first needs no check of its own: the build compiles x.cpp, and fails if x.hpp does
not include what it uses. All other headers are compiled alone here (-fsyntax-only). Both ways use the precompiled
header cmake/pch.hpp; a missing include of something that it contains is not found.

    scripts/check_headers.py BUILD_DIR [-j N]

It needs a configured build (compile_commands.json) whose precompiled header is built. A header that compiled before is
not compiled again until it, or a header of ours that it includes, changes: BUILD_DIR/headers_checked.json.
"""

import argparse
import concurrent.futures
import hashlib
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

INCLUDE = re.compile(rb'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.MULTILINE)
# Of a compile command, what is about the one file it compiles.
ONE_FILE_FLAGS_WITH_VALUE = {"-o", "-MF", "-MT", "-MQ"}
ONE_FILE_FLAGS = {"-c", "-MD", "-MMD"}


def commands_by_folder(build):
    """The compiled files; folder of sources -> the compiler flags of its files."""
    sources, flags = set(), {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        words = entry.get("arguments") or shlex.split(entry["command"])
        start = next(i for i, word in enumerate(words) if "clang" in Path(word).name)
        kept, skip = [words[start]], False
        for word in words[start + 1 :]:
            if skip:
                skip = False
            elif word in ONE_FILE_FLAGS_WITH_VALUE:
                skip = True
            elif word not in ONE_FILE_FLAGS and word != entry["file"]:
                kept.append(word)
        sources.add(Path(entry["file"]))
        flags.setdefault(Path(entry["file"]).parent, kept)
    return sources, flags


def is_included_first(header, sources, src):
    """Whether the build compiles the header's own .cpp, which includes the header before anything else."""
    source = header.with_suffix(".cpp")
    if source not in sources or not source.is_file():
        return False
    first = re.search(rb"^[ \t]*#[ \t]*include[ \t]*(\S+)", source.read_bytes(), re.MULTILINE)
    # Without the guard it compiles once, not twice.
    is_guarded = b"#pragma once" in header.read_bytes()
    return is_guarded and first is not None and first[1].decode() == f'"{header.relative_to(src).as_posix()}"'


def flags_for(header, flags, src):
    """The flags of the nearest folder that has sources; the folder itself may have headers only."""
    for folder in header.parents:
        if folder in flags:
            return flags[folder]
        if folder == src:
            break
    return next(flags[folder] for folder in sorted(flags) if src in folder.parents or folder == src)


def content_hash(path, roots, known):
    """A hash over a file and all that it includes of ours."""
    seen, queue, digest = set(), [path], hashlib.sha256()
    while queue:
        current = queue.pop()
        if current in seen or not current.is_file():
            continue
        seen.add(current)
        if current not in known:
            data = current.read_bytes()
            known[current] = (hashlib.sha256(data).digest(), [m.decode() for m in INCLUDE.findall(data)])
        queue += [root / name for name in known[current][1] for root in (current.parent, *roots)]
    for file in sorted(seen):
        digest.update(known[file][0])
    return digest.hexdigest()


def compile_alone(header, flags, build, src):
    """The compiler's messages, empty when the header compiles."""
    name = header.relative_to(src).as_posix()
    # Twice: a header without include guard is found too.
    source = f'#include "{name}"\n#include "{name}"\n'
    run = subprocess.run(
        [*flags, "-fsyntax-only", "-x", "c++", "-"], input=source, text=True, capture_output=True, cwd=build
    )
    return run.stdout + run.stderr if run.returncode else ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path)
    parser.add_argument("-j", type=int, default=2, dest="jobs")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    arguments = parser.parse_args()
    build, src = arguments.build.resolve(), arguments.root.resolve() / "src"

    headers = sorted(src.rglob("*.hpp"))
    if not headers:
        print("no headers")
        return 0
    sources, flags = commands_by_folder(build)
    alone = [header for header in headers if not is_included_first(header, sources, src)]
    cache = build / "headers_checked.json"
    checked = json.loads(cache.read_text()) if cache.exists() else {}
    pch = (arguments.root / "cmake/pch.hpp").read_bytes()
    known, todo, good = {}, [], {}
    for header in alone:
        words = flags_for(header, flags, src)
        key = hashlib.sha256("\0".join(words).encode() + pch).hexdigest() + content_hash(
            header, (src, build / "generated"), known
        )
        if checked.get(str(header)) == key:
            good[str(header)] = key
        else:
            todo.append((header, words, key))

    failed = 0
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        messages = pool.map(lambda job: compile_alone(job[0], job[1], build, src), todo)
        for (header, _, key), message in zip(todo, messages):
            if message:
                failed += 1
                print(f"{header.relative_to(src.parent)} does not compile alone:\n{message}")
            else:
                good[str(header)] = key
    cache.write_text(json.dumps(good))
    print(f"{len(headers)} headers, {len(alone)} without a file of their own, {len(todo)} compiled, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
