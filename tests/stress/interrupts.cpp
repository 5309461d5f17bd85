// Ctrl-C at any moment of many calls, from several threads: each signal cancels a task, or is the program's. None is
// lost.

#include "support/audit.hpp"
#include "support/stress.hpp"
#include "support/tasks.hpp"
#include <syncopate/error.hpp>
#include <syncopate/runner.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/this_coro.hpp>

#include <atomic>
#include <chrono>
#include <csignal>
#include <system_error>
#include <thread>

#include <signal.h>
#include <unistd.h>

namespace {

namespace asio = boost::asio;
using namespace support;
using syncopate::Errc;

std::atomic<long> handled{0};

// Signals that have cancelled a task, or, of callers at the same time, tasks of the same signal.
std::atomic<long> taken{0};

asio::awaitable<bool> task(unsigned kind) {
    if (kind == 0)
        co_await sleep_for(std::chrono::microseconds(30));
    else if (kind == 1)
        co_await twice_later(21);
    auto const state = co_await asio::this_coro::cancellation_state;
    co_return state.cancelled() != asio::cancellation_type::none;
}

/// Calls until it is told to stop.
template <class Runner>
void call(std::atomic<bool> const& is_over, unsigned seed) {
    RandomPause pause(seed);
    Runner runner;
    while (!is_over) {
        try {
            if (runner.run_interruptible(task(pause.below(3))))
                ++taken;
        } catch (std::system_error const& error) {
            require(error.code() == Errc::interrupted, error.what());
            ++taken;
        }
        pause();
    }
}

// Each signal is awaited before the next: several that are pending are one. Another caller's task, which the same
// signal has cancelled, may be counted late, and then in place of a later signal: so one caller at a time.
void press_ctrl_c(long times, unsigned seed) {
    RandomPause pause(seed);
    long const before = handled + taken;
    for (long i = 1; i <= times; ++i) {
        pause();
        require(::kill(::getpid(), SIGINT) == 0, "a signal is sent");
        auto const end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (handled + taken < before + i) {
            require(std::chrono::steady_clock::now() < end, "a signal was lost");
            std::this_thread::yield();
        }
        require(handled + taken == before + i, "a signal was taken twice");
    }
}

template <class Runner>
void interrupt_calls(long times, unsigned seed) {
    std::atomic<bool> is_over{false};
    std::thread caller([&] { call<Runner>(is_over, seed); });
    press_ctrl_c(times, seed + 1);
    is_over = true;
    caller.join();
}

/// With several callers a signal may be taken by several, but never by nobody.
void interrupt_several(long times) {
    std::atomic<bool> is_over{false};
    std::thread first([&] { call<syncopate::Runner>(is_over, 5); });
    std::thread second([&] { call<syncopate::ThreadRunner>(is_over, 6); });
    RandomPause pause(7);
    for (long i = 0; i < times; ++i) {
        pause();
        long const before = handled + taken;
        require(::kill(::getpid(), SIGINT) == 0, "a signal is sent");
        auto const end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (handled + taken == before) {
            require(std::chrono::steady_clock::now() < end, "a signal was lost");
            std::this_thread::yield();
        }
    }
    is_over = true;
    first.join();
    second.join();
}

}  // namespace

int main(int argc, char** argv) {
    Audit const audit;
    struct sigaction own = {};
    own.sa_handler = [](int) { ++handled; };
    require(::sigaction(SIGINT, &own, nullptr) == 0, "the program has a handler");

    long const times = iterations(argc, argv, 20'000);
    interrupt_calls<syncopate::Runner>(times, 1);
    interrupt_calls<syncopate::ThreadRunner>(times, 3);
    interrupt_several(times);
    require(taken > 0 && handled > 0, "both happen");

    struct sigaction now = {};
    ::sigaction(SIGINT, nullptr, &now);
    require(now.sa_handler == own.sa_handler, "the program's handler is back");
    require_nothing_left(audit);
}
