// await_foreign(), await_made_by(): await another library's awaitable in a coroutine of Asio's. ForeignSetUp: what such a
// library wants of the thread.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/concepts.hpp>
#include <syncopate/detail/error/type_name.hpp>
#include <syncopate/detail/foreign/foreign_wait.hpp>
#include <syncopate/detail/intrusive_pointer.hpp>
#include <syncopate/detail/loop/context_gate.hpp>
#include <syncopate/detail/task/awaitable_of.hpp>
#include <syncopate/detail/task/caller_executor.hpp>
#include <syncopate/detail/task/outcome.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)
#include SYNCOPATE_ASIO(awaitable.hpp)
#include SYNCOPATE_ASIO(co_spawn.hpp)
#include SYNCOPATE_ASIO(deferred.hpp)
#include SYNCOPATE_ASIO(this_coro.hpp)
#include SYNCOPATE_ASIO(use_awaitable.hpp)

#include <concepts>
#include <coroutine>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// For libraries that want something of the thread; specialised for their types A. What enter() returns is kept from
/// before an awaitable is made by a factory, or awaited, until that has ended.
template <class A>
struct ForeignSetUp {
    static std::shared_ptr<void> enter(asio::any_io_executor const&) { return nullptr; }
};

/// The loop's executor as the type that a coroutine asks for.
/// Throws: std::errc::invalid_argument if the loop has none of that type.
template <class Executor>
Executor executor_as(asio::any_io_executor const& executor) {
    if constexpr (std::constructible_from<Executor, asio::any_io_executor const&>) {
        return Executor(executor);
    } else {
        auto const own = without_caller_and_gate(executor);
        if (auto const* const same = own.target<Executor>())
            return *same;
        auto const inner = ContextGate::of(executor)->context_executor();
        if (auto const* const same = inner.target<Executor>())
            return *same;
        if constexpr (std::constructible_from<Executor, IoExecutor const&>)
            if (auto const* const io = inner.target<IoExecutor>())
                return Executor(*io);
        throw std::system_error(
            std::make_error_code(std::errc::invalid_argument),
            "the loop has no executor of the type that this awaitable runs on");
    }
}

template <class T, class Executor>
asio::awaitable<void, Executor> await_into(asio::awaitable<T, Executor> task, Outcome<T>& outcome) {
    try {
        if constexpr (std::is_void_v<T>) {
            co_await std::move(task);
            outcome.emplace();
        } else {
            outcome.emplace(co_await std::move(task));
        }
    } catch (...) {
        outcome.fail(std::current_exception());
    }
    // co_spawn's own co_await would throw, and Asio 1.26 would lose the end.
    co_await asio::this_coro::throw_if_cancelled(false);
}

/// Runs the coroutine on the executor that it asks for, which is one of the loop's context.
template <class T, class Executor>
asio::awaitable<T> await_on_executor(asio::awaitable<T, Executor> task) {
    if (!task.valid())
        throw_spent_awaitable();
    auto const executor = executor_as<Executor>(co_await asio::this_coro::executor);
    Outcome<T> outcome;
    co_await asio::co_spawn(executor, await_into(std::move(task), outcome), asio::deferred);
    co_return outcome.take();
}

template <class Result>
class ForeignOperationOf : public ForeignOperation {
public:
    asio::awaitable<Result> await(IntrusivePointer<ForeignOperation> self) {
        asio::any_io_executor const executor = co_await asio::this_coro::executor;
        self->set_up(executor);
        IntrusivePointer<ForeignWait> const wait(new ForeignWait(executor, self));
        struct Leave {
            ForeignWait& wait;
            ~Leave() { wait.left(); }
        } const leave{*wait};
        co_await wait->wait();
        wait->destroy_frame();
        self->release();
        co_return outcome_.take();
    }

    void fail(std::exception_ptr error) noexcept final { outcome_.fail(std::move(error)); }

protected:
    Outcome<Result> outcome_;
};

/// Calls what `co_await` would call.
template <class A>
typename AwaiterOf<A>::type awaiter_of(A& operand) {
    if constexpr (HasMemberCoAwait<A>)
        return std::move(operand).operator co_await();
    else if constexpr (HasFreeCoAwait<A>)
        return operator co_await(std::move(operand));
    else
        return std::move(operand);
}

