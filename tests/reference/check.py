#!/usr/bin/env python3
"""check.py HEADER…: fails, and says why, where a documentation comment is not as docs/reference/comments.py has it."""

import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "docs/reference"))
from comments import COLUMN, HEADINGS, blocks_of  # noqa: E402


def problems_of(block):
    """Pairs: the line's number within the block, and what is wrong with it."""
    rank = -1  # of the last heading; a parameter's is 0
    seen = set()
    previous = None
    for number, line in enumerate(block.lines):
        if line.kind == "heading":
            names = line.name.split(", ")
            is_parameter = all(name in block.names() for name in names)
            if previous is None:
                yield number, "the first line is no sentence that says the effect"
            elif previous.kind in ("text", "code", "fence"):
                yield number, f"no empty line before '{line.name}:'"
            if not is_parameter and line.name not in HEADINGS:
                yield number, f"'{line.name}:' is neither a heading nor a parameter"
            else:
                own = 0 if is_parameter else 1 + HEADINGS.index(line.name)
                if own < rank:
                    yield number, f"'{line.name}:' is too late: the order is parameters, {', '.join(HEADINGS)}"
                elif line.name in seen:
                    yield number, f"'{line.name}:' is there twice"
                rank = max(rank, own)
                seen.add(line.name)
            if not line.aligned:
                yield number, f"the text of '{line.name}:' does not begin in column {COLUMN + 1}"
        elif line.kind == "more" and not line.aligned:
            yield number, f"what goes on under a heading does not begin in column {COLUMN + 1}"
        elif line.kind in ("text", "fence") and rank >= 0:
            yield number, "prose after the headings"
        previous = line


def main():
    problems = []
    count = 0
    for path in map(pathlib.Path, sys.argv[1:]):
        for block in blocks_of(path.read_text(encoding="utf-8").splitlines()):
            count += 1
            problems += [f"{path}:{block.first + number + 1}: {what}" for number, what in problems_of(block)]
    if problems:
        sys.exit("\n".join(problems))
    if count == 0:
        sys.exit("There is no documentation comment.")
    print(f"{count} documentation comments keep their headings")


main()
