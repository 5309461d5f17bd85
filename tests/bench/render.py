#!/usr/bin/env python3
"""Renders the results of run.sh as a table and a plot.

  render.py [--publish] RESULTS     RESULTS: the folder with the JSON files. Writes table.md and speed.svg
                                    there; --publish also writes docs/costs.md and docs/speed.svg.
"""

import json
import math
import statistics
import sys
from collections import defaultdict
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Row, workload/place, the peers beside whose figures it stands.
ROWS = [
    ("call, hot, threads on two cores", "hot_call/two_cores", "floor_spin"),
    ("call, hot, all on one core", "hot_call/one_core", "floor_futex"),
    ("call, cold (1 ms pauses)", "cold_call/anywhere", "floor_eventfd"),
    ("call, hot, all cores busy with other programs", "busy_call/anywhere", "floor_eventfd"),
    ("call, 8 callers", "callers_8/anywhere", "floor_queue"),
    ("call, 32 callers", "callers_32/anywhere", "floor_queue"),
    ("call, 64 callers", "callers_64/anywhere", "floor_queue"),
    ("call, 256 callers", "callers_256/anywhere", "floor_queue"),
    ("call, portal of an io_context, all on one core", "portal_of_context/one_core", None),
    ("call, portal of a thread_pool, all on one core", "portal_of_pool/one_core", None),
    ("call, portal of a strand of one, all on one core", "portal_of_strand/one_core", None),
    ("call, 64 sockets busy: 99th percentile", "busy_io/anywhere", None),
    ("item of wrap_iter, ReadAhead{1024}", "stream/two_cores", "floor_ring"),
    ("10,000 naps of 1 ms, from outside", "naps_from_outside_10000/anywhere", None),
    ("100,000 naps of 1 ms, on the loop", "naps_on_the_loop_100000/anywhere", None),
    ("10,000 naps of 1 ms, in a TaskGroup", "naps_10000/anywhere", None),
    ("to_thread and back", "offload/anywhere", None),
    ("to_thread and back, all on one core", "offload/one_core", None),
    ("CPU of a call a millisecond", "sparse_cpu/anywhere", None),
]
COLUMNS = ["syncopate", "syncopate_factory", "syncopate_occupied", "plain", "floor", "libuv", "python_asyncio", "python_anyio"]
TITLES = {
    "syncopate": "syncopate",
    "syncopate_factory": "the same, given a factory",
    "syncopate_occupied": "the same, beside a waiting task",
    "plain": "`co_spawn(use_future).get()`",
    "floor": "floor: two threads, no library",
    "libuv": "libuv",
    "python_asyncio": "Python, asyncio",
    "python_anyio": "Python, anyio",
}
# Requests have other peers. Row, workload/place, what follows the peers' names there.
HTTP_ROWS = [
    ("GET, client and server on one core", "http_get/one_core"),
    ("GET, on two cores", "http_get/anywhere"),
    ("GET over TLS, on one core", "https_get/one_core"),
    ("GET over TLS, on two cores", "https_get/anywhere"),
    ("GET over TLS, each on a new connection that resumes, on one core", "https_resumed/one_core"),
    ("GET, 64 at once, each", "http_64/anywhere"),
    ("GET over TLS, 100 at once, each", "https_100/anywhere"),
    ("the same by HTTP/2", "https_100/anywhere", "_http2"),
    ("the same on new connections, by HTTP/1.1", "https_100_anew/anywhere"),
    ("the same on a new connection, by HTTP/2", "https_100_anew/anywhere", "_http2"),
    ("a MiB of a stream of 1 GiB", "http_stream/anywhere"),
]
HTTP_TITLES = {
    "syncopate_loop": "on the loop",
    "syncopate_runner": "`Runner`",
    "syncopate_client": "`http::Client`",
    "beast": "Beast, synchronous",
    "curl": "libcurl easy",
    "curl_multi": "libcurl multi",
    "httplib": "cpp-httplib",
    "raw": "floor: send, recv",
}
# The other ways to make a call, beside run().
VARIANTS = [
    ("`run()`", "run"),
    ("`run_for()`", "run_for"),
    ("`run()` with a stop token", "run_stoppable"),
    ("`wrap_context()`, and leaving it", "wrap_context"),
    ("`to_calling_thread()`, there and back", "to_calling_thread"),
    ("`from_thread::run()`, there and back", "from_thread_run"),
    ("`from_thread::call()`, there and back", "from_thread_call"),
]
# How the cost grows: workload, its sizes.
GROWTH = [
    ("time per call, by callers", "callers_{}/anywhere", [1, 8, 32, 64, 256]),
    ("time per nap, by naps at once from outside", "naps_from_outside_{}/anywhere", [1, 100, 10_000, 100_000]),
    ("time per nap, by naps at once on the loop", "naps_on_the_loop_{}/anywhere", [1, 100, 10_000, 100_000]),
]
BEGIN, END = "<!-- speed: written by tests/bench/run.sh --publish -->", "<!-- end of speed -->"


