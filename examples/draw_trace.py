#!/usr/bin/env python3
"""Draws a short trace as an SVG: tasks in rows of their own, functions in the rows of their threads.

    draw_trace.py TRACE.json PICTURE.svg

docs/trace.svg: build/dev/examples/example_18_trace t.json && examples/draw_trace.py t.json docs/trace.svg
"""
import html
import json
import pathlib
import sys

LEFT, RIGHT, ROW, TOP = 220, 880, 26, 46
COLOURS = {
    "task": "#0b6e4f",
    "call": "#8a5a00",
    "to_thread": "#3a5ba0",
    "to_calling_thread": "#7a3b8f",
    "from_thread::run": "#2f7f95",
    "from_thread::call": "#2f7f95",
}


def bars_of(events):
    """Gives (row, begin, end, category, name): a row is a task's, or a thread's."""
    begun, stacks, names, bars = {}, {}, {}, []
    for event in events:
        phase, thread = event["ph"], event["tid"]
        if phase == "M":
            if event["name"] == "thread_name":
                names[thread] = event["args"]["name"]
        elif phase == "b":
            begun[event["cat"], event["id"]] = event
        elif phase == "B":
            stacks.setdefault(thread, []).append(event)
        else:
            begin = begun.pop((event["cat"], event["id"])) if phase == "e" else stacks[thread].pop()
            row = f"task {event['id']}" if phase == "e" else f"thread {names[thread]}"
            bars.append((row, begin["ts"], event["ts"], begin["cat"], begin["name"]))
    return sorted(bars, key=lambda bar: (not bar[0].startswith("task"), bar[1]))


def title_of(row, category, name):
    if row.startswith("thread"):
        return row
    return name if name.startswith(category) else f"{category} “{name}”"


def draw(bars):
    first = min(bar[1] for bar in bars)
    last = max(bar[2] for bar in bars)
    scale = (RIGHT - LEFT) / (last - first)
    rows = {}
    for row, *_ in bars:
        rows.setdefault(row, len(rows))
    height = TOP + ROW * len(rows) + 8
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {RIGHT + 20} {height}" '
        'font-family="sans-serif" font-size="12">'
    )
    yield '<rect width="100%" height="100%" fill="white"/>'
    yield f'<text x="{LEFT}" y="18">What ran when: examples/18_trace.cpp</text>'
    step = 1000 * max(1, round((last - first) / 8000))
    for tick in range(0, int(last - first) + 1, step):
        x = LEFT + tick * scale
        yield f'<line x1="{x:.0f}" y1="{TOP - 4}" x2="{x:.0f}" y2="{height - 8}" stroke="#ddd"/>'
        yield f'<text x="{x:.0f}" y="{TOP - 8}" font-size="10" fill="#444">{tick // 1000} ms</text>'
    titled = set()
    for row, begin, end, category, name in bars:
        y = TOP + ROW * rows[row]
        x, width = LEFT + (begin - first) * scale, max(2, (end - begin) * scale)
        if row not in titled:
            titled.add(row)
            title = html.escape(title_of(row, category, name))
            yield f'<text x="{LEFT - 8}" y="{y + 15}" text-anchor="end">{title}</text>'
        yield (
            f'<rect x="{x:.0f}" y="{y + 2}" width="{width:.0f}" height="{ROW - 6}" rx="2" '
            f'fill="{COLOURS[category]}"><title>{html.escape(name)}</title></rect>'
        )
        fits = width > 7 * len(category)
        place = x + 5 if fits else x + width + 5
        colour = "white" if fits else "#222"
        yield f'<text x="{place:.0f}" y="{y + 16}" font-size="11" fill="{colour}">{category}</text>'
    yield "</svg>"


def main():
    trace, picture = map(pathlib.Path, sys.argv[1:])
    events = json.loads(trace.read_text(encoding="utf-8"))["traceEvents"]
    picture.write_text("\n".join(draw(bars_of(events))) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
