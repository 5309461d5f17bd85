// The bridge: a loop on a thread of its own, for synchronous code on all the others.
#pragma once

#include <syncopate/detail/loop/thread_loop.hpp>
#include <syncopate/options.hpp>
#include <syncopate/runner_base.hpp>

#include <boost/asio/io_context.hpp>

#include <utility>

namespace syncopate {

/// Owns an io_context and the thread that runs it, and lets the other threads call into it. Its
/// operations are those of RunnerBase.
///
/// Blocks:    the destructor, until everything has unwound. It reports what takes longer than
///            Options::close_timeout to Options::on_error each time that elapses, and goes on waiting.
/// Threads:   every member from any thread. The thread of the loop is started by the first use, also
///            when several threads are first. A ThreadRunner may have static storage. One that is
///            destroyed by a task of its own does not wait: its loop ends once all has unwound.
/// Semantics: the ThreadRunner of "Running async code from sync in Python asyncio". Unlike there, no
///            task is lost at close: all are cancelled and awaited.
class ThreadRunner : public RunnerBase {
public:
    /// The settings, which are the same for every runner.
    using Options = syncopate::Options;
    using executor_type = boost::asio::io_context::executor_type;

    /// With the default options.
    ThreadRunner() : ThreadRunner(Options()) {}
    /// With these options. The thread starts with the first use, and not here.
    explicit ThreadRunner(Options options)
        : ThreadRunner(detail::ThreadLoop::create(std::move(options))) {}

    /// The io_context, running: for objects that need one. Handlers that throw go to Options::on_error,
    /// and do not end the loop. Stopping it fails every call with Errc::loop_failed. It may be referred
    /// to until the runner is destroyed, but runs nothing after close().
    boost::asio::io_context& get_loop() {
        loop_.prepare();
        return loop_.context();
    }

    /// The executor of get_loop().
    executor_type get_executor() { return get_loop().get_executor(); }

private:
    explicit ThreadRunner(std::shared_ptr<detail::ThreadLoop> loop)
        : RunnerBase(loop), loop_(*loop) {}

    detail::ThreadLoop& loop_;
};

}  // namespace syncopate
