// A coroutine that waits for another thread, and its way back to its loop.
#pragma once

#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/loop/context_gate.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/loop/operation.hpp>
#include <syncopate/detail/task/caller_link.hpp>
#include <syncopate/detail/task/inplace_handler.hpp>
#include <syncopate/error.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>

#include <memory>
#include <system_error>
#include <utility>

namespace syncopate::detail {

/// Shared by the coroutine and by whoever will resume it, once. What is awaited derives from it.
///
/// The coroutine is resumed on its loop; cancelled() comes there, too, and not after the resumption. If
/// the execution context ends first, the coroutine is destroyed with it, once nobody uses it any more.
class Suspension : public ListHook<Suspension>,
                   public boost::intrusive_ref_counter<Suspension, boost::thread_safe_counter> {
public:
    explicit Suspension(boost::asio::any_io_executor const& executor)
        : gate_(ContextGate::of(executor)),
          executor_(
              boost::asio::prefer(executor, boost::asio::execution::outstanding_work.tracked)),
          is_direct_(gate_->loop() && runs_on_io_context(executor)) {}
    virtual ~Suspension() = default;

    /// Suspends the awaiting coroutine: `co_await suspension->wait()`. Once.
    auto wait() {
        return boost::asio::async_initiate<boost::asio::deferred_t const, void()>(
            [this](auto handler) { suspend(std::move(handler)); }, boost::asio::deferred);
    }

    /// From any thread, once, by one who shares the ownership: has the coroutine go on soon.
    void resume_soon() noexcept {
        boost::intrusive_ptr<Suspension> self(this);
        gate_->if_open([&] {
            if (!is_direct_)
                return boost::asio::post(executor_, [self] { self->resume(); });
            gate_->loop()->submit(resume_);
            self.detach();  // the operation's
        });
    }

    /// From another thread, as long as the coroutine is suspended: has `f(executor)` called on its loop,
    /// or destroyed there. Returns whether it was.
    template <class F>
    bool post(F f) {
        return gate_->if_open([&] {
            if (!is_linked())
                throw std::system_error(make_error_code(Errc::cancelled));
            boost::asio::post(executor_, [executor = executor_, f = std::move(f)]() mutable {
                f(boost::asio::prefer(
                    executor, boost::asio::execution::outstanding_work.untracked));
            });
        });
    }

    ContextGate const& gate() const noexcept { return *gate_; }

private:
    friend class ContextGate;

    /// The coroutine has been suspended: sees to it that somebody resumes it.
    virtual void begin() noexcept = 0;
    /// The coroutine has been cancelled, and has not gone on yet.
    virtual void cancelled() noexcept = 0;
    /// The coroutine is about to go on.
    virtual void resumed() noexcept {}
    /// The execution context has ended. Returns whether no other thread uses what is the coroutine's.
    virtual bool is_settled() noexcept = 0;

    template <class Handler>
    void suspend(Handler handler) {
        slot_ = boost::asio::get_associated_cancellation_slot(handler);
        if (slot_.is_connected())
            slot_.assign([this](boost::asio::cancellation_type) { cancelled(); });
        handler_.keep(std::move(handler));
        gate_->add(*this);
        begin();  // it may have gone on, on another thread, when this returns
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
        handler_.call();
    }

    void drop() noexcept {
        executor_ = {};
        handler_.drop();
    }

    std::shared_ptr<ContextGate> const gate_;
    boost::asio::any_io_executor executor_;
    bool const is_direct_;
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

inline Suspension* ContextGate::take_newest() noexcept {
    std::lock_guard const lock(mutex_);
    if (suspensions_.empty())
        return nullptr;
    Suspension& newest = suspensions_.back();
    newest.unlink();
    return &newest;
}

inline bool ContextGate::drop_what_is_settled() noexcept {
    // What is dropped may come here in turn, so the lock is not held. Nobody else adds or removes now.
    IntrusiveList<Suspension> in_use;
    while (Suspension* const newest = take_newest()) {
        boost::intrusive_ptr<Suspension> const keep(newest);
        if (newest->is_settled())
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

}  // namespace syncopate::detail
