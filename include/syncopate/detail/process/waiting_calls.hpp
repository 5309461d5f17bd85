// WaitingCalls: the calls that no worker has, in the order in which they are given to one. EndedCalls: those that have
// ended, and whose coroutines go on when the pool's lock has been released.
#pragma once

#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/process/process_protocol.hpp>
#include <syncopate/detail/process/remote_call.hpp>

#include <cstddef>
#include <exception>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// Owns its calls. It is empty when it is destroyed.
class WaitingCalls {
public:
    bool empty() const noexcept { return size_ == 0; }
    std::size_t size() const noexcept { return size_; }

    void add_last(RemoteCallPointer call) noexcept {
        call->state = RemoteCall::State::queued;
        calls_.push_back(*call.detach());
        ++size_;
    }

    /// Takes all of the others, which come before those that are here, in their order.
    void add_first(WaitingCalls& others) noexcept {
        while (!others.empty()) {
            calls_.push_front(*others.take(others.calls_.back()).detach());
            ++size_;
        }
    }

    /// The call is one of these.
    RemoteCallPointer take(RemoteCall& call) noexcept {
        static_cast<ListHook<RemoteCall>&>(call).unlink();
        --size_;
        return {&call, false};
    }
    RemoteCallPointer take_first() noexcept { return take(calls_.front()); }

private:
    IntrusiveList<RemoteCall> calls_;
    std::size_t size_ = 0;
};

/// To be made before the pool's lock is taken: so it is destroyed, and the coroutines go on, after that.
class EndedCalls {
public:
    EndedCalls() = default;
    EndedCalls(EndedCalls const&) = delete;
    EndedCalls& operator=(EndedCalls const&) = delete;
    ~EndedCalls() {
        while (!calls_.empty()) {
            RemoteCall& call = calls_.front();
            static_cast<ListHook<RemoteCall>&>(call).unlink();
            RemoteCallPointer const owned(&call, false);
            if (call.wish != RemoteCall::Wish::nothing)
                call.resume_soon();
        }
    }

    void succeed(RemoteCallPointer call, Bytes result) noexcept {
        call->succeed(std::move(result));
        calls_.push_back(*call.detach());
    }
    void fail(RemoteCallPointer call, std::exception_ptr error) noexcept {
        call->fail(std::move(error));
        calls_.push_back(*call.detach());
    }

private:
    IntrusiveList<RemoteCall> calls_;
};

}  // namespace syncopate::inline v0_1::detail
