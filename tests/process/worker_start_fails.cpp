// The system has no thread for a worker: work is refused where the pool has none at all, and waits where
// it has one. Needs a process of its own, because it limits the threads of its user.

#include "support/audit.hpp"
#include "support/errors.hpp"
#include "support/stress.hpp"
#include "support/tasks.hpp"
#include "support/thread_limit.hpp"
#include <syncopate/thread_runner.hpp>
#include <syncopate/to_thread.hpp>
#include <syncopate/worker_pool.hpp>

#include <cstdlib>
#include <system_error>

int main() {
    using namespace support;

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
    require_nothing_left(audit);
    return EXIT_SUCCESS;
}
