// WorkerPool: threads that call blocking functions for coroutines. WorkerPoolOptions: its settings.
#pragma once

#include <syncopate/detail/deadlock/wait_graph.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/kept_for_ever.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>
#include <syncopate/detail/workers/worker_threads.hpp>
#include <syncopate/error.hpp>

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

namespace syncopate::inline v0_1 {

class WorkerPool;

namespace detail {
std::shared_ptr<WorkerThreads> const& threads_of(WorkerPool const& pool) noexcept;
}

/// The settings of a WorkerPool. Each setter returns the object; called without an argument, it reads.
class WorkerPoolOptions {
public:
    WorkerPoolOptions() = default;

    /// Names the pool in messages, and its threads, "name-1" and so on (the kernel keeps 15 bytes of a
    /// thread's name: the name is cut, the number is not). Default: "worker".
    WorkerPoolOptions& name(std::string value) {
        name_ = std::move(value);
        return *this;
    }
    std::string const& name() const noexcept { return name_; }

    /// The largest number of threads. Zero: the default, min(32, cores + 4).
    WorkerPoolOptions& max_workers(std::size_t value) {
        max_workers_ = value;
        return *this;
    }
    std::size_t max_workers() const noexcept {
        if (max_workers_ > 0)
            return max_workers_;
        return (std::min<std::size_t>)(32, std::thread::hardware_concurrency() + 4);
    }

    /// The time for which an idle thread waits for work before it ends. Default: 10 s.
    WorkerPoolOptions& keep_alive(std::chrono::nanoseconds value) {
        keep_alive_ = value;
        return *this;
    }
    std::chrono::nanoseconds keep_alive() const noexcept { return keep_alive_; }

    /// How long the destructor waits for a function that its task has abandoned. Default: 10 s.
    WorkerPoolOptions& close_timeout(std::chrono::nanoseconds value) {
        close_timeout_ = value;
        return *this;
    }
    std::chrono::nanoseconds close_timeout() const noexcept { return close_timeout_; }

    /// Is called on each thread of the pool before that does anything else: see Options::on_thread_start.
    ///
    /// function:  what it throws is logged.
    WorkerPoolOptions& on_thread_start(std::function<void()> function) {
        on_thread_start_ = std::move(function);
        return *this;
    }
    /// Empty: nothing is called.
    std::function<void()> const& on_thread_start() const noexcept { return on_thread_start_; }

    /// Is called on each thread of the pool before that ends: see Options::on_thread_stop.
    ///
    /// function:  what it throws is logged.
    WorkerPoolOptions& on_thread_stop(std::function<void()> function) {
        on_thread_stop_ = std::move(function);
        return *this;
    }
    /// Empty: nothing is called.
    std::function<void()> const& on_thread_stop() const noexcept { return on_thread_stop_; }

    /// The longest time for which an idle thread spins before it sleeps: see Options::spin. Default: adaptive.
    WorkerPoolOptions& spin(std::chrono::nanoseconds value) {
        spin_ = value;
        return *this;
    }
    /// Empty if adaptive.
    std::optional<std::chrono::nanoseconds> spin() const noexcept { return spin_; }

private:
    std::string name_ = "worker";
    std::size_t max_workers_ = 0;
    std::chrono::nanoseconds keep_alive_ = std::chrono::seconds(10);
    std::optional<std::chrono::nanoseconds> spin_;
    std::chrono::nanoseconds close_timeout_ = std::chrono::seconds(10);
    std::function<void()> on_thread_start_;
    std::function<void()> on_thread_stop_;
};

/// Threads that call blocking functions for coroutines: see run_in_executor() and to_thread().
///
/// A thread is started when there is work and no thread is idle. Work beyond the maximum waits, first come,
/// first served.
///
/// Where every thread is blocked, in from_thread::run() or the run() of a runner, on a task that awaits queued
/// work of this very pool, the latest of that work is refused with DeadlockError: it could begin only if one
/// of those tasks ended without it.
///
/// A function that ends its thread with pthread_exit() fails with Errc::worker_lost, and another thread takes
/// the place of that one.
///
/// In the child of a fork, a pool that was used before it throws Errc::forked, work that is given to it fails with
/// that, and the destructor does nothing.
///
/// Blocks:    the destructor, until the functions that run have returned; but those that their tasks have
///            abandoned (OnCancel::abandon) for the close_timeout only. Then their threads are left behind,
///            which is logged. Where close() would be refused the destructor does not wait: the threads end by
///            themselves.
/// Threads:   every member from any thread. Any number of loops may share a pool, which must outlive the
///            work that they give to it.
/// Semantics: `concurrent.futures.ThreadPoolExecutor`; but idle threads end, as anyio's do, and close()
///            refuses queued work.
class WorkerPool {
public:
    /// The settings of a pool.
    using Options = WorkerPoolOptions;

