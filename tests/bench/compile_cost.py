#!/usr/bin/env python3
"""Compiles one unit of each kind, and writes docs/results/compile-cost.md: what that takes, beside its peers.

  tests/bench/compile_cost.py [COMPILER]     g++, or another one that takes the same arguments

It takes some minutes. Processor seconds depend somewhat on what else the machine does: what takes less than ten is compiled
three times, in turns, and the least counts.
"""

import datetime
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

checkout = Path(__file__).resolve().parents[2]
compiler = sys.argv[1] if len(sys.argv) > 1 else "g++"
page = checkout / "docs/results/compile-cost.md"
once = ["-DSYNCOPATE_SEPARATE_COMPILATION"]
parsed = ["-fsyntax-only"]

PLAIN = """
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <thread>
boost::asio::awaitable<int> twice(int n) { co_return n * 2; }
int main() {
    boost::asio::io_context context;
    auto work = boost::asio::make_work_guard(context);
    std::thread thread([&] { context.run(); });
    int const result = boost::asio::co_spawn(context, twice(2), boost::asio::use_future).get();
    work.reset();
    thread.join();
    return result - 4;
}
"""
RUN = """
#include <syncopate/thread_runner.hpp>
boost::asio::awaitable<int> twice(int n) { co_return n * 2; }
int main() { syncopate::ThreadRunner runner; return runner.run(twice(2)) - 4; }
"""
GET = """
#include <syncopate/http/client.hpp>
#include <iostream>
int main(int, char** argv) { syncopate::http::Client client; std::cout << client.get(argv[1]).raise_for_status().text(); }
"""
HTTPLIB = """
#define CPPHTTPLIB_OPENSSL_SUPPORT
#include <httplib.h>
#include <iostream>
int main(int, char** argv) { httplib::Client client(argv[1]); if (auto response = client.Get("/")) std::cout << response->body; }
"""
CURL = """
#include <curl/curl.h>
#include <iostream>
int main(int, char** argv) {
    CURL* const curl = curl_easy_init();
    curl_easy_setopt(curl, CURLOPT_URL, argv[1]);
    curl_easy_perform(curl);
    curl_easy_cleanup(curl);
}
"""
BEAST = """
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <iostream>
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
int main(int, char** argv) {
    asio::io_context context;
    asio::ssl::context tls(asio::ssl::context::tls_client);
    tls.set_default_verify_paths();
    tls.set_verify_mode(asio::ssl::verify_peer);
    beast::ssl_stream<beast::tcp_stream> stream(context, tls);
    SSL_set_tlsext_host_name(stream.native_handle(), argv[1]);
    stream.set_verify_callback(asio::ssl::host_name_verification(argv[1]));
    asio::ip::tcp::resolver resolver(context);
    beast::get_lowest_layer(stream).connect(resolver.resolve(argv[1], "443"));
    stream.handshake(asio::ssl::stream_base::client);
    http::request<http::empty_body> request(http::verb::get, argv[2], 11);
    request.set(http::field::host, argv[1]);
    http::write(stream, request);
    beast::flat_buffer buffer;
    http::response<http::string_body> response;
    http::read(stream, buffer, response);
    std::cout << response.body();
}
"""
BEAST_COROUTINES = """
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <iostream>
#include <string>
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
asio::awaitable<std::string> get(std::string host, std::string target) {
    auto const executor = co_await asio::this_coro::executor;
    asio::ssl::context tls(asio::ssl::context::tls_client);
    tls.set_default_verify_paths();
    tls.set_verify_mode(asio::ssl::verify_peer);
    beast::ssl_stream<beast::tcp_stream> stream(executor, tls);
    SSL_set_tlsext_host_name(stream.native_handle(), host.c_str());
    stream.set_verify_callback(asio::ssl::host_name_verification(host));
    asio::ip::tcp::resolver resolver(executor);
    auto const found = co_await resolver.async_resolve(host, "443", asio::use_awaitable);
    co_await beast::get_lowest_layer(stream).async_connect(found, asio::use_awaitable);
    co_await stream.async_handshake(asio::ssl::stream_base::client, asio::use_awaitable);
    http::request<http::empty_body> request(http::verb::get, target, 11);
    request.set(http::field::host, host);
    co_await http::async_write(stream, request, asio::use_awaitable);
    beast::flat_buffer buffer;
    http::response<http::string_body> response;
    co_await http::async_read(stream, buffer, response, asio::use_awaitable);
    co_return response.body();
}
int main(int, char** argv) {
    asio::io_context context;
    auto response = asio::co_spawn(context, get(argv[1], argv[2]), asio::use_future);
    context.run();
    std::cout << response.get();
}
"""
CPR = """
#include <cpr/cpr.h>
#include <iostream>
int main(int, char** argv) { std::cout << cpr::Get(cpr::Url{argv[1]}).text; }
"""
# what it is, its text, its arguments, and the header that it needs beside ours
units = [
    ("plain Asio: `co_spawn` with `use_future`", PLAIN, [], None),
    ("one `run()`, by headers only", RUN, [], None),
    ("the same, parsed and no more", RUN, parsed, None),
    ("one `run()`, with `syncopate::compiled`", RUN, once, None),
    ("`<syncopate/src.hpp>`, once for a program", "#include <syncopate/src.hpp>", once, None),
    ("one GET with `http::Client`, by headers only", GET, [], None),
    ("the GET, parsed and no more", GET, parsed, None),
    ("one GET with `http::Client`, with `syncopate::compiled`", GET, once, None),
    ("`<syncopate/http/src.hpp>`, once for a program", "#include <syncopate/http/src.hpp>", once, None),
    ("one GET, Beast with TLS, blocking, no pool, no redirects", BEAST, [], None),
    ("one GET, Beast with TLS, by coroutines, no pool, no redirects", BEAST_COROUTINES, [], None),
    ("one GET, cpp-httplib with TLS", HTTPLIB, [], "httplib.h"),
    ("one GET, libcurl", CURL, [], "curl/curl.h"),
    ("one GET, cpr", CPR, [], "cpr/cpr.h"),
]


