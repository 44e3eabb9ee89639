#!/usr/bin/env python3
"""Generates a network with the size, degrees and clustering of ego-Facebook, for tests and benchmarks.

    generate_network.py [--seed N] [FILE]      writes lines "a b" with a < b, by default to standard output

The same seed gives the same file on every machine: only random.random() is used, whose sequence Python guarantees, and
no function of the C library. tests/data/README.md has the recipe, and its figures next to those of ego-Facebook.
"""

import argparse
import collections
import pathlib
import random
import sys

SEED = 22
EDGES = 88_234
# The size of each circle without its centre. ego-Facebook consists of ten circles; these are the degrees of its
# centres.
CIRCLES = (1045, 792, 755, 547, 347, 229, 170, 159, 68, 59)
MEMBERS = 4_039
SMALLEST_GROUP, LARGEST_GROUP = 4, 240
# The chance that a member joins one more group, again and again.
ONE_MORE = 0.2
# The zeal of a member is between this and 1. The more zeal two members of a group have, the likelier they are
# connected.
LEAST_ZEAL = 0.5


class Chance:
    """Choices that depend on the seed alone."""

    def __init__(self, seed: int):
        self.share = random.Random(seed).random

    def below(self, end: int) -> int:
        return int(self.share() * end)

    def shuffle(self, items: list):
        for last in range(len(items) - 1, 0, -1):
            other = self.below(last + 1)
            items[last], items[other] = items[other], items[last]


def groups_of(circle: list[int], chance: Chance) -> list[set[int]]:
    """Divides a circle into groups whose sizes follow a power law; then some members join more groups, mostly large
    ones."""
    groups, placed = [], 0
    while placed < len(circle):
        size = int(SMALLEST_GROUP / (1 - chance.share()))
        if size <= min(LARGEST_GROUP, len(circle) // 3):
            groups.append(set(circle[placed : placed + size]))
            placed += size
    by_size = [group for group in groups for _ in range(len(group))]
    for member in circle:
        while chance.share() < ONE_MORE:
            by_size[chance.below(len(by_size))].add(member)
    return groups


def generate(seed: int = SEED) -> list[tuple[int, int]]:
    """The edges (a, b), a < b, in ascending order."""
    chance = Chance(seed)
    bounds = [MEMBERS * sum(CIRCLES[:i]) // sum(CIRCLES) for i in range(len(CIRCLES) + 1)]
    certain, possible = set(), {}
    for i, size in enumerate(CIRCLES):
        centre, *circle = range(bounds[i], bounds[i + 1])
        # Guests from one other circle connect all circles, as a tree.
        host = (i - 1) // 2 if i else 1
        hosts = list(range(bounds[host] + 1, bounds[host + 1]))
        while len(circle) < size:
            circle.append(hosts.pop(chance.below(len(hosts))))
        certain.update((min(centre, member), max(centre, member)) for member in circle)
        chance.shuffle(circle)
        for group in groups_of(circle, chance):
            members = sorted(group)
            zeal = [LEAST_ZEAL + (1 - LEAST_ZEAL) * chance.share() for _ in members]
            for high in range(len(members)):
                for low in range(high):
                    pair = (members[low], members[high])
                    rank = chance.share() / (zeal[low] * zeal[high])
                    possible[pair] = min(rank, possible.get(pair, rank))
    best = sorted(possible.keys() - certain, key=lambda pair: (possible[pair], pair))
    return sorted(certain.union(best[: EDGES - len(certain)]))


def figures_of(edges: list[tuple[int, int]]) -> dict[str, float]:
    """The figures by which networks are compared; distances are from every 40th member."""
    connected = collections.defaultdict(set)
    for a, b in edges:
        connected[a].add(b)
        connected[b].add(a)
    members = sorted(connected)
    count = len(members)
    degrees = sorted(len(connected[member]) for member in members)
    triangles = dict.fromkeys(members, 0)  # each counted twice at each of its corners
    for a, b in edges:
        common = len(connected[a] & connected[b])
        triangles[a] += common
        triangles[b] += common
    pairs = {member: len(connected[member]) * (len(connected[member]) - 1) for member in members}
    distances = []
    for start in members[::40]:
        steps, queue = {start: 0}, [start]
        for member in queue:
            for other in connected[member]:
                if other not in steps:
                    steps[other] = steps[member] + 1
                    queue.append(other)
        distances += list(steps.values())[1:]
    return {
        "members": count,
        "connections": sum(degrees) // 2,
        "degree, mean": round(sum(degrees) / count, 1),
        "degree, 10th percentile": degrees[count // 10],
        "degree, median": degrees[count // 2],
        "degree, 90th percentile": degrees[count * 9 // 10],
        "degree, 99th percentile": degrees[count * 99 // 100],
        "degree, largest": degrees[-1],
        "clustering, mean of members": round(
            sum(triangles[member] / pairs[member] for member in members if pairs[member]) / count, 2
        ),
        "clustering, of all pairs": round(sum(triangles.values()) / sum(pairs.values()), 2),
        "distance, mean": round(sum(distances) / len(distances), 1),
        "distance, largest": max(distances),
        "members that one member reaches": len(steps),
    }


def write(path: pathlib.Path, seed: int = SEED) -> pathlib.Path:
    path.write_text("".join(f"{a} {b}\n" for a, b in generate(seed)))
    return path


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("file", nargs="?", type=pathlib.Path, default=pathlib.Path("/dev/stdout"))
    given = parser.parse_args()
    write(given.file, given.seed)


if __name__ == "__main__":
    sys.exit(main())