def load(folder: Path, counter: str) -> dict[str, float]:
    """The median of each measurement."""
    samples = defaultdict(list)
    for file in sorted(folder.glob("*.json")):
        for run in json.loads(file.read_text())["benchmarks"]:
            if run.get("run_type") == "aggregate":
                continue
            workload, place, peer = run["name"].split("/")[:3]
            if counter in run:
                samples[f"{workload}/{place}/{peer}"].append(run[counter])
            elif peer == "in_rounds":
                for each in (title + suffix for title in HTTP_TITLES for suffix in ("", "_http2")):
                    if each in run:
                        samples[f"{workload}/{place}/{each}"].append(run[each])
    return {name: statistics.median(values) for name, values in samples.items()}


def in_words(ns: float) -> str:
    for unit, size in [("ms", 1e6), ("us", 1e3)]:
        if ns >= size:
            return f"{ns / size:.3g} {unit}"
    return f"{ns:.3g} ns"


def figures(medians: dict[str, float], workload: str, floor: str | None) -> dict[str, float]:
    names = {column: floor if column == "floor" else column for column in COLUMNS}
    return {
        column: medians[f"{workload}/{name}"]
        for column, name in names.items()
        if name and f"{workload}/{name}" in medians
    }


def in_relation(ours: float, plain: float | None) -> str:
    """Empty where one is 0: what is measured as a difference may be lost in the noise."""
    if not ours or not plain:
        return ""
    return f"1/{plain / ours:.3g}" if ours / plain < 0.5 else f"{ours / plain:.2g}"


def table(medians: dict[str, float]) -> str:
    columns = [c for c in COLUMNS if any(c in figures(medians, w, f) for _, w, f in ROWS)]
    lines = [
        "| | " + " | ".join(TITLES[c] for c in columns) + " | against plain |",
        "| --- |" + " ---: |" * (len(columns) + 1),
    ]
    for title, workload, floor in ROWS:
        row = figures(medians, workload, floor)
        if "syncopate" not in row:
            continue
        cells = [in_words(row[c]) if c in row else "" for c in columns]
        against = in_relation(row["syncopate"], row.get("plain"))
        lines.append(f"| {title} | " + " | ".join(cells) + f" | {against} |")
    return "\n".join(lines) + "\n"


def http_table(medians: dict[str, float]) -> str:
    """Empty if requests were not measured."""
    rows = {
        title: [medians.get(f"{workload}/{peer}{''.join(suffix)}") for peer in HTTP_TITLES]
        for title, workload, *suffix in HTTP_ROWS
    }
    if not any(any(row) for row in rows.values()):
        return ""
    lines = ["| | " + " | ".join(HTTP_TITLES.values()) + " |", "| --- |" + " ---: |" * len(HTTP_TITLES)]
    for title, row in rows.items():
        lines.append(f"| {title} | " + " | ".join(in_words(ns) if ns else "" for ns in row) + " |")
    return "\n" + "\n".join(lines) + "\n"


def growth(medians: dict[str, float], bytes_of: dict[str, float]) -> str:
    """What grows, and how: the bridge beside plain Asio."""
    lines = []
    for title, workload, sizes in GROWTH:
        cells = []
        for size in sizes:
            ours, plain = (medians.get(f"{workload.format(size)}/{peer}") for peer in ("syncopate", "plain"))
            if ours and plain:
                cells.append(f"{size:,}: {in_words(ours)} ({in_words(plain)})")
        if cells:
            lines.append(f"- {title}, in brackets plain Asio: " + "; ".join(cells))
    memory = [bytes_of.get(f"memory_of_10000_tasks/anywhere/{peer}") for peer in ("syncopate", "plain")]
    if all(memory):
        lines.append(
            f"- memory of a waiting task, with its future and its timer: {memory[0]:,.0f} bytes ({memory[1]:,.0f})"
        )
    return "\n".join(lines) + "\n"


