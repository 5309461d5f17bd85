// RemoteCall: a coroutine that waits for a function in another process.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/cancellation/cancellation.hpp>
#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/intrusive_pointer.hpp>
#include <syncopate/detail/loop/suspension.hpp>
#include <syncopate/detail/process/process_protocol.hpp>
#include <syncopate/detail/task/call_site.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)

#include <exception>
#include <memory>
#include <source_location>
#include <stdexcept>
#include <string>
#include <utility>

namespace syncopate::inline v0_1::detail {

class RemoteCall;

/// Who has calls done.
class RemoteCalls {
public:
    /// On the call's loop. Throws: what the call fails with.
    virtual void submit(RemoteCall& call) = 0;
    /// On the call's loop. If nobody has begun it, it is not called, and goes on at once; otherwise it does so when
    /// its worker has been killed.
    virtual void cancel(RemoteCall& call) noexcept = 0;
    /// The same, and the call does not go on.
    virtual void abandon(RemoteCall& call) noexcept = 0;

protected:
    ~RemoteCalls() = default;
};

/// Belongs to the coroutine and to the pool. It has its own copy of everything: a coroutine may go away while its call is
/// still being sent.
class RemoteCall final : public Suspension, public ListHook<RemoteCall> {
public:
    RemoteCall(
        asio::any_io_executor const& executor,
        std::shared_ptr<RemoteCalls> pool,
        RemoteFunction function,
        Bytes arguments,
        std::source_location where)
        : Suspension(executor), function_(function), arguments_(std::move(arguments)),
          pool_(std::move(pool)), where_(where) {}

    RemoteFunction function() const noexcept { return function_; }
    Bytes const& arguments() const noexcept { return arguments_; }

    /// After the coroutine has gone on. Throws: what the call has failed with.
    Bytes const& take_result() {
        if (error_)
            std::rethrow_exception(std::exchange(error_, nullptr));
        return result_;
    }

    // Under the pool's lock until the coroutine goes on.

    enum class State { fresh, queued, sent, done };
    enum class Wish { result, cancellation, nothing };

    State state = State::fresh;
    Wish wish = Wish::result;
    int vain_starts = 0;  ///< of new workers, which have ended before they began it

    void succeed(Bytes result) noexcept {
        result_ = std::move(result);
        state = State::done;
    }
    void fail(std::exception_ptr error) noexcept {
        error_ = std::move(error);
        state = State::done;
    }

private:
    void begin() noexcept override {
        try {
            pool_->submit(*this);
        } catch (...) {
            fail(std::current_exception());
            resume_soon();
        }
    }
    void cancelled() noexcept override { pool_->cancel(*this); }
    bool is_released() noexcept override {
        pool_->abandon(*this);
        return true;
    }
    std::string description() const override {
        return "a function in another process (" + detail::description(where_) + ')';
    }

    RemoteFunction const function_;
    Bytes const arguments_;
    std::shared_ptr<RemoteCalls> const pool_;
    std::source_location const where_;
    Bytes result_;
    std::exception_ptr error_;
};

using RemoteCallPointer = IntrusivePointer<RemoteCall>;

}  // namespace syncopate::inline v0_1::detail
