"""The files from which large networks are imported: always a generated network, and the real one if it is available."""

import dataclasses
import gzip
import os
import pathlib

import generate_network

ROOT = pathlib.Path(__file__).resolve().parents[2]


@dataclasses.dataclass(frozen=True)
class NetworkFiles:
    """Arguments of `guildhall import`."""

    edges: pathlib.Path
    posts: pathlib.Path
    names: pathlib.Path


def generated(folder: pathlib.Path) -> NetworkFiles:
    """The files of the clone (tests/data/README.md), written to `folder`."""
    posts = folder / "posts.txt"
    posts.write_bytes(gzip.decompress((ROOT / "tests/data/posts.txt.gz").read_bytes()))
    return NetworkFiles(generate_network.write(folder / "network.txt"), posts, ROOT / "examples/demo/names.txt")


def real() -> NetworkFiles | None:
    """ego-Facebook with speeches as posts, from the folder in GUILDHALL_SHARED; None without it."""
    shared = os.environ.get("GUILDHALL_SHARED")
    if not shared:
        return None
    data = pathlib.Path(shared) / "data"
    edges = data / "graph/facebook_combined.txt"
    return NetworkFiles(edges, data / "text/posts-en.txt", data / "text") if edges.exists() else None


def read_tokens(path: pathlib.Path) -> dict[int, str]:
    """The access token of each node, as `guildhall import --tokens` writes them."""
    return {int(node): token for node, _, token in (line.split("\t") for line in path.read_text().splitlines())}
