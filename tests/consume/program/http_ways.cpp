// The ways into http once, against a server in the same program. Boost.JSON is compiled in: there is nothing to link.
#include <syncopate/http.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <boost/json/src.hpp>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>

namespace {

namespace asio = boost::asio;
namespace http = syncopate::http;
using tcp = asio::ip::tcp;

void check(bool holds, char const* what) {
    if (holds)
        return;
    std::cerr << "FAILED: " << what << std::endl;
    std::exit(1);
}

std::string with_length(std::string_view body) {
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
           std::string(body);
}

std::string response_to(std::string_view request) {
    if (request.starts_with("GET /hello "))
        return with_length("hello");
    if (request.starts_with("GET /chunked "))
        return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
               "6\r\nline1\n\r\n6\r\nline2\n\r\n0\r\nX-Trailer: yes\r\n\r\n";
    if (request.starts_with("GET /large "))
        return "HTTP/1.1 200 OK\r\nX: " + std::string(100'000, 'x') +
               "\r\nContent-Length: 0\r\n\r\n";
    return "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
}

/// Serves one connection after another, until it is told to stop. Its responses come in pieces of one byte at first.
class Server {
public:
    Server() : acceptor_(context_, {asio::ip::address_v4::loopback(), 0}) {
        thread_ = std::thread([this] { serve(); });
    }
    ~Server() {
        is_over_ = true;
        tcp::socket(context_).connect(acceptor_.local_endpoint());
        thread_.join();
    }

    std::string site() const {
        return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port());
    }

private:
    void serve() {
        for (;;) {
            auto socket = acceptor_.accept();
            if (is_over_)
                return;
            try {
                serve(socket);
            } catch (std::exception const&) {
                // The client has gone.
            }
        }
    }

    void serve(tcp::socket& socket) {
        socket.set_option(tcp::no_delay(true));
        std::string input;
        for (;;) {
            auto const size = asio::read_until(socket, asio::dynamic_buffer(input), "\r\n\r\n");
            auto const response = response_to(input.substr(0, size));
            input.erase(0, size);
            for (std::size_t i = 0; i < response.size(); ++i) {
                bool const is_rest = i >= 200;
                asio::write(
                    socket, asio::buffer(response.data() + i, is_rest ? response.size() - i : 1));
                if (is_rest)
                    break;
            }
        }
    }

    asio::io_context context_;
    tcp::acceptor acceptor_;
    std::atomic<bool> is_over_ = false;
    std::thread thread_;
};

template <class F>
std::error_code code_of(F f) {
    try {
        f();
    } catch (std::system_error const& e) {
        return e.code();
    }
    return {};
}

}  // namespace

int main() {
    Server server;
    auto const site = server.site();
    {
        http::Client client;
        check(client.get(site + "/hello").text() == "hello", "a response with a length");
        check(client.get(site + "/chunked").text() == "line1\nline2\n", "a response in chunks");
        int lines = 0;
        auto stream = client.stream(site + "/chunked");
        for (std::string const& line : stream.lines())
            lines += line.starts_with("line") ? 1 : 0;
        check(lines == 2, "a stream of lines");
        check(client.get(site + "/nothing").status() == 404, "a status");
        http::OwnedJson const given_away(boost::json::array{1, 2});
        check(boost::json::serialize(given_away) == "[1,2]", "JSON that a response gave away");
        auto const too_large = code_of([&] { static_cast<void>(client.get(site + "/large")); });
        check(too_large == http::Errc::header_too_large, "a header that is too large");
    }
    http::Client client;
    auto const refused = code_of([&] { static_cast<void>(client.get("https://127.0.0.1:1/")); });
    check(refused == http::Errc::connect_failed, "nobody is there");
    std::cout << "ok\n";
}
