// WorkerThreads: the threads of a worker pool, which start when needed, are reused, and end when idle for
// long.
#pragma once

#include <syncopate/detail/deadlock/loop_identity.hpp>
#include <syncopate/detail/error/thrown_by.hpp>
#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/loop/library.hpp>
#include <syncopate/detail/loop/work_executor.hpp>
#include <syncopate/detail/threads/thread.hpp>
#include <syncopate/detail/threads/thread_hooks.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/spin_then_sleep.hpp>
#include <syncopate/detail/work/queue_wait.hpp>
#include <syncopate/detail/work/work.hpp>
#include <syncopate/detail/work/work_queue.hpp>
#include <syncopate/detail/work/worker_scope.hpp>
#include <syncopate/detail/workers/worker_set.hpp>
#include <syncopate/error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// Each thread shares the ownership, because one of them may destroy the pool.
///
/// One lock guards everything but the wait of an idle worker. Each has an event of its own for that: whoever
/// hands over work wakes this one thread, which may still be spinning.
class WorkerThreads final : public WorkerSet,
                            public OwnedWorkExecutor,
                            BusyThreads,
                            public std::enable_shared_from_this<WorkerThreads> {
public:
    explicit WorkerThreads(Settings settings) : WorkerSet(std::move(settings)) {}

    void submit(Work& work) override {
        if (!in_use_.note())
            throw_forked();
        if (!work.holds_up_call())
            return static_cast<void>(hand_out(work, Queued::yes));
        if (hand_out(work, Queued::no))
            return;
        WorkPointer const keep(&work);
        work.enter_queue(*this, id());
        if (!hand_out(work, Queued::yes) && work.is_stuck_in_queue() && take_back(work))
            throw DeadlockError(
                '"' + settings().name +
                "\": each worker waits for what this work holds up, which a worker would have to do");
    }

    void withdraw(Work& work) noexcept override {
        if (was_forked())
            return;
        take_back(work);
    }

    /// Refuses the queued work, and all that is submitted from now on. Work that has begun goes on.
    void begin_close() noexcept {
        std::unique_lock lock(mutex_);
        close();
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
        return close_until(deadline, Abandoned::left_behind);
    }
    bool close_until(Deadline deadline, Abandoned abandoned) noexcept {
        if (was_forked())
            return true;
        begin_close();
        return wait_for_end(deadline, abandoned);
    }

    /// Closes without waiting: the threads end by themselves.
    void abandon() noexcept {
        if (was_forked())
            return;
        begin_close();
        detach_all();
    }

    /// Names the pool for the wait graph.
    LoopIdentity identity() const noexcept { return {&settings().name, id(), nullptr}; }

    std::string description() const override { return WorkerSet::description(); }

private:
    enum class Queued { yes, no };

    /// Gives the work to a thread, or queues it if it may be. Returns whether a thread has it.
    bool hand_out(Work& work, Queued queued) {
        std::unique_lock lock(mutex_);
        if (is_closed_)
            throw closed();
        if (!idle_.empty()) {
            hand_over(idle_.back(), &work, lock);
            return true;
        }
        if (workers_.size() < settings().max_workers && start_worker(work))
            return true;
        if (queued == Queued::yes) {
            refuse_to_wait_for_itself(work);
            queue_.push(work);
        }
        return false;
    }

    bool take_back(Work& work) noexcept {
        std::lock_guard const lock(mutex_);
        return queue_.remove(work);
    }

    std::size_t holders_before(Work const& work) const noexcept override {
        std::lock_guard const lock(mutex_);
        return WorkQueue::contains(work) ? workers_.size() : ResourceWait::over;
    }

    std::system_error closed() const {
        return {make_error_code(Errc::runner_closed), "the worker pool \"" + settings().name + '"'};
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
        Library::keep_loaded_for(library_);  // the thread would run the caller's code
        auto& worker = workers_.emplace_back(*this, work);
        try {
            worker.name = thread_name(++started_);
            worker.thread =
                start_thread([self = shared_from_this(), &worker] { self->serve(worker); });
            worker.id = worker.thread.get_id();
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
        return settings().name.substr(0, 15 - (std::min<std::size_t>)(15, suffix.size())) + suffix;
    }

    /// pthread_exit() unwinds this, and so do no exceptions.
    void serve(Worker& worker) {
        name_this_thread(worker.name);
        Departure const departure(*this, worker);
        HookedThread const hooked(settings().name, settings().hooks);
        do {
            bool was_performed = false;
            {
                WorkerScope const scope(*worker.work, &worker);
                was_performed = worker.work->perform();
            }
            if (was_forked())             // the only thread of the child is at its end
                std::exit(EXIT_SUCCESS);  // NOLINT(concurrency-mt-unsafe)
            // Idle first: the task may give this pool more work as soon as it has the result.
            auto const work = take_next(worker);
            if (was_performed)
                work->complete();
        } while (has_next(worker));
    }

    /// The end of a thread, of its own accord or by pthread_exit() in a function.
    class Departure {
    public:
        Departure(WorkerThreads& threads, Worker& worker) noexcept
            : threads_(threads), worker_(worker) {}
        Departure(Departure const&) = delete;
        Departure& operator=(Departure const&) = delete;
        ~Departure() {
            if (!threads_.was_forked())
                threads_.end(worker_);
        }

    private:
        WorkerThreads& threads_;
        Worker& worker_;
    };

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
        if (spin_then_sleep(*worker.called, deadline_after(settings().keep_alive), settings().spin))
            return;
        {
            std::lock_guard const lock(mutex_);
            if (worker.is_linked())
                return worker.unlink();
        }
        worker.called->wait();  // whoever took it out of the list is about to set this
    }

    /// Ends the thread. If pthread_exit() has done that, its work is lost.
    void end(Worker& worker) noexcept {
        std::unique_lock lock(mutex_);
        auto const lost = std::move(worker.work);
        auto* const earlier = leave(worker);
        if (lost) {
            replace_lost(lock);
            lock.unlock();
            lost->lose();
            lock.lock();
        }
        if (earlier)
            join(*earlier, lock, no_deadline);
    }

    /// Another thread takes the place of one that pthread_exit() has ended, if work waits for one.
    void replace_lost(std::unique_lock<std::mutex>& lock) noexcept {
        while (auto* const oldest = queue_.oldest()) {
            std::exception_ptr error;
            try {
                if (start_worker(*oldest))
                    queue_.take();
                return;
            } catch (...) {
                error = std::current_exception();
            }
            auto const refused = queue_.take();
            lock.unlock();
            refused->refuse(error);
            lock.lock();
        }
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
            '"' + settings().name + "\": each of the " + std::to_string(workers_.size()) +
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

    IntrusiveList<Worker> idle_;
    WorkQueue queue_;
    std::size_t started_ = 0;
    void const* const library_ = Library::here();
};

}  // namespace syncopate::inline v0_1::detail
