// The bridge and its peers. Each does some of: call(i), which gives 2 * i; stream(n), which sums up n
// items; naps(n), which sleeps n times for a millisecond, all at once.
#pragma once

#include <syncopate/async_generator.hpp>
#include <syncopate/options.hpp>
#include <syncopate/runner.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <future>
#include <thread>
#include <utility>
#include <vector>

namespace bench {

namespace asio = boost::asio;

inline asio::awaitable<int> twice(int value) {
    co_return 2 * value;
}

inline asio::awaitable<void> sleep_for(std::chrono::steady_clock::duration duration) {
    asio::steady_timer timer(co_await asio::this_coro::executor, duration);
    co_await timer.async_wait(asio::use_awaitable);
}

inline asio::awaitable<void> nap() {
    return sleep_for(std::chrono::milliseconds(1));
}

inline asio::awaitable<void> nap_until(std::chrono::steady_clock::time_point end) {
    asio::steady_timer timer(co_await asio::this_coro::executor, end);
    co_await timer.async_wait(asio::use_awaitable);
}

inline syncopate::AsyncGenerator<int> count_to(int end) {
    for (int i = 0; i < end; ++i)
        co_yield i;
}

inline asio::awaitable<int> same(int value) {
    co_return value;
}

inline syncopate::AsyncGenerator<int> await_up_to(int end) {
    for (int i = 0; i < end; ++i)
        co_yield co_await same(i);
}

/// What a task waits on until others have ended. On one thread.
class Countdown {
public:
    Countdown(asio::any_io_executor const& executor, int count)
        : left_(count), zero_(executor, asio::steady_timer::time_point::max()) {}

    void one_less() {
        if (--left_ == 0)
            zero_.cancel();
    }
    asio::awaitable<void> wait() {
        boost::system::error_code ignored;
        co_await zero_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }

private:
    int left_;
    asio::steady_timer zero_;
};

template <class Start>
asio::awaitable<void> start_all(int count, Start start) {
    Countdown left(co_await asio::this_coro::executor, count);
    for (int i = 0; i < count; ++i)
        start(left);
    co_await left.wait();
}

/// What one writes without a library.
class PlainAsio {
public:
    ~PlainAsio() {
        context_.stop();
        thread_.join();
    }

    auto start_long_nap() {
        return asio::co_spawn(context_, sleep_for(std::chrono::hours(1)), asio::use_future);
    }

    auto start_nap_until(std::chrono::steady_clock::time_point end) {
        return asio::co_spawn(context_, nap_until(end), asio::use_future);
    }

    int run(asio::awaitable<int> task) {
        return asio::co_spawn(context_, std::move(task), asio::use_future).get();
    }

    void start_soon(asio::awaitable<void> task) {
        asio::co_spawn(context_, std::move(task), asio::detached);
    }

    int call(int value) { return run(twice(value)); }

    void naps(int count) {
        std::vector<std::future<void>> futures;
        futures.reserve(static_cast<std::size_t>(count));
        for (int i = 0; i < count; ++i)
            futures.push_back(asio::co_spawn(context_, nap(), asio::use_future));
        for (auto& future : futures)
            future.get();
    }

    /// One task that starts the others and waits for them.
    void naps_on_the_loop(int count) {
        auto const start = [this](Countdown& left) {
            asio::co_spawn(context_, nap(), [&left](std::exception_ptr) { left.one_less(); });
        };
        asio::co_spawn(context_, start_all(count, start), asio::use_future).get();
    }

private:
    asio::io_context context_{1};
    asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
    std::thread thread_{[this] { context_.run(); }};
};

class Syncopate {
public:
    explicit Syncopate(syncopate::Options options = {}) : runner_(std::move(options)) {}

    auto start_long_nap() { return runner_.run_as_future(sleep_for(std::chrono::hours(1))); }

    auto start_nap_until(std::chrono::steady_clock::time_point end) {
        return runner_.run_as_future(nap_until(end));
    }

    int run(asio::awaitable<int> task) { return runner_.run(std::move(task)); }

    void start_soon(asio::awaitable<void> task) { runner_.start_soon(std::move(task)); }

    int call(int value) { return run(twice(value)); }

    long stream(int count) {
        long sum = 0;
        for (int const item : runner_.wrap_iter(count_to(count), syncopate::ReadAhead{1024}))
            sum += item;
        return sum;
    }
    long stream_of_awaited(int count) {
        long sum = 0;
        for (int const item : runner_.wrap_iter(await_up_to(count), syncopate::ReadAhead{1024}))
            sum += item;
        return sum;
    }
    long stream_step_by_step(int count) {
        long sum = 0;
        for (int const item : runner_.wrap_iter(count_to(count)))
            sum += item;
        return sum;
    }

    void naps(int count) {
        std::vector<std::future<void>> futures;
        futures.reserve(static_cast<std::size_t>(count));
        for (int i = 0; i < count; ++i)
            futures.push_back(runner_.run_as_future(nap()));
        for (auto& future : futures)
            future.get();
    }

    /// One task that starts the others and waits for them.
    void naps_on_the_loop(int count) {
        auto const start = [this](Countdown& left) {
            runner_.start_soon([&left]() -> asio::awaitable<void> {
                co_await nap();
                left.one_less();
            });
        };
        runner_.run(start_all(count, start));
    }

protected:
    syncopate::ThreadRunner runner_;
};

/// The coroutine's frame is made on the loop, which keeps its memory for the next one.
struct SyncopateFactory : Syncopate {
    using Syncopate::Syncopate;
    int call(int value) {
        return runner_.run([value] { return twice(value); });
    }
};

/// The loop on the caller's own thread.
class PlainOwnThread {
public:
    int call(int value) {
        int result = 0;
        asio::co_spawn(
            context_, twice(value), [&](std::exception_ptr, int doubled) { result = doubled; });
        context_.restart();
        context_.run();
        return result;
    }

private:
    asio::io_context context_{1};
};

class SyncopateOwnThread {
public:
    int call(int value) { return runner_.run(twice(value)); }

private:
    syncopate::Runner runner_;
};

}  // namespace bench
