// The seam between the operations and the loops: what each kind of loop offers to those who call into
// it, and the order in which all of them close.
#pragma once

#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/loop/operation.hpp>
#include <syncopate/detail/loop/running_tasks.hpp>
#include <syncopate/detail/loop/task_record.hpp>
#include <syncopate/detail/loop/wait_graph.hpp>
#include <syncopate/detail/task/blocked_worker.hpp>
#include <syncopate/detail/task/pooled_coroutine.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>
#include <syncopate/detail/wait/platform.hpp>
#include <syncopate/error.hpp>
#include <syncopate/options.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>

namespace syncopate::detail {

/// A loop, seen by those who call into it. Whoever has to do with a loop for longer than a call
/// shares its ownership: a guard or a range may outlive its runner, and then finds it closed.
///
/// Closing goes: refuse new calls; leave the open contexts, newest first; cancel what is left, and
/// wait for it; then drained(), where the kinds differ. All but the first step happens on the loop,
/// driven by the ends of the very things that are waited for.
class Loop : public std::enable_shared_from_this<Loop> {
public:
    /// kind: names the loop where the options do not.
    Loop(Options options, char const* kind) : options_(with_name(std::move(options), kind)) {}
    Loop(Loop const&) = delete;
    Loop& operator=(Loop const&) = delete;
    virtual ~Loop() = default;

    // From any thread.

    /// Has the operation run on the loop, after all that was submitted before from this thread.
    /// Throws: Errc::runner_closed, and what starting the loop throws; then it will not run.
    virtual void submit(Operation& operation) = 0;

    bool is_open() const noexcept { return refusal_.load(std::memory_order_acquire) == Errc{}; }

    /// Before something is started that nobody waits for: what can fail, fails here.
    /// Throws: as submit() does.
    virtual void prepare() { require_open(); }

    /// Throws the reason for which the loop takes no more calls, if there is one.
    void require_open() const {
        if (auto const refusal = refusal_.load(std::memory_order_acquire); refusal != Errc{})
            throw_error(refusal);
    }

    /// A blocking call: the one place in which a thread waits for a loop. It is made before what leads
    /// to the end of the wait is submitted.
    /// Throws: DeadlockError if the wait could never end.
    class Blocking {
    public:
        Blocking(
            Loop& loop,
            OneShotEvent& word,
            BlockingWait::Refuse refused = BlockingWait::Refuse::blocking,
            BlockingWait::For what = BlockingWait::For::call)
            : loop_(loop), word_(word), wait_(loop.identity(), word, refused, what),
              worker_(wait_.waiting_thread() ? wait_.waiting_thread()->blocked_worker() : nullptr),
              must_end_(loop.begin_blocking()) {
            if (worker_)
                worker_->begin();
        }
        Blocking(Blocking const&) = delete;
        Blocking& operator=(Blocking const&) = delete;
        ~Blocking() {
            if (worker_)
                worker_->end();
            if (must_end_)
                loop_.end_blocking();
        }

        /// Set if a worker of a pool waits.
        BlockedWorkerPointer const& worker() const noexcept { return worker_; }

        /// Returns whether there was news before the deadline: the word was set, or the thread called.
        bool wait_until(Deadline deadline) noexcept {
            return word_.is_signalled() || loop_.block(word_, deadline);
        }
        void wait() noexcept { wait_until(no_deadline); }

    private:
        Loop& loop_;
        OneShotEvent& word_;
        BlockingWait wait_;
        BlockedWorkerPointer worker_;
        bool must_end_;
    };

    /// Whether another thread turns the loop, so that it makes sense to look for what it does.
    virtual bool may_spin() const noexcept { return false; }

    /// Closes, and waits for the end. Returns whether it came in time.
    bool close_until(
        Deadline deadline, BlockingWait::Refuse refused = BlockingWait::Refuse::blocking) {
        Blocking blocking(*this, closed_, refused, BlockingWait::For::end);
        begin_close(Errc::runner_closed);
        return blocking.wait_until(deadline) && after_close(deadline);
    }

    /// The first failure of an exit during close, once.
    std::exception_ptr take_exit_error() noexcept {
        std::lock_guard lock(exit_mutex_);
        return std::exchange(exit_error_, nullptr);
    }

    /// Closes without waiting, because this is the loop's own thread: the loop lives on until all
    /// has ended.
    virtual void abandon() noexcept = 0;

    LoopIdentity identity() const noexcept { return {&options_.name(), this, exclusive_context()}; }

    /// The loop that the calling thread is turning, or null.
    static Loop const* of_this_thread() noexcept {
        return static_cast<Loop const*>(ServingScope::loop_here());
    }

    /// Whether the calling thread is turning this loop.
    bool running_in_this_thread() const noexcept { return ServingScope::serves(this); }

    bool is_closed() const noexcept { return closed_.is_set(); }

    Options const& options() const noexcept { return options_; }
    void report(std::exception_ptr error) const noexcept { options_.report(std::move(error)); }

    [[noreturn]] void throw_blocks_itself() const {
        throw DeadlockError('"' + options_.name() + "\" waits for itself; use co_await");
    }
    std::exception_ptr error(Errc code) const noexcept {
        try {
            throw_error(code);
        } catch (...) {
            return std::current_exception();  // there may be no memory for the name
        }
    }
    [[noreturn]] void throw_error(Errc code) const {
        throw std::system_error(make_error_code(code), options_.name());
    }

