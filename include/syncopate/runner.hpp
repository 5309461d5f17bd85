// Runner: an event loop that the calling thread turns, inside its blocking calls.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/options.hpp>
#include <syncopate/runner_base.hpp>

#include SYNCOPATE_ASIO(io_context.hpp)

#include <memory>

namespace syncopate::inline v0_1 {

namespace detail {
class CallerLoop;
}

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
    using executor_type = asio::io_context::executor_type;

    /// Makes a runner with the default options.
    Runner() : Runner(Options()) {}
    /// Makes a runner with these options. No thread is started.
    explicit Runner(Options options);

    /// Gives the io_context. It lives as long as the runner, but runs nothing after close(). Run it yourself
    /// only while no blocking member does.
    ///
    /// Throws:    Errc::runner_closed after close().
    asio::io_context& get_loop();

    /// Gives the executor of get_loop().
    ///
    /// Throws:    as get_loop().
    executor_type get_executor() { return get_loop().get_executor(); }

private:
    explicit Runner(std::shared_ptr<detail::CallerLoop> loop);

    detail::CallerLoop& loop_;
};

}  // namespace syncopate::inline v0_1

#ifndef SYNCOPATE_SEPARATE_COMPILATION
#include <syncopate/impl/runner.ipp>
#endif
