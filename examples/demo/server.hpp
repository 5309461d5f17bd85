// A small HTTPS server on the loopback interface, on a thread of its own. It knows nothing of the
// library: it is what the demonstration talks to.
#pragma once

#include "certificate.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>

#include <atomic>
#include <cstdint>
#include <thread>

namespace demo {

/// Serves one page of 624 lines at `/`, chunked, over keep-alive TLS connections. At `/broken` it
/// hangs up in the middle of the page, for tests; elsewhere is nothing, 404.
///
/// Threads: the members may be called from any thread but the server's own.
class HttpsServer {
public:
    explicit HttpsServer(Certificate const& certificate);
    HttpsServer(HttpsServer const&) = delete;
    HttpsServer& operator=(HttpsServer const&) = delete;
    ~HttpsServer();

    std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
    int connections() const { return connections_; }
    int requests() const { return requests_; }

private:
    boost::asio::awaitable<void> accept_connections();
    boost::asio::awaitable<void> serve(boost::asio::ip::tcp::socket socket);

    boost::asio::io_context io_{1};
    boost::asio::ssl::context tls_{boost::asio::ssl::context::tls_server};
    boost::asio::ip::tcp::acceptor acceptor_{io_, {boost::asio::ip::address_v4::loopback(), 0}};
    std::atomic<int> connections_{0};
    std::atomic<int> requests_{0};
    std::thread thread_;
};

}  // namespace demo
