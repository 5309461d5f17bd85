// Suspension: a coroutine that waits for another thread, which resumes it on its loop.
#pragma once

#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/loop/context_gate.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/loop/operation.hpp>
#include <syncopate/detail/loop/task_listing.hpp>
#include <syncopate/detail/task/caller_executor.hpp>
#include <syncopate/detail/task/inplace_handler.hpp>
#include <syncopate/detail/task/park.hpp>
#include <syncopate/detail/task/task_id.hpp>
#include <syncopate/detail/task/turn_gate.hpp>
#include <syncopate/detail/wait/forks.hpp>
#include <syncopate/detail/wait/kept_for_ever.hpp>
#include <syncopate/error.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>

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
class Suspension : public ListHook<Suspension>,
                   public boost::intrusive_ref_counter<Suspension, boost::thread_safe_counter> {
public:
    explicit Suspension(boost::asio::any_io_executor const& executor)
        : gate_(ContextGate::of(executor)), task_(task_of(executor)),
          executor_(
              boost::asio::prefer(executor, boost::asio::execution::outstanding_work.tracked)),
          is_direct_(gate_->loop() && runs_on_io_context(executor)),
          turns_(gate_->loop() ? nullptr : gate_of(executor)) {}
    virtual ~Suspension() = default;

    /// Suspends the awaiting coroutine: `co_await suspension->wait()`. Once.
    auto wait() {
        return park(
            handler_,
            [this](boost::asio::cancellation_slot slot) {
                slot_ = slot;
                if (slot_.is_connected())
                    slot_.assign([this](boost::asio::cancellation_type) { cancelled(); });
            },
            [this] {
                gate_->add(*this);
                begin();  // the coroutine may have gone on, on another thread, when this returns
            });
    }

    /// The same, without being told of cancellations, and without an allocation.
    auto wait_uncancelled() noexcept {
        return park(
            handler_, [](boost::asio::cancellation_slot) noexcept {},
            [this] {
                gate_->add(*this);
                begin();
            });
    }

    /// Has the coroutine go on soon. From any thread that shares the ownership, once. Nobody else would resume
    /// it: where there is no memory for that, the thread waits until there is.
    void resume_soon() noexcept {
        boost::intrusive_ptr<Suspension> const self(this);
        while (!try_resume_soon(self))
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }

    /// Has `f(executor)` called on the coroutine's loop, or destroyed there. From another thread, while the
    /// coroutine is suspended. Returns whether f was posted.
    template <class F>
    bool post(F f) {
        require_here();
        return gate_->if_open([&] {
            if (!is_linked())
                throw std::system_error(make_error_code(Errc::cancelled));
            boost::asio::post(executor_, [executor = executor_, f = std::move(f)]() mutable {
                f(boost::asio::prefer(
                    executor, boost::asio::execution::outstanding_work.untracked));
            });
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

    /// Returns false if there is no memory.
    bool try_resume_soon(boost::intrusive_ptr<Suspension> self) noexcept {
        if (was_forked())
            return true;
        try {
            gate_->if_open([&] {
                if (!is_direct_)
                    return boost::asio::post(executor_, [self] { self->resume(); });
                gate_->loop()->submit(resume_);
                self.detach();  // it belongs to the operation from here on
            });
        } catch (std::bad_alloc const&) {
            return false;
        }
        return true;
    }

    /// The task that a thread is blocked on, where the executor leads to one; or the one whose code runs.
    static TaskId task_of(boost::asio::any_io_executor const& executor) noexcept {
        auto const caller = caller_of(executor);
        if (auto const* const thread = caller ? caller->thread() : nullptr)
            return thread->task ? *thread->task : 0;
        auto const* const loop = Loop::of_this_thread();
        return loop ? loop->task_on_thread() : 0;
    }

    void run_resume() noexcept {
        boost::intrusive_ptr<Suspension> const self(this, false);
        resume();
    }

    void resume() noexcept {
        gate_->remove(*this);
        slot_.clear();
        executor_ = {};
        resumed();
        auto const* const loop = Loop::of_this_thread();
        if (!loop)
            return handler_.resume();
        Loop::TaskOnThread const on_thread(*loop, task_);
        handler_.resume();
    }

    void drop() noexcept {
        executor_ = {};
        handler_.drop();
    }

    unsigned const process_ = this_process();
    std::shared_ptr<ContextGate> const gate_;
    TaskId const task_;
    boost::asio::any_io_executor executor_;
    bool const is_direct_;
    TurnGatePointer const turns_;  // of a portal's
    boost::asio::cancellation_slot slot_;
    InplaceHandler handler_;
    MemberOperation<Suspension, &Suspension::run_resume> resume_{*this};
};

inline void ContextGate::add(Suspension& suspension) noexcept {
    std::lock_guard const lock(mutex_);
    suspensions_.push_back(suspension);
}

inline void ContextGate::remove(Suspension& suspension) noexcept {
    std::lock_guard const lock(mutex_);
    suspension.unlink();
}

inline std::vector<TaskWait> ContextGate::waits() const {
    std::vector<TaskWait> all;
    std::lock_guard const lock(mutex_);
    suspensions_.for_each([&all](Suspension const& suspension) {
        all.push_back({suspension.task(), suspension.description()});
    });
    return all;
}

inline bool ContextGate::have_released(TurnGate const& turns) {
    std::vector<boost::intrusive_ptr<Suspension>> shut_out;
    {
        std::lock_guard const lock(mutex_);
        suspensions_.for_each([&](Suspension& suspension) {
            if (suspension.turns_.get() == &turns)
                shut_out.emplace_back(&suspension);
        });
    }
    return std::ranges::all_of(
        shut_out, [](auto const& suspension) { return suspension->is_released(); });
}

inline Suspension* ContextGate::take_newest() noexcept {
    std::lock_guard const lock(mutex_);
    if (suspensions_.empty())
        return nullptr;
    Suspension& newest = suspensions_.back();
    newest.unlink();
    return &newest;
}

inline bool ContextGate::drop_what_is_released() noexcept {
    // To drop a coroutine may lead back here, so the lock is not held. No other thread adds or removes now.
    IntrusiveList<Suspension> in_use;
    while (Suspension* const newest = take_newest()) {
        boost::intrusive_ptr<Suspension> keep(newest);
        if (newest->was_forked())
            keep_for_ever(std::move(keep));
        else if (newest->is_released())
            newest->drop();
        else
            in_use.push_back(*newest);
    }
    bool const was_all = in_use.empty();
    while (!in_use.empty()) {
        Suspension& oldest = in_use.back();
        oldest.unlink();
        add(oldest);
    }
    return was_all;
}

}  // namespace syncopate::inline v0_1::detail
