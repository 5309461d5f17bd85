// Idea: a long-lived loop without a thread of its own. It turns on the calling thread, inside run().
// In the article: "But I want a long-lived event loop", asyncio.Runner.
#include <syncopate/runner.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>

#include <iostream>
#include <thread>

namespace asio = boost::asio;

asio::awaitable<std::thread::id> where_am_i() {
    co_return std::this_thread::get_id();
}

int main() {
    syncopate::Runner runner;

    bool const here = runner.run(where_am_i()) == std::this_thread::get_id();
    std::cout << "the task ran on " << (here ? "this" : "another") << " thread\n";

    // Between two calls the loop stands still; what was given to it meanwhile waits.
    asio::post(runner.get_executor(), [] { std::cout << "posted work runs\n"; });
    std::cout << "the loop stands still\n";
    runner.run(where_am_i());
    std::cout << "the loop stands still again\n";
}
