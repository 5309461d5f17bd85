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
        return is_one_of(workers_);
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
        std::thread::id id;  // may be read while another thread joins it
        bool is_being_joined = false;
        std::string name;
        WorkPointer work;  // that it does, or is about to do
        std::optional<OneShotEvent>
            called;              // while it is idle: set by whoever takes it out of idle_
        int blocking_calls = 0;  // nested
    };

    using Workers = std::list<Worker>;

    explicit WorkerSet(Settings settings) : settings_(std::move(settings)) {}
    ~WorkerSet() { detach(left_); }  // one of them may be the calling thread

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

    /// The calling thread is about to end. Returns one that has left before it, which the caller gives to join(),
    /// or null: so few are left to be joined by whoever closes.
    Worker* leave(Worker& worker) noexcept {
        auto* const earlier = claim_left();
        auto const position =
            std::ranges::find(workers_, &worker, [](Worker const& other) { return &other; });
        if (worker.thread.joinable())
            left_.splice(left_.end(), workers_, position);
        else
            workers_.erase(position);
        worker_left_.notify_all();
        return earlier;
    }

    /// Joins a thread that the caller has claimed, without the lock. Returns whether it had ended before the
    /// deadline.
    bool join(Worker& worker, std::unique_lock<std::mutex>& lock, Deadline deadline) noexcept {
        lock.unlock();
        bool const has_ended = !worker.thread.joinable() || join_until(worker.thread, deadline);
        lock.lock();
        worker.is_being_joined = false;
        if (has_ended)
            left_.remove_if([&](Worker const& other) { return &other == &worker; });
        worker_left_.notify_all();
        return has_ended;
    }

    UsedIn in_use_;  // from the first work on
    mutable std::mutex mutex_;
    Workers workers_;
    std::size_t blocked_workers_ = 0;
    bool is_closed_ = false;

private:
    /// Whether the calling thread is one of these.
    static bool is_one_of(Workers const& workers) noexcept {
        return std::ranges::find(workers, std::this_thread::get_id(), &Worker::id) != workers.end();
    }

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
            if (!worker.is_being_joined && worker.thread.joinable())
                worker.thread.detach();
    }

    /// Of those that have left, one that nobody joins. Null if there is none.
    Worker* claim_left() noexcept {
        auto const found = std::ranges::find(left_, false, &Worker::is_being_joined);
        if (found == left_.end())
            return nullptr;
        found->is_being_joined = true;
        return &*found;
    }

    /// Waits until the threads that have left have ended, for which several may wait at once. Returns whether that
    /// came before the deadline.
    ///
    /// The last objects of such a thread may close the pool. It waits for none of them: they may wait for it.
    bool join_left(std::unique_lock<std::mutex>& lock, Deadline deadline) noexcept {
        if (is_one_of(left_))
            return true;
        while (!left_.empty()) {
            if (auto* const worker = claim_left()) {
                if (!join(*worker, lock, deadline))
                    return false;
            } else if (Deadline::clock::now() < deadline) {
                wait_for_leaver(lock, deadline);
            } else {
                return false;
            }
        }
        return true;
    }

    Settings const settings_;
    std::condition_variable worker_left_;
    Workers left_;       // have ended, and are to be joined
    Deadline patience_;  // with abandoned work, once the pool is closed
};

}  // namespace syncopate::inline v0_1::detail
