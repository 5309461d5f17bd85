// Nursery: where the tasks that belong together are started, cancelled and awaited.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/cancellation/cancellation.hpp>
#include <syncopate/detail/cancellation/coroutine_state.hpp>
#include <syncopate/detail/group/child.hpp>
#include <syncopate/detail/group/child_failures.hpp>
#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/loop/unhandled.hpp>
#include <syncopate/detail/task/caller_executor.hpp>
#include <syncopate/detail/task/caller_link.hpp>
#include <syncopate/detail/task/nesting.hpp>
#include <syncopate/detail/task/parked_coroutine.hpp>
#include <syncopate/detail/task/spawn.hpp>
#include <syncopate/detail/values/current_values.hpp>
#include <syncopate/error.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)
#include SYNCOPATE_ASIO(awaitable.hpp)
#include SYNCOPATE_ASIO(deferred.hpp)
#include SYNCOPATE_ASIO(dispatch.hpp)
#include SYNCOPATE_ASIO(post.hpp)
#include SYNCOPATE_ASIO(this_coro.hpp)

#include <concepts>
#include <cstddef>
#include <exception>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::detail {

/// Runs children for one coroutine, their supervisor. The first failure cancels all of them. Everything
/// happens on one loop or strand, the supervisor's, so there are no locks.
///
/// Ending. The supervisor is resumed inside the end of the last child, and may then destroy the nursery. So
/// whatever may end children (starting one, cancelling them) keeps a Hold, which counts as a child.
///
/// Ownership. The supervisor's frame holds the nursery. While the supervisor is suspended, the nursery holds
/// the handler that owns this frame. The last child resumes it; if the loop is destroyed, and the children's
/// frames with it, the last of them destroys it.
class Nursery {
public:
    /// Whether the supervisor's cancellation cancels the children, or waits for them.
    enum class OnParentCancel { propagate, shield };

    Nursery() = default;
    explicit Nursery(
        asio::any_io_executor executor, OnParentCancel on_parent_cancel = OnParentCancel::propagate)
        : executor_(std::move(executor)), on_parent_cancel_(on_parent_cancel), is_open_(true) {}
    Nursery(Nursery const&) = delete;
    Nursery& operator=(Nursery const&) = delete;
    /// Children that have not ended go on without a nursery.
    ~Nursery() {
        if (here_)
            *here_ = nullptr;
        for (auto* const list : {&starting_, &running_, &cancelled_})
            while (!list->empty())
                list->front().leave();
    }

    /// Opens a nursery without children, on this executor. What was before is forgotten.
    void open(asio::any_io_executor executor) noexcept {
        executor_ = std::move(executor);
        is_open_ = true;
        is_cancelled_ = is_cancelled_by_parent_ = false;
        failures_.forget_lost();
    }

    /// Makes a child and runs it up to its first suspension, or its end; later, in a long chain of these calls.
    /// Throws: Errc::runner_closed, and what making the child throws; then it has not run.
    template <std::derived_from<Child> C, class... Args>
    void start(Args&&... args) {
        if (!is_open_)
            throw std::system_error(
                make_error_code(Errc::runner_closed), "the TaskGroup is not open");
        Hold const hold(*this);
        auto owned = std::make_unique<C>(*this, std::forward<Args>(args)...);
        C& child = *owned;
        starting_.push_back(child);
        Nesting const nesting;
        auto const begins = nesting.is_too_deep() ? Begins::later : Begins::now;
        spawn(
            executor_, child.signal_.slot(), child.bottom_, run(std::move(owned), begins),
            child.values_);
        // The child may have ended. Those that it has started meanwhile have left the list by now.
        if (starting_.empty() || &starting_.back() != &child)
            return;
        child.move_to(running_);
        child.is_running_ = true;
        if (is_cancelled_)
            cancel(child);
    }

