// Idea: several tasks at once, for a caller that blocks, and every question that one has about them: which is the first,
// which comes next, how has each ended, is it ready? When a question is answered, no task of it is left over.
#include <syncopate/as_completed.hpp>
#include <syncopate/gather_outcomes.hpp>
#include <syncopate/race.hpp>
#include <syncopate/ready.hpp>
#include <syncopate/sleep.hpp>
#include <syncopate/thread_runner.hpp>
#include <syncopate/wrap_future.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <chrono>
#include <future>
#include <iostream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace asio = boost::asio;
using namespace std::chrono_literals;
using asio::ip::tcp;

asio::awaitable<std::string> ask(std::string mirror, std::chrono::milliseconds takes) {
    co_await syncopate::sleep(takes);
    if (mirror == "Atlantis")
        throw std::runtime_error("Atlantis does not answer");
    co_return mirror;
}

// Says on which port it listens, and goes on.
asio::awaitable<void> serve(syncopate::Ready<tcp::endpoint> ready) {
    tcp::acceptor acceptor(
        co_await asio::this_coro::executor, {asio::ip::address_v4::loopback(), 0});
    ready(acceptor.local_endpoint());
    for (;;) {
        tcp::socket client = co_await acceptor.async_accept(asio::use_awaitable);
        co_await asio::async_write(client, asio::buffer("welcome\n", 8), asio::use_awaitable);
    }
}

int main() {
    syncopate::ThreadRunner runner;

    // The first. The others are cancelled, and have ended when race() returns.
    std::cout << runner.run(syncopate::race(ask("Lima", 1h), ask("Oslo", 1ms))) << " is first\n";

    // Each as it comes.
    std::vector<asio::awaitable<std::string>> tasks;
    tasks.push_back(ask("Lima", 60ms));
    tasks.push_back(ask("Oslo", 1ms));
    tasks.push_back(ask("Rome", 30ms));
    for (auto const& mirror : runner.wrap_iter(syncopate::as_completed(std::move(tasks))))
        std::cout << "then " << mirror << '\n';

    // How each has ended: a failure cancels nobody.
    auto const [rome, atlantis] =
        runner.run(syncopate::gather_outcomes(ask("Rome", 2ms), ask("Atlantis", 1ms)));
    std::cout << rome.value() << " has answered\n";
    try {
        atlantis.value();
    } catch (std::runtime_error const& error) {
        std::cout << error.what() << '\n';
    }

    // A future of somebody's thread is a task, too; where types differ, the index tells the winner.
    auto computed = std::async(std::launch::async, [] { return 6 * 7; });
    auto const won =
        runner.run(syncopate::race(syncopate::wrap_future(std::move(computed)), ask("Lima", 1h)));
    if (won.index() == 0)
        std::cout << "a thread has computed " << std::get<0>(won) << '\n';

    // A server that goes on in the background: start() returns as soon as it is ready.
    auto const address = runner.start<tcp::endpoint>(serve);
    tcp::iostream server(address);
    std::string line;
    std::getline(server, line);
    std::cout << "the server says " << line << '\n';
}
