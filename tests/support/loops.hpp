// Every kind of loop that synchronous code can call into, each ready for use as `loop.runner`, and LOOP_TEST_CASE,
// which runs a test on each.
#pragma once

#include "support/catch.hpp"
#include <syncopate/blocking_portal.hpp>
#include <syncopate/options.hpp>
#include <syncopate/runner.hpp>
#include <syncopate/runner_base.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>

#include <cstddef>
#include <memory>
#include <string>
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

/// A loop of the kind that the test is run with. Its type is always the same: what a test's lambdas make of the
/// library is compiled once, and not once for each kind.
class AnyLoop {
    struct Holder {
        virtual ~Holder() = default;
        virtual syncopate::RunnerBase& runner() = 0;
    };

    template <class Loop>
    struct Holding : Holder {
        explicit Holding(syncopate::Options options) : loop(std::move(options)) {}
        syncopate::RunnerBase& runner() override { return loop.runner; }

        Loop loop;
    };

    std::unique_ptr<Holder> holder_;

public:
    explicit AnyLoop(syncopate::Options options = {})
        : holder_(make_(std::move(options))), runner(holder_->runner()) {}

    /// Runs the body with loops of this kind.
    template <class Loop, void (*Body)()>
    static void run_on() {
        make_ = [](syncopate::Options options) -> std::unique_ptr<Holder> {
            return std::make_unique<Holding<Loop>>(std::move(options));
        };
        Body();
    }

    syncopate::RunnerBase& runner;

private:
    static inline std::unique_ptr<Holder> (*make_)(syncopate::Options) = nullptr;
};

/// Makes a test case of the body for each kind of loop. Returns how many.
template <void (*Body)(), class... Loops>
std::size_t add_loop_test(
    std::string const& name, Catch::SourceLineInfo const& place, std::tuple<Loops...> const*) {
    std::size_t count = 0;
    (Catch::AutoReg(
         Catch::makeTestInvoker(&AnyLoop::run_on<Loops, Body>), place, Catch::StringRef(),
         Catch::NameAndTags{name + " - " + std::to_string(count++), Catch::StringRef()}),
     ...);
    return count;
}

#define SYNCOPATE_LOOP_TEST_CASE(body, name, loops)                                                \
    static void body();                                                                            \
    [[maybe_unused]] static std::size_t const body##_count = ::support::add_loop_test<&body>(      \
        name, CATCH_INTERNAL_LINEINFO, static_cast<loops*>(nullptr));                              \
    static void body()

// One more, so that the body's name is there before it is put together with another.
#define SYNCOPATE_NAMED_LOOP_TEST_CASE(body, name, loops)                                          \
    SYNCOPATE_LOOP_TEST_CASE(body, name, loops)

/// LOOP_TEST_CASE("What is true of every loop", EveryLoop) { AnyLoop loop; loop.runner.run(…); }
#define LOOP_TEST_CASE(name, loops)                                                                \
    SYNCOPATE_NAMED_LOOP_TEST_CASE(INTERNAL_CATCH_UNIQUE_NAME(loop_test_), name, loops)

inline std::thread::id loop_thread_of(syncopate::ThreadRunner& runner) {
    return runner.call([] { return std::this_thread::get_id(); });
}

}  // namespace support
