// LoopObject: a context that is an object made and destroyed on a loop. ObjectTask: a task that uses it. ObjectChild:
// one that lasts no longer than the object.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/concepts.hpp>
#include <syncopate/detail/cancellation/cancellation.hpp>
#include <syncopate/detail/foreign/foreign_task.hpp>
#include <syncopate/detail/group/child.hpp>
#include <syncopate/detail/group/nursery.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/task/awaitable_of.hpp>
#include <syncopate/detail/task/owned_or_ref.hpp>
#include <syncopate/error.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)
#include SYNCOPATE_ASIO(awaitable.hpp)

#include <concepts>
#include <exception>
#include <functional>
#include <memory>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// Whether an OnLoop without arguments makes its object of the loop's executor. Some I/O objects claim that they need no
/// argument: Beast's websocket::stream has a constructor that takes anything, and then does not compile.
template <class T, class... Args>
concept WantsExecutor = sizeof...(Args) == 0 && requires { typename T::executor_type; } &&
                        std::constructible_from<T, asio::any_io_executor const&>;

/// How an OnLoop makes its object: of the arguments, or of the loop's executor and these.
template <class T, class... Args>
concept MadeOnLoop = std::constructible_from<T, Args...> ||
                     std::constructible_from<T, asio::any_io_executor const&, Args...>;

/// A function that takes the object and returns a task.
template <class F, class T>
concept LoopObjectFunction = std::invocable<std::remove_reference_t<F>&, T&> &&
                             Task<std::invoke_result_t<std::remove_reference_t<F>&, T&>>;

template <class F, class T>
using object_result_t = task_result_t<std::invoke_result_t<std::remove_reference_t<F>&, T&>>;

/// A task that nobody waits for but the object's destruction: its failure is reported.
template <Task T>
class ObjectChild final : public TaskChild<T> {
public:
    ObjectChild(Nursery& nursery, Loop const& loop, T&& task)
        : TaskChild<T>(nursery, OwnedOrRef<T>(std::move(task))), loop_(loop) {}

    asio::awaitable<void> begin() { return this->run_task(nullptr); }
    void complete(std::exception_ptr error) noexcept {
        if (error && !is_cancellation(error))
            loop_.report(std::move(error));
    }

private:
    Loop const& loop_;  // keeps what runs on it
};

/// Not a lambda, which would be of a type that depends on the object's: GCC warns where that is in an unnamed namespace.
struct CancelChildren {
    void operator()() const noexcept { children.cancel(); }

    Nursery& children;
};

/// Where the object is, with the tasks that end before it. On the loop.
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

    template <Task Child>
    void start_child(Loop const& loop, Child&& child) {
        static_cast<void>(get());
        children_.start<ObjectChild<Child>>(loop, std::forward<Child>(child));
    }

private:
    template <class, class...>
    friend class LoopObject;

    std::shared_ptr<T> object_;
    Nursery children_;
};

/// Refers to the arguments: entered before they go.
template <class T, class... Args>
class LoopObject {
public:
    LoopObject(Loop const& loop, std::shared_ptr<LoopSlot<T>> slot, Args&&... args)
        : loop_(loop), slot_(std::move(slot)), args_(std::forward<Args>(args)...) {}

    asio::awaitable<std::reference_wrapper<LoopSlot<T>>> aenter() {
        std::apply([this](Args&&... args) { make(std::forward<Args>(args)...); }, std::move(args_));
        slot_->children_.open(loop_.executor());
        co_return std::ref(*slot_);
    }
    asio::awaitable<void> aexit(std::exception_ptr) {
        struct Reset {
            ~Reset() { object.reset(); }
            std::shared_ptr<T>& object;
        } const reset{slot_->object_};
        Nursery& children = slot_->children_;
        CancelChildren const cancel{children};
        co_await children.supervise(cancel);
        children.close();
    }

private:
    void make(Args&&... args) {
        if constexpr (std::constructible_from<T, Args...> && !WantsExecutor<T, Args...>)
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

    asio::awaitable<Result> operator()() { return use(slot_->get(), function_.get()); }

private:
    static asio::awaitable<Result> use(
        std::shared_ptr<T> object, std::remove_reference_t<F>& function) {
        OwnedOrRef<Called> task(std::invoke(function, *object));
        co_return co_await awaitable_of(task);
    }

    std::shared_ptr<LoopSlot<T>> slot_;
    OwnedOrRef<F> function_;
};

}  // namespace syncopate::inline v0_1::detail
