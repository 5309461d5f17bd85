"""A server for the programs of the pages: HTTP and WebSocket, on the loopback interface, on a port of its own."""

import base64
import hashlib
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.headers.get("Upgrade", "").lower() == "websocket":
            self.echo()
        elif self.path == "/hello":
            self.answer("hello, world\n")
        elif self.path == "/lines":
            self.answer("".join(f"line {number}\n" for number in range(1, 625)))
        elif self.path.startswith("/square/"):
            self.answer(str(int(self.path.rsplit("/", 1)[1]) ** 2))
        elif self.path == "/large":
            self.answer("x" * 20 * 1024 * 1024)
        else:
            self.answer("there is no such page\n", 404)

    def do_POST(self) -> None:
        """{"numbers": [1, 2]} -> {"sum": 3}"""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(json.dumps({"sum": sum(json.loads(body)["numbers"])}))

    def answer(self, body: str, status: int = 200) -> None:
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def echo(self) -> None:
        """RFC 6455, as far as short messages and the closing go."""
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        self.end_headers()
        self.close_connection = True
        while header := self.rfile.read(2):
            size = header[1] & 0x7F
            mask = self.rfile.read(4)
            data = bytes(byte ^ mask[i % 4] for i, byte in enumerate(self.rfile.read(size)))
            self.wfile.write(bytes([header[0], size]) + data)
            if header[0] & 0x0F == 8:
                return

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *error: object) -> None:
        self.shutdown()
        super().__exit__(*error)

    def addresses(self) -> dict[str, str]:
        return {"site": f"http://127.0.0.1:{self.server_port}", "websocket": f"ws://127.0.0.1:{self.server_port}"}
