#!/usr/bin/env python3
"""Finds text that must not be in tracked files: host names of package registries, absolute paths, secrets.

    scripts/check_tracked.py [FILE...]      by default every file that git tracks
"""
import re
import subprocess
import sys
from pathlib import Path

# Written in pieces, so that this file passes its own check.
DOT = r"\."
PATTERNS = [
    (
        "host name of a package registry or mirror",
        re.compile(
            r"\b(?:" + "|".join(
                host.replace(".", DOT) for host in (
                    "pypi" ".org", "pythonhosted" ".org", "registry.npmjs" ".org", "registry.yarnpkg" ".com",
                    "crates" ".io", "proxy.golang" ".org", "repo1.maven" ".org", "repo.maven.apache" ".org",
                    "deb.debian" ".org",
                    "ghcr" ".io", "quay" ".io", "registry-1.docker" ".io",
                )
            ) + r")\b"
        ),
    ),
    (
        "address of a package index",
        re.compile(
            r"--(?:extra-)?index-url\b|\bPIP_INDEX_URL\b|\bGOPROXY\s*=|//[\w.-]*(?:artifactory|nexus)[\w.-]*/"
        ),
    ),
    ("absolute path of one machine", re.compile(r"(?<![\w.$}])/(?:wo" r"rk|ro" r"ot|home/\w+|Users/\w+)/[\w.]")),
    ("private key", re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE" r" KEY-----")),
    (
        "access key",
        re.compile(
            r"\b(?:AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36}|xox[abpr]-[A-Za-z0-9-]{20,}|sk-[A-Za-z0-9]{32,})\b"
        ),
    ),
]


def tracked(root):
    listed = subprocess.run(["git", "-C", str(root), "ls-files", "-z"], check=True, capture_output=True).stdout
    return [root / name.decode() for name in listed.split(b"\0") if name]


def check(path):
    """The faults of one file as (line, what, the text found); none for a binary file."""
    data = path.read_bytes()
    if b"\0" in data[:8192]:
        return []
    faults = []
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        for what, pattern in PATTERNS:
            match = pattern.search(line)
            if match:
                faults.append((number, what, match.group()))
    return faults


def main():
    root = Path(__file__).resolve().parent.parent
    files = [Path(a) for a in sys.argv[1:]] or tracked(root)
    count = 0
    for path in files:
        if path.is_symlink() or not path.is_file():
            continue
        for number, what, text in check(path):
            name = path.relative_to(root) if path.is_relative_to(root) else path
            print(f"{name}:{number}: {what}: {text}")
            count += 1
    if not count:
        print(f"{len(files)} tracked files, nothing that belongs to one machine")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
