// MovedExecutor, executor_binder: what bind_executor makes of a coroutine's handler notes each step on other threads.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/cancellation/coroutine_state.hpp>
#include <syncopate/detail/cancellation/moved_coroutine.hpp>
#include <syncopate/detail/forwarding_executor.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)
#include SYNCOPATE_ASIO(async_result.hpp)
#include SYNCOPATE_ASIO(awaitable.hpp)
#include SYNCOPATE_ASIO(bind_executor.hpp)
#include SYNCOPATE_ASIO(deferred.hpp)
#include SYNCOPATE_ASIO(use_awaitable.hpp)
#include SYNCOPATE_ASIO(uses_executor.hpp)

#include <concepts>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1::detail {

using CoroutineThread = asio::detail::awaitable_thread<asio::any_io_executor>;

/// The coroutine that a completion handler resumes: one that use_awaitable, deferred and co_await make, or any number of
/// Asio's handlers around it, as those of as_tuple, redirect_error, append, bind_allocator and an operation of several
/// steps. Void: it resumes none, or is a stranger's.
template <class Handler>
auto coroutine_resumed_by(Handler& handler) noexcept {
    if constexpr (std::derived_from<Handler, CoroutineThread>)
        return static_cast<CoroutineThread*>(&handler);
    else if constexpr (requires { handler.handler_; })
        return coroutine_resumed_by(handler.handler_);
    else if constexpr (requires {
                           { handler.get() } -> std::same_as<typename Handler::target_type&>;
                       })
        return coroutine_resumed_by(handler.get());
}

template <class Handler>
concept ResumesCoroutine = requires(Handler& handler) {
    { coroutine_resumed_by(handler) } -> std::same_as<CoroutineThread*>;
};

/// Tokens for coroutines, also inside a token that adapts them. Another token that happens to have the same form does
/// no harm: nothing changes for it.
template <class Token>
inline constexpr bool is_for_coroutines =
    std::same_as<Token, asio::use_awaitable_t<asio::any_io_executor>> ||
    std::same_as<Token, asio::deferred_t>;
template <template <class...> class Wrapper, class Token, class... Rest>
inline constexpr bool is_for_coroutines<Wrapper<Token, Rest...>> =
    std::same_as<Wrapper<Token, Rest...>, asio::use_awaitable_t<asio::any_io_executor>> ||
    is_for_coroutines<Token>;
template <class Token>
concept TokenForCoroutines = is_for_coroutines<Token>;

/// Runs what it is given in a MovedStep: the end of an operation, and each step of one that has several.
template <class Inner>
class MovedExecutor : public ForwardingExecutor<MovedExecutor, Inner, CoroutineBottom const*> {
    using Base = ForwardingExecutor<detail::MovedExecutor, Inner, CoroutineBottom const*>;

public:
    using Base::Base;

    template <class Function>
    void execute(Function function) const {
        this->inner().execute(
            [coroutine = this->attachment(), function = std::move(function)]() mutable {
                MovedStep const step(coroutine);
                std::move(function)();
            });
    }
};

}  // namespace syncopate::inline v0_1::detail

// These two are as Asio's own in every other respect, their layout too: where a program is partly compiled without them,
// either will do.

