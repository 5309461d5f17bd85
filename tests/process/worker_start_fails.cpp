// The system has no thread for a worker: work is refused where the pool has none at all, and waits where
// it has one. Then it has no thread at all, or one, or two, ...: each call gives its result, or throws. Needs a process of its own, because it limits the threads of its user.

#include "support/audit.hpp"
#include "support/errors.hpp"
#include "support/stress.hpp"
#include "support/tasks.hpp"
#include "support/thread_limit.hpp"
#include <syncopate/from_thread.hpp>
#include <syncopate/gather.hpp>
#include <syncopate/runner.hpp>
#include <syncopate/thread_runner.hpp>
#include <syncopate/to_thread.hpp>
#include <syncopate/worker_pool.hpp>

#include <boost/asio/awaitable.hpp>

#include <cstdlib>
#include <exception>
#include <system_error>

namespace {

using namespace support;
namespace from_thread = syncopate::from_thread;

/// What needs a thread gets it, or the system's error.
template <class F>
void attempt(F function) {
    try {
        require(function() == 42, "the result is given");
    } catch (std::system_error const& error) {
        require(error.code() == std::errc::resource_unavailable_try_again, error.what());
    }
}

struct Context {
    asio::awaitable<int> aenter() {
        Tracked const frame;
        ++entered;
        co_return co_await syncopate::to_thread([] { return 42; });
    }
    asio::awaitable<void> aexit(std::exception_ptr) {
        Tracked const frame;
        ++left;
        co_return;
    }

    int& entered;
    int& left;
};

asio::awaitable<int> three_at_once() {
    Tracked const frame;
    auto const one = [] { return 14; };
    auto const [a, b, c] = co_await syncopate::gather(
        syncopate::to_thread(one), syncopate::to_thread(one), syncopate::to_thread(one));
    co_return a + b + c;
}

/// With so many threads besides this one.
void use_with(rlim_t threads) {
    int entered = 0;
    int left = 0;
    syncopate::ThreadRunner runner;
    limit_threads(1 + threads);
    attempt([&] { return runner.run(twice(21)); });
    attempt([&] { return runner.run(syncopate::to_thread([] { return 42; })); });
    attempt([&] { return runner.run(three_at_once()); });
    attempt([&] {
        return runner.run(syncopate::to_thread([] { return from_thread::run(twice_later(21)); }));
    });
    attempt([&] { return runner.run_as_future(three_at_once()).get(); });
    attempt([&] { return *runner.wrap_context(Context{entered, left}); });
    attempt([&] {
        syncopate::Runner own;
        return own.run(three_at_once());
    });
    limit_threads(hard_limit());
    require(runner.run(three_at_once()) == 42, "the runner works afterwards");
    require(*runner.wrap_context(Context{entered, left}) == 42, "and what enters a context");
    // What aenter has not come to the end of is not left.
    require(left >= 1 && left <= entered, "what was entered is left");
}

}  // namespace

int main() {
    Audit const audit;
    if (!become_limited())
        return skipped;
    {
        Gate started;
        Gate gate;
        Tracked const held;
        syncopate::WorkerPool pool(4);
        syncopate::ThreadRunner runner;
        auto const work = [&pool, held] {
            return syncopate::run_in_executor(pool, [held] { return 42; });
        };
        require(runner.run(twice(21)) == 42, "the loop has its thread");

        limit_threads(1);
        require(
            code_of([&] { runner.run(work()); }) == std::errc::resource_unavailable_try_again,
            "a pool without a thread refuses work");
        require(pool.size() == 0, "it has none");

        limit_threads(hard_limit());
        auto blocked = runner.run_as_future(syncopate::run_in_executor(pool, [&] {
            started.open();
            gate.wait();
        }));
        started.wait();
        limit_threads(1);
        auto queued = runner.run_as_future(work());
        require(runner.run(twice_later(21)) == 42, "the loop goes on");
        require(pool.size() == 1, "there is no thread more");
        gate.open();
        require(queued.get() == 42, "the work is done by the one thread");
        blocked.get();
        limit_threads(hard_limit());  // the leak check at the end takes one, too
    }
    for (rlim_t threads = 0; threads < 6; ++threads)
        use_with(threads);
    require_nothing_left(audit);
    return EXIT_SUCCESS;
}
