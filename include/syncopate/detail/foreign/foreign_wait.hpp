// ForeignOperation: an awaitable of another library, and its result. ForeignWait: a coroutine of Asio's that waits for it.
// ForeignFrame: the coroutine between the two, which any awaitable can suspend and resume.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/concepts.hpp>
#include <syncopate/detail/cancellation/emit_cancellation.hpp>
#include <syncopate/detail/error/thrown_by.hpp>
#include <syncopate/detail/intrusive_pointer.hpp>
#include <syncopate/detail/loop/suspension.hpp>
#include <syncopate/error.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)
#include SYNCOPATE_ASIO(cancellation_signal.hpp)
#include SYNCOPATE_ASIO(cancellation_type.hpp)

#include <coroutine>
#include <exception>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace syncopate::inline v0_1::detail {

class ForeignWait;

/// A coroutine that is suspended at its begin and, never to go on, at its end.
class ForeignFrame {
public:
    class promise_type {
    public:
        explicit promise_type(ForeignWait& wait) noexcept : wait_(&wait) {}
        promise_type(promise_type const&) = delete;
        promise_type& operator=(promise_type const&) = delete;
        ~promise_type();

        ForeignFrame get_return_object() noexcept {
            return ForeignFrame(std::coroutine_handle<promise_type>::from_promise(*this));
        }
        std::suspend_always initial_suspend() const noexcept { return {}; }
        std::suspend_always final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }

        // An awaitable may ask for these, on the loop, where it is suspended first. Boost.Cobalt's do.
        using executor_type = asio::any_io_executor;
        using cancellation_slot_type = asio::cancellation_slot;
        executor_type const& get_executor() const noexcept;
        cancellation_slot_type get_cancellation_slot() const noexcept;

    private:
        friend class ForeignFrame;
        ForeignWait* wait_;  // until the frame has finished
    };
    using Handle = std::coroutine_handle<promise_type>;

    /// The last thing that a frame awaits.
    struct Finish {
        bool await_ready() const noexcept { return false; }
        void await_suspend(Handle frame) const noexcept;
        void await_resume() const noexcept {}
    };

    Handle handle() const noexcept { return handle_; }

private:
    explicit ForeignFrame(Handle handle) noexcept : handle_(handle) {}

    Handle handle_;
};

/// Owns the awaitable. Its type is known behind this only: GCC warns of coroutines in headers that have a part which is of
/// one source file.
class ForeignOperation : public ReferenceCounted<ForeignOperation> {
public:
    ForeignOperation() = default;
    ForeignOperation(ForeignOperation const&) = delete;
    ForeignOperation& operator=(ForeignOperation const&) = delete;
    virtual ~ForeignOperation() = default;

    /// On the loop, before begin().
    virtual void set_up(asio::any_io_executor const& executor) = 0;
    /// What `co_await` does, step by step. May throw.
    virtual void begin() = 0;
    virtual bool is_ready() = 0;
    virtual std::coroutine_handle<> suspend(ForeignFrame::Handle frame) = 0;
    virtual void finish() = 0;
    virtual void fail(std::exception_ptr error) noexcept = 0;
    /// On the loop: destroys the awaitable, and not its result.
    virtual void release() noexcept = 0;

    virtual std::string_view name() const noexcept = 0;
};

/// Owns the frame. That is started on the loop, may go on anywhere, and is destroyed on the loop, and then the awaitable
/// is. If the loop ends before the awaitable has, they belong to themselves: whoever resumes the frame must find it.
///
/// Memory order. What the frame has done, on whichever thread, comes before resume_soon(), which hands it to the loop.
class ForeignWait final : public Suspension {
public:
    ForeignWait(asio::any_io_executor const& executor, IntrusivePointer<ForeignOperation> operation)
        : Suspension(executor), operation_(std::move(operation)), executor_(executor),
          frame_(await_anywhere(*this).handle()) {}
    ForeignWait(ForeignWait const&) = delete;
    ForeignWait& operator=(ForeignWait const&) = delete;
    ~ForeignWait() override { destroy_frame(); }

    /// The awaiting coroutine goes on, or is destroyed with its context, which the executor must not outlive.
    void left() noexcept { executor_ = {}; }

    /// After the wait, on the loop.
    void destroy_frame() noexcept {
        if (auto const frame = std::exchange(frame_, nullptr); frame && !was_forked())
            frame.destroy();
    }

    // Of the frame.

    /// Ends the wait. Nothing touches the frame any more but who destroys it.
    void finished() noexcept {
        IntrusivePointer<ForeignWait> const self(this, false);
        is_running_ = false;
        resume_soon();
    }

    /// Somebody else destroys the frame.
    void lost() noexcept {
        frame_ = nullptr;
        if (!is_running_)
            return;
        operation_->fail(thrown_by([] {
            throw std::system_error(
                make_error_code(Errc::cancelled),
                "a foreign awaitable destroyed the coroutine that awaited it");
        }));
        finished();
    }

    asio::any_io_executor const& executor() const noexcept { return executor_; }
    asio::cancellation_slot slot() noexcept { return signal_.slot(); }

private:
    // Suspends the frame as the awaitable says.
    struct Awaiter {
        ForeignOperation& operation;
        bool await_ready() const { return operation.is_ready(); }
        std::coroutine_handle<> await_suspend(ForeignFrame::Handle frame) const {
            return operation.suspend(frame);
        }
        void await_resume() const { operation.finish(); }
    };

    static ForeignFrame await_anywhere(ForeignWait& wait) {
        auto& operation = *wait.operation_;
        try {
            operation.begin();
            co_await Awaiter{operation};
        } catch (...) {
            operation.fail(std::current_exception());
        }
        co_await ForeignFrame::Finish{};
    }

    void begin() noexcept override {
        is_running_ = true;
        intrusive_ptr_add_ref(this);  // the frame's, until it has finished
        frame_.resume();
    }
    // Only those awaitables hear of it that ask the awaiting coroutine for its cancellation slot.
    void cancelled() noexcept override {
        IntrusivePointer<ForeignWait> const self(this);
        emit_cancellation(signal_);
    }
    // The frame is its own by then.
    bool is_released() noexcept override { return true; }
    std::string description() const override {
        return "an awaitable of another library: " + std::string(operation_->name());
    }

    IntrusivePointer<ForeignOperation> const operation_;
    asio::any_io_executor executor_;
    asio::cancellation_signal signal_;
    bool is_running_ = false;
    std::coroutine_handle<> frame_;
};

inline ForeignFrame::promise_type::~promise_type() {
    if (wait_)
        wait_->lost();
}

inline asio::any_io_executor const& ForeignFrame::promise_type::get_executor() const noexcept {
    return wait_->executor();
}

inline asio::cancellation_slot ForeignFrame::promise_type::get_cancellation_slot() const noexcept {
    return wait_->slot();
}

inline void ForeignFrame::Finish::await_suspend(Handle frame) const noexcept {
    std::exchange(frame.promise().wait_, nullptr)->finished();
}

}  // namespace syncopate::inline v0_1::detail
