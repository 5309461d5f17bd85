// Idea: a blocking client of Redis: Boost.Redis, which is only asynchronous, on a loop of its own.
#include <syncopate/on_loop.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/redis/connection.hpp>
#include <boost/redis/src.hpp>

#include <chrono>
#include <exception>
#include <iostream>
#include <string>

namespace redis = boost::redis;
using namespace std::chrono_literals;

class Redis {
public:
    Redis(syncopate::RunnerBase& runner, redis::config const& config) : connection_(runner) {
        connection_.start_soon([config](auto& c) { return c.async_run(config, quiet); });
    }
    // Boost 1.88 does not stop its async_run for a cancellation by its slot.
    ~Redis() {
        connection_.call([](auto& c) { c.cancel(); });
    }

    template <class T = std::string>
    T command(std::chrono::milliseconds timeout, auto const&... words) {
        redis::request request;
        request.push(words...);
        redis::response<T> response;
        connection_.run_for(timeout, [&](auto& c) { return c.async_exec(request, response); });
        return std::get<0>(response).value();
    }

private:
    static inline redis::logger const quiet{redis::logger::level::disabled};
    syncopate::OnLoop<redis::connection> connection_;
};

int main(int, char** argv) {
    redis::config config;
    config.addr = {"127.0.0.1", argv[1]};
    syncopate::ThreadRunner runner;
    Redis client(runner, config);
    std::cout << client.command(5s, "SET", "greeting", "hello") << '\n';
    std::cout << client.command(5s, "GET", "greeting") << '\n';
    std::cout << client.command<int>(5s, "INCRBY", "count", 41) + 1 << '\n';
    try {
        client.command(100ms, "BLPOP", "nothing", 60);
    } catch (std::exception const& error) {
        std::cout << error.what() << '\n';
    }
}
