// Blocking HTTP clients, each as a peer of the benchmarks: `get()` fetches the short file, once. All of them ask
// for the same, compression included, since what a server reads of a request is a part of its time.
#pragma once

#include "bench.hpp"
#include <syncopate/http/client.hpp>
#include <syncopate/http/session.hpp>
#include <syncopate/runner.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

#include <curl/curl.h>
#include <httplib.h>
#include <sched.h>

namespace bench {

namespace asio = boost::asio;
namespace http = syncopate::http;

/// What with_nginx.py has told.
class Nginx {
public:
    static std::string plain() { return variable("SYNCOPATE_BENCH_HTTP"); }
    static std::string secure() { return variable("SYNCOPATE_BENCH_HTTPS"); }
    /// Over TLS as well; who asks for HTTP/1.1 gets that.
    static std::string http2() { return variable("SYNCOPATE_BENCH_HTTP2"); }
    static std::string ca_file() { return variable("SYNCOPATE_BENCH_CA"); }
    static std::string port(std::string const& url) { return url.substr(url.rfind(':') + 1); }
    static constexpr std::size_t short_size = 34;

    /// Has the server run where the client does, or anywhere.
    static void place(Place place) {
        cpu_set_t cores;
        CPU_ZERO(&cores);
        for (int core = 0; core < CPU_SETSIZE; ++core)
            if (place != Place::one_core || core == 0)
                CPU_SET(core, &cores);
        std::istringstream ids(variable("SYNCOPATE_BENCH_SERVER"));
        for (pid_t id = 0; ids >> id;)
            ::sched_setaffinity(id, sizeof cores, &cores);
    }

private:
    static std::string variable(char const* name) {
        char const* const value = std::getenv(name);
        require(value != nullptr, "to be run by with_nginx.py");
        return value;
    }
};

/// What a session accepts by itself.
inline constexpr char const* compressions = "gzip, deflate";

inline http::SessionOptions session_options() {
    return http::SessionOptions().ca_file(Nginx::ca_file());
}

/// The body of the short file, on the loop.
inline asio::awaitable<std::size_t> get_short(http::ClientSession& session, std::string url) {
    auto response = co_await session.get(std::move(url));
    auto const text = co_await response.text();
    co_return text.size();
}

/// A Runner: the loop turns on the caller's thread.
struct OnRunner {
    explicit OnRunner(std::string const& base) : url(base + "/short") {}

    std::size_t get() {
        return runner.run([this] { return get_short(session, url); });
    }

    std::string url;
    syncopate::Runner runner;
    http::ClientSession& session =
        runner.enter_context([] { return http::ClientSession(session_options()); });
};

/// The same, each time by a new connection, which resumes the TLS session of the last one.
struct OnRunnerAnew : OnRunner {
    using OnRunner::OnRunner;

    std::size_t get() {
        auto const fetch = [this]() -> asio::awaitable<std::size_t> {
            http::Request request(http::Verb::get, url);
            request.header("Connection", "close");
            auto response = co_await session.request(std::move(request));
            auto const text = co_await response.text();
            co_return text.size();
        };
        return runner.run(fetch);
    }
};

/// The facade: a loop on a thread of its own.
struct OnClient {
    explicit OnClient(std::string const& base) : url(base + "/short") {}

    std::size_t get() { return client.get(url).text().size(); }

    std::string url;
    http::Client client{session_options()};
};

struct Curl {
    explicit Curl(std::string const& base) : url(base + "/short") { set_up(handle); }
    Curl(Curl const&) = delete;
    Curl& operator=(Curl const&) = delete;
    ~Curl() { ::curl_easy_cleanup(handle); }

    std::size_t get() {
        received = 0;
        require(::curl_easy_perform(handle) == CURLE_OK, "curl");
        return received;
    }

