// WorkerSet: the threads of a worker pool, and how their end is awaited. Worker: one of them.
#pragma once

#include <syncopate/detail/error/thrown_by.hpp>
#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/system/forks.hpp>
#include <syncopate/detail/task/blocked_worker.hpp>
#include <syncopate/detail/threads/thread.hpp>
#include <syncopate/detail/threads/thread_hooks.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>
#include <syncopate/detail/work/work.hpp>
#include <syncopate/detail/work/work_queue.hpp>
#include <syncopate/error.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// Base of WorkerThreads. One lock guards all of it.
class WorkerSet {
public:
    struct Settings {
        std::string name;
        std::size_t max_workers;
        std::chrono::nanoseconds keep_alive;
        std::optional<std::chrono::nanoseconds> spin;
        std::chrono::nanoseconds close_timeout;  // for functions that their tasks have abandoned
        ThreadHooks hooks;
    };

    /// Whether closing waits also for functions that their tasks have abandoned, however long they take.
    enum class Abandoned { awaited, left_behind };

    WorkerSet(WorkerSet const&) = delete;
    WorkerSet& operator=(WorkerSet const&) = delete;

    Settings const& settings() const noexcept { return settings_; }

    /// Whether it was used before the fork that has made this process: its threads are not there.
    bool was_forked() const noexcept { return in_use_.before_fork(); }

    [[noreturn]] void throw_forked() const {
        throw std::system_error(
            make_error_code(Errc::forked), "the worker pool \"" + settings_.name + '"');
    }

    /// Whether the calling thread is one of them.
    bool running_in_this_thread() const noexcept {
        if (!in_use_.here())
            return false;
        std::lock_guard const lock(mutex_);
        return std::ranges::any_of(workers_, [](Worker const& worker) {
            return worker.thread.get_id() == std::this_thread::get_id();
        });
    }

    std::size_t size() const noexcept {
        if (!in_use_.here())
            return 0;
        std::lock_guard const lock(mutex_);
        return workers_.size();
    }

    std::string description() const {
        if (!in_use_.here())
            return {};
        std::lock_guard const lock(mutex_);
        std::string text;
        for (auto const& worker : workers_)
            if (worker.work)
                text += (text.empty() ? "" : "; ") + worker.name + ": " + worker.work->call_site();
        return text;
    }

protected:
    struct Worker final : PoolWorker, ListHook<Worker> {
        Worker(WorkerSet& threads, Work& first) : owner(threads), work(&first) {}

        void begin_blocking() noexcept override {
            std::lock_guard const lock(owner.mutex_);
            if (blocking_calls++ == 0)
                ++owner.blocked_workers_;
        }
        void end_blocking() noexcept override {
            std::lock_guard const lock(owner.mutex_);
            if (--blocking_calls == 0)
                --owner.blocked_workers_;
        }

        void const* pool() const noexcept override { return owner.id(); }

        WorkerSet& owner;
        std::thread thread;
        std::string name;
        WorkPointer work;  // that it does, or is about to do
        std::optional<OneShotEvent>
            called;              // while it is idle: set by whoever takes it out of idle_
        int blocking_calls = 0;  // nested
    };

    using Workers = std::list<Worker>;

    explicit WorkerSet(Settings settings) : settings_(std::move(settings)) {}
    ~WorkerSet() = default;

    /// Identifies the pool.
    void const* id() const noexcept { return this; }

    /// Takes note that the pool is closed. Under the lock.
    void close() noexcept {
        if (!std::exchange(is_closed_, true))
            patience_ = deadline_after(settings_.close_timeout);
    }

    /// Waits until the threads of the closed pool have ended. Returns whether that came before the deadline.
    ///
    /// left_behind: a thread is not waited for any more if close_timeout has passed and it still does work
    ///              that nobody waits for. It goes on, and shares the ownership of all that it uses.
    bool wait_for_end(Deadline deadline, Abandoned abandoned) noexcept {
        std::unique_lock lock(mutex_);
        while (!workers_.empty()) {
            auto const now = Deadline::clock::now();
            bool const is_late = abandoned == Abandoned::left_behind && now >= patience_;
            if (is_late && all_are_abandoned()) {
                leave_behind(lock);
                break;
            }
            if (now >= deadline)
                return false;
            auto next_look = no_deadline;
            if (abandoned == Abandoned::left_behind)  // nobody tells when work is abandoned
                next_look = is_late ? now + std::chrono::milliseconds(50) : patience_;
            wait_for_leaver(lock, (std::min)(deadline, next_look));
        }
        return join_left(lock, deadline);
    }

    void detach_all() noexcept {
        std::lock_guard const lock(mutex_);
        detach(workers_);
        detach(left_);
    }

    /// The calling thread is about to end. Returns those that have left before it, which the caller joins, without
    /// the lock. The calling thread itself is joined by the next that leaves, or by wait_for_end().
    Workers take_left(Worker& worker) noexcept {
        auto const position =
            std::ranges::find(workers_, &worker, [](Worker const& other) { return &other; });
        Workers left = std::move(left_);
        left_.clear();
        left_.splice(left_.end(), workers_, position);
        worker_left_.notify_all();
        return left;
    }

    static bool join(Worker& worker, Deadline deadline) noexcept {
        if (!worker.thread.joinable())
            return true;
        if (worker.thread.get_id() != std::this_thread::get_id())
            return join_until(worker.thread, deadline);
        worker.thread.detach();  // its last objects close the pool: it does not wait for itself
        return true;
    }

    UsedIn in_use_;  // from the first work on
    mutable std::mutex mutex_;
    Workers workers_;
    std::size_t blocked_workers_ = 0;
    bool is_closed_ = false;

private:
    void wait_for_leaver(std::unique_lock<std::mutex>& lock, Deadline deadline) noexcept {
        if (deadline == no_deadline)
            worker_left_.wait(lock);
        else
            worker_left_.wait_until(lock, deadline);
    }

    bool all_are_abandoned() const noexcept {
        return std::ranges::all_of(workers_, [](Worker const& worker) {
            return worker.work && worker.work->is_abandoned();
        });
    }

    /// Lets the threads run that are left, and reports them.
    void leave_behind(std::unique_lock<std::mutex>& lock) noexcept {
        bool const is_news = std::ranges::any_of(
            workers_, [](Worker const& worker) { return worker.thread.joinable(); });
        detach(workers_);
        if (!is_news)
            return;
        lock.unlock();
        report(settings_.name, settings_.hooks.on_error, thrown_by([this] {
                   throw std::system_error(
                       make_error_code(Errc::timed_out),
                       settings_.name + ": abandoned work is left behind: " + description());
               }));
        lock.lock();
    }

    static void detach(Workers& workers) noexcept {
        for (auto& worker : workers)
            if (worker.thread.joinable())
                worker.thread.detach();
    }

    /// Joins the threads that have left, without the lock. Returns whether all had ended before the deadline.
    bool join_left(std::unique_lock<std::mutex>& lock, Deadline deadline) noexcept {
        auto left = std::move(left_);
        left_.clear();
        lock.unlock();
        while (!left.empty() && join(left.front(), deadline))
            left.pop_front();
        lock.lock();
        bool const was_all = left.empty();
        left_.splice(left_.begin(), left);
        return was_all;
    }

    Settings const settings_;
    std::condition_variable worker_left_;
    Workers left_;       // have ended, and are to be joined
    Deadline patience_;  // with abandoned work, once the pool is closed
};

}  // namespace syncopate::inline v0_1::detail
