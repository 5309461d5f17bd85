// Idea: a blocking client of a library that is only asynchronous, here Boost.Beast's WebSocket, without a change in
// it: the object lives on the loop, and each of its deferred operations is a call.
#include "support/echo_websocket.hpp"
#include <syncopate/on_loop.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>

#include <chrono>
#include <iostream>
#include <string>
#include <system_error>

namespace asio = boost::asio;
namespace beast = boost::beast;
using namespace std::chrono_literals;

class BlockingWebSocket {
    using Stream = beast::websocket::stream<asio::ip::tcp::socket>;

public:
    BlockingWebSocket(syncopate::RunnerBase& runner, asio::ip::tcp::endpoint const& server)
        : stream_(runner) {
        stream_.run(
            [&](Stream& s) { return s.next_layer().async_connect(server, asio::deferred); });
        stream_.run([&](Stream& s) { return s.async_handshake("localhost", "/", asio::deferred); });
    }

    void send(std::string const& text) {
        stream_.run([&](Stream& s) { return s.async_write(asio::buffer(text), asio::deferred); });
    }

    std::string receive(std::chrono::milliseconds timeout) {
        beast::flat_buffer buffer;
        stream_.run_for(timeout, [&](Stream& s) { return s.async_read(buffer, asio::deferred); });
        return beast::buffers_to_string(buffer.data());
    }

private:
    syncopate::OnLoop<Stream> stream_;
};

int main() {
    example::EchoWebSocket const server;
    std::string const url = server.url();
    auto const port = std::stoi(url.substr(url.rfind(':') + 1));

    syncopate::ThreadRunner runner;
    BlockingWebSocket socket(
        runner, {asio::ip::address_v4::loopback(), static_cast<unsigned short>(port)});
    for (char const* const text : {"hello", "how are you?"}) {
        socket.send(text);
        std::cout << "echo: " << socket.receive(10s) << '\n';
    }
    try {
        socket.receive(10ms);
    } catch (std::system_error const& error) {
        std::cout << error.what() << '\n';
    }
}