    void set_up(CURL* easy) {
        ::curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
        ::curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file.c_str());
        ::curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, compressions);
        ::curl_easy_setopt(easy, CURLOPT_WRITEDATA, &received);
        ::curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Curl::write);
    }

    static std::size_t write(char*, std::size_t size, std::size_t count, void* received) {
        *static_cast<std::size_t*>(received) += size * count;
        return size * count;
    }

    std::string url;
    std::string ca_file = Nginx::ca_file();
    CURL* handle = ::curl_easy_init();
    std::size_t received = 0;
};

/// The same, each time by a new connection, which resumes the TLS session of the last one.
struct CurlAnew : Curl {
    explicit CurlAnew(std::string const& base) : Curl(base) {
        ::curl_easy_setopt(handle, CURLOPT_FORBID_REUSE, 1L);
    }
};

/// Beast's synchronous functions on one connection, as its documentation has them.
template <class Stream>
std::size_t get_with_beast(Stream& stream, boost::beast::flat_buffer& buffer) {
    namespace beast = boost::beast;
    beast::http::request<beast::http::empty_body> request(beast::http::verb::get, "/short", 11);
    request.set(beast::http::field::host, "localhost");
    request.set(beast::http::field::user_agent, "beast");
    request.set(beast::http::field::accept, "*/*");
    request.set(beast::http::field::accept_encoding, compressions);
    beast::http::write(stream, request);
    beast::http::response<beast::http::string_body> response;
    beast::http::read(stream, buffer, response);
    return response.body().size();
}

struct Beast {
    explicit Beast(std::string const& base) { connect(socket, Nginx::port(base)); }

    static void connect(asio::ip::tcp::socket& socket, std::string const& port) {
        socket.connect(
            {asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(std::stoi(port))});
        socket.set_option(asio::ip::tcp::no_delay(true));
    }

    std::size_t get() { return get_with_beast(socket, buffer); }

    asio::io_context loop;
    asio::ip::tcp::socket socket{loop};
    boost::beast::flat_buffer buffer;
};

struct BeastTls {
    explicit BeastTls(std::string const& base) {
        tls.load_verify_file(Nginx::ca_file());
        tls.set_verify_mode(asio::ssl::verify_peer);
        stream = std::make_unique<asio::ssl::stream<asio::ip::tcp::socket>>(loop, tls);
        Beast::connect(stream->next_layer(), Nginx::port(base));
        stream->handshake(asio::ssl::stream_base::client);
    }

    std::size_t get() { return get_with_beast(*stream, buffer); }

    asio::io_context loop;
    asio::ssl::context tls{asio::ssl::context::tls_client};
    std::unique_ptr<asio::ssl::stream<asio::ip::tcp::socket>> stream;
    boost::beast::flat_buffer buffer;
};

/// What the system itself takes: the request is ready-made, and the response is not looked at.
struct Raw {
    explicit Raw(std::string const& base) { Beast::connect(socket, Nginx::port(base)); }

    std::size_t get() {
        constexpr std::string_view request =
            "GET /short HTTP/1.1\r\nHost: localhost\r\nUser-Agent: raw\r\nAccept: */*\r\n"
            "Accept-Encoding: gzip, deflate\r\n\r\n";
        asio::write(socket, asio::buffer(request));
        std::array<char, 4096> response{};
        std::size_t size = 0;
        for (;;) {
            size += socket.read_some(asio::buffer(response) + size);
            std::string_view const received(response.data(), size);
            auto const end_of_header = received.find("\r\n\r\n");
            if (end_of_header != std::string_view::npos &&
                size >= end_of_header + 4 + Nginx::short_size)
                return size - end_of_header - 4;
        }
    }

    asio::io_context loop;
    asio::ip::tcp::socket socket{loop};
};

struct CppHttplib {
    explicit CppHttplib(std::string const& base) : client(base) {
        client.set_keep_alive(true);
        client.set_tcp_nodelay(true);
        client.set_default_headers({{"Accept-Encoding", compressions}});
    }

    std::size_t get() {
        auto const response = client.Get("/short");
        require(static_cast<bool>(response), "cpp-httplib");
        return response->body.size();
    }

    httplib::Client client;
};

}  // namespace bench
