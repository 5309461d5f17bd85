// Every kind of loop that synchronous code can call into, each ready for use as `loop.runner`: for
// TEMPLATE_LIST_TEST_CASE.
#pragma once

#include <syncopate/blocking_portal.hpp>
#include <syncopate/options.hpp>
#include <syncopate/runner.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>

#include <thread>
#include <tuple>
#include <utility>

namespace support {

namespace asio = boost::asio;

/// An io_context with a thread that runs it.
class RunningContext {
public:
    RunningContext() = default;
    ~RunningContext() { stop(); }

    asio::io_context& get() noexcept { return context_; }
    operator asio::io_context&() noexcept { return context_; }

    std::thread::id thread_id() const noexcept { return thread_.get_id(); }

    /// Has the thread end when nothing is left to do, and waits for that.
    void stop() {
        work_.reset();
        if (thread_.joinable())
            thread_.join();
    }

private:
    asio::io_context context_;
    asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
    std::thread thread_{[this] { context_.run(); }};
};

struct OnThreadRunner {
    explicit OnThreadRunner(syncopate::Options options = {}) : runner(std::move(options)) {}

    syncopate::ThreadRunner runner;
};

struct OnRunner {
    explicit OnRunner(syncopate::Options options = {}) : runner(std::move(options)) {}

    syncopate::Runner runner;
};

struct OnIoContext {
    explicit OnIoContext(syncopate::Options options = {})
        : runner(context.get(), std::move(options)) {}

    RunningContext context;
    syncopate::BlockingPortal runner;
};

struct OnStrand {
    explicit OnStrand(syncopate::Options options = {})
        : runner(asio::make_strand(pool), std::move(options)) {}

    asio::thread_pool pool{2};
    syncopate::BlockingPortal runner;
};

struct OnThreadPool {
    explicit OnThreadPool(syncopate::Options options = {}) : runner(pool, std::move(options)) {}

    asio::thread_pool pool{2};
    syncopate::BlockingPortal runner;
};

/// Loops that turn by themselves, whatever the caller does.
using TurningLoops = std::tuple<OnThreadRunner, OnIoContext, OnStrand, OnThreadPool>;
using EveryLoop = std::tuple<OnThreadRunner, OnRunner, OnIoContext, OnStrand, OnThreadPool>;
using EveryPortal = std::tuple<OnIoContext, OnStrand, OnThreadPool>;

inline std::thread::id loop_thread_of(syncopate::ThreadRunner& runner) {
    return runner.call([] { return std::this_thread::get_id(); });
}

}  // namespace support
