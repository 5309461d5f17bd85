// LoopOwned: owns an object that has coroutines on a loop, for a handle that another thread may destroy.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/loop/context_gate.hpp>
#include <syncopate/detail/loop/disposal.hpp>
#include <syncopate/detail/system/forks.hpp>
#include <syncopate/detail/task/caller_executor.hpp>
#include <syncopate/detail/wait/kept_for_ever.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)

#include <memory>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// Where such an object's coroutines run, while it has some. Changed on their loop.
class LoopTie {
public:
    void begin(asio::any_io_executor const& executor) {
        gate_ = ContextGate::of(executor);
        executor_ = without_caller(executor);
        process_ = this_process();
    }
    /// All have ended.
    void end() noexcept {
        gate_.reset();
        executor_ = {};
    }

    bool binds() const noexcept { return gate_ != nullptr; }
    bool was_forked() const noexcept { return process_ != this_process(); }
    std::shared_ptr<ContextGate> const& gate() const noexcept { return gate_; }
    asio::any_io_executor const& executor() const noexcept { return executor_; }

private:
    std::shared_ptr<ContextGate> gate_;
    asio::any_io_executor executor_;
    unsigned process_ = 0;
};

/// A loop that is closed under a range runs no clean-up for it any more, and may still be destroying the coroutines. So
/// the object goes on its loop, or with it, whichever thread destroys this.
///
/// T: has a LoopTie by tie().
template <class T>
class LoopOwned {
public:
    template <class... Args>
    explicit LoopOwned(std::in_place_t /*tag*/, Args&&... args)
        : object_(std::make_shared<T>(std::forward<Args>(args)...)) {}
    LoopOwned(LoopOwned&&) noexcept = default;
    LoopOwned& operator=(LoopOwned&& other) noexcept {
        LoopOwned moved(std::move(other));
        std::swap(object_, moved.object_);
        return *this;
    }
    ~LoopOwned() {
        if (object_ && object_->tie().binds())
            go();
    }

    /// Null where it was moved from.
    T* get() const noexcept { return object_.get(); }

private:
    void go() noexcept {
        LoopTie const tie = object_->tie();
        if (tie.was_forked())
            keep_for_ever(std::move(object_));
        else
            ContextGate::dispose(tie.gate(), tie.executor(), std::move(object_));
    }

    std::shared_ptr<T> object_;
};

}  // namespace syncopate::inline v0_1::detail
