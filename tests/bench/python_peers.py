#!/usr/bin/env python3
"""The same calls in Python: asyncio on a thread of its own, and anyio's BlockingPortal where installed.

  python_peers.py REPETITIONS     writes JSON in the form of the other benchmarks
"""

import asyncio
import json
import os
import sys
import threading
import time

try:
    import anyio.from_thread
except ImportError:
    anyio = None


async def twice(value: int) -> int:
    return 2 * value


class AsyncioThread:
    """What one writes without a library: run_coroutine_threadsafe."""

    name = "python_asyncio"

    def __enter__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    def call(self, value: int) -> int:
        return asyncio.run_coroutine_threadsafe(twice(value), self.loop).result()


class Portal:
    name = "python_anyio"

    def __enter__(self):
        self.context = anyio.from_thread.start_blocking_portal()
        self.portal = self.context.__enter__()
        return self

    def __exit__(self, *args):
        return self.context.__exit__(*args)

    def call(self, value: int) -> int:
        return self.portal.call(twice, value)


def place(where: str) -> None:
    """As the C++ peers: this thread on one core, the others on the same or on the next."""
    for thread in map(int, os.listdir("/proc/self/task")):
        other = where == "two_cores" and thread != threading.get_native_id()
        os.sched_setaffinity(thread, {1 if other else 0})


def hot(peer, calls: int = 1000) -> float:
    start = time.perf_counter()
    for i in range(calls):
        if peer.call(i) != 2 * i:
            sys.exit("WRONG RESULT: call")
    return (time.perf_counter() - start) / calls


def cold(peer) -> float:
    times = []
    for _ in range(301):
        time.sleep(0.001)
        times.append(hot(peer, 1))
    return sorted(times)[150]


def main(repetitions: int) -> None:
    everywhere = os.sched_getaffinity(0)
    results = []
    for kind in [AsyncioThread] + ([Portal] if anyio else []):
        for workload, where, measure in [
            ("hot_call", "two_cores", hot),
            ("hot_call", "one_core", hot),
            ("cold_call", "anywhere", cold),
        ]:
            with kind() as peer:
                hot(peer, 200)
                if where != "anywhere":
                    place(where)
                for _ in range(repetitions):
                    name = f"{workload}/{where}/{kind.name}"
                    results.append({"name": name, "ns": measure(peer) * 1e9})
            os.sched_setaffinity(0, everywhere)
    json.dump({"benchmarks": results}, sys.stdout, indent=1)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(int(sys.argv[1]))
