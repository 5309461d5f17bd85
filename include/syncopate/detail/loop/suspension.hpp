// Suspension: a coroutine that waits for another thread, which resumes it on its loop.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/cancellation/cancel_request.hpp>
#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/intrusive_pointer.hpp>
#include <syncopate/detail/loop/context_gate.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/loop/operation.hpp>
#include <syncopate/detail/loop/task_listing.hpp>
#include <syncopate/detail/system/forks.hpp>
#include <syncopate/detail/task/caller_executor.hpp>
#include <syncopate/detail/task/inplace_handler.hpp>
#include <syncopate/detail/task/park.hpp>
#include <syncopate/detail/task/task_id.hpp>
#include <syncopate/detail/task/turn_gate.hpp>
#include <syncopate/detail/wait/kept_for_ever.hpp>
#include <syncopate/error.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)
#include SYNCOPATE_ASIO(cancellation_signal.hpp)
#include SYNCOPATE_ASIO(cancellation_type.hpp)
#include SYNCOPATE_ASIO(execution/outstanding_work.hpp)
#include SYNCOPATE_ASIO(post.hpp)
#include SYNCOPATE_ASIO(prefer.hpp)

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::detail {

/// Shared by the coroutine and by the thread that will resume it, once. What is awaited derives from this.
///
/// The coroutine is resumed on its loop. cancelled() is called there, too, and never after the coroutine
/// has been resumed. If the execution context ends first, it destroys the coroutine, as soon as no thread
/// uses what belongs to the coroutine.
class Suspension : public ListHook<Suspension>, public ReferenceCounted<Suspension> {
public:
    explicit Suspension(asio::any_io_executor const& executor);
    virtual ~Suspension() = default;

    /// Suspends the awaiting coroutine: `co_await suspension->wait()`. Once.
    auto wait() {
        return park(
            handler_,
            [this](asio::cancellation_slot slot) {
                slot_ = slot;
                if (slot_.is_connected())
                    slot_.assign([this](asio::cancellation_type) {
                        CancelRequest::be_trusted();
                        cancelled();
                    });
            },
            [this] {
                gate_->add(*this);
                begin();  // the coroutine may have gone on, on another thread, when this returns
            });
    }

    /// The same, without being told of cancellations, and without an allocation.
    auto wait_uncancelled() noexcept {
        return park(
            handler_, [](asio::cancellation_slot) noexcept {},
            [this] {
                gate_->add(*this);
                begin();
            });
    }

    /// Has the coroutine go on soon. From any thread that shares the ownership, once. Nobody else would resume
    /// it: where there is no memory for that, the thread waits until there is.
    void resume_soon() noexcept;

    /// Has `f(executor)` called on the coroutine's loop, or destroyed there. From another thread, while the
    /// coroutine is suspended. Returns whether f was posted.
    template <class F>
    bool post(F f) {
        require_here();
        return gate_->if_open([&] {
            require_suspended();
            asio::post(executor_, [executor = executor_, f = std::move(f)]() mutable {
                f(asio::prefer(executor, asio::execution::outstanding_work.untracked));
            });
        });
    }

    /// Whether its executor leads straight to the loop of a runner that owns its execution context.
    bool is_direct() const noexcept { return is_direct_; }
    /// Has the operation run on that loop, or on the thread that ends it, when it has unwound. Otherwise as post(), and
    /// without an allocation. Only if it is_direct().
    bool submit(Operation& operation) {
        require_here();
        return gate_->if_open([&] {
            require_suspended();
            gate_->loop()->submit(operation);
        });
    }

    /// Whether the coroutine's loop may end so that is_shut_out().
    bool is_gated() const noexcept { return turns_ != nullptr; }
    /// Whether the coroutine will never go on, because nobody runs its loop any more.
    bool is_shut_out() const noexcept { return turns_ && turns_->is_shut(); }

    /// Whether it was made before the fork that has made this process: then its coroutine is the parent's.
    bool was_forked() const noexcept { return process_ != this_process(); }

    void require_here() const {
        if (was_forked())
            throw std::system_error(make_error_code(Errc::forked));
    }

    ContextGate const& gate() const noexcept { return *gate_; }

    /// The task that waits, as far as that is known, or zero.
    TaskId const& task() const noexcept { return task_; }

    /// The task that a thread is blocked on, where the executor leads to one; or task_here().
    static TaskId task_of(asio::any_io_executor const& executor) noexcept;
    /// The task of the loop of this thread whose code runs, or zero.
    static TaskId task_here() noexcept;

protected:
    /// The coroutine will never go on: a thread that works for it is to stop, if it can. May be called several times.
    virtual void loop_has_ended() noexcept {}

private:
    friend class ContextGate;

    /// The coroutine has been suspended. Has some thread resume it.
    virtual void begin() noexcept = 0;
    /// The coroutine has been cancelled, and has not gone on yet.
    virtual void cancelled() noexcept = 0;
    /// The coroutine is about to go on.
    virtual void resumed() noexcept {}
    /// What the coroutine waits for, in words. On any thread, while it waits.
    virtual std::string description() const = 0;
    /// The execution context has ended. Returns whether no thread uses what belongs to the coroutine.
    virtual bool is_released() noexcept = 0;

    /// Under the lock of the gate. Throws: Errc::cancelled.
    void require_suspended() const {
        if (!is_linked())
            throw std::system_error(make_error_code(Errc::cancelled));
    }

    /// Returns false if there is no memory.
    bool try_resume_soon(IntrusivePointer<Suspension> self) noexcept;

    void run_resume() noexcept {
        IntrusivePointer<Suspension> const self(this, false);
        resume();
    }

    void resume() noexcept;

    void drop() noexcept {
        executor_ = {};
        handler_.drop();
    }

    unsigned const process_ = this_process();
    std::shared_ptr<ContextGate> const gate_;
    TaskId const task_;
    asio::any_io_executor executor_;
    bool const is_direct_;
    TurnGatePointer const turns_;  // of a portal's
    asio::cancellation_slot slot_;
    InplaceHandler handler_;
    MemberOperation<Suspension, &Suspension::run_resume> resume_{*this};
};

}  // namespace syncopate::inline v0_1::detail

#ifndef SYNCOPATE_SEPARATE_COMPILATION
#include <syncopate/detail/loop/suspension.ipp>
#endif
