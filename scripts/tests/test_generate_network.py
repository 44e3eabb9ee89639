"""The generated network resembles the real one as tests/data/README.md says."""

import hashlib
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/tools"))
import generate_network  # noqa: E402
import network_files  # noqa: E402


def column(place):
    """A column of the README's table, by the name of the figure."""
    rows = re.findall(r"^\| (\w[^|]*) \| ([\d.,]+) \| ([\d.,]+) \|$", (ROOT / "tests/data/README.md").read_text(), re.M)
    return {row[0]: float(row[place].replace(",", "")) for row in rows}


def read(path):
    return [tuple(map(int, line.split())) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("network", ["generated", *(["real"] if network_files.real() else [])])
def test_the_figures_are_those_of_the_readme(network):
    edges = generate_network.generate() if network == "generated" else read(network_files.real().edges)
    assert generate_network.figures_of(edges) == column(1 if network == "generated" else 2)


def test_the_generated_network_is_close_to_the_real_one():
    """Each figure differs by at most a seventh."""
    ours, real = column(1), column(2)
    assert {name: value for name, value in ours.items() if abs(value - real[name]) > real[name] / 7} == {}


def test_the_seed_alone_decides(tmp_path):
    written = generate_network.write(tmp_path / "network.txt").read_bytes()
    assert hashlib.sha256(written).hexdigest() == "662fd5586dcda25226ce7c3446812c4bce95be860376fab2c087ae9d239e5285"
    assert generate_network.write(tmp_path / "other.txt", generate_network.SEED + 1).read_bytes() != written
