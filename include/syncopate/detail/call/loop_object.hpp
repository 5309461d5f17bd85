// LoopObject: a context that is an object made and destroyed on a loop. ObjectTask: a task that uses it.
#pragma once

#include <syncopate/concepts.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/task/awaitable_of.hpp>
#include <syncopate/detail/task/owned_or_ref.hpp>
#include <syncopate/error.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <concepts>
#include <exception>
#include <functional>
#include <memory>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// How an OnLoop makes its object: of the arguments, or of the loop's executor and these.
template <class T, class... Args>
concept MadeOnLoop = std::constructible_from<T, Args...> ||
                     std::constructible_from<T, boost::asio::any_io_executor const&, Args...>;

/// A function that takes the object and returns a task.
template <class F, class T>
concept LoopObjectFunction = std::invocable<std::remove_reference_t<F>&, T&> &&
                             Task<std::invoke_result_t<std::remove_reference_t<F>&, T&>>;

template <class F, class T>
using object_result_t = task_result_t<std::invoke_result_t<std::remove_reference_t<F>&, T&>>;

/// Where the object is. On the loop.
template <class T>
class LoopSlot {
public:
    /// Throws: Errc::runner_closed if it has been destroyed.
    std::shared_ptr<T> get() const {
        if (!object_)
            throw std::system_error(
                make_error_code(Errc::runner_closed), "the object has been destroyed");
        return object_;
    }

private:
    template <class, class...>
    friend class LoopObject;

    std::shared_ptr<T> object_;
};

/// Refers to the arguments: entered before they go.
template <class T, class... Args>
class LoopObject {
public:
    LoopObject(Loop const& loop, std::shared_ptr<LoopSlot<T>> slot, Args&&... args)
        : loop_(loop), slot_(std::move(slot)), args_(std::forward<Args>(args)...) {}

    boost::asio::awaitable<std::reference_wrapper<LoopSlot<T>>> aenter() {
        std::apply([this](Args&&... args) { make(std::forward<Args>(args)...); }, std::move(args_));
        co_return std::ref(*slot_);
    }
    boost::asio::awaitable<void> aexit(std::exception_ptr) {
        slot_->object_.reset();
        co_return;
    }

private:
    void make(Args&&... args) {
        if constexpr (std::constructible_from<T, Args...>)
            slot_->object_ = std::make_shared<T>(std::forward<Args>(args)...);
        else
            slot_->object_ = std::make_shared<T>(loop_.executor(), std::forward<Args>(args)...);
    }

    Loop const& loop_;
    std::shared_ptr<LoopSlot<T>> slot_;
    std::tuple<Args&&...> args_;
};

/// F: as for OwnedOrRef. The object lives as long as the task.
template <class T, class F>
class ObjectTask {
    using Result = object_result_t<F, T>;
    using Called = std::invoke_result_t<std::remove_reference_t<F>&, T&>;

public:
    ObjectTask(std::shared_ptr<LoopSlot<T>> slot, F&& function)
        : slot_(std::move(slot)), function_(std::forward<F>(function)) {}

    boost::asio::awaitable<Result> operator()() { return use(slot_->get(), function_.get()); }

private:
    static boost::asio::awaitable<Result> use(
        std::shared_ptr<T> object, std::remove_reference_t<F>& function) {
        OwnedOrRef<Called> task(std::invoke(function, *object));
        co_return co_await awaitable_of(task);
    }

    std::shared_ptr<LoopSlot<T>> slot_;
    OwnedOrRef<F> function_;
};

}  // namespace syncopate::inline v0_1::detail
