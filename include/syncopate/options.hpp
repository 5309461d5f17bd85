// Options: the settings of a runner.
#pragma once

#include <syncopate/detail/error/report.hpp>
#include <syncopate/event.hpp>
#include <syncopate/stall.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace syncopate::inline v0_1 {

class WorkerPool;

/// The settings of ThreadRunner, Runner, BlockingPortal and GuestRunner. Each setter returns the object, so that
/// they chain: `Options().name("db").close_timeout(2s)`; called without an argument, it reads.
class Options {
public:
    /// What takes an exception that has no caller to go to.
    using ErrorHandler = detail::ErrorHandler;

    Options() = default;

    /// Names the runner in messages, and its loop thread where it has one (the kernel keeps 15
    /// bytes of a thread's name). Empty: the default, the runner's class, such as "ThreadRunner".
    Options& name(std::string value) {
        name_ = std::move(value);
        return *this;
    }
    std::string const& name() const noexcept { return name_; }

    /// Takes the exceptions that have no caller to go to: of start_soon, of a handler that somebody
    /// posted, of an aexit during unwinding, of the second failing exit.
    ///
    /// handler:   called on whichever thread the failure came up, usually the loop's; must not block.
    ///            What it throws is swallowed. Empty: the default, one line on std::clog.
    Options& on_error(ErrorHandler handler) {
        on_error_ = std::move(handler);
        return *this;
    }

    /// How long close() waits before it throws Errc::timed_out, and the destructor before it reports
    /// the same to on_error (and goes on waiting). Default: 10 s. Zero or less: close() does not
    /// wait, and the destructor reports once. A function in a worker that its task has abandoned
    /// (OnCancel::abandon) is not waited for any longer than this: then its thread is left behind, which
    /// is reported, too.
    Options& close_timeout(std::chrono::nanoseconds value) {
        close_timeout_ = value;
        return *this;
    }
    std::chrono::nanoseconds close_timeout() const noexcept { return close_timeout_; }

    /// The longest time for which either side of a call looks for the other before it sleeps: the loop
    /// for the next call, the caller for its result. Zero or less: never. Such looking saves the
    /// wake-ups, which are most of the price of a short call, and keeps a core busy.
    ///
    /// Default: adaptive. The loop looks while calls come in quick succession, for 150 us at most after
    /// the last of them, and a caller for 250 us at most; each gives up what keeps failing. An idle loop
    /// sleeps in any case, and so does a loop whose maker may run on one processor only.
    Options& spin(std::chrono::nanoseconds value) {
        spin_ = value;
        return *this;
    }
    /// Empty: adaptive.
    std::optional<std::chrono::nanoseconds> spin() const noexcept { return spin_; }

    /// How many threads at most do what to_thread() is given, where worker_pool() is not set. Zero: the
    /// default, min(32, cores + 4), which is enough for work that mostly waits, and not far too much for
    /// work that computes. All portals to one execution context share a pool; the first to use it sets
    /// its size.
    Options& max_workers(std::size_t value) {
        max_workers_ = value;
        return *this;
    }
    std::size_t max_workers() const noexcept { return max_workers_; }

    /// A pool for to_thread(), shared with others. It is not closed with the runner. Empty: the default,
    /// a pool of its own, which starts no thread before it is needed and is closed with the loop.
    Options& worker_pool(std::shared_ptr<WorkerPool> value) {
        worker_pool_ = std::move(value);
        return *this;
    }
    std::shared_ptr<WorkerPool> const& worker_pool() const noexcept { return worker_pool_; }

    /// Is called on each thread that the runner starts, its loop's and its own workers', before anything else
    /// runs there: to attach the thread to a Java virtual machine, or to set its affinity or its name. (A
    /// worker_pool() has functions of its own.)
    ///
    /// function:  must not block. What it throws goes to on_error, and the thread goes on.
    Options& on_thread_start(std::function<void()> function) {
        on_thread_start_ = std::move(function);
        return *this;
    }
    /// Empty: nothing is called.
    std::function<void()> const& on_thread_start() const noexcept { return on_thread_start_; }

    /// Is called on each of these threads when nothing else will run there, unless on_thread_start has thrown
    /// there.
    ///
    /// function:  must not block. What it throws goes to on_error.
    Options& on_thread_stop(std::function<void()> function) {
        on_thread_stop_ = std::move(function);
        return *this;
    }
    /// Empty: nothing is called.
    std::function<void()> const& on_thread_stop() const noexcept { return on_thread_stop_; }

    /// Is told when each task of the runner begins and ends, and each function that one thread calls for another:
    /// of call(), to_thread(), to_calling_thread(), from_thread::run() and call(). For traces: see Event, and
    /// PerfettoTrace, which is such a function. Empty: the default, nobody is told, and nothing is spent on it.
    ///
    /// function:  must not block: it is called where the event takes place, before the task or the function goes on,
    ///            and without any lock of the library's. What it throws goes to on_error.
    /// Threads:   the loop's, its workers and the callers, several at once. A function that its task has abandoned
    ///            (OnCancel::abandon) may end after the runner, and is told of as well.
    Options& on_event(std::function<void(Event const&)> function) {
        on_event_ = std::move(function);
        return *this;
    }
    /// Empty: nobody is told.
    std::function<void(Event const&)> const& on_event() const noexcept { return on_event_; }

    /// Is told when nothing goes on: a handler blocks the loop for the threshold or longer, or a task that was asked to
    /// stop has not ended after it. Once for each such standstill. Off by default: no thread and no cost. While it
    /// is on, one thread of the process looks after all such runners, and wakes each loop twice in a threshold; and
    /// each task has an executor of its own, which tells when its code runs.
    ///
    /// threshold: a millisecond or more. A machine that has much else to do may itself hold up a loop for some
    ///            milliseconds.
    /// handler:   called on the watching thread; must not block, for it holds up all who watch. May use dump(). What
    ///            it throws is swallowed. Not called any more when the runner has been destroyed, and not in the
    ///            child of a fork, unless the runner was made or restarted there.
    Options& on_stall(
        std::chrono::nanoseconds threshold, std::function<void(Stall const&)> handler) {
        stall_threshold_ = threshold;
        on_stall_ = std::move(handler);
        return *this;
    }
    /// Empty: nobody is told.
    std::function<void(Stall const&)> const& on_stall() const noexcept { return on_stall_; }
    /// As it was given to on_stall(); zero without.
    std::chrono::nanoseconds stall_threshold() const noexcept { return stall_threshold_; }

    /// Hands an exception to the error handler. Never throws.
    void report(std::exception_ptr error) const noexcept {
        detail::report(name_, on_error_, std::move(error));
    }

private:
    std::string name_;
    ErrorHandler on_error_;
    std::optional<std::chrono::nanoseconds> spin_;
    std::size_t max_workers_ = 0;
    std::shared_ptr<WorkerPool> worker_pool_;
    std::chrono::nanoseconds close_timeout_ = std::chrono::seconds(10);
    std::function<void()> on_thread_start_;
    std::function<void()> on_thread_stop_;
    std::function<void(Event const&)> on_event_;
    std::function<void(Stall const&)> on_stall_;
    std::chrono::nanoseconds stall_threshold_{};
};

}  // namespace syncopate::inline v0_1
