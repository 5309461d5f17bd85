// Idea: a prefork server. The parent listens and prepares; each child accepts, on a loop of its own.
#include <syncopate/thread_runner.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

namespace asio = boost::asio;
using asio::use_awaitable;
using asio::ip::tcp;

constexpr int children = 2;
constexpr int connections_of_each = 3;

asio::awaitable<std::string> load_greeting() {
    asio::steady_timer timer{co_await asio::this_coro::executor, std::chrono::milliseconds(5)};
    co_await timer.async_wait(use_awaitable);
    co_return "hello, ";
}

asio::awaitable<void> serve(int listening, std::string greeting) {
    tcp::acceptor acceptor{co_await asio::this_coro::executor, tcp::v4(), listening};
    for (int i = 0; i < connections_of_each; ++i) {
        tcp::socket connection = co_await acceptor.async_accept(use_awaitable);
        std::string name;
        co_await asio::async_read_until(
            connection, asio::dynamic_buffer(name), '\n', use_awaitable);
        co_await asio::async_write(connection, asio::buffer(greeting + name), use_awaitable);
    }
}

asio::awaitable<std::string> ask(tcp::endpoint server, std::string name) {
    tcp::socket connection{co_await asio::this_coro::executor};
    co_await connection.async_connect(server, use_awaitable);
    co_await asio::async_write(connection, asio::buffer(name + '\n'), use_awaitable);
    std::string answer;
    co_await asio::async_read_until(connection, asio::dynamic_buffer(answer), '\n', use_awaitable);
    co_return answer;
}

int main() {
    asio::io_context unused;  // nobody runs it: it is there for the socket
    tcp::acceptor listening{unused, {asio::ip::address_v4::loopback(), 0}};

    syncopate::ThreadRunner runner;
    std::string const greeting = runner.run(load_greeting());  // once, and not in each child

    std::vector<pid_t> ids;
    for (int i = 0; i < children; ++i) {
        ids.push_back(::fork());
        if (ids.back() == 0) {
            runner.restart_after_fork();  // the thread of its loop is the parent's
            runner.run(serve(::dup(listening.native_handle()), greeting));
            std::exit(EXIT_SUCCESS);
        }
    }

    for (char const* const name : {"Ada", "Barbara", "Donald", "Edsger", "Frances", "Grace"})
        std::cout << runner.run(
            ask(listening.local_endpoint(), name));  // the parent's loop goes on

    for (pid_t const id : ids) {
        int status = -1;
        ::waitpid(id, &status, 0);
        std::cout << "a child has ended with " << status << '\n';
    }
}
