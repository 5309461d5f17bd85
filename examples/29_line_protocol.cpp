// Idea: the client of a protocol is written once, as coroutines, and a synchronous program gets a class of blocking calls
// in a dozen lines: with time-outs, and for any number of threads on one connection.
#include "support/store_server.hpp"
#include <syncopate/capacity_limiter.hpp>
#include <syncopate/on_loop.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <chrono>
#include <iostream>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace asio = boost::asio;
using namespace std::chrono_literals;
using asio::ip::tcp;

// For coroutines, on one loop.
class StoreConnection {
public:
    StoreConnection(asio::any_io_executor const& executor, tcp::endpoint server)
        : server_(std::move(server)), socket_(executor) {}

    // Sends a line, and gives the one that answers it. Who asks meanwhile waits for its turn.
    asio::awaitable<std::string> ask(std::string line) {
        auto const turn = co_await turns_.acquire();
        try {
            if (!socket_.is_open())
                co_await socket_.async_connect(server_, asio::use_awaitable);
            line += '\n';
            co_await asio::async_write(socket_, asio::buffer(line), asio::use_awaitable);
            auto const length = co_await asio::async_read_until(
                socket_, asio::dynamic_buffer(received_), '\n', asio::use_awaitable);
            line = received_.substr(0, length - 1);
            received_.erase(0, length);
            co_return line;
        } catch (...) {
            // An answer that comes too late is nobody's. The next to ask connects anew.
            socket_.close();
            received_.clear();
            throw;
        }
    }

private:
    tcp::endpoint server_;
    tcp::socket socket_;
    std::string received_;
    syncopate::CapacityLimiter turns_{1};
};

// For threads. The connection is made, used and closed on the runner's loop.
class Store {
public:
    Store(syncopate::RunnerBase& runner, tcp::endpoint const& server)
        : connection_(runner, server) {}

    void set(std::string const& key, std::string const& value) { ask("SET " + key + ' ' + value); }
    std::string get(std::string const& key) { return ask("GET " + key); }

    std::string ask(std::string const& line, std::chrono::milliseconds time = 10s) {
        return connection_.run_for(time, [&](StoreConnection& c) { return c.ask(line); });
    }

private:
    syncopate::OnLoop<StoreConnection> connection_;
};

int main() {
    example::StoreServer const server;
    syncopate::ThreadRunner runner;
    Store store(runner, server.address());
    store.set("sky", "blue");
    std::cout << "the sky is " << store.get("sky") << '\n';

    {
        std::vector<std::jthread> threads;
        for (int i = 1; i <= 4; ++i)
            threads.emplace_back([&store, i] {
                store.set("square-of-" + std::to_string(i), std::to_string(i * i));
            });
    }
    for (int i = 1; i <= 4; ++i)
        std::cout << store.get("square-of-" + std::to_string(i)) << '\n';

    try {
        store.ask("WAIT", 20ms);
    } catch (std::system_error const& error) {
        std::cout << error.code().message() << '\n';
    }
    std::cout << "the sky is still " << store.get("sky") << '\n';
}
