// ThreadRunner: an event loop on a thread of its own, for synchronous code on all other threads.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/options.hpp>
#include <syncopate/runner_base.hpp>

#include SYNCOPATE_ASIO(io_context.hpp)

#include <memory>

namespace syncopate::inline v0_1 {

namespace detail {
class ThreadLoop;
}

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
    using executor_type = asio::io_context::executor_type;

    /// Makes a runner with the default options.
    ThreadRunner();
    /// Makes a runner with these options. Its thread is not started here, but by the first use.
    explicit ThreadRunner(Options options);

    /// Gives the io_context, running, for objects that need one. It lives as long as the runner, but runs
    /// nothing after close(). The exception of a handler goes to Options::on_error, and does not end the
    /// loop. To stop the io_context fails every call with Errc::loop_failed.
    ///
    /// Throws:    Errc::runner_closed after close(); std::system_error if the system has no thread for the
    ///            loop.
    asio::io_context& get_loop();

    /// Gives the executor of get_loop().
    ///
    /// Throws:    as get_loop().
    executor_type get_executor() { return get_loop().get_executor(); }

    /// Makes the runner usable in the child of a fork: gives it a fresh loop, with the same options, whose thread
    /// starts with the next use. What belongs to the loop before the fork stays forked: its contexts are never left
    /// here, its guards and ranges throw Errc::forked, its tasks do not go on. Nothing of it is touched.
    ///
    /// Does nothing for a runner that was not used before the fork, in the parent, and the second time.
    ///
    /// Throws:    std::system_error if the system has no descriptors for the loop; the runner is as before then.
    /// Threads:   none other may use the runner meanwhile. Not in a handler of pthread_atfork().
    void restart_after_fork();

private:
    explicit ThreadRunner(std::shared_ptr<detail::ThreadLoop> loop);

    detail::ThreadLoop* thread_loop_;
};

}  // namespace syncopate::inline v0_1

#ifndef SYNCOPATE_SEPARATE_COMPILATION
#include <syncopate/impl/thread_runner.ipp>
#endif
