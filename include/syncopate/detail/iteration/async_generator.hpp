// GeneratorPromise: the body of an AsyncGenerator, what it awaits and yields. NextItem: the anext() that runs
// it.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/concepts.hpp>
#include <syncopate/detail/foreign/foreign_task.hpp>
#include <syncopate/detail/iteration/drain.hpp>
#include <syncopate/detail/iteration/generator_core.hpp>
#include <syncopate/detail/iteration/leftover.hpp>
#include <syncopate/detail/task/awaitable_of.hpp>

#include SYNCOPATE_ASIO(async_result.hpp)
#include SYNCOPATE_ASIO(awaitable.hpp)
#include SYNCOPATE_ASIO(this_coro.hpp)

#include <concepts>
#include <coroutine>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

namespace syncopate::inline v0_1::detail {

// The this_coro requests, which Asio's coroutines can await even when cancelled. They are listed because
// Asio's promise cannot be asked: an int converts to throw_if_cancelled(), so it would take `co_await 1`.
template <class A>
struct ThisCoroTraits : std::false_type {};
template <>
struct ThisCoroTraits<asio::this_coro::executor_t> : std::true_type {};
template <>
struct ThisCoroTraits<asio::this_coro::cancellation_state_t> : std::true_type {};
template <>
struct ThisCoroTraits<asio::this_coro::reset_cancellation_state_0_t> : std::true_type {};
template <class Filter>
struct ThisCoroTraits<asio::this_coro::reset_cancellation_state_1_t<Filter>> : std::true_type {};
template <class In, class Out>
struct ThisCoroTraits<asio::this_coro::reset_cancellation_state_2_t<In, Out>> : std::true_type {};
template <>
struct ThisCoroTraits<asio::this_coro::throw_if_cancelled_0_t> : std::true_type {};
template <>
struct ThisCoroTraits<asio::this_coro::throw_if_cancelled_1_t> : std::true_type {};

template <class A>
concept ThisCoroRequest = ThisCoroTraits<std::remove_cvref_t<A>>::value;

// The types that the body can await.
template <class A>
concept AwaitableInGenerator =
    Awaitable<A> || DeferredOperation<A> || ForeignAwaitable<A> || ThisCoroRequest<A>;

template <class A>
struct AwaitedInGenerator : TaskResult<A> {};
template <ThisCoroRequest A>
struct AwaitedInGenerator<A> {
    using AsioPromise = std::coroutine_traits<asio::awaitable<void>>::promise_type;
    using type =
        decltype(std::declval<AsioPromise&>().await_transform(std::declval<A>()).await_resume());
};

// An operation that the body awaits. The body is no Asio coroutine, so it cannot await an operation itself. It
// puts this into its promise and suspends. The anext() that has resumed it is one, and awaits drive() for it.
class PendingOperation {
public:
    enum class Cancelled { refused, allowed };

    explicit PendingOperation(Cancelled policy) noexcept : when_cancelled(policy) {}
    PendingOperation(PendingOperation const&) = delete;
    PendingOperation& operator=(PendingOperation const&) = delete;

    virtual asio::awaitable<void> drive() = 0;

    void fail(std::exception_ptr error) noexcept { error_ = std::move(error); }

    // Whether a cancelled task may await the operation. It may not await drive(), whose caller therefore turns
    // throw_if_cancelled off; drive() sets it to what it was.
    Cancelled const when_cancelled;
    bool throw_if_cancelled = true;

protected:
    ~PendingOperation() = default;

    void rethrow_failure() {
        if (error_)
            std::rethrow_exception(std::exchange(error_, nullptr));
    }

private:
    std::exception_ptr error_;
};

// The part of the promise that does not depend on the item's type.
class GeneratorPromiseBase {
public:
    std::suspend_always initial_suspend() const noexcept { return {}; }
    std::suspend_always final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() noexcept { error_ = std::current_exception(); }

    template <AwaitableInGenerator A>
    auto await_transform(A&& operand);

    void wait_for(PendingOperation& operation) noexcept { pending_ = &operation; }
    bool is_waiting() const noexcept { return pending_ != nullptr; }
    PendingOperation* take_pending() noexcept { return std::exchange(pending_, nullptr); }
    std::exception_ptr take_error() noexcept { return std::exchange(error_, nullptr); }

private:
    PendingOperation* pending_ = nullptr;
    std::exception_ptr error_;
};

// Lies in the body's frame, as its operand does, until the body has the result.
template <AwaitableInGenerator A>
class GeneratorAwaiter final : public PendingOperation {
    using Result = typename AwaitedInGenerator<A>::type;

public:
    GeneratorAwaiter(A&& operand, GeneratorPromiseBase& promise) noexcept
        : PendingOperation(ThisCoroRequest<A> ? Cancelled::allowed : Cancelled::refused),
          operand_(std::forward<A>(operand)), promise_(promise) {}

    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> /*body*/) noexcept { promise_.wait_for(*this); }
    Result await_resume() {
        rethrow_failure();
        if constexpr (!std::is_void_v<Result>)
            return std::move(*result_);
    }