template <ForeignAwaitable A>
class ForeignOperationFor final : public ForeignOperationOf<task_result_t<A>> {
    using Awaiter = typename AwaiterOf<A>::type;
    using Resumed = decltype(std::declval<std::remove_reference_t<Awaiter>&>().await_resume());

public:
    explicit ForeignOperationFor(A&& awaitable) : awaitable_(std::move(awaitable)) {}

private:
    /// Converts to the awaiter, which need not be movable.
    struct MakeAwaiter {
        A& awaitable;
        operator Awaiter() { return awaiter_of(awaitable); }
    };

    void set_up(asio::any_io_executor const& executor) override {
        set_up_ = ForeignSetUp<A>::enter(executor);
    }
    void begin() override {
        if constexpr (std::is_reference_v<Awaiter>) {
            Awaiter made = awaiter_of(*awaitable_);
            awaiter_ = std::addressof(made);
        } else {
            awaiter_.emplace(MakeAwaiter{*awaitable_});
        }
    }
    bool is_ready() override { return static_cast<bool>((*awaiter_).await_ready()); }
    std::coroutine_handle<> suspend(ForeignFrame::Handle frame) override {
        using Suspended = decltype((*awaiter_).await_suspend(frame));
        if constexpr (std::is_void_v<Suspended>) {
            (*awaiter_).await_suspend(frame);
        } else if constexpr (std::is_same_v<Suspended, bool>) {
            if (!(*awaiter_).await_suspend(frame))
                return frame;
        } else {
            return (*awaiter_).await_suspend(frame);
        }
        return std::noop_coroutine();  // the frame may have gone on by now
    }
    void finish() override {
        if constexpr (std::is_void_v<Resumed>) {
            (*awaiter_).await_resume();
            this->outcome_.emplace();
        } else {
            this->outcome_.emplace((*awaiter_).await_resume());
        }
    }
    void release() noexcept override {
        if constexpr (!std::is_reference_v<Awaiter>)
            awaiter_.reset();
        awaitable_.reset();
        set_up_.reset();
    }
    std::string_view name() const noexcept override { return type_name<A>(); }

    std::shared_ptr<void> set_up_;
    std::optional<A> awaitable_;
    std::conditional_t<
        std::is_reference_v<Awaiter>,
        std::remove_reference_t<Awaiter>*,
        std::optional<Awaiter>>
        awaiter_{};
};

template <ResumableCoroutine C>
asio::awaitable<task_result_t<C>> await_resumable(C coroutine) {
    co_return co_await coroutine.async_resume(asio::use_awaitable);
}

template <class T>
struct IsAsioAwaitable : std::false_type {};
template <class T, class Executor>
struct IsAsioAwaitable<asio::awaitable<T, Executor>> : std::true_type {};

template <ForeignAwaitable A>
asio::awaitable<task_result_t<A>> await_foreign(A awaitable) {
    if constexpr (IsAsioAwaitable<A>::value)
        return await_on_executor(std::move(awaitable));
    else if constexpr (ResumableCoroutine<A>)
        return await_resumable(std::move(awaitable));
    else {
        IntrusivePointer<ForeignOperationFor<A>> const operation(
            new ForeignOperationFor<A>(std::move(awaitable)));
        return operation->await(operation);
    }
}

/// The factory's type is not a part of this coroutine: see ForeignOperation.
template <class Result>
asio::awaitable<Result> await_called(
    void* factory,
    std::shared_ptr<void> (*set_up)(asio::any_io_executor const&),
    asio::awaitable<Result> (*call)(void*)) {
    auto const kept = set_up(co_await asio::this_coro::executor);
    co_return co_await call(factory);
}

template <ForeignFactory F>
asio::awaitable<task_result_t<F>> await_made_by(F& factory) {
    using Result = task_result_t<F>;
    using Made = std::invoke_result_t<F&>;
    return await_called<Result>(
        &factory, &ForeignSetUp<std::remove_cvref_t<Made>>::enter,
        [](void* called) -> asio::awaitable<Result> {
            auto& function = *static_cast<F*>(called);
            if constexpr (DeferredOperation<Made>)
                return std::invoke(function)(asio::use_awaitable);
            else
                return await_foreign(std::invoke(function));
        });
}

}  // namespace syncopate::inline v0_1::detail
