#!/usr/bin/env python3
"""Prints the results of ./test by part: counts, names of failures, reasons of skips; the last line is the sum.

    scripts/summarize_tests.py RESULTS_DIR [--skips-fail]

RESULTS_DIR/<part>/ has *.xml (JUnit, from GoogleTest and pytest) and *.tsv (name, passed|failed|skipped, reason).
The exit code is 1 if a test failed, if none ran, or, with --skips-fail, if a test was skipped.
"""

import dataclasses
import sys
import xml.etree.ElementTree as xml
from pathlib import Path


@dataclasses.dataclass
class Part:
    """One part of the run; failed and skipped are (test, reason)."""

    name: str
    passed: int = 0
    failed: list = dataclasses.field(default_factory=list)
    skipped: list = dataclasses.field(default_factory=list)

    def add(self, test, state, reason):
        if state == "passed":
            self.passed += 1
        else:
            getattr(self, state).append((test, reason))


def last_line(text):
    lines = [line.strip() for line in (text or "").splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""


def read_junit(path, part):
    try:
        cases = list(xml.parse(path).iter("testcase"))
    except xml.ParseError as error:
        part.add(path.stem, "failed", f"result file is broken, did it crash? {error}")
        return
    for case in cases:
        name = f"{case.get('classname', '')}.{case.get('name')}".strip(".")
        fault = case.find("failure") if case.find("failure") is not None else case.find("error")
        skip = case.find("skipped")
        if fault is not None:
            part.add(name, "failed", last_line(fault.get("message") or fault.text))
        elif skip is not None:
            part.add(name, "skipped", last_line(skip.get("message") or skip.text) or "no reason given")
        elif case.get("status") == "notrun":
            # The file lists disabled tests, but not filtered ones. A suite named "…Process" is not a test but the
            # second process of one, which starts it by name.
            if not case.get("classname", "").endswith("Process"):
                part.add(name, "skipped", "disabled in the source")
        else:
            part.add(name, "passed", "")


def read(results):
    """The parts of a run, in order of name."""
    parts = []
    for folder in sorted(p for p in Path(results).iterdir() if p.is_dir()):
        part = Part(folder.name)
        for path in sorted(folder.rglob("*.xml")):
            read_junit(path, part)
        for path in sorted(folder.rglob("*.tsv")):
            for line in path.read_text().splitlines():
                part.add(*line.split("\t", 2))
        parts.append(part)
    return parts


def render(parts, skips_fail):
    """(text, whether all is good)"""
    lines = ["", f"{'part':<16}{'passed':>8}{'failed':>8}{'skipped':>9}"]
    for part in parts:
        lines.append(f"{part.name:<16}{part.passed:>8}{len(part.failed):>8}{len(part.skipped):>9}")
    for title, field in (("failed", "failed"), ("skipped, and why", "skipped")):
        rows = [f"  {part.name}: {test}: {reason}" for part in parts for test, reason in getattr(part, field)]
        if rows:
            lines += ["", f"{title}:", *rows]
    passed = sum(part.passed for part in parts)
    failed = sum(len(part.failed) for part in parts)
    skipped = sum(len(part.skipped) for part in parts)
    if skips_fail and skipped:
        lines += ["", "In CI a skip is a failure: everything that can run has to run."]
    lines += ["", f"{passed} passed, {failed} failed, {skipped} skipped"]
    return "\n".join(lines), passed > 0 and failed == 0 and not (skips_fail and skipped)


def main():
    text, good = render(read(sys.argv[1]), "--skips-fail" in sys.argv[2:])
    print(text)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