    /// Throws the error that close() ends with when its time is up.
    [[noreturn]] void throw_close_timed_out() const {
        std::string names = tasks_.descriptions();
        if (auto const work = work_in_hand(); !work.empty())
            names += (names.empty() ? "" : "; ") + work;
        if (names.empty())
            names = "a handler that blocks the loop";
        throw std::system_error(
            make_error_code(Errc::timed_out),
            options_.name() + ": close(): still running: " + names);
    }

    // On the loop.

    boost::asio::any_io_executor const& executor() const noexcept { return executor_; }

    /// Where tasks find a coroutine that carries them; null if each has one made for it.
    virtual CoroutinePool* coroutine_pool() noexcept { return nullptr; }

    /// Whether the execution context went away under the loop: its objects must not be used any more.
    bool is_lost() const noexcept { return lost_.load(std::memory_order_acquire); }

    /// Whether close() has come to the end of what it waits for.
    bool has_drained() const noexcept { return drained_; }

    /// Why a task must not start any more, or Errc{}.
    Errc refusal() const noexcept { return refusal_.load(std::memory_order_relaxed); }

    void task_started(TaskRecord& task) noexcept { tasks_.started(task); }

    /// The task has ended, but its user has not been told yet.
    void task_ended(TaskRecord& task) noexcept { tasks_.ended(task); }

    /// The task's user has been told: for close() it does not exist any more.
    void task_released() noexcept {
        tasks_.told();
        advance_close();
    }

    void context_entered(OpenContext& context) noexcept { contexts_.push_back(context); }

    void context_left(OpenContext& context) noexcept {
        context.unlink();
        advance_close();
    }

    /// An exit that close() asked for has failed. The first one comes out of close().
    void exit_failed(std::exception_ptr error) noexcept {
        {
            std::lock_guard lock(exit_mutex_);
            if (!exit_error_) {
                exit_error_ = std::move(error);
                return;
            }
        }
        report(std::move(error));
    }

    /// Begins to close, calls being refused by now.
    void start_closing() noexcept {
        closing_ = true;
        advance_close();
    }

    /// Goes on with closing, if that has begun. Called when something has ended.
    void advance_close() noexcept {
        if (!closing_ || advancing_ || drained_)
            return;
        advancing_ = true;  // cancelling may end a task at once, which calls this again
        cancel_what_is_left();
        advancing_ = false;
        if (!contexts_.empty() || !idle())
            return;
        drained_ = true;
        drained();
    }

protected:
    void set_executor(boost::asio::any_io_executor executor) noexcept {
        executor_ = std::move(executor);
    }
    boost::asio::any_io_executor take_executor() noexcept { return std::exchange(executor_, {}); }

    /// Refuses new calls from now on, for this reason; true for the first to say so.
    bool refuse(Errc reason) noexcept {
        Errc accepting{};
        return refusal_.compare_exchange_strong(accepting, reason, std::memory_order_acq_rel);
    }

    void set_lost() noexcept {
        lost_.store(true, std::memory_order_release);
        refuse(Errc::loop_failed);
    }

    bool idle() const noexcept { return tasks_.none(); }

    void set_closed() noexcept { closed_.set(); }

private:
    static Options with_name(Options options, char const* kind) {
        if (options.name().empty())
            options.name(kind);
        return options;
    }

    /// The execution context, if one thread at most runs it.
    virtual void const* exclusive_context() const noexcept = 0;

    /// Before a thread blocks. True: end_blocking() is called afterwards.
    virtual bool begin_blocking() { return false; }
    virtual void end_blocking() noexcept {}
    virtual bool block(OneShotEvent& word, Deadline deadline) noexcept {
        return word.wait_until(deadline);
    }

    /// Refuses new calls, and has start_closing() called on the loop. Idempotent.
    virtual void begin_close(Errc reason) = 0;
    /// On the loop, once: nothing runs any more. Leads to set_closed().
    virtual void drained() noexcept = 0;
    /// What its worker threads are doing, in words.
    virtual std::string work_in_hand() const { return {}; }
    /// On each thread that waited for the close.
    /// Returns whether that was done before the deadline.
    virtual bool after_close(Deadline) { return true; }

    void cancel_what_is_left() noexcept {
        if (is_lost())
            return;  // their frames are being destroyed
        Errc const reason = refusal();
        if (!contexts_.empty())
            return contexts_.back().leave_for_close(reason);
        tasks_.cancel_all(reason);
    }

    // Callers read it; the loop changes it at its end.
    Options const options_;
    boost::asio::any_io_executor executor_;
    std::atomic<Errc> refusal_{Errc{}};
    std::atomic<bool> lost_{false};
    OneShotEvent closed_;

    // The loop's own, on cache lines that callers do not touch.
    alignas(cache_line) IntrusiveList<OpenContext> contexts_;
    bool closing_ = false;
    bool advancing_ = false;
    bool drained_ = false;

    RunningTasks tasks_;

    std::mutex exit_mutex_;
    std::exception_ptr exit_error_;
};

}  // namespace syncopate::detail