def variants(medians: dict[str, float]) -> str:
    """The other ways to make a call, and what they cost beside run()."""
    places = [("threads on two cores", "two_cores"), ("all on one core", "one_core")]
    lines = [
        "| | " + " | ".join(f"{title} | beside `run()`" for title, _ in places) + " |",
        "| --- |" + " ---: |" * (2 * len(places)),
    ]
    for title, name in VARIANTS:
        cells = []
        for _, place in places:
            ours, run = (medians.get(f"variants/{place}/{peer}") for peer in (name, "run"))
            cells += [in_words(ours), f"{ours / run:.2f}"] if ours and run else ["", ""]
        if any(cells):
            lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n" + "\n".join(lines) + "\n" if len(lines) > 2 else ""


def spread(slowest: dict[str, float], p99: dict[str, float]) -> str:
    """How even callers are."""
    lines = []
    for count in [8, 32, 64, 256]:
        ours, plain = (f"callers_{count}/anywhere/{peer}" for peer in ("syncopate", "plain"))
        if ours in p99 and plain in p99:
            lines.append(
                f"{count}: {slowest[ours]:.2f}, {in_words(p99[ours])} ({slowest[plain]:.2f}, {in_words(p99[plain])})"
            )
    title = "the slowest caller beside the mean, and the 99th percentile of a call, by callers"
    return f"- {title}, in brackets plain Asio: " + "; ".join(lines) + "\n" if lines else ""


def channels(medians: dict[str, float]) -> str:
    """What an item takes through a queue of limited length."""
    lines = []
    ways = [("from a thread to a coroutine", "to_coroutine"), ("from a coroutine to a thread", "to_thread"),
            ("between the coroutines of two loops", "between_loops")]
    for title, name in ways:
        cells = []
        for where, place in [("threads on two cores", "two_cores"), ("all on one", "one_core")]:
            ours, plain = (medians.get(f"channel_{name}/{place}/{peer}") for peer in ("syncopate", "plain"))
            if ours and plain:
                cells.append(f"{where}: {in_words(ours)} ({in_words(plain)})")
        if cells:
            lines.append(f"- an item of a `Channel` of 1,024 {title}, in brackets `concurrent_channel`: " + "; ".join(cells))
    return "\n".join(lines) + "\n" if lines else ""


def hosts(medians: dict[str, float]) -> str:
    """What a task pays that posts itself to the main loop of a host."""
    cells = []
    for title, name in [("GLib", "glib"), ("Qt", "qt")]:
        ours, own = (medians.get(f"hop_through_{name}/one_core/{peer}") for peer in ("syncopate", "plain"))
        if ours and own:
            cells.append(f"{title}: {in_words(ours)} ({in_words(own)})")
    title = "a hop of a GuestRunner's task, by hosts, in brackets a function of the host's own"
    return f"- {title}: " + "; ".join(cells) + "\n" if cells else ""


def by_count(values: dict[str, float], workload: str, peer: str) -> dict[int, float]:
    found = {}
    for name, value in values.items():
        head, _, own_peer = name.split("/")
        if own_peer == peer and head.startswith(workload):
            found[int(head.removeprefix(workload))] = value
    return found


def many(folder: Path, medians: dict[str, float], bytes_of: dict[str, float]) -> str:
    """Very many tasks, and very many runners."""
    lines = []
    cells = []
    for count, ns in sorted(by_count(medians, "tasks_in_flight_", "syncopate").items()):
        name = f"tasks_in_flight_{count}/anywhere"
        sizes = [bytes_of.get(f"{name}/{peer}") for peer in ("syncopate", "plain")]
        if all(sizes) and f"{name}/plain" in medians:
            cells.append(
                f"{count:,}: {in_words(ns)}, {sizes[0]:,.0f} bytes"
                f" ({in_words(medians[f'{name}/plain'])}, {sizes[1]:,.0f})"
            )
    if cells:
        lines.append("- to start a task, and its memory, by tasks in flight, in brackets plain Asio: " + "; ".join(cells))
    resident = load(folder, "resident")
    for count, cpu in by_count(medians, "idle_runners_", "syncopate").items():
        name = f"idle_runners_{count}/anywhere/syncopate"
        lines.append(
            f"- {count:,} idle runners: {bytes_of[name]:,.0f} bytes allocated and {resident[name]:,.0f} bytes resident"
            f" each, with the stack; {in_words(cpu)} of the processor in a second, all together"
        )
    rounds, left = load(folder, "rounds"), load(folder, "left")
    ours, plain = ("busy_io/anywhere/" + peer for peer in ("syncopate", "plain"))
    if ours in rounds and plain in rounds:
        lines.append(
            f"- 64 sockets in pairs: {rounds[ours]:,.0f} rounds a second ({rounds[plain]:,.0f}); beside a call each"
            f" 100 us, {left[ours]:.2f} of that ({left[plain]:.2f})"
        )
    return "\n".join(lines) + "\n" if lines else ""


