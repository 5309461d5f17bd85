// A server of a line protocol on the loopback interface, on a thread of its own, for examples to talk to: "SET key value"
// and "GET key" are answered by a line each, "WAIT" never is. It knows nothing of the library.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <map>
#include <sstream>
#include <string>
#include <thread>
#include <utility>

namespace example {

class StoreServer {
    using Tcp = boost::asio::ip::tcp;

public:
    StoreServer() {
        boost::asio::co_spawn(io_, accept_connections(), boost::asio::detached);
        thread_ = std::thread([this] { io_.run(); });
    }
    StoreServer(StoreServer const&) = delete;
    StoreServer& operator=(StoreServer const&) = delete;
    ~StoreServer() {
        io_.stop();
        thread_.join();
    }

    Tcp::endpoint address() const { return acceptor_.local_endpoint(); }

private:
    boost::asio::awaitable<void> accept_connections() {
        for (;;) {
            Tcp::socket client = co_await acceptor_.async_accept(boost::asio::use_awaitable);
            boost::asio::co_spawn(io_, serve(std::move(client)), boost::asio::detached);
        }
    }

    // Ends by an exception when the client has closed, which `detached` swallows.
    boost::asio::awaitable<void> serve(Tcp::socket client) {
        std::string received;
        for (;;) {
            auto const length = co_await boost::asio::async_read_until(
                client, boost::asio::dynamic_buffer(received), '\n', boost::asio::use_awaitable);
            std::string const answer = answer_to(received.substr(0, length - 1));
            received.erase(0, length);
            co_await boost::asio::async_write(
                client, boost::asio::buffer(answer), boost::asio::use_awaitable);
        }
    }

    std::string answer_to(std::string const& line) {
        std::istringstream words(line);
        std::string command;
        std::string key;
        words >> command >> key;
        if (command == "WAIT")
            return "";
        if (command == "SET" && words >> values_[key])
            return "OK\n";
        if (command == "GET")
            return values_[key] + '\n';
        return "ERROR\n";
    }

    std::map<std::string, std::string> values_;
    boost::asio::io_context io_{1};
    Tcp::acceptor acceptor_{io_, {boost::asio::ip::address_v4::loopback(), 0}};
    std::thread thread_;
};

}  // namespace example
