// The bridge without a thread: a loop that turns on the thread of its caller.
#pragma once

#include <syncopate/detail/loop/caller_loop.hpp>
#include <syncopate/options.hpp>
#include <syncopate/runner_base.hpp>

#include <boost/asio/io_context.hpp>

#include <memory>
#include <utility>

namespace syncopate {

/// Owns an io_context that turns only inside the blocking members, on the thread that calls them: no
/// thread hop, and nothing happens in between. Its operations are those of RunnerBase.
///
/// What run_as_future() and start_soon() start goes on during the next blocking call, and is cancelled
/// by close(). A blocking call, of whatever runner, made by a task that runs here throws DeadlockError.
///
/// Blocks:    the destructor, as that of ThreadRunner.
/// Threads:   one at a time may block on it, and another that tries gets DeadlockError. What does not
///            block may be called from any thread.
/// Semantics: `asyncio.Runner`.
class Runner : public RunnerBase {
public:
    /// The settings, which are the same for every runner.
    using Options = syncopate::Options;
    using executor_type = boost::asio::io_context::executor_type;

    /// With the default options.
    Runner() : Runner(Options()) {}
    /// With these options.
    explicit Runner(Options options) : Runner(detail::CallerLoop::create(std::move(options))) {}

    /// The io_context. It may be referred to until the runner is destroyed, but runs nothing after
    /// close(). Run it yourself only while no blocking member does.
    boost::asio::io_context& get_loop() {
        loop_.require_open();
        return loop_.context();
    }

    /// The executor of get_loop().
    executor_type get_executor() { return get_loop().get_executor(); }

private:
    explicit Runner(std::shared_ptr<detail::CallerLoop> loop) : RunnerBase(loop), loop_(*loop) {}

    detail::CallerLoop& loop_;
};

}  // namespace syncopate