template <syncopate::detail::ResumesCoroutine T, class Executor>
class syncopate::asio::executor_binder<T, Executor>
    : public syncopate::asio::detail::executor_binder_result_type<T>,
      public syncopate::asio::detail::executor_binder_argument_type<T>,
      public syncopate::asio::detail::executor_binder_argument_types<T>,
      private syncopate::asio::detail::
          executor_binder_base<T, Executor, syncopate::asio::uses_executor<T, Executor>::value> {
    using base_type = detail::executor_binder_base<T, Executor, uses_executor<T, Executor>::value>;

public:
    using target_type = T;
    using executor_type = Executor;

    template <class U>
    executor_binder(executor_arg_t, Executor const& executor, U&& target)
        : base_type(executor, std::forward<U>(target)) {
        syncopate::detail::CoroutineNote::be_needed();
    }
    executor_binder(executor_arg_t, Executor const& executor, executor_binder&& other)
        : base_type(executor, std::move(other.target_)) {}
    template <class U, class OtherExecutor>
    executor_binder(
        executor_arg_t, Executor const& executor, executor_binder<U, OtherExecutor>&& other)
        : base_type(executor, std::move(other.get())) {
        syncopate::detail::CoroutineNote::be_needed();
    }
    executor_binder(executor_binder&& other) noexcept(
        std::is_nothrow_move_constructible_v<Executor> && std::is_nothrow_move_constructible_v<T>)
        : base_type(std::move(other.executor_), std::move(other.target_)) {}
    template <class U, class OtherExecutor>
        requires std::constructible_from<Executor, OtherExecutor> && std::constructible_from<T, U>
    executor_binder(executor_binder<U, OtherExecutor>&& other)
        : base_type(other.get_executor(), std::move(other.get())) {
        syncopate::detail::CoroutineNote::be_needed();
    }
    executor_binder& operator=(executor_binder const&) = delete;
    ~executor_binder() = default;

    target_type& get() noexcept { return this->target_; }
    target_type const& get() const noexcept { return this->target_; }
    executor_type get_executor() const noexcept { return this->executor_; }

    template <class... Arguments>
        requires std::invocable<T, Arguments...>
    void operator()(Arguments&&... arguments) {
        auto* const coroutine = syncopate::detail::coroutine_resumed_by(this->target_);
        syncopate::detail::MovedStep const step(coroutine->entry_point());
        std::move(this->target_)(std::forward<Arguments>(arguments)...);
    }
};

namespace syncopate::inline v0_1::detail {

template <class Executor, class Handler>
auto bound(Executor const& executor, Handler&& handler) {
    using Target = std::decay_t<Handler>;
    if constexpr (ResumesCoroutine<Target>) {
        using Moved = MovedExecutor<Executor>;
        auto* const coroutine = coroutine_resumed_by(handler);
        return asio::executor_binder<Target, Moved>(
            asio::executor_arg, Moved(executor, coroutine->entry_point()),
            std::forward<Handler>(handler));
    } else {
        return asio::executor_binder<Target, Executor>(
            asio::executor_arg, executor, std::forward<Handler>(handler));
    }
}

/// Calls what it derives from with a handler that is bound to an executor.
template <class Initiation, class Executor>
class BoundInitiation : public Initiation {
public:
    template <class Init>
    BoundInitiation(Executor const& executor, Init&& init)
        : Initiation{std::forward<Init>(init)}, executor_(executor) {}

    template <class Handler, class... Arguments>
    void operator()(Handler&& handler, Arguments&&... arguments) {
        static_cast<Initiation&&>(*this)(
            bound(executor_, std::forward<Handler>(handler)),
            std::forward<Arguments>(arguments)...);
    }
    template <class Handler, class... Arguments>
    void operator()(Handler&& handler, Arguments&&... arguments) const {
        static_cast<Initiation const&>(*this)(
            bound(executor_, std::forward<Handler>(handler)),
            std::forward<Arguments>(arguments)...);
    }

private:
    Executor executor_;
};

/// A pointer to a function, as a class.
template <class Function>
struct InitiationFunction {
    Function function;

    template <class... Arguments>
    void operator()(Arguments&&... arguments) const {
        function(std::forward<Arguments>(arguments)...);
    }
};

template <class Initiation>
using InitiationClass =
    std::conditional_t<std::is_class_v<Initiation>, Initiation, InitiationFunction<Initiation>>;

}  // namespace syncopate::inline v0_1::detail

template <syncopate::detail::TokenForCoroutines T, class Executor, class Signature>
class syncopate::asio::async_result<syncopate::asio::executor_binder<T, Executor>, Signature>
    : public syncopate::asio::detail::executor_binder_async_result_return_type<
          syncopate::asio::async_result<T, Signature>> {
    template <class Initiation>
    using Bound = syncopate::detail::
        BoundInitiation<syncopate::detail::InitiationClass<std::decay_t<Initiation>>, Executor>;
    template <class Token>
    using Inner = std::remove_reference_t<decltype(std::declval<Token>().get())>;

public:
    template <class Initiation, class Token, class... Arguments>
    static auto initiate(Initiation&& initiation, Token&& token, Arguments&&... arguments) {
        return async_initiate<Inner<Token&>, Signature>(
            Bound<Initiation>(token.get_executor(), std::forward<Initiation>(initiation)),
            token.get(), std::forward<Arguments>(arguments)...);
    }
};
