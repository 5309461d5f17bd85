#!/usr/bin/env python3
"""Counts what one operation takes, and compares it with bounds.

  count.py PROGRAM BOUNDS [WORK...]     PROGRAM is the built `counted` or `http_counted`, BOUNDS the file

Each work is run with two counts; the difference belongs to the operations, and the start of the program
cancels out. Wake-ups are counted in one run: how many of them a run gets by with is partly chance, which
a difference would count twice, and the start of the program has only a handful. Instructions come from
valgrind, so they are the same on every machine with the same compiler; allocations and system calls
from the C library's and the kernel's point of view.

A thread that waits looks again and again before it sleeps, and Asio's memory is used again by whichever thread it is
with: what else the machine does adds to a count or takes from it. So what exceeds its bound is counted twice more, and the
least of the differences is taken. (Not the difference of the least counts: where the short run was lucky once, that is too
large, and stays so.)
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

FEW, MANY = 2000, 6000
ATTEMPTS = 3


def run(*command: str) -> str:
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if result.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit status {result.returncode}\n{result.stderr}")
    return result.stderr


def instructions(*command: str) -> int:
    # Threads take turns, so that how often one finds the other asleep is not chance.
    log = run(
        "valgrind", "--fair-sched=try", "--tool=callgrind", "--callgrind-out-file=/dev/null", *command
    )
    return int(re.search(r"Collected : (\d+)", log)[1])


def allocations(*command: str) -> int:
    log = run("valgrind", "--leak-check=no", *command)
    return int(re.search(r"total heap usage: ([\d,]+) allocs", log)[1].replace(",", ""))


def system_calls(*command: str, names: tuple[str, ...] = ()) -> int:
    """Of all names, or of these."""
    with tempfile.NamedTemporaryFile() as summary:
        run("strace", "-f", "-c", "-o", summary.name, *command)
        rows = [row.split() for row in Path(summary.name).read_text().splitlines()]
    # % time, seconds, usecs/call, calls, [errors,] name
    rows = [row for row in rows if len(row) >= 5 and row[3].isdigit() and row[-1] != "total"]
    return sum(int(row[3]) for row in rows if not names or row[-1] in names)


def loop_wakeups(*command: str) -> int:
    """How Asio wakes a thread that waits in epoll."""
    return system_calls(*command, names=("epoll_ctl", "write"))


COUNTERS = {
    "instructions": instructions,
    "allocations": allocations,
    "system_calls": system_calls,
    "loop_wakeups": loop_wakeups,
}


def per_operation(counter: str, program: str, work: str, bound: float) -> float:
    count = COUNTERS[counter]
    value = float("inf")
    for _ in range(ATTEMPTS):
        many = count(program, work, str(MANY))
        if count is loop_wakeups:
            value = min(value, many / MANY)
        else:
            few = count(program, work, str(FEW))
            value = min(value, (many - few) / (MANY - FEW))
        # What happens less than once in two hundred operations belongs to the program.
        if round(value, 2) <= bound:
            break
    return value


def main(program: str, bounds: str, works: list[str]) -> int:
    failed = False
    for line in Path(bounds).read_text().splitlines():
        line = line.split("#")[0].strip()
        if not line:
            continue
        work, counter, bound = line.split()
        if works and work not in works:
            continue
        value = per_operation(counter, program, work, float(bound))
        exceeded = round(value, 2) > float(bound)
        failed |= exceeded
        print(f"{work:20} {counter:14} {value:10.3f}  at most {bound:>8}"
              + ("  EXCEEDED" if exceeded else ""), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