    /// Makes a pool with the default settings. No thread starts yet.
    WorkerPool() : WorkerPool(Options()) {}
    /// Makes a pool with at most this many threads. No thread starts yet.
    ///
    /// Throws:    std::invalid_argument if max_workers is not positive.
    template <std::integral N>
    explicit WorkerPool(N max_workers) : WorkerPool(Options().max_workers(checked(max_workers))) {}
    /// Makes a pool with these settings. No thread starts yet.
    explicit WorkerPool(Options options)
        : threads_(std::make_shared<detail::WorkerThreads>(detail::WorkerThreads::Settings{
              options.name(),
              options.max_workers(),
              options.keep_alive(),
              options.spin(),
              options.close_timeout(),
              {options.on_thread_start(), options.on_thread_stop(), {}}})) {}
    WorkerPool(WorkerPool const&) = delete;
    WorkerPool& operator=(WorkerPool const&) = delete;
    ~WorkerPool() {
        if (threads_->was_forked()) {
            detail::keep_for_ever(threads_);
            return;
        }
        try {
            close_until(detail::no_deadline, detail::WorkerThreads::Abandoned::left_behind);
        } catch (...) {
            threads_->abandon();  // the wait could never end
        }
    }

    /// Refuses the queued work, and all that comes later, with Errc::runner_closed. A second time it only
    /// waits.
    ///
    /// Blocks:    until the functions that run have returned, and all threads have ended. In the destructors of a
    ///            thread of the pool (thread_local) it waits for the functions only.
    /// Throws:    on a thread of the pool, or of a loop for which one of the functions waits -> DeadlockError;
    ///            nothing has been done then.
    /// Semantics: `ThreadPoolExecutor.shutdown(cancel_futures=True)`.
    void close() { close_until(detail::no_deadline, detail::WorkerThreads::Abandoned::awaited); }

    /// Closes as close() does, and waits for this time at most.
    ///
    /// Returns:   false if a function still ran when the time was up: running() names it.
    /// Throws:    as close().
    template <class Rep, class Period>
    [[nodiscard]] bool close_for(std::chrono::duration<Rep, Period> timeout) {
        return close_until(
            detail::deadline_after(timeout), detail::WorkerThreads::Abandoned::awaited);
    }

    /// The largest number of threads.
    std::size_t max_workers() const noexcept { return threads_->settings().max_workers; }

    /// The number of threads now, idle ones included.
    std::size_t size() const noexcept { return threads_->size(); }

    /// A text for messages: the name of each thread that works, and the call site of its work. Empty if none
    /// works.
    std::string running() const {
        require_here();
        return threads_->description();
    }

private:
    friend std::shared_ptr<detail::WorkerThreads> const& detail::threads_of(
        WorkerPool const& pool) noexcept;

    template <std::integral N>
    static std::size_t checked(N max_workers) {
        if (max_workers <= 0)
            throw std::invalid_argument("WorkerPool: max_workers must be positive");
        return static_cast<std::size_t>(max_workers);
    }

    void require_here() const {
        if (threads_->was_forked())
            threads_->throw_forked();
    }

    bool close_until(detail::Deadline deadline, detail::WorkerThreads::Abandoned abandoned) {
        require_here();
        if (threads_->running_in_this_thread())
            throw DeadlockError(
                '"' + threads_->settings().name + "\" is closed by a worker of its own");
        detail::OneShotEvent const never;
        detail::BlockingWait const waiting(
            threads_->identity(), never, detail::BlockingWait::Refuse::cycles,
            detail::BlockingWait::For::end);
        return threads_->close_until(deadline, abandoned);
    }

    std::shared_ptr<detail::WorkerThreads> const threads_;
};

namespace detail {

inline std::shared_ptr<WorkerThreads> const& threads_of(WorkerPool const& pool) noexcept {
    return pool.threads_;
}

}  // namespace detail

}  // namespace syncopate::inline v0_1
