#!/usr/bin/env python3
"""Runs a program that writes a trace to the file it is given, and fails unless that is complete.

    check_trace.py PROGRAM FILE

Complete: strict JSON, each begin has its end, what runs on one thread nests, every thread has a name.
"""
import collections
import json
import pathlib
import subprocess
import sys


def refuse(constant):
    raise ValueError(f"{constant} is no JSON")


def read(path):
    text = path.read_bytes().decode("utf-8", errors="strict")
    return json.loads(text, parse_constant=refuse)["traceEvents"]


def faults(events):
    open_tasks = {}
    stacks = collections.defaultdict(list)
    named = {event["tid"] for event in events if event["ph"] == "M" and event["name"] == "thread_name"}
    for event in events:
        phase, name = event["ph"], event["name"]
        key = (event.get("cat"), event.get("id"))
        if phase == "M":
            continue
        if event["tid"] not in named:
            yield f"{name} is on a thread without a name"
        if phase == "b":
            if key in open_tasks:
                yield f"{name} begins twice"
            open_tasks[key] = event
        elif phase == "e":
            begun = open_tasks.pop(key, None)
            if begun is None or begun["name"] != name or begun["ts"] > event["ts"]:
                yield f"{name} ends, and has not begun"
        elif phase == "B":
            stacks[event["tid"]].append(name)
        elif phase == "E":
            if not stacks[event["tid"]] or stacks[event["tid"]].pop() != name:
                yield f"{name} ends, and has not begun"
        else:
            yield f"{phase} is no phase"
    for event in open_tasks.values():
        yield f"{event['name']} does not end"
    for stack in stacks.values():
        for name in stack:
            yield f"{name} does not end"


def main():
    program, path = sys.argv[1], pathlib.Path(sys.argv[2])
    subprocess.run([program, path], check=True)
    events = read(path)
    found = list(faults(events))
    phases = collections.Counter(event["ph"] for event in events)
    if not phases["b"] or not phases["B"]:
        found.append("there are no tasks, or no functions")
    for fault in found:
        print(fault)
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
