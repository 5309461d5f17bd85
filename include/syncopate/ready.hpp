// Ready: a task that somebody has started tells by it that it is ready.
#pragma once

#include <syncopate/asio.hpp>

#include SYNCOPATE_ASIO(awaitable.hpp)

#include <memory>
#include <type_traits>
#include <utility>
#include <variant>

namespace syncopate::inline v0_1 {

namespace detail {

/// Shared with the task's Ready, which may outlive both. V may be void.
template <class V>
class ReadySink {
public:
    using Value = std::conditional_t<std::is_void_v<V>, std::monostate, V>;

    ReadySink() = default;
    ReadySink(ReadySink const&) = delete;
    ReadySink& operator=(ReadySink const&) = delete;
    virtual ~ReadySink() = default;

    /// On the task's loop. Only the first call counts.
    virtual void ready(Value value) = 0;
};

}  // namespace detail

/// Tells `TaskGroup::start<V>()`, or a runner's, that the task which it has started is ready.
///
/// The first call lets start() return, with the value of the call; later calls have no effect, and none has
/// when start() was cancelled. May be copied, and may outlive the task and the group.
///
/// V:         what start() gives; void for nothing.
/// Threads:   on the task's loop.
/// Semantics: anyio's `task_status.started(value)`, which a second call makes an error.
template <class V>
class Ready {
public:
    /// Of those who start tasks.
    explicit Ready(std::shared_ptr<detail::ReadySink<V>> sink) noexcept : sink_(std::move(sink)) {}

    /// The task is ready.
    void operator()() const
        requires std::is_void_v<V>
    {
        sink_->ready({});
    }

    /// The task is ready, and start() gives this value.
    void operator()(std::conditional_t<std::is_void_v<V>, std::monostate, V> value) const
        requires(!std::is_void_v<V>)
    {
        sink_->ready(std::move(value));
    }

private:
    std::shared_ptr<detail::ReadySink<V>> sink_;
};

/// The argument of `start<V>()`: a callable that takes a Ready<V> and returns `awaitable<void>`.
template <class F, class V>
concept StartFunction =
    std::is_invocable_r_v<asio::awaitable<void>, std::remove_reference_t<F>&, Ready<V>>;

}  // namespace syncopate::inline v0_1
