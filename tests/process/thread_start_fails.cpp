// The system has no thread for the loop: the first use throws, and a later one tries again. Needs a
// process of its own, because it limits the threads of its user.

#include "support/audit.hpp"
#include "support/errors.hpp"
#include "support/stress.hpp"
#include "support/tasks.hpp"
#include "support/thread_limit.hpp"
#include <syncopate/error.hpp>
#include <syncopate/options.hpp>
#include <syncopate/thread_runner.hpp>

#include <chrono>
#include <cstdlib>
#include <stop_token>
#include <system_error>

namespace {

using namespace std::chrono_literals;
using namespace support;
using syncopate::Errc;
using syncopate::Options;
using syncopate::ThreadRunner;

auto task() {
    return [capture = Tracked(21)] { return twice(capture.value()); };
}

}  // namespace

int main() {
    Audit const audit;
    if (!become_limited())
        return skipped;
    limit_threads(1);

    {
        ErrorLog log;
        ThreadRunner runner(Options().on_error(log.handler()));
        auto const no_thread = std::errc::resource_unavailable_try_again;
        require(code_of([&] { runner.run(task()); }) == no_thread, "run throws");
        require(code_of([&] { runner.run(task()); }) == no_thread, "run throws again");
        require(
            code_of([&] { runner.run(task(), std::stop_token()); }) == no_thread,
            "run with a token throws");
        require(code_of([&] { runner.run_for(1h, task()); }) == no_thread, "run_for throws");
        require(code_of([&] { runner.call([] {}); }) == no_thread, "call throws");
        require(code_of([&] { runner.get_loop(); }) == no_thread, "get_loop throws");
        require(
            code_of([&] { runner.run_as_future(task()).get(); }) == no_thread,
            "run_as_future throws");
        require(code_of([&] { runner.start_soon(task()); }) == no_thread, "start_soon throws");
        require(log.errors().empty(), "what is thrown is not reported as well");
        require(Tracked::alive() == 0, "the tasks that could not start are gone");

        limit_threads(hard_limit());
        require(runner.run(task()) == 42, "the next use starts the loop");
    }
    {
        limit_threads(1);
        ThreadRunner runner;
        require(code_of([&] { runner.run(task()); }) != std::error_code(), "run throws");
        runner.close();
        limit_threads(hard_limit());
        require(
            code_of([&] { runner.run(task()); }) == Errc::runner_closed,
            "a runner that never started is closed");
    }
    require_nothing_left(audit);
    return EXIT_SUCCESS;
}