def is_there(header):
    run = subprocess.run(
        [compiler, "-E", "-x", "c++", "-"], input=f"#include <{header}>\n", text=True, capture_output=True, check=False
    )
    return run.returncode == 0


def require_unnamed(made):
    """What a plain GET does not use is not compiled for it: see "What is not used is not compiled" in architecture.md."""
    symbols = subprocess.run(["nm", "-C", str(made)], text=True, capture_output=True, check=True).stdout
    for name in ["ask_for_tunnel", "open_socks_tunnel", "DigestSession::answer", "CookieJar::store", "RetryFlow::run"]:
        if name in symbols:
            sys.exit(f"a plain GET compiles {name}")


def compile_unit(text, arguments, work):
    source, made = work / "unit.cpp", work / "unit.o"
    source.write_text(text)
    command = [compiler, "-std=c++20", "-O2", *arguments, "-I", str(checkout / "include"), "-c", str(source), "-o", str(made)]
    child = subprocess.Popen(command, env={**os.environ, "CCACHE_DISABLE": "1"})
    _, status, usage = os.wait4(child.pid, 0)
    if status != 0:
        sys.exit(f"does not compile:{text}")
    size = 0 if arguments == parsed else made.stat().st_size / 1024
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, size


rounds, quick = 3, 10
least = {}
with tempfile.TemporaryDirectory() as folder:
    for _ in range(rounds):
        for name, text, arguments, header in units:
            before = least.get(name)
            if before and before[0] >= quick or header and not is_there(header):
                continue
            now = compile_unit(text, arguments, Path(folder))
            least[name] = min(before or now, now)
            if text is GET and arguments != parsed:
                require_unnamed(Path(folder) / "unit.o")

rows = []
for name, *_ in units:
    cost = "{:.1f} | {:.0f} | {:.0f} |".format(*least[name]) if name in least else "not installed | | |"
    rows.append(f"| {name} | {cost}")
    print(rows[-1])

checkout_version = subprocess.run(
    ["git", "describe", "--always", "--dirty"], text=True, capture_output=True, check=True, cwd=checkout
).stdout.strip()
version = subprocess.run([compiler, "--version"], text=True, capture_output=True, check=True).stdout.splitlines()[0]
page.write_text(
    f"""# What a unit costs to compile

Written by `tests/bench/compile_cost.py` on {datetime.date.today()}, version {checkout_version}: {version},
-std=c++20 -O2, {platform.system()} on {platform.machine()}.

| unit | processor seconds | peak MiB | object KiB |
| --- | ---: | ---: | ---: |
"""
    + "\n".join(rows)
    + "\n"
)
