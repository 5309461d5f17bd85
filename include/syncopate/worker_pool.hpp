// Threads for blocking code.
#pragma once

#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/workers/worker_threads.hpp>
#include <syncopate/error.hpp>

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

namespace syncopate {

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

    /// How many threads there are at most. Zero: the default, min(32, cores + 4).
    WorkerPoolOptions& max_workers(std::size_t value) {
        max_workers_ = value;
        return *this;
    }
    std::size_t max_workers() const noexcept {
        if (max_workers_ > 0)
            return max_workers_;
        return std::min<std::size_t>(32, std::thread::hardware_concurrency() + 4);
    }

    /// How long an idle thread waits for work before it ends. Default: 10 s.
    WorkerPoolOptions& keep_alive(std::chrono::nanoseconds value) {
        keep_alive_ = value;
        return *this;
    }
    std::chrono::nanoseconds keep_alive() const noexcept { return keep_alive_; }

    /// The longest time for which an idle thread looks for work before it sleeps: see Options::spin.
    WorkerPoolOptions& spin(std::chrono::nanoseconds value) {
        spin_ = value;
        return *this;
    }
    /// Empty: adaptive.
    std::optional<std::chrono::nanoseconds> spin() const noexcept { return spin_; }

private:
    std::string name_ = "worker";
    std::size_t max_workers_ = 0;
    std::chrono::nanoseconds keep_alive_ = std::chrono::seconds(10);
    std::optional<std::chrono::nanoseconds> spin_;
};

/// Threads that call blocking functions for coroutines: see run_in_executor() and to_thread().
///
/// No thread is started before it is needed, and one more only when none is idle. Work beyond the
/// maximum waits, first come, first served. Where every thread is blocked in from_thread::run() (or the
/// run() of a runner) on a task that has given work to this very pool, which queues it, the latest such
/// work is refused with DeadlockError: it could begin only when one of those tasks ends without it.
///
/// Threads:   every member from any thread. May be shared by any number of loops, and must outlive what
///            they wait for here.
/// Blocks:    the destructor, until what is being done has ended. Not in a thread of the pool: then all
///            of them end by themselves.
/// Semantics: `concurrent.futures.ThreadPoolExecutor`; but idle threads end, as anyio's do, and close()
///            refuses what is queued.
class WorkerPool {
public:
    using Options = WorkerPoolOptions;

    WorkerPool() : WorkerPool(Options()) {}
    /// Throws: std::invalid_argument if max_workers is not positive.
    template <std::integral N>
    explicit WorkerPool(N max_workers) : WorkerPool(Options().max_workers(checked(max_workers))) {}
    explicit WorkerPool(Options options)
        : threads_(std::make_shared<detail::WorkerThreads>(detail::WorkerThreads::Settings{
              options.name(), options.max_workers(), options.keep_alive(), options.spin()})) {}
    WorkerPool(WorkerPool const&) = delete;
    WorkerPool& operator=(WorkerPool const&) = delete;
    ~WorkerPool() {
        if (threads_->running_in_this_thread())
            threads_->abandon();
        else
            threads_->close_until(detail::Deadline::max());
    }

    /// Refuses what is queued, and whatever comes, with Errc::runner_closed, and waits until what is
    /// being done has ended. Again: nothing.
    ///
    /// Throws: DeadlockError in a thread of the pool.
    void close() { close_until(detail::Deadline::max()); }

    /// The same, with a limit. Returns false if something was still being done when the time was up:
    /// running() names it.
    template <class Rep, class Period>
    [[nodiscard]] bool close_for(std::chrono::duration<Rep, Period> timeout) {
        return close_until(detail::deadline_after(timeout));
    }

    std::size_t max_workers() const noexcept { return threads_->settings().max_workers; }

    /// How many threads there are now.
    std::size_t size() const noexcept { return threads_->size(); }

    /// What is being done now, for people: each thread's name, and where its work was given to it. Empty
    /// if nothing is.
    std::string running() const { return threads_->description(); }

private:
    friend std::shared_ptr<detail::WorkerThreads> const& detail::threads_of(
        WorkerPool const& pool) noexcept;

    template <std::integral N>
    static std::size_t checked(N max_workers) {
        if (max_workers <= 0)
            throw std::invalid_argument("WorkerPool: max_workers must be positive");
        return static_cast<std::size_t>(max_workers);
    }

    bool close_until(detail::Deadline deadline) {
        if (threads_->running_in_this_thread())
            throw DeadlockError(
                '"' + threads_->settings().name + "\" is closed by a worker of its own");
        return threads_->close_until(deadline);
    }

    std::shared_ptr<detail::WorkerThreads> const threads_;
};

namespace detail {

inline std::shared_ptr<WorkerThreads> const& threads_of(WorkerPool const& pool) noexcept {
    return pool.threads_;
}

}  // namespace detail

}  // namespace syncopate
