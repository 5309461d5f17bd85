#!/usr/bin/env python3
"""ProcessPool beside Python's ProcessPoolExecutor: a call of a small function, two processes each, in turns.

  process_pool.py PROGRAM REPETITIONS [PAGE]     prints the page, or writes it there; fails if a bound does not hold
"""

import datetime
import os
import platform
import statistics
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

# The part of Python's time that ours may take.
BOUNDS = {"one at a time": 1 / 3, "5,000 in flight": 1 / 10}


def twice(number: int) -> int:
    return 2 * number


def time_each(count: int, function) -> float:
    start = time.perf_counter()
    function(count)
    return (time.perf_counter() - start) / count * 1e9


def python() -> list[float]:
    with ProcessPoolExecutor(2) as pool:

        def in_turn(count: int) -> None:
            for i in range(count):
                assert pool.submit(twice, i).result() == 2 * i

        def in_flight(count: int) -> None:
            futures = [pool.submit(twice, i) for i in range(count)]
            assert sum(future.result() for future in futures) == count * (count - 1)

        in_flight(200)
        return [time_each(2000, in_turn), time_each(5000, in_flight)]


def syncopate(program: str) -> list[float]:
    output = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    return [float(word) for word in output.split()]


def main(program: str, repetitions: int, page: str | None) -> None:
    ours, theirs = [], []
    for _ in range(repetitions):
        ours.append(syncopate(program))
        theirs.append(python())
    version = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, check=True, text=True).stdout.strip()
    failed = []
    lines = [
        "# ProcessPool beside Python's ProcessPoolExecutor",
        "",
        "Written by `tests/bench/run.sh --publish`. A call of a function that doubles a number, with two processes, from a",
        f"synchronous program. The median of {repetitions} runs, which took turns; {os.cpu_count()} cores, Python "
        f"{platform.python_version()}, {datetime.date.today()}, version {version}.",
        "",
        "| calls | syncopate, each | Python, each | part | bound |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for i, (name, bound) in enumerate(BOUNDS.items()):
        mine = statistics.median(run[i] for run in ours)
        other = statistics.median(run[i] for run in theirs)
        lines.append(
            f"| {name} | {mine / 1000:.1f} us | {other / 1000:.1f} us | 1/{other / mine:.1f} | 1/{1 / bound:.0f} |"
        )
        if mine > bound * other:
            failed.append(name)
    text = "\n".join(lines) + "\n"
    if page:
        Path(page).write_text(text)
    else:
        print(text)
    if failed and repetitions > 1:
        sys.exit("OUT OF BOUNDS: " + ", ".join(failed))


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3] if len(sys.argv) == 4 else None)
