#!/usr/bin/env python3
"""Loads the extension into Debian's sqlite3, and has it talk to a server: check.py EXTENSION"""

import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    begun = threading.Event()
    left = threading.Event()

    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.path == "/missing":
            self.send_error(404)
        elif self.path in ("/endless", "/silent"):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"one\ntwo\nthree\n")
            self.wfile.flush()
            Handler.begun.set()
            try:
                while self.path == "/endless":
                    self.wfile.write(b"and on\n" * 1000)
                self.rfile.read(1)  # ends with the connection
            except OSError:
                pass
            Handler.left.set()
        else:
            body = b"alpha\nbeta\ngamma"
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)


def require(condition: bool, what: str) -> None:
    if not condition:
        sys.exit(f"FAILED: {what}")


def main(extension: str) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    site = f"http://127.0.0.1:{server.server_port}"

    def start(query: str) -> subprocess.Popen:
        command = ["sqlite3", ":memory:", f'.load "{extension}"', query.replace("SITE", site)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def ask(query: str) -> tuple[int, str, str]:
        process = start(query)
        output, errors = process.communicate(timeout=30)
        return process.returncode, output, errors

    require(ask("SELECT http_get('SITE/')") == (0, "alpha\nbeta\ngamma\n", ""), "http_get gives the body")
    require(ask("SELECT http_get(NULL) IS NULL")[1] == "1\n", "NULL for NULL")
    require(
        ask("SELECT rowid, upper(line) FROM http_lines('SITE/') WHERE line LIKE '%a%' ORDER BY 2 DESC")[1]
        == "3|GAMMA\n2|BETA\n1|ALPHA\n",
        "http_lines is a table",
    )
    urls = "(SELECT 'SITE/' AS page UNION ALL SELECT 'SITE/')"
    require(ask(f"SELECT count(*) FROM {urls}, http_lines(page)")[1] == "6\n", "it can be joined")
    require(
        ask("SELECT line FROM http_lines('SITE/endless') LIMIT 3") == (0, "one\ntwo\nthree\n", ""),
        "LIMIT ends an endless response",
    )
    require(Handler.left.wait(20), "LIMIT closes the connection")

    for query in ("SELECT http_get('SITE/missing')", "SELECT * FROM http_lines('SITE/missing')"):
        status, _, errors = ask(query)
        require(status != 0 and "404" in errors, "an error of the server is the query's")
    require(ask("SELECT * FROM http_lines")[0] != 0, "without a URL there is no table")

    for query in ("SELECT count(*) FROM http_lines('SITE/silent')", "SELECT http_get('SITE/silent')"):
        # Between two lines Ctrl-C is the shell's, and ends it: then once more.
        for _ in range(5):
            Handler.begun.clear()
            Handler.left.clear()
            process = start(query)
            require(Handler.begun.wait(20), "the request comes")
            time.sleep(0.2)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=30)
            require(Handler.left.wait(20), "Ctrl-C closes the connection")
            if process.returncode != -signal.SIGINT:
                break
        require(process.returncode > 0 and "interrupt" in errors, f"Ctrl-C cancels the query: {errors}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
