// WrongCalls: what users write by mistake. It compiles to one error, which names the right call.
#pragma once

#include <syncopate/concepts.hpp>

#include <chrono>
#include <future>
#include <type_traits>

namespace syncopate::inline v0_1::detail {

template <class T>
struct IsDurationOrTime : std::false_type {};
template <class Rep, class Period>
struct IsDurationOrTime<std::chrono::duration<Rep, Period>> : std::true_type {};
template <class Clock, class Duration>
struct IsDurationOrTime<std::chrono::time_point<Clock, Duration>> : std::true_type {};

template <class T>
concept DurationOrTime = IsDurationOrTime<T>::value;

template <class T>
struct IsFuture : std::false_type {};
template <class T>
struct IsFuture<std::future<T>> : std::true_type {};
template <class T>
struct IsFuture<std::shared_future<T>> : std::true_type {};

template <class T>
concept StdFuture = IsFuture<std::remove_cvref_t<T>>::value;

template <class T>
concept AwaitableByName =
    std::is_lvalue_reference_v<T> && !std::is_function_v<std::remove_reference_t<T>> && !Task<T> &&
    (Awaitable<std::remove_cvref_t<T>> || ForeignAwaitable<std::remove_cvref_t<T>>);

// Not task_result_t: Clang forms a function's type before it asks for its constraints.
template <class A>
struct ResultByName;
template <AwaitableByName A>
struct ResultByName<A> {
    using type = task_result_t<std::remove_cvref_t<A>>;
};

/// A base of what has run(), run_for(), run_as_future() and start_soon().
class WrongCalls {
protected:
    ~WrongCalls() = default;

    template <Task T, DurationOrTime Limit>
    static task_result_t<T> run(T&&, Limit) {
        static_assert(
            !sizeof(Limit),
            "syncopate: run() has no limit: write run_for(5s, task), or run_until(deadline, task)");
        throw;  // in no program
    }
    template <Task T, DurationOrTime Limit>
    static task_result_t<T> run_for(T&&, Limit) {
        static_assert(!sizeof(Limit), "syncopate: the limit comes first: write run_for(5s, task)");
        throw;  // in no program
    }
    template <StdFuture F>
    static void run(F&&) {
        static_assert(
            IsDurationOrTime<F>::value,
            "syncopate: a std::future is no task: write run(wrap_future(std::move(future)))");
    }
    template <AwaitableByName A>
    static typename ResultByName<A>::type run(A&&) {
        static_assert(
            IsDurationOrTime<A>::value,
            "syncopate: an awaitable can be awaited once, and is given away: write "
            "run(std::move(task)), or run() a callable that returns a new one");
        throw;  // in no program
    }
    template <DurationOrTime Limit, AwaitableByName A>
    static typename ResultByName<A>::type run_for(Limit, A&&) {
        static_assert(
            IsDurationOrTime<A>::value,
            "syncopate: an awaitable can be awaited once, and is given away: write "
            "run_for(5s, std::move(task))");
        throw;  // in no program
    }
    template <AwaitableByName A>
    static std::future<typename ResultByName<A>::type> run_as_future(A&&) {
        static_assert(
            IsDurationOrTime<A>::value,
            "syncopate: an awaitable can be awaited once, and is given away: write "
            "run_as_future(std::move(task))");
        throw;  // in no program
    }
    template <AwaitableByName A>
    static void start_soon(A&&) {
        static_assert(
            IsDurationOrTime<A>::value,
            "syncopate: an awaitable can be awaited once, and is given away: write "
            "start_soon(std::move(task))");
    }
};

/// The same for the function run().
namespace wrong_calls {

template <Task T, DurationOrTime Limit>
task_result_t<T> run(T&&, Limit) {
    static_assert(
        !sizeof(Limit),
        "syncopate: run() has no limit: make a Runner, and write runner.run_for(5s, task)");
    throw;  // in no program
}
template <AwaitableByName A>
typename ResultByName<A>::type run(A&&) {
    static_assert(
        IsDurationOrTime<A>::value,
        "syncopate: an awaitable can be awaited once, and is given away: write run(std::move(task))");
    throw;  // in no program
}

}  // namespace wrong_calls

}  // namespace syncopate::inline v0_1::detail