COLOURS = {
    "syncopate": "#0b6e4f", "syncopate_factory": "#58b09c", "syncopate_occupied": "#a8d5c5", "plain": "#c8553d", "floor": "#b0b0b0",
    "libuv": "#5c4d7d", "python_asyncio": "#e9c46a", "python_anyio": "#d4a017",
}


def plot(medians: dict[str, float]) -> str:
    """Horizontal bars, logarithmic."""
    left, width, bar, gap = 300, 520, 13, 14
    low, high = 1.0, 1e6
    x_of = lambda ns: left + width * (math.log10(max(ns, low)) / math.log10(high / low))
    parts, y = [], 56
    for ns in [1, 10, 100, 1e3, 1e4, 1e5, 1e6]:
        x = x_of(ns)
        parts.append(f'<line x1="{x:.0f}" y1="44" x2="{x:.0f}" y2="HEIGHT" stroke="#ddd"/>')
        parts.append(f'<text x="{x:.0f}" y="38" text-anchor="middle">{in_words(ns)}</text>')
    for title, workload, floor in ROWS:
        row = figures(medians, workload, floor)
        if "syncopate" not in row:
            continue
        middle = y + len(row) * bar / 2 + 4
        parts.append(f'<text x="{left - 10}" y="{middle:.0f}" text-anchor="end">{escape(title)}</text>')
        for column in COLUMNS:
            if column not in row:
                continue
            end = x_of(row[column])
            parts.append(
                f'<rect x="{left}" y="{y}" width="{max(end - left, 1):.0f}" height="{bar - 2}"'
                f' fill="{COLOURS[column]}"/>'
            )
            parts.append(f'<text x="{end + 4:.0f}" y="{y + 10}" class="v">{in_words(row[column])}</text>')
            y += bar
        y += gap
    x = left
    for column in COLUMNS:
        label = TITLES[column].strip("`").replace("`", "").split(":")[0]
        parts.append(f'<rect x="{x}" y="{y}" width="10" height="10" fill="{COLOURS[column]}"/>')
        parts.append(f'<text x="{x + 14}" y="{y + 9}" class="v">{escape(label)}</text>')
        x += 30 + 6 * len(label)
        if x > left + width - 40:
            x, y = left, y + 16
    height = y + 24
    body = "\n".join(parts).replace("HEIGHT", str(y - gap))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 90} {height}"'
        ' font-family="sans-serif" font-size="12">\n<style>.v { font-size: 10px; fill: #444 }</style>\n'
        '<rect width="100%" height="100%" fill="white"/>\n'
        '<text x="20" y="18">Time of one operation, median; the scale is logarithmic</text>\n'
        f"{body}\n</svg>\n"
    )


def publish(markdown: str, svg: str) -> None:
    (ROOT / "docs/speed.svg").write_text(svg)
    page = ROOT / "docs/costs.md"
    before, rest = page.read_text().split(BEGIN, 1)
    _, after = rest.split(END, 1)
    page.write_text(f"{before}{BEGIN}\n\n{markdown}\n{END}{after}")


def main(arguments: list[str]) -> None:
    folder = Path(arguments[-1])
    medians = load(folder, "ns")
    if not medians:
        sys.exit(f"{folder}: no results")
    bytes_of = load(folder, "bytes")
    markdown = (
        table(medians) + "\n" + growth(medians, bytes_of)
        + spread(load(folder, "slowest"), load(folder, "p99_ns")) + many(folder, medians, bytes_of)
        + channels(medians) + hosts(medians) + variants(medians) + http_table(medians)
    )
    svg = plot(medians)
    (folder / "table.md").write_text(markdown)
    (folder / "speed.svg").write_text(svg)
    if "--publish" in arguments:
        publish(markdown, svg)
    print(markdown)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1:])
