// ContextGate::dispose(): destroys on a loop, or with it, what refers to coroutines there.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/loop/context_gate.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/task/caller_executor.hpp>
#include <syncopate/detail/wait/kept_for_ever.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)
#include SYNCOPATE_ASIO(post.hpp)

#include <memory>
#include <mutex>
#include <utility>

namespace syncopate::inline v0_1::detail {

inline bool ContextGate::runs_here(asio::any_io_executor const& executor) const noexcept {
    if (auto const* const io = io_executor(executor))
        return io->running_in_this_thread();
    auto const* const loop = Loop::of_this_thread();
    return loop && loop->identity().execution_context == &execution_context_;
}

inline void ContextGate::dispose(
    std::shared_ptr<ContextGate> const& gate,
    asio::any_io_executor const& executor,
    std::shared_ptr<void> object) noexcept {
    std::unique_lock lock(gate->mutex_);
    if (gate->has_ended_ || (gate->is_open_ && gate->runs_here(executor))) {
        lock.unlock();
        return object.reset();
    }
    void const* const address = object.get();
    try {
        gate->kept_.push_back(std::move(object));
        if (gate->is_open_)
            asio::post(executor, [gate, address] { gate->destroy_kept(address); });
    } catch (...) {  // no memory: then it goes with the context, or stays
        if (object)
            keep_for_ever(std::move(object));
    }
}

inline void ContextGate::destroy_kept(void const* object) noexcept {
    std::unique_lock lock(mutex_);
    for (auto& each : kept_) {
        if (each.get() != object)
            continue;
        auto const destroyed = std::move(each);
        each = std::move(kept_.back());
        kept_.pop_back();
        return lock.unlock();
    }
}

}  // namespace syncopate::inline v0_1::detail
