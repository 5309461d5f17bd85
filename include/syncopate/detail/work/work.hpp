// A function that another thread calls for a coroutine, which waits for it.
#pragma once

#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/loop/suspension.hpp>
#include <syncopate/detail/loop/work_executor.hpp>
#include <syncopate/detail/task/call_site.hpp>
#include <syncopate/detail/task/caller_link.hpp>
#include <syncopate/detail/task/outcome.hpp>
#include <syncopate/error.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <atomic>
#include <exception>
#include <functional>
#include <optional>
#include <source_location>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

namespace syncopate {

/// What a task does that is cancelled while another thread calls a function for it: it waits until the
/// function has returned; or it goes on at once and leaves the function to itself. What that returns or
/// throws is then discarded. Abandon only what owns all that it touches: the task's frame may be gone
/// while it runs.
enum class OnCancel { wait, abandon };

namespace detail {

/// What runs on the loop on behalf of work, and is cancelled with it.
class DependentTask {
public:
    /// On the loop.
    virtual void cancel() noexcept = 0;

protected:
    ~DependentTask() = default;
};

/// Memory order. The thread that takes the work and the loop that cancels it decide by one
/// compare-exchange from `queued` whose the function is; both acquire what was written before it was
/// submitted. In the same way they decide, from `running`, whether the result is the coroutine's: it is
/// published by the change to `done`, and read by the loop after it has seen that.
class Work : public Suspension, public ListHook<Work> {
public:
    /// place: must be there until the coroutine has gone on.
    Work(
        boost::asio::any_io_executor const& executor,
        WorkExecutor& place,
        OnCancel on_cancel,
        std::source_location where)
        : Suspension(executor), loop_(gate().identity()), caller_(caller_of(executor)),
          place_(place), on_cancel_(on_cancel), where_(where) {
        if (auto const* const portal = ServingScope::loop_here(); portal && !gate().loop())
            loop_.loop = portal;
        if (auto const* const thread = caller_ ? caller_->thread() : nullptr) {
            call_ = thread->word;
            waiting_worker_ = thread->worker;
        }
    }

    /// What the calling thread does for a task. Throws: Errc::not_in_worker if nothing.
    static Work& in_this_worker() {
        if (auto* const work = ServingScope::work_here())
            return *work;
        throw std::system_error(make_error_code(Errc::not_in_worker));
    }

    // On the thread that does it, or would.

    /// Calls the function, unless the work has been withdrawn. If it returns true, finish() follows.
    bool perform() noexcept {
        if (!take())
            return false;
        call_function();
        return true;
    }

    /// Has the coroutine go on, if it still waits.
    void finish() noexcept {
        if (!change(State::running, State::done))
            return discard_result();  // it has been abandoned
        resume_soon();
    }

    void run() noexcept {
        if (perform())
            finish();
    }

    /// Ends it instead of calling the function.
    void refuse(std::exception_ptr error) noexcept {
        if (!take())
            return;
        discard_function();
        fail(std::move(error));
        finish();
    }

    bool is_cancelled() const noexcept { return is_cancelled_.load(std::memory_order_relaxed); }

    /// The task that waits for it belongs to this call; null if nobody is blocked on it.
    void const* call() const noexcept { return call_; }

    /// The worker that waits for it, through a task, or null.
    BlockedWorkerPointer const& waiting_worker() const noexcept { return waiting_worker_; }

    LoopIdentity const& loop() const noexcept { return loop_; }

    std::string description() const { return detail::description(where_); }

    // On the loop.

    /// Of the task that waits for it, as long as it does.
    CallerLinkPointer const& caller() const noexcept { return caller_; }

    /// The task that the function waits for, while there is one.
    void set_task(DependentTask* task) noexcept { task_ = task; }

protected:
    /// Whether the function has been called, or refused, and its result is there.
    bool is_done() const noexcept { return state_.load(std::memory_order_acquire) == State::done; }

    /// Whether the coroutine was cancelled, and the function has not ended by an error of its own.
    bool ended_by_cancellation(std::exception_ptr const& error) const noexcept {
        return is_cancelled() && (!error || is_end_by_cancellation(error));
    }

private:
    enum class State { queued, running, done, abandoned, withdrawn };

    virtual void call_function() noexcept = 0;
    virtual void discard_function() noexcept = 0;
    virtual void discard_result() noexcept = 0;
    virtual void fail(std::exception_ptr error) noexcept = 0;

    static bool is_end_by_cancellation(std::exception_ptr const& error) noexcept {
        try {
            std::rethrow_exception(error);
        } catch (std::system_error const& e) {
            return e.code() == Errc::cancelled || is_cancellation(error);
        } catch (...) {
            return is_cancellation(error);
        }
    }

    bool change(State from, State to) noexcept {
        return state_.compare_exchange_strong(from, to, std::memory_order_acq_rel);
    }
    bool take() noexcept { return change(State::queued, State::running); }

    void begin() noexcept final {
        try {
            place_.submit(*this);
        } catch (...) {
            refuse(std::current_exception());
        }
    }

    void cancelled() noexcept final {
        if (is_cancelled_.exchange(true, std::memory_order_relaxed))
            return;
        bool const is_withdrawn = withdraw();
        if (task_)
            task_->cancel();
        if (is_withdrawn ||
            (on_cancel_ == OnCancel::abandon && change(State::running, State::abandoned)))
            resume_soon();
    }

    bool is_settled() noexcept final {
        if (withdraw())
            return true;
        if (is_done())
            discard_result();
        return state_.load(std::memory_order_acquire) != State::running;
    }

    // Executors and origins share the origin, by which its loop sees that the task has left nothing.
    void resumed() noexcept final {
        if (state_.load(std::memory_order_relaxed) != State::abandoned)
            caller_.reset();
    }

    bool withdraw() noexcept {
        if (!change(State::queued, State::withdrawn))
            return false;
        discard_function();
        place_.withdraw(*this);
        return true;
    }

    LoopIdentity loop_;
    CallerLinkPointer caller_;
    void const* call_ = nullptr;
    BlockedWorkerPointer waiting_worker_;
    WorkExecutor& place_;
    OnCancel const on_cancel_;
    std::source_location const where_;
    std::atomic<State> state_{State::queued};
    std::atomic<bool> is_cancelled_{false};
    DependentTask* task_ = nullptr;  // the loop's
};

/// Work on a function of this type.
template <std::invocable F>
class FunctionWork final : public Work {
public:
    using Result = std::invoke_result_t<F>;

    template <class... Args>
    explicit FunctionWork(F&& function, Args&&... args)
        : Work(std::forward<Args>(args)...), function_(std::move(function)) {}

    /// What the function gave. After the coroutine has gone on, once. Nothing of it stays here: the last
    /// to let go of this may be the thread that did the work, and later than the task ends.
    Result take_result() {
        if (!is_done())
            throw boost::system::system_error(boost::asio::error::operation_aborted);
        auto outcome = std::move(outcome_);
        outcome_.reset();
        if (ended_by_cancellation(outcome.error()))
            throw boost::system::system_error(boost::asio::error::operation_aborted);
        return outcome.take();
    }

private:
    void call_function() noexcept override {
        capture(outcome_, [this]() -> Result { return std::invoke(std::move(*function_)); });
        function_.reset();
    }
    void discard_function() noexcept override { function_.reset(); }
    void discard_result() noexcept override { outcome_.reset(); }
    void fail(std::exception_ptr error) noexcept override { outcome_.fail(std::move(error)); }

    std::optional<F> function_;
    Outcome<Result> outcome_;
};

}  // namespace detail

}  // namespace syncopate
