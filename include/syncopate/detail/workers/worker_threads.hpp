// WorkerThreads: the threads of a worker pool, which start when needed, are reused, and end when idle for
// long.
#pragma once

#include <syncopate/detail/error/thrown_by.hpp>
#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/loop/loop_identity.hpp>
#include <syncopate/detail/loop/work_executor.hpp>
#include <syncopate/detail/task/blocked_worker.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>
#include <syncopate/detail/wait/spin_then_sleep.hpp>
#include <syncopate/detail/wait/thread.hpp>
#include <syncopate/detail/work/work.hpp>
#include <syncopate/detail/work/work_queue.hpp>
#include <syncopate/detail/work/worker_scope.hpp>
#include <syncopate/error.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::detail {

/// Each thread shares the ownership, because one of them may destroy the pool.
///
/// One lock guards everything but the wait of an idle worker. Each has an event of its own for that: whoever
/// hands over work wakes this one thread, which may still be spinning.
class WorkerThreads final : public OwnedWorkExecutor,
                            public std::enable_shared_from_this<WorkerThreads> {
public:
    struct Settings {
        std::string name;
        std::size_t max_workers;
        std::chrono::nanoseconds keep_alive;
        std::optional<std::chrono::nanoseconds> spin;
    };

    explicit WorkerThreads(Settings settings) : settings_(std::move(settings)) {}

    Settings const& settings() const noexcept { return settings_; }

    void submit(Work& work) override {
        std::unique_lock lock(mutex_);
        if (is_closed_)
            throw closed();
        if (!idle_.empty())
            return hand_over(idle_.back(), &work, lock);
        if (workers_.size() < settings_.max_workers && start_worker(work))
            return;
        refuse_to_wait_for_itself(work);
        queue_.push(work);
    }

    void withdraw(Work& work) noexcept override {
        std::lock_guard const lock(mutex_);
        queue_.remove(work);
    }

    /// Refuses the queued work, and all that is submitted from now on. Work that has begun goes on.
    void begin_close() noexcept {
        std::unique_lock lock(mutex_);
        is_closed_ = true;
        while (!idle_.empty()) {
            hand_over(idle_.back(), nullptr, lock);
            lock.lock();
        }
        while (auto const work = queue_.take()) {
            lock.unlock();
            work->refuse(thrown_by([this] { throw closed(); }));
            lock.lock();
        }
    }

    /// Closes, and returns whether all threads had ended before the deadline. Not on one of these threads.
    bool close_until(Deadline deadline) noexcept override {
        begin_close();
        std::unique_lock lock(mutex_);
        auto const have_left = [this] { return workers_.empty(); };
        if (deadline == no_deadline)
            worker_left_.wait(lock, have_left);
        else if (!worker_left_.wait_until(lock, deadline, have_left))
            return false;
        auto left = std::move(left_);
        lock.unlock();
        join(left);
        return true;
    }

    /// Closes without waiting: the threads end by themselves.
    void abandon() noexcept {
        begin_close();
        std::lock_guard const lock(mutex_);
        for (auto& worker : workers_)
            worker.thread.detach();
        for (auto& worker : left_)
            worker.thread.detach();
    }

    /// Names the pool for the wait graph.
    LoopIdentity identity() const noexcept { return {&settings_.name, this, nullptr}; }

    /// Whether the calling thread is one of them.
    bool running_in_this_thread() const noexcept {
        std::lock_guard const lock(mutex_);
        return std::ranges::any_of(workers_, [](Worker const& worker) {
            return worker.thread.get_id() == std::this_thread::get_id();
        });
    }

    std::size_t size() const noexcept {
        std::lock_guard const lock(mutex_);
        return workers_.size();
    }

    std::string description() const override {
        std::lock_guard const lock(mutex_);
        std::string text;
        for (auto const& worker : workers_)
            if (worker.work)
                text +=
                    (text.empty() ? "" : "; ") + worker.name + ": " + worker.work->description();
        return text;
    }

private:
    struct Worker final : PoolWorker, ListHook<Worker> {
        Worker(WorkerThreads& threads, Work& first) : owner(threads), work(&first) {}

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

        void const* pool() const noexcept override { return &owner; }

        WorkerThreads& owner;
        std::thread thread;
        std::string name;
        WorkPointer work;  // that it does, or is about to do
        std::optional<OneShotEvent>
            called;              // while it is idle: set by whoever takes it out of idle_
        int blocking_calls = 0;  // nested
    };

    using Workers = std::list<Worker>;

    std::system_error closed() const {
        return {make_error_code(Errc::runner_closed), "the worker pool \"" + settings_.name + '"'};
    }

    /// Calls an idle worker: with work, or null to end it. Unlocks.
    static void hand_over(Worker& worker, Work* work, std::unique_lock<std::mutex>& lock) noexcept {
        worker.unlink();
        worker.work = work;
        lock.unlock();
        worker.called->set();
    }

    /// Starts a thread for the work. Returns false if the system gives no more threads.
    /// Throws: what the system says, if the pool then has no thread at all.
    bool start_worker(Work& work) {
        auto& worker = workers_.emplace_back(*this, work);
        try {
            worker.name = thread_name(++started_);
            worker.thread =
                start_thread([self = shared_from_this(), &worker] { self->serve(worker); });
        } catch (...) {
            workers_.pop_back();
            if (workers_.empty())
                throw;
            return false;
        }
        return true;
    }

    /// Cuts the name and not the number: the kernel keeps 15 bytes.
    std::string thread_name(std::size_t number) const {
        auto const suffix = '-' + std::to_string(number);
        return settings_.name.substr(0, 15 - (std::min<std::size_t>)(15, suffix.size())) + suffix;
    }

    void serve(Worker& worker) noexcept {
        name_this_thread(worker.name);
        do {
            bool was_performed = false;
            {
                WorkerScope const scope(*worker.work, &worker);
                was_performed = worker.work->perform();
            }
            // Idle first: the task may give this pool more work as soon as it has the result.
            auto const work = take_next(worker);
            if (was_performed)
                work->complete();
        } while (has_next(worker));
        leave(worker);
    }

    /// Gives the worker the next queued work, or makes it idle. Returns the work that it has done.
    WorkPointer take_next(Worker& worker) noexcept {
        std::lock_guard const lock(mutex_);
        auto work = std::exchange(worker.work, queue_.take());
        if (!worker.work && !is_closed_) {
            worker.called.emplace();
            idle_.push_back(worker);
        }
        return work;
    }

    bool has_next(Worker& worker) const noexcept {
        if (worker.called)
            wait_for_call(worker);
        worker.called.reset();
        return worker.work != nullptr;
    }

    /// Returns when the worker is not idle any more: it was called, or its keep_alive has passed.
    void wait_for_call(Worker& worker) const noexcept {
        if (spin_then_sleep(*worker.called, deadline_after(settings_.keep_alive), settings_.spin))
            return;
        {
            std::lock_guard const lock(mutex_);
            if (worker.is_linked())
                return worker.unlink();
        }
        worker.called->wait();  // whoever took it out of the list is about to set this
    }

    /// Ends the thread. The next thread to leave joins it, or close_until().
    void leave(Worker& worker) noexcept {
        std::unique_lock lock(mutex_);
        auto const position =
            std::ranges::find(workers_, &worker, [](Worker const& other) { return &other; });
        Workers left = std::move(left_);
        left_.clear();
        left_.splice(left_.end(), workers_, position);
        worker_left_.notify_all();
        lock.unlock();
        join(left);
    }

    static void join(Workers& left) noexcept {
        for (auto& worker : left)
            if (worker.thread.joinable())
                worker.thread.join();
    }

    /// Throws DeadlockError if every worker is blocked on a task that awaits queued work, or this work: then
    /// no worker would ever take any of it.
    void refuse_to_wait_for_itself(Work const& newest) const {
        if (blocked_workers_ < workers_.size() || !newest.waiting_worker())
            return;
        for (auto const& worker : workers_)
            if (!waits_for(worker, newest) && !waits_for_queue(worker))
                return;
        throw DeadlockError(
            '"' + settings_.name + "\": each of the " + std::to_string(workers_.size()) +
            " workers waits for work that this pool would have to do");
    }

    bool waits_for_queue(Worker const& worker) const {
        bool found = false;
        queue_.for_each([&](Work const& work) { found = found || waits_for(worker, work); });
        return found;
    }

    static bool waits_for(Worker const& worker, Work const& work) noexcept {
        for (auto const* call = work.waiting_worker().get(); call; call = call->parent())
            if (call->worker() == &worker)
                return true;
        return false;
    }

    Settings const settings_;

    mutable std::mutex mutex_;
    std::condition_variable worker_left_;
    Workers workers_;
    Workers left_;  // have ended, and are to be joined
    IntrusiveList<Worker> idle_;
    WorkQueue queue_;
    std::size_t started_ = 0;
    std::size_t blocked_workers_ = 0;
    bool is_closed_ = false;
};

}  // namespace syncopate::inline v0_1::detail
