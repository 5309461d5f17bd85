#!/usr/bin/env python3
"""Counts the instructions of each operation of the core in both forms of the library, by headers only and compiled once,
and writes docs/results/forms.md. Takes a quarter of an hour.

  forms.py
"""

import datetime
import subprocess
from pathlib import Path

import count

CHECKOUT = Path(__file__).resolve().parents[2]
PAGE = CHECKOUT / "docs/results/forms.md"
PROGRAM, BOUNDS = "counted", CHECKOUT / "tests/bench/bounds.txt"
FORMS = {"bench": "OFF", "bench-compiled": "ON"}


def output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=CHECKOUT).stdout


def build(folder: str, is_compiled: str) -> Path:
    place = CHECKOUT / "build" / folder
    output("cmake", "--preset", "bench", "-B", str(place), "-D", f"SYNCOPATE_TEST_COMPILED={is_compiled}")
    output("cmake", "--build", str(place), "--parallel", "--target", PROGRAM)
    return place / "tests/bench" / PROGRAM


def works() -> list[str]:
    words = [line.split("#")[0].split() for line in BOUNDS.read_text().splitlines()]
    return [word[0] for word in words if len(word) == 3 and word[1] == "instructions"]


programs = [build(*form) for form in FORMS.items()]
rows = []
for work in works():
    # Zero as a bound: each is counted as often, and the least is taken.
    headers, compiled = (count.per_operation("instructions", str(program), work, 0) for program in programs)
    rows.append(f"| `{work}` | {headers:,.0f} | {compiled:,.0f} | {compiled / headers:.3f} |")
    print(rows[-1], flush=True)

PAGE.write_text(
    f"""# The same speed in both forms

Written by `tests/bench/forms.py` on {datetime.date.today()}, version {output("git", "describe", "--always", "--dirty").strip()},
{output("c++", "--version").splitlines()[0]}, -O2: the instructions of one operation, counted as for the bounds of
`tests/bench`, by headers only and with `syncopate::compiled`. Chance has its
share where two threads look for one another (`call`, the portals, `channel_item`); the `plain` rows have nothing of the library.

| operation | by headers | compiled once | part |
| --- | ---: | ---: | ---: |
"""
    + "\n".join(rows)
    + "\n"
)
