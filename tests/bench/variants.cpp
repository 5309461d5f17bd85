// The other ways to make a call, each beside run(); and calls through a portal, beside co_spawn on the same executor.

#include "bench.hpp"
#include "peers.hpp"
#include <syncopate/blocking_portal.hpp>
#include <syncopate/from_thread.hpp>
#include <syncopate/to_calling_thread.hpp>
#include <syncopate/to_thread.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <chrono>
#include <exception>
#include <stop_token>
#include <string>
#include <thread>

#include <sched.h>

namespace {

using namespace bench;
using syncopate::ThreadRunner;
namespace from_thread = syncopate::from_thread;

void run(ThreadRunner& runner, int count) {
    for (int i = 0; i < count; ++i)
        require(runner.run(twice(i)) == 2 * i, "run");
}

void run_for(ThreadRunner& runner, int count) {
    for (int i = 0; i < count; ++i)
        require(runner.run_for(std::chrono::hours(1), twice(i)) == 2 * i, "run_for");
}

void run_stoppable(ThreadRunner& runner, int count) {
    std::stop_source const source;
    for (int i = 0; i < count; ++i)
        require(runner.run(twice(i), source.get_token()) == 2 * i, "run");
}

struct Context {
    asio::awaitable<int> aenter() { return twice(1); }
    asio::awaitable<void> aexit(std::exception_ptr) { co_return; }
};

void wrap_context(ThreadRunner& runner, int count) {
    for (int i = 0; i < count; ++i)
        require(*runner.wrap_context(Context()) == 2, "wrap_context");
}

asio::awaitable<void> call_caller(int count) {
    for (int i = 0; i < count; ++i)
        require(co_await syncopate::to_calling_thread([i] { return i; }) == i, "caller");
}

void to_calling_thread(ThreadRunner& runner, int count) {
    runner.run(call_caller(count));
}

/// On the core of the calling thread, which sleeps meanwhile: the loop is on the same or on the other, as with run().
void on_worker(ThreadRunner& runner, int count, void (*each)(int)) {
    cpu_set_t cores;
    ::sched_getaffinity(0, sizeof cores, &cores);
    auto const work = [count, each, cores] {
        ::sched_setaffinity(0, sizeof cores, &cores);
        for (int i = 0; i < count; ++i)
            each(i);
    };
    runner.run(syncopate::to_thread(work));
}

void from_thread_run(ThreadRunner& runner, int count) {
    on_worker(runner, count, [](int i) { require(from_thread::run(twice(i)) == 2 * i, "worker"); });
}

void from_thread_call(ThreadRunner& runner, int count) {
    on_worker(
        runner, count, [](int i) { require(from_thread::call([i] { return i; }) == i, "worker"); });
}

template <class Calls>
void hot(benchmark::State& state, Place place, Calls calls) {
    calls(200);
    Placed const placed(place);
    calls(1000);
    for (auto _ : state) {
        constexpr int count = 1000;
        auto const start = Clock::now();
        calls(count);
        set_time(state, seconds_since(start), count);
    }
}

void add_variant(std::string const& name, void (*calls)(ThreadRunner&, int)) {
    for (Place const place : {Place::two_cores, Place::one_core})
        add("variants", place, name, [calls](benchmark::State& state, Place at) {
            ThreadRunner runner;
            hot(state, at, [&](int count) { calls(runner, count); });
        })->UseManualTime();
}

/// One thread runs it.
class OneThread {
public:
    ~OneThread() {
        work_.reset();
        thread_.join();
    }
    auto executor() { return context_.get_executor(); }

private:
    asio::io_context context_{1};
    asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
    std::thread thread_{[this] { context_.run(); }};
};

struct OfPool {
    asio::thread_pool pool{2};
    auto executor() { return pool.get_executor(); }
};

struct OfStrand : OfPool {
    auto executor() { return asio::make_strand(pool); }
};

template <class Host>
void add_portal(std::string const& workload) {
    add(workload, Place::one_core, "syncopate", [](benchmark::State& state, Place place) {
        Host host;
        syncopate::BlockingPortal portal(host.executor());
        hot(state, place, [&](int count) {
            for (int i = 0; i < count; ++i)
                require(portal.run(twice(i)) == 2 * i, "portal");
        });
    })->UseManualTime();
    add(workload, Place::one_core, "plain", [](benchmark::State& state, Place place) {
        Host host;
        auto const executor = host.executor();
        hot(state, place, [&](int count) {
            for (int i = 0; i < count; ++i)
                require(
                    asio::co_spawn(executor, twice(i), asio::use_future).get() == 2 * i, "plain");
        });
    })->UseManualTime();
}

[[maybe_unused]] bool const registered = [] {
    add_variant("run", run);
    add_variant("run_for", run_for);
    add_variant("run_stoppable", run_stoppable);
    add_variant("wrap_context", wrap_context);
    add_variant("to_calling_thread", to_calling_thread);
    add_variant("from_thread_run", from_thread_run);
    add_variant("from_thread_call", from_thread_call);
    add_portal<OneThread>("portal_of_context");
    add_portal<OfPool>("portal_of_pool");
    add_portal<OfStrand>("portal_of_strand");
    return true;
}();

}  // namespace

BENCHMARK_MAIN();
