// Idea: an object that is opened and closed asynchronously lives in a synchronous scope.
// In the article: "But I don't want to manage async context managers by hand".
#include <syncopate/thread_runner.hpp>

#include <boost/asio/awaitable.hpp>

#include <exception>
#include <iostream>
#include <string>
#include <utility>

namespace asio = boost::asio;

class Session {
public:
    explicit Session(std::string name) : name_(std::move(name)) {}

    // awaitable<void>: the value of the context is the session itself.
    asio::awaitable<void> aenter() {
        std::cout << "open " << name_ << '\n';
        co_return;
    }

    asio::awaitable<void> aexit(std::exception_ptr error) {
        std::cout << "close " << name_ << (error ? ", after an exception" : "") << '\n';
        co_return;
    }

    asio::awaitable<std::string> get(std::string page) { co_return name_ + " got " + page; }

private:
    std::string name_;
};

int main() {
    syncopate::ThreadRunner runner;

    // Lives as long as the runner.
    Session& shared = runner.enter_context([] { return Session{"shared"}; });
    {
        // Lives as long as the scope.
        auto scoped = runner.wrap_context(Session{"scoped"});
        std::cout << runner.run(scoped->get("a page")) << '\n';
    }
    std::cout << runner.run(shared.get("another page")) << '\n';

    // Learns which exception ended its body.
    try {
        runner.with_context(Session{"broken"}, [](Session&) { throw 42; });
    } catch (int error) {
        std::cout << "caught: " << error << '\n';
    }
}
