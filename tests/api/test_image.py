"""The Dockerfile, without building it: docs/deploy.md says where it was built."""

import fnmatch
import pathlib
import re
import subprocess
import sys

import pytest

from support.deployed import command, known_variables
from support.program import ROOT, binary

pytestmark = pytest.mark.shape("sqlite")  # no server runs here: once is enough

DOCKERFILE = (ROOT / "Dockerfile").read_text()
RESULT = DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :]  # the last stage
# Every Debian has them.
ALWAYS_THERE = {"libc6", "libgcc-s1"}


def instructions(stage, name):
    joined = stage.replace("\\\n", " ")
    return [line.split(maxsplit=1)[1] for line in joined.splitlines() if line.startswith(name + " ")]


def test_the_dockerfile_keeps_the_rules_of_hadolint():
    hadolint = pathlib.Path(sys.executable).parent / "hadolint"
    done = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_frontend_is_fetched():
    """The classic builder has none, and BuildKit would need a registry."""
    assert not re.search(r"^#\s*syntax\s*=", DOCKERFILE, re.MULTILINE)
    assert "RUN --mount" not in DOCKERFILE


def test_the_image_has_the_libraries_that_the_program_is_linked_to():
    """A missing one ends the program at its start; one too many is not needed."""
    sections = subprocess.run(["llvm-readelf-19", "-d", binary()], check=True, capture_output=True, text=True).stdout
    needed = set(re.findall(r"NEEDED.*\[(.*)\]", sections))
    assert needed
    owners = subprocess.run(
        ["dpkg", "-S", *(f"*-linux-gnu/{name}" for name in sorted(needed))], check=True, capture_output=True, text=True
    ).stdout
    packages = {line.split(":")[0] for line in owners.splitlines()}
    installed = set(re.findall(r"^ {8}([a-z]\S+)$", RESULT.replace(" \\", ""), re.MULTILINE))
    assert installed - {"ca-certificates"} == packages - ALWAYS_THERE


def test_the_image_runs_as_a_user_without_rights_and_checks_its_health():
    user = instructions(RESULT, "USER")[-1]
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user), "a number, which Kubernetes can compare with root's"
    (health,) = instructions(RESULT, "HEALTHCHECK")
    assert 'CMD ["guildhall", "health"]' in health
    assert re.search(r"^ +health ", command("--help").stdout, re.MULTILINE)
    variables = set(re.findall(r"GUILDHALL_[A-Z0-9_]+", "".join(instructions(RESULT, "ENV"))))
    assert variables and variables <= known_variables()


def test_what_is_copied_is_sent_to_the_builder():
    """.dockerignore excludes everything except what it names; what it names exists."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    sent = [rule.removeprefix("!") for rule in rules[1:]]
    assert all(rule.startswith("!") for rule in rules[1:])
    assert [name for name in sent if not (ROOT / name).exists()] == []
    assert {"CMakeLists.txt", "CMakePresets.json", "cmake", "scripts", "src"} <= set(sent), (
        "what the program is built from"
    )
    copied = [
        source
        for line in instructions(DOCKERFILE, "COPY")
        if not line.startswith("--from")
        for source in line.split()[:-1]
        if source != "."
    ]
    assert copied
    assert [source for source in copied if not any(fnmatch.fnmatch(source + "/", name + "/*") for name in sent)] == []


def test_the_version_is_that_of_the_program():
    (version,) = re.findall(r"^ARG VERSION=(\S+)", RESULT, re.MULTILINE)
    assert command("version").stdout.split() == ["guildhall", version]