    /// Starts a child; if that throws, it is a failure of the nursery.
    template <std::derived_from<Child> C, class... Args>
    void start_or_fail(Args&&... args) noexcept {
        try {
            start<C>(std::forward<Args>(args)...);
        } catch (...) {
            fail(std::current_exception());
        }
    }

    /// Cancels all children, those to come included.
    void cancel() noexcept {
        Hold const hold(*this);
        is_cancelled_ = true;
        while (!running_.empty())
            cancel(running_.front());
    }

    /// The same; a request of its own, which reaches also those children that have dealt with an earlier one.
    void cancel_once_more() noexcept {
        Hold const hold(*this);
        IntrusiveList<Child> again;
        while (!cancelled_.empty())
            cancelled_.front().move_to(again);
        while (!again.empty()) {
            again.front().is_cancelled_ = false;
            cancel(again.front());
        }
        cancel();
    }

    /// Cancels a child that runs. Only once: its clean-up is cancelled again by cancel_once_more() alone.
    void cancel(Child& child) noexcept {
        if (std::exchange(child.is_cancelled_, true))
            return;
        Hold const hold(*this);
        child.move_to(cancelled_);
        try {
            call_with_values(child.values_.get(), [&child] {
                child.cancel_request_.request(child.bottom_, child.signal_);
            });
        } catch (...) {
            report_unhandled(std::current_exception());
        }
    }

    /// Records a failure, and cancels all children.
    void fail(std::exception_ptr error) noexcept {
        failures_.add(std::move(error));
        cancel();
    }

    bool is_cancelled() const noexcept { return is_cancelled_; }
    bool is_cancelled_by_parent() const noexcept { return is_cancelled_by_parent_; }

    /// Refuses new children from now on.
    void close() noexcept { is_open_ = false; }

    /// Gives the recorded failures, oldest first. A child that was lost with its frame counts as one.
    /// Throws: std::bad_alloc.
    std::vector<std::exception_ptr> take_failures() { return failures_.take(); }

    /// Throws the first failure, if there is one, and reports the others as unhandled.
    void throw_failure() { failures_.throw_first(); }

    /// Calls `begin`, which starts children, and returns when all children have ended. Throws nothing, but
    /// for a cancellation that came before it.
    ///
    /// begin:     does not throw: see start_or_fail().
    template <std::invocable Begin>
    asio::awaitable<void> supervise(Begin& begin) {
        return supervisor_.wait(
            begin, [this] { return held_ == 0; }, [this] { cancel_by_parent(); },
            [this] { return ChildrenWait(caller_of(executor_)); });
    }

    /// Calls `begin`, and returns when `has_happened()`, when no child is left, or when the supervisor is cancelled. The
    /// children go on.
    ///
    /// has_happened: becomes true in the complete() of a child, which calls notify_supervisor() then.
    template <std::invocable Begin, std::predicate HasHappened>
    asio::awaitable<void> wait_for_one(Begin& begin, HasHappened has_happened) {
        bool is_cancelled = false;
        co_await supervisor_.wait(
            begin, [&] { return is_cancelled || has_happened() || held_ == 0; },
            [&] {
                is_cancelled = true;
                supervisor_.resume();
            },
            [this] { return ChildrenWait(caller_of(executor_)); });
    }

    /// In a child's complete(): has the supervisor resumed as soon as that child is gone.
    void notify_supervisor() noexcept { is_notified_ = true; }

private:
    friend class Child;

    /// While one exists, the supervisor is not resumed.
    class Hold {
    public:
        explicit Hold(Nursery& nursery) noexcept : nursery_(nursery) { ++nursery_.held_; }
        Hold(Hold const&) = delete;
        Hold& operator=(Hold const&) = delete;
        ~Hold() { nursery_.release_one(); }

    private:
        Nursery& nursery_;
    };

    void release_one() noexcept {
        bool const is_notified = std::exchange(is_notified_, false);
        if (--held_ == 0 || is_notified)
            supervisor_.resume();
    }

