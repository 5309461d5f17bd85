// A WebSocket server on the loopback interface, on a thread of its own, that sends each message back. It
// knows nothing of the library.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <string>
#include <thread>

namespace example {

class EchoWebSocket {
public:
    EchoWebSocket();
    EchoWebSocket(EchoWebSocket const&) = delete;
    EchoWebSocket& operator=(EchoWebSocket const&) = delete;
    ~EchoWebSocket();

    std::string url() const;

private:
    boost::asio::awaitable<void> accept_connections();

    boost::asio::io_context io_{1};
    boost::asio::ip::tcp::acceptor acceptor_{io_, {boost::asio::ip::address_v4::loopback(), 0}};
    std::thread thread_;
};

}  // namespace example
