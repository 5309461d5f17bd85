#!/usr/bin/env python3
"""Runs a command beside an nginx that serves a short and a long file, plain, over TLS, and by HTTP/2.

  with_nginx.py COMMAND [ARG...]

The command finds in its environment SYNCOPATE_BENCH_HTTP, SYNCOPATE_BENCH_HTTPS and SYNCOPATE_BENCH_HTTP2, the
URLs of the three servers, of which the last speaks HTTP/2 and HTTP/1.1 over TLS, SYNCOPATE_BENCH_CA, the file of the
certificate to trust, and SYNCOPATE_BENCH_SERVER, the ids of nginx's processes. Under the URLs are /short, 34 bytes, and /long, as many as SYNCOPATE_BENCH_LONG says
(by default 1 GiB), all zero. A short response comes in one piece, as it does with Debian's own configuration;
without tcp_nopush, a client on the server's core would be woken twice for it.
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CONFIGURATION = """
worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off; keepalive_requests 1000000000; sendfile on; tcp_nopush on; default_type text/plain; root {folder}/files;
    client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
    uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
    server {{ listen 127.0.0.1:{port} backlog=1024; }}
    ssl_certificate {folder}/certificate.pem; ssl_certificate_key {folder}/key.pem; ssl_session_cache shared:all:1m;
    server {{ listen 127.0.0.1:{tls_port} ssl backlog=1024; }}
    server {{ listen 127.0.0.1:{http2_port} ssl http2 backlog=1024; }}
}}
"""


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def write_files(folder: Path, port: int, tls_port: int, http2_port: int) -> None:
    folder.chmod(0o755)  # nginx drops its privileges
    files = folder / "files"
    files.mkdir()
    (files / "short").write_text("what is short costs what it takes\n")
    with open(files / "long", "wb") as long:
        long.truncate(int(os.environ.get("SYNCOPATE_BENCH_LONG", 1 << 30)))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-keyout", folder / "key.pem", "-out", folder / "certificate.pem"],
        check=True, capture_output=True)
    (folder / "nginx.conf").write_text(
        CONFIGURATION.format(folder=folder, port=port, tls_port=tls_port, http2_port=http2_port))


def wait_for(port: int, nginx: subprocess.Popen, log: Path) -> None:
    for _ in range(200):
        if nginx.poll() is not None:
            sys.exit(f"nginx did not start: {log.read_text() if log.exists() else ''}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    sys.exit("nginx does not answer")


def main(command: list[str]) -> int:
    with tempfile.TemporaryDirectory(prefix="syncopate-bench-") as name:
        folder = Path(name)
        port, tls_port, http2_port = free_ports(3)
        write_files(folder, port, tls_port, http2_port)
        nginx = subprocess.Popen(
            ["/usr/sbin/nginx", "-c", folder / "nginx.conf", "-e", folder / "error.log"],
            stderr=subprocess.DEVNULL)
        try:
            wait_for(http2_port, nginx, folder / "error.log")
            children = Path(f"/proc/{nginx.pid}/task/{nginx.pid}/children").read_text()
            return subprocess.run(command, env=os.environ | {
                "SYNCOPATE_BENCH_HTTP": f"http://127.0.0.1:{port}",
                "SYNCOPATE_BENCH_HTTPS": f"https://localhost:{tls_port}",
                "SYNCOPATE_BENCH_HTTP2": f"https://localhost:{http2_port}",
                "SYNCOPATE_BENCH_CA": str(folder / "certificate.pem"),
                "SYNCOPATE_BENCH_SERVER": f"{nginx.pid} {children}",
            }).returncode
        finally:
            nginx.terminate()
            nginx.wait()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1:]))
