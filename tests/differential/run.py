#!/usr/bin/python3 -I
"""Has this library, curl, python3-requests and python3-aiohttp get the responses of responses.hpp, and writes
docs/results/responses.md.

    apt-get install curl python3-requests python3-aiohttp
    cmake --preset dev && cmake --build --preset dev --target http_differential
    tests/differential/run.py build/dev/tests/http_differential

Fails if the library does not do what responses.hpp says, or if it refuses, without a reason there, what the three others
take alike.
"""

import ast
import asyncio
import datetime
import os
import re
import socket
import subprocess
import sys
import threading

import aiohttp
import requests

HERE = os.path.dirname(os.path.abspath(__file__))
PAGE = os.path.join(HERE, "../../docs/results/responses.md")
PATIENCE = 5
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nfollowed"


class Response:
    """An entry of responses.hpp. What is escaped there is so in Python, too."""

    def __init__(self, section, line):
        literals = re.findall(r'"((?:[^"\\]|\\.)*)"', line)
        cells = [ast.literal_eval(f'b"{literal}"') for literal in literals]
        self.section = section
        self.text = literals[1].replace('\\"', '"').replace("\\\\", "\\")
        self.bytes = cells[1]
        self.name, self.expected = cells[0].decode(), cells[2].decode()
        self.expected_strictly = cells[3].decode() if len(cells) > 3 else self.expected
        self.reason = cells[4].decode() if len(cells) > 4 else ""


def read_responses(path):
    section = ""
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.startswith("    // "):
                section = line[7:].strip()
            elif line.startswith('    {"'):
                yield Response(section, line)


class Server:
    """Answers /7 with the bytes of the eighth response and the end of the connection, and all else with OK."""

    def __init__(self, responses):
        self.responses = responses
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def url(self, number):
        return f"http://127.0.0.1:{self.port}/{number}"

    def accept(self):
        while True:
            threading.Thread(target=self.serve, args=self.listener.accept()[:1], daemon=True).start()

    def serve(self, connection):
        with connection:
            connection.settimeout(PATIENCE)
            try:
                request = b""
                while b"\r\n\r\n" not in request:
                    piece = connection.recv(65536)
                    if not piece:
                        return
                    request += piece
                number = re.match(rb"GET /(\d+) ", request)
                connection.sendall(self.responses[int(number[1])].bytes if number else OK)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass
            except OSError:
                pass


def outcome(status, body):
    """As client.cpp prints it."""
    text = "".join(chr(c) if 0x20 <= c < 0x7F and c != 0x5C else f"\\x{c:02x}" for c in body)
    return f"{status} {text}"


def of_library(program, urls, *options):
    done = subprocess.run([program, *options, *urls], stdout=subprocess.PIPE, check=True)
    return done.stdout.decode().splitlines()


def of_curl(urls):
    for url in urls:
        done = subprocess.run(
            ["curl", "-q", "--noproxy", "*", "-sS", "-L", "--compressed", "-m", str(PATIENCE), "-w", "%{stderr}%{http_code}", url],
            capture_output=True,
        )
        yield outcome(done.stderr.decode()[-3:], done.stdout) if done.returncode == 0 else "- " + done.stderr.decode()


def of_requests(urls):
    for url in urls:
        with requests.Session() as session:
            session.trust_env = False
            try:
                response = session.get(url, timeout=PATIENCE)
                yield outcome(response.status_code, response.content)
            except Exception as error:  # of requests, of urllib3, of http.client
                yield f"- {error!r}"


async def of_aiohttp(urls):
    results = []
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    for url in urls:
        async with aiohttp.ClientSession(timeout=timeout) as session:
            try:
                async with session.get(url) as response:
                    results.append(outcome(response.status, await response.read()))
            except Exception as error:  # also ValueError, of what a header says
                results.append(f"- {error!r}")
    return results


def brief(result):
    """A cell of the table."""
    if result.startswith("- "):
        return "-"
    return "`" + (result.replace("|", "\\|").strip() or " ") + "`"


def shown(text):
    text = text.replace("`", "'").replace("|", "\\|")
    return "`" + (text if len(text) < 120 else text[:80] + " … " + text[-30:]) + "`"


def main():
    program = sys.argv[1]
    responses = list(read_responses(os.path.join(HERE, "responses.hpp")))
    server = Server(responses)
    urls = [server.url(number) for number in range(len(responses))]
    ours, strictly = of_library(program, urls), of_library(program, urls, "--strict")
    others = list(zip(of_curl(urls), of_requests(urls), asyncio.run(of_aiohttp(urls))))

    mistakes, rows, counts, section = [], [], {"taken": 0, "alike": 0, "refused": 0}, ""
    for response, our, strict, three in zip(responses, ours, strictly, others):
        our, strict = ("refused" if result.startswith("- ") else result for result in (our, strict))
        if (our, strict) != (response.expected, response.expected_strictly):
            mistakes.append(f"{response.name}: {our}; strict: {strict}; and not {response.expected}")
        is_alike = len(set(three)) == 1 and not three[0].startswith("- ")
        is_refused = is_alike and our != three[0]
        if is_refused != bool(response.reason):
            mistakes.append(f"{response.name}: {our}; the others: {three}; the reason: {response.reason or 'none'}")
        counts["taken"] += our != "refused"
        counts["alike"] += is_alike
        counts["refused"] += is_refused
        if response.section != section:
            section = response.section
            rows += ["", f"## {section}", "", "| the response | syncopate | strict | curl | requests | aiohttp |", "| --- | --- | --- | --- | --- | --- |"]
        cells = [brief(result) for result in ("- " if our == "refused" else our, "- " if strict == "refused" else strict, *three)]
        why = f". {response.reason}" if response.reason else ""
        rows.append(f"| {response.name}: {shown(response.text)}{why} | " + " | ".join(cells) + " |")

    curl = subprocess.run(["curl", "--version"], capture_output=True, check=True).stdout.decode().split()[1]
    version = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, check=True, text=True, cwd=HERE
    ).stdout.strip()
    for mistake in mistakes:
        print("WRONG", mistake)
    print(counts)
    with open(PAGE, "w", encoding="utf-8") as page:
        page.write(f"""# Odd responses

What four clients make of {len(responses)} responses that are odd, broken or hostile. `tests/differential/run.py`, which has written this
page, sends the bytes in `tests/differential/responses.hpp` over sockets and closes the connection behind them. A cell has
the status and the body that the client returned, or a hyphen where it reported an error.

{datetime.date.today()}, version {version}, curl {curl}, requests {requests.__version__}, aiohttp {aiohttp.__version__}: the three agree on taking {counts["alike"]} of them, and {counts["alike"] - counts["refused"]} of
those are taken by syncopate with the same result. Each of the others has its reason in its row. All in all syncopate takes {counts["taken"]}.
The column "strict" is for `SessionOptions::strict(true)`.
""" + "\n".join(rows) + "\n")
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main())