    asio::awaitable<void> drive() override {
        if constexpr (std::is_same_v<A, asio::awaitable<void>>)
            return std::move(operand_);
        else
            return drive_into_result();
    }

private:
    asio::awaitable<void> drive_into_result() {
        if constexpr (ThisCoroRequest<A>)
            co_await asio::this_coro::throw_if_cancelled(throw_if_cancelled);
        if constexpr (std::is_void_v<Result>)
            co_await operand();
        else
            result_.emplace(co_await operand());
    }

    decltype(auto) operand() {
        if constexpr (ForeignAwaitable<A>)
            return await_foreign(std::remove_reference_t<A>(std::forward<A>(operand_)));
        else
            return std::forward<A>(operand_);
    }

    A&& operand_;
    GeneratorPromiseBase& promise_;
    std::optional<std::conditional_t<std::is_void_v<Result>, std::monostate, Result>> result_;
};

template <AwaitableInGenerator A>
auto GeneratorPromiseBase::await_transform(A&& operand) {
    return GeneratorAwaiter<A>(std::forward<A>(operand), *this);
}

// The promise without get_return_object(), which AsyncGenerator adds.
template <class T>
class GeneratorPromise : public GeneratorPromiseBase {
    // Keeps the copy of an lvalue that was yielded, while the body is suspended.
    class CopyAwaiter {
    public:
        CopyAwaiter(T const& value, GeneratorPromise& promise) : copy_(value), promise_(promise) {}
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<> /*body*/) noexcept {
            promise_.item_ = std::addressof(copy_);
        }
        void await_resume() const noexcept {}

    private:
        T copy_;
        GeneratorPromise& promise_;
    };

public:
    static_assert(std::move_constructible<T>, "an AsyncGenerator moves its items out");

    std::suspend_always yield_value(T&& value) noexcept {
        item_ = std::addressof(value);
        return {};
    }
    CopyAwaiter yield_value(T const& value)
        requires std::copy_constructible<T>
    {
        return CopyAwaiter(value, *this);
    }

    T* take_item() noexcept { return std::exchange(item_, nullptr); }

private:
    T* item_ = nullptr;
};

// anext(): runs the body up to its next item, and awaits for it the operations on the way. So the body runs in
// the task that wants the item, with that task's executor and cancellation. A member function, because GCC
// warns of the frame of a free function template whose T is in an unnamed namespace.
template <class T, std::derived_from<GeneratorPromise<T>> Promise>
struct NextItem {
    static asio::awaitable<std::optional<T>> of(GeneratorCore* core) {
        if (!core || !core->begin_step())
            co_return std::nullopt;
        GeneratorStep step(*core);
        core->follow(co_await asio::this_coro::executor);

        auto const body = std::coroutine_handle<Promise>::from_address(core->frame());
        if (!body.promise().is_waiting())  // as it may be after drain()
            body.resume();
        while (PendingOperation* const pending = body.promise().take_pending()) {
            // Asio refuses the co_await of a cancelled task by throwing here. The body gets that, too.
            try {
                asio::awaitable<void> driving = pending->drive();
                if (pending->when_cancelled == PendingOperation::Cancelled::allowed) {
                    pending->throw_if_cancelled = co_await asio::this_coro::throw_if_cancelled();
                    co_await asio::this_coro::throw_if_cancelled(false);
                }
                co_await std::move(driving);
            } catch (...) {
                pending->fail(std::current_exception());
            }
            body.resume();
        }

        if (T* const item = body.promise().take_item()) {
            step.body_goes_on();
            co_return std::move(*item);
        }
        if (std::exception_ptr error = body.promise().take_error())
            std::rethrow_exception(std::move(error));
        co_return std::nullopt;
    }

    // The same, but gives first what is left over. Both pointers stay valid when the generator is moved.
    static asio::awaitable<std::optional<T>> after(Leftover<T>* leftover, GeneratorCore* core) {
        if (!leftover->empty())
            co_return leftover->take();
        co_return co_await of(core);
    }

    // aclose(): a step that closes the generator.
    static asio::awaitable<void> close(Leftover<T>* leftover, GeneratorCore* core) {
        if (leftover)
            *leftover = {};
        if (core && core->begin_step())
            GeneratorStep const step(*core);
        co_return;
    }

    // See DrainableIterable. Runs the body as long as it awaits nothing. Where it does, the next anext() goes on
    // from there.
    template <class Sink>
    static Drained drain(GeneratorCore* core, asio::any_io_executor const& executor, Sink sink) {
        if (!core || !core->begin_step())
            return Drained::ended;
        GeneratorStep step(*core);
        core->follow(executor);

        auto const body = std::coroutine_handle<Promise>::from_address(core->frame());
        for (;;) {
            if (!body.promise().is_waiting())
                body.resume();
            if (body.promise().is_waiting()) {
                step.body_goes_on();
                return Drained::pending;
            }
            T* const item = body.promise().take_item();
            if (!item)
                break;
            if (!sink(std::move(*item))) {
                step.body_goes_on();
                return Drained::stopped;
            }
        }
        if (std::exception_ptr error = body.promise().take_error())
            std::rethrow_exception(std::move(error));
        return Drained::ended;
    }
};

}  // namespace syncopate::inline v0_1::detail
