#!/usr/bin/env python3
"""Checks the text of documents, comments, log lines and error details: the length of lines and the choice of words.

    scripts/check_english.py [FILE or FOLDER...]      by default every file that git tracks

A line has at most 120 columns. Two kinds of line may be longer: a row of a Markdown table, whose cells have at most
120 columns each, and a line that is longer only because of one URL. Data for tests and for the demo is not checked,
nor are dashboards, whose queries cannot be broken into lines.
"""

import re
import subprocess
import sys
from pathlib import Path

COLUMNS = 120
DATA = ("LICENSE", "examples/", "tests/data/", "tests/fuzz/corpus/", "deploy/grafana/dashboards/")

# A pattern and the usual words for it. No pattern matches its own source, so this file passes its own check.
WORDS = [
    (r"\b(?:is|are|was|were|be|been|being|stays)\s+away\b(?!\s+from)", "unavailable"),
    (r"\b(?:is|are|was|were|be|been|being)\s+told\b(?!\s+apart)", "notified, given"),
    (r"\btold\s+for\b", "for"),
    (r"\bdear(?:er|est)?\b", "expensive"),
    (r"\bmend(?:s|ed|ing)?\b", "fix, repair"),
    (r"\banew\b", "again"),
    (r"\bbreath(?:es?|ed|ing)\b", "what happens, such as: renew"),
    (r"\bmakeshift|k[M]akeshift|is_[m]akeshift", "placeholder"),
    (r"\bwhoever\b", "a caller that, anyone who"),
    (r"\bfor\s+ever\b", "forever"),
    (r"\bwho\s+keeps\b", "callers that keep"),
    (r"[;:]\s+else\s+(?!if\b)[a-z]+\s+[a-z]", "otherwise"),
    (r"\bin\s+the\s+place\s+of\b", "instead of"),
    (r"\blest\b|\bnought\b|\bthereof\b|\bwherein\b|\bhitherto\b", "the usual word"),
    (r"\b(?:class|struct|enum|concept|using)\s+(?:class\s+)?(?:Told|Turn|Elsewhere)\b", "a name that says what it is"),
]
WORDS = [(re.compile(pattern, re.IGNORECASE), usual) for pattern, usual in WORDS]

# What stands before the text of a comment or a quotation; a sentence may go on behind it.
MARGIN = re.compile(r"^[ \t]*(?://[/!<]*|#+|--|\*+|>)", re.MULTILINE)
URL = re.compile(r"https?://\S+")


def too_long(path, line):
    """Whether the line has more columns than a reader's window. `path` says whether it may be a row of a table."""
    if len(line) <= COLUMNS:
        return False
    if path.suffix == ".md" and line.startswith("|"):
        return any(len(cell.strip()) > COLUMNS for cell in re.split(r"(?<!\\)\|", line))
    return len(URL.sub("", line, count=1)) > COLUMNS


def check(path):
    """The faults of one file as (line, what); none for a binary file."""
    data = path.read_bytes()
    if b"\0" in data[:8192]:
        return []
    text = data.decode("utf-8", "replace")
    faults = []
    for number, line in enumerate(text.split("\n"), 1):
        if too_long(path, line):
            cell = "a table with a cell" if line.startswith("|") else "a line"
            faults.append((number, f"{cell} of more than {COLUMNS} columns"))
    # Blanks in place of the margins: positions stay, and a phrase is found across lines.
    prose = MARGIN.sub(lambda margin: " " * len(margin.group()), text)
    for pattern, usual in WORDS:
        for match in pattern.finditer(prose):
            found = " ".join(match.group().split())
            faults.append((prose.count("\n", 0, match.start()) + 1, f'"{found}": better: {usual}'))
    return sorted(faults)


def tracked(root, places):
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *places]
    names = subprocess.run(command, check=True, capture_output=True).stdout.decode().split("\0")
    return [root / name for name in sorted(set(names)) if name and (not name.startswith(DATA) or "README" in name)]


def main():
    root = Path(__file__).resolve().parent.parent
    files = [
        path
        for path in tracked(root, [str(Path(a).resolve()) for a in sys.argv[1:]])
        if path.is_file() and not path.is_symlink()
    ]
    count = 0
    for path in files:
        for number, what in check(path):
            print(f"{path.relative_to(root)}:{number}: {what}")
            count += 1
    print(f"{len(files)} files, {count} faults" if count else f"{len(files)} files in plain English")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
