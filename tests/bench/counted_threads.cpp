#include "counted_threads.hpp"

#include "peers.hpp"
#include <syncopate/from_thread.hpp>
#include <syncopate/runner.hpp>
#include <syncopate/thread_runner.hpp>
#include <syncopate/to_calling_thread.hpp>
#include <syncopate/to_thread.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <exception>
#include <utility>

namespace bench {
namespace {

/// Suspended once, as a task with input and output is.
asio::awaitable<int> twice_later(int value) {
    co_await asio::post(asio::use_awaitable);
    co_return 2 * value;
}

/// One timer after another, each of them due.
asio::awaitable<void> timers(int count) {
    for (int i = 0; i < count; ++i) {
        asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::seconds(-1));
        co_await timer.async_wait(asio::use_awaitable);
    }
}

/// A call on a loop of its own thread's, whose threads do not spin.
void run_quietly(asio::awaitable<void> task) {
    syncopate::ThreadRunner runner(syncopate::Options().spin(std::chrono::nanoseconds::zero()));
    runner.run(std::move(task));
}

asio::awaitable<void> work(int count, void (*each)(int)) {
    co_await syncopate::to_thread([count, each] {
        for (int i = 0; i < count; ++i)
            each(i);
    });
}

asio::awaitable<void> call_calling_thread(int count) {
    for (int i = 0; i < count; ++i)
        co_await syncopate::to_calling_thread([] {});
}

}  // namespace

void own_thread_awaits(int count) {
    syncopate::Runner runner;
    for (int i = 0; i < count; ++i)
        static_cast<void>(runner.run(twice_later(i)));
}

void own_thread_awaits_plain(int count) {
    asio::io_context context(1);
    for (int i = 0; i < count; ++i) {
        asio::co_spawn(context, twice_later(i), [](std::exception_ptr, int) {});
        context.restart();
        context.run();
    }
}

void from_thread_run(int count) {
    run_quietly(
        work(count, [](int i) { static_cast<void>(syncopate::from_thread::run(twice(i))); }));
}

void from_thread_call(int count) {
    run_quietly(work(
        count, [](int i) { static_cast<void>(syncopate::from_thread::call([i] { return i; })); }));
}

void calling_thread(int count) {
    run_quietly(call_calling_thread(count));
}

void timer_in_task(int count) {
    syncopate::Runner runner;
    runner.run(timers(count));
}

void timer_plain(int count) {
    asio::io_context context(1);
    asio::co_spawn(context, timers(count), [](std::exception_ptr) {});
    context.run();
}

}  // namespace bench
