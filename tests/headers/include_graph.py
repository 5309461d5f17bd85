#!/usr/bin/env python3
"""Counts what each public header includes, directly or through others, and holds it to a table.

  include_graph.py INCLUDE_DIR TABLE            fails, and says why, where a header includes more than the table allows
  include_graph.py INCLUDE_DIR TABLE --write    writes the table anew, each bound rounded up

A line of the table has a header, and four upper bounds: how many headers of ours, and how many of Boost and OpenSSL that
these name, by headers only; and the same two where SYNCOPATE_SEPARATE_COMPILATION is defined. A header without a line of its
own has the bounds of "*". Nothing is compiled, so this takes no time.
"""

import re
import sys
from pathlib import Path

root, table = Path(sys.argv[1]), Path(sys.argv[2])

INCLUDE = re.compile(r"\s*#\s*include\s+(?:SYNCOPATE_ASIO\(([^)]+)\)|<([^>]+)>)")


def included_by(header, is_separate):
    """Conditions on SYNCOPATE_SEPARATE_COMPILATION are heeded; of all others, every branch counts."""
    names, conditions = set(), []
    for line in (root / header).read_text().splitlines():
        words = line.split()
        if line.startswith("#if"):
            conditions.append(words[:2] == ["#ifndef", "SYNCOPATE_SEPARATE_COMPILATION"])
        elif line.startswith("#endif"):
            conditions.pop()
        found = INCLUDE.match(line)
        if found and not (is_separate and any(conditions)):
            names.add(f"boost/asio/{found[1]}" if found[1] else found[2])
    return names


def counts(header, is_separate):
    seen, left = set(), [header]
    while left:
        name = left.pop()
        if name in seen:
            continue
        seen.add(name)
        if (root / name).exists():
            left.extend(included_by(name, is_separate))
    ours = sum(name.startswith("syncopate/") for name in seen) - 1
    return ours, sum(name.startswith(("boost/", "openssl/")) for name in seen)


headers = sorted(str(path.relative_to(root)) for path in root.glob("syncopate/**/*.hpp") if "detail" not in path.parts)
found = {header: counts(header, False) + counts(header, True) for header in headers}

if "--write" in sys.argv:
    def rounded(count):
        return count if count < 10 else (count * 11 // 100 + 1) * 10

    lines = {header: [rounded(count) for count in found[header]] for header in headers}
    lines["*"] = [max(column) for column in zip(*lines.values())]
    width = max(map(len, lines)) + 2
    with table.open("w") as out:
        out.write("# Written by include_graph.py --write: see there.\n#\n")
        out.write("# header".ljust(width) + "ours others  compiled: ours others\n")
        for header, (ours, others, compiled_ours, compiled_others) in lines.items():
            out.write(f"{header.ljust(width)}{ours:4} {others:6} {compiled_ours:14} {compiled_others:6}\n")
    sys.exit()

bounds = {}
for line in table.read_text().splitlines():
    if line and not line.startswith("#"):
        header, *numbers = line.split()
        bounds[header] = [int(number) for number in numbers]

problems = [f"{header}: the table has a header that does not exist" for header in bounds if header not in found and header != "*"]
kinds = [
    "headers of ours",
    "headers of Boost and OpenSSL",
    "headers of ours with SYNCOPATE_SEPARATE_COMPILATION",
    "headers of Boost and OpenSSL with SYNCOPATE_SEPARATE_COMPILATION",
]
for header in headers:
    for kind, count, bound in zip(kinds, found[header], bounds.get(header, bounds["*"])):
        if count > bound:
            problems.append(f"{header} includes {count} {kind}, and {bound} are allowed")
if problems:
    sys.exit("\n".join(problems))
print(f"{len(headers)} public headers include no more than the table allows")
