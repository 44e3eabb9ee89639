#!/usr/bin/env python3
"""Writes docs/features.md: what the system does and is meant to do, and the tests that prove it.

docs/features.tsv holds the features: id, tab, feature, and if tests prove only a part of it, tab, what is missing.
A test proves a feature if its name, its docstring or the comment above it holds the id in brackets, as in [U1]. In the
docstring or the first comment of a file, the id stands for all tests of the file.
"""

import argparse
import ast
import collections
import pathlib
import re
import subprocess
import sys
import textwrap

ID = re.compile(r"\[([A-Z]\d+)\]")
CPP_TEST = re.compile(r"^TEST(?:_[PF])?\((\w+),\s*(\w+)\)", re.MULTILINE)
WHOLE_FILE = "all its tests"


def proofs_of_python(text):
    """(id, test) for each id in a module of pytest."""
    lines = text.splitlines()
    found = []

    def add(words, test):
        found.extend((name, test) for name in ID.findall(words or ""))

    module = ast.parse(text)
    add(ast.get_docstring(module), WHOLE_FILE)
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
            add(ast.get_docstring(node), node.name)
            above = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]) - 2
            while above >= 0 and lines[above].startswith("#"):
                add(lines[above], node.name)
                above -= 1
    return found


def proofs_of_cpp(text):
    """(id, test) for each id in a file of GoogleTest: above a test, above all of them, or in the body of one."""
    tests = [(match.start(), f"{match[1]}.{match[2]}") for match in CPP_TEST.finditer(text)]
    found = []
    for match in ID.finditer(text):
        before = [test for start, test in tests if start < match.start()]
        after = [(start, test) for start, test in tests if start > match.start()]
        is_above = after and all(
            line.startswith(("//", "template")) for line in text[match.start() : after[0][0]].splitlines()[1:] if line
        )
        if is_above:
            found.append((match[1], after[0][1]))
        else:
            found.append((match[1], before[-1] if before else WHOLE_FILE))
    return found


def proofs_in(root):
    """The tests by file, by id."""
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard", "tests"]
    names = subprocess.run(command, check=True, capture_output=True).stdout.decode().split("\0")
    proofs = collections.defaultdict(dict)
    for name in sorted(set(names)):
        path = root / name
        if path.suffix not in (".py", ".cpp") or not path.is_file():
            continue
        text = path.read_text()
        for feature, test in proofs_of_python(text) if path.suffix == ".py" else proofs_of_cpp(text):
            proofs[feature].setdefault(name, {})[test] = None
    return proofs


def read_features(text):
    """[(group, [(id, feature, missing)])]"""
    groups = []
    for line in text.splitlines():
        if line.startswith("# "):
            groups.append((line[2:], []))
        elif line:
            name, feature, *missing = line.split("\t")
            groups[-1][1].append((name, feature, "".join(missing)))
    return groups


def faults_of(groups, proofs):
    features = [feature for _, rows in groups for feature in rows]
    names = [name for name, _, _ in features]
    faults = [f"{name}: twice in docs/features.tsv" for name, count in collections.Counter(names).items() if count > 1]
    faults += [
        f"{name}: not in docs/features.tsv, but in {', '.join(proofs[name])}" for name in proofs.keys() - {*names}
    ]
    faults += [
        f"{name}: a part is missing, but no test proves the rest"
        for name, _, missing in features
        if missing and name not in proofs
    ]
    return sorted(faults)


def render(groups, proofs):
    count = sum(len(rows) for _, rows in groups)
    partly = sum(bool(missing) for _, rows in groups for _, _, missing in rows)
    whole = len(proofs) - partly
    lines = [
        "# Features",
        "",
        f"Of {count} features, {whole} work, {partly} work in part and {count - whole - partly} are planned.",
        "A feature works if tests prove it; they are listed below.",
        "Written by `scripts/features.py` from [features.tsv](features.tsv) and the tests.",
    ]
    for group, rows in groups:
        lines += ["", f"## {group}", "", "| | feature | state |", "|---|---|---|"]
        for name, feature, missing in rows:
            state = f"works; missing: {missing}" if missing else "works" if name in proofs else "planned"
            lines.append(f"| {f'[{name}](#{name.lower()})' if name in proofs else name} | {feature} | {state} |")
    lines += ["", "## Proofs"]
    for name in (name for _, rows in groups for name, _, _ in rows if name in proofs):
        lines += ["", f"### {name}", ""]
        for file, tests in proofs[name].items():
            lines += textwrap.wrap(
                f"- [{file}](../{file}): {', '.join(tests)}",
                118,
                subsequent_indent="  ",
                break_on_hyphens=False,
                break_long_words=False,
            )
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing, fail if the page is not up to date")
    is_check = parser.parse_args().check
    root = pathlib.Path(__file__).resolve().parent.parent
    groups = read_features((root / "docs/features.tsv").read_text())
    proofs = proofs_in(root)
    faults = faults_of(groups, proofs)
    if faults:
        sys.exit("\n".join(faults))
    page = root / "docs/features.md"
    text = render(groups, proofs)
    if is_check:
        if not page.exists() or page.read_text() != text:
            sys.exit("docs/features.md is not up to date; scripts/features.py writes it")
        print(f"{len(proofs)} features with tests")
        return
    page.write_text(text)


if __name__ == "__main__":
    main()
