#!/usr/bin/env python3
"""Sums up which lines were reached, a row for each room.

  coverage.py LINES UNREACHED LEAST KIND...     LINES is what llvm-cov exports as lcov; the lines that were not reached
                                                are written to UNREACHED. Fails if less than LEAST percent were. The
                                                lines of http count only if its tests are among the kinds that were run.
"""

import sys
from collections import defaultdict
from pathlib import Path


def room_of(header: Path) -> str:
    """Its folder below include/syncopate/; the public headers have none."""
    folder = header.parts[header.parts.index("include") + 2 : -1]
    return "/".join(folder) + "/" if folder else "the public headers"


def lines_of(path: str):
    """Yields header, line, whether it was reached. The tests' own are left out."""
    include = Path(__file__).resolve().parent.parent / "include"
    header = None
    for entry in Path(path).read_text().splitlines():
        kind, _, value = entry.partition(":")
        if kind == "SF":
            header = Path(value)
        elif kind == "DA" and header.is_relative_to(include):
            line, count = value.split(",")[:2]
            yield header, int(line), int(count) > 0


def main(lines: str, unreached: str, least: float, kinds: list[str]) -> int:
    reached, counted = defaultdict(int), defaultdict(int)
    left: dict[Path, list[int]] = defaultdict(list)
    for header, line, is_reached in lines_of(lines):
        if "http" not in kinds and "http" in header.parts:
            continue
        for room in (room_of(header), "all"):
            counted[room] += 1
            reached[room] += is_reached
        if not is_reached:
            left[header].append(line)
    with open(unreached, "w") as out:
        for header in sorted(left):
            text = header.read_text().splitlines()
            for line in left[header]:
                out.write(f"{header}:{line}: {text[line - 1].strip()}\n")
    print("| room | lines | reached | share |\n| --- | --- | --- | --- |")
    for room in sorted(counted, key=lambda room: (room == "all", room)):
        share = 100 * reached[room] / counted[room]
        name = room if room in ("all", "the public headers") else f"`{room}`"
        print(f"| {name} | {counted[room]} | {reached[room]} | {share:.1f} % |")
    return 0 if 100 * reached["all"] >= least * counted["all"] else 1


if __name__ == "__main__":
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4:]))