    void cancel_by_parent() noexcept {
        is_cancelled_by_parent_ = true;
        if (on_parent_cancel_ != OnParentCancel::propagate)
            return;
        Nesting const nesting;
        if (!nesting.is_too_deep() || !cancel_children_later())
            cancel_once_more();
    }

    /// Cancels them in a handler of its own, so that many nurseries inside one another take no stack. Returns false
    /// if there is no memory for that.
    bool cancel_children_later() noexcept {
        try {
            if (!here_)
                here_ = std::make_shared<Nursery*>(this);
            asio::post(executor_, [here = here_] {
                if (*here)
                    (*here)->cancel_once_more();
            });
        } catch (...) {
            return false;
        }
        return true;
    }

    enum class Begins { now, later };

    template <class C>
    static BottomCoroutine run(std::unique_ptr<C> child, Begins begins) {
        std::exception_ptr error;
        try {
            if (begins == Begins::later)
                co_await asio::post(asio::deferred);
            co_await child->begin();
        } catch (...) {
            error = std::current_exception();
        }
        // The task may have moved to another thread by bind_executor. It is cancelled on this loop as long as its
        // coroutine exists, so the coroutine has to end here.
        if (!is_on_io_context(*child->bottom_)) {
            co_await asio::this_coro::throw_if_cancelled(false);
            co_await asio::dispatch(asio::deferred);
        }
        child->bottom_ = nullptr;
        child->cancel_request_.end();
        end(std::move(child), std::move(error));
    }

    /// Whether a dispatch(), which takes memory, would change nothing.
    static bool is_on_io_context(CoroutineBottom& bottom) noexcept {
        auto const* const io = io_executor(CoroutineState(bottom).executor());
        return io && io->running_in_this_thread();
    }

    template <class C>
    static void end(std::unique_ptr<C> child, std::exception_ptr error) noexcept {
        Nursery* const nursery = child->nursery_;
        child->unlink();
        if (nursery)
            child->complete(std::move(error));
        else if (error && !is_cancellation(error))
            report_unhandled(std::move(error));
        child->nursery_ = nullptr;
        child.reset();  // the task and its captures go before the supervisor is resumed
        if (nursery)
            nursery->release_one();
    }

    /// The child's frame has been destroyed before its end: with the loop, or alone, where Asio had no memory to resume
    /// it. The others go on then, and are cancelled as after a failure.
    void lost(Child const& child) noexcept {
        if (child.is_running_)
            failures_.add_lost();
        if (--held_ == 0)
            return supervisor_.drop();
        // Not where the loop is about to end, and destroys everybody.
        auto const* const io = io_executor(executor_);
        if (failures_.has_lost_one() && !is_cancelled_ && io && io->running_in_this_thread())
            cancel_children_later();
    }

    asio::any_io_executor executor_;
    OnParentCancel on_parent_cancel_ = OnParentCancel::propagate;
    bool is_open_ = false;
    bool is_cancelled_ = false;
    bool is_cancelled_by_parent_ = false;
    bool is_notified_ = false;
    std::size_t held_ = 0;  // by children and Holds
    IntrusiveList<Child> starting_;
    IntrusiveList<Child> running_;
    IntrusiveList<Child> cancelled_;
    ChildFailures failures_;
    ParkedCoroutine supervisor_;
    std::shared_ptr<Nursery*> here_;  // for what is posted: null once the nursery is gone
};

inline Child::Child(Nursery& nursery) : nursery_(&nursery) {
    ++nursery.held_;
}

inline Child::~Child() {
    unlink();
    if (nursery_)
        nursery_->lost(*this);
}

inline bool Child::is_failure(std::exception_ptr const& error) const noexcept {
    bool const was_cancelled = is_cancelled_ || nursery_->is_cancelled();
    return error && !(was_cancelled && is_cancellation(error));
}

}  // namespace syncopate::inline v0_1::detail
