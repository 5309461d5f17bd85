// http::Client on some operating system, without TLS: sockets, names, and files. Says "ok" in the end.

#include <syncopate/http.hpp>
#include <syncopate/syncopate.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using syncopate::http::Client;
using syncopate::http::Request;
using syncopate::http::Verb;

void require(bool truth, char const* what) {
    std::printf("%s%s\n", truth ? "" : "FAILED: ", what);
    std::fflush(stdout);
    if (!truth)
        std::_Exit(1);
}

/// Answers each request with its length and a cookie, and keeps the connection.
asio::awaitable<void> answer(tcp::socket socket) {
    std::string in;
    for (;;) {
        auto const head = co_await asio::async_read_until(
            socket, asio::dynamic_buffer(in), "\r\n\r\n", asio::deferred);
        std::size_t body = 0;
        if (auto const at = in.find("Content-Length: "); at < head)
            body = std::stoul(in.substr(at + 16));
        while (in.size() < head + body) {
            char more[4096];
            auto const size = co_await socket.async_read_some(asio::buffer(more), asio::deferred);
            in.append(more, size);
        }
        in.erase(0, head + body);
        std::string const out = "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n"
                                "Set-Cookie: a=b; Max-Age=1000\r\n\r\n[1, 2, \"abc\"]";
        co_await asio::async_write(socket, asio::buffer(out), asio::deferred);
    }
}

asio::awaitable<void> serve(tcp::acceptor& acceptor) {
    for (;;)
        asio::co_spawn(
            acceptor.get_executor(), answer(co_await acceptor.async_accept(asio::deferred)),
            asio::detached);
}

std::string content_of(std::filesystem::path const& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

int main() {
    syncopate::ThreadRunner server;
    tcp::acceptor acceptor(server.get_executor(), {asio::ip::address_v4::loopback(), 0});
    server.start_soon(serve(acceptor));
    auto const port = std::to_string(acceptor.local_endpoint().port());
    auto const folder = std::filesystem::temp_directory_path() / ("syncopate-http-" + port);
    std::filesystem::create_directory(folder);
    {
        Client client(syncopate::http::SessionOptions().cookies(true));
        auto const url = "http://127.0.0.1:" + port + "/";
        for (int i = 0; i < 3; ++i)
            require(client.get(url).raise_for_status().json().as_array().size() == 3, "a response");
        require(client.get("http://localhost:" + port).status() == 200, "a name that is looked up");
        require(
            client.get("http://[::ffff:127.0.0.1]:" + port).status() == 200, "an address of IPv6");

        auto const path = folder / "file";
        client.download(url, path);
        require(content_of(path) == "[1, 2, \"abc\"]", "a download");
        std::ofstream(path, std::ios::binary) << "something longer that was there before";
        client.download(url, path);
        require(content_of(path) == "[1, 2, \"abc\"]", "a download in the place of a file");
        require(client.request(Request(Verb::post, url).file(path)).status() == 200, "an upload");

        client.cookies().save(folder / "cookies");
        require(content_of(folder / "cookies").find("\ta\tb\n") != std::string::npos, "cookies");
        std::size_t files = 0;
        for ([[maybe_unused]] auto const& each : std::filesystem::directory_iterator(folder))
            ++files;
        require(files == 2, "nothing else is left");
        client.close();
    }
    std::filesystem::remove_all(folder);
    std::puts("ok");
}
