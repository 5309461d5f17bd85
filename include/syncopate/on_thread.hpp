// OnThread: a blocking object for coroutines: it is made, used and destroyed on a thread of its own.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/blocking_function.hpp>
#include <syncopate/on_cancel.hpp>
#include <syncopate/to_thread.hpp>
#include <syncopate/worker_pool.hpp>

#include SYNCOPATE_ASIO(awaitable.hpp)

#include <chrono>
#include <concepts>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <tuple>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1 {

/// A function that a coroutine has called with an OnThread's object. Its result is no reference and no awaitable.
template <class F, class T>
concept ThreadObjectFunction =
    std::move_constructible<std::decay_t<F>> && std::invocable<std::decay_t<F>&, T&> &&
    !std::is_reference_v<std::invoke_result_t<std::decay_t<F>&, T&>> &&
    !Awaitable<std::invoke_result_t<std::decay_t<F>&, T&>>;

/// Owns an object that blocks, and that has to be used by one thread only: a database's handle, a serial port.
///
/// ```cpp
/// OnThread<Database> database{"orders.db"};
/// int const count = co_await database.run([](Database& db) { return db.count("orders"); });
/// ```
///
/// The thread starts with the first use, makes the object, and destroys it before it ends.
///
/// Blocks:    the destructor and close(), until the function that runs has returned, and the object has been
///            destroyed. Functions that wait for their turn are not called: their tasks get Errc::runner_closed.
/// Threads:   run() from the tasks of any loops. Otherwise as for a WorkerPool with one thread.
/// Semantics: aiosqlite's Connection, for any object.
template <class T>
class OnThread {
public:
    /// Keeps the arguments for the object, and starts nothing yet.
    ///
    /// args:      of a constructor of T. Copied, or moved; std::ref(object) hands on a reference.
    template <class... Args>
        requires std::constructible_from<T, std::decay_t<Args>...>
    explicit OnThread(Args&&... args)
        : place_(std::make_shared<MadeOf<std::decay_t<Args>...>>(std::forward<Args>(args)...)),
          pool_(WorkerPoolOptions()
                    .name("OnThread")
                    .max_workers(1)
                    .keep_alive((std::chrono::nanoseconds::max)())
                    .on_thread_stop([place = place_] { place->object.reset(); })) {}
    OnThread(OnThread const&) = delete;
    OnThread& operator=(OnThread const&) = delete;

    /// Calls a function with the object on its thread, and gives what it returns. Functions are called one after
    /// another, first come, first served.
    ///
    /// function:  is moved to that thread, called once, and destroyed there.
    /// on_cancel: whether the task waits for the function when it is cancelled.
    /// where:     the call site, for messages: leave it to its default.
    /// Throws:    what the function throws. What the object's constructor throws: then there is none, and each use
    ///            throws that. Otherwise as run_in_executor().
    /// Cancel:    as run_in_executor().
    template <ThreadObjectFunction<T> F>
    asio::awaitable<std::invoke_result_t<std::decay_t<F>&, T&>> run(
        F&& function,
        OnCancel on_cancel = OnCancel::wait,
        std::source_location where = std::source_location::current()) {
        using Result = std::invoke_result_t<std::decay_t<F>&, T&>;
        auto use = [place = place_,
                    function = std::decay_t<F>(std::forward<F>(function))]() mutable -> Result {
            return std::invoke(function, place->get());
        };
        return run_in_executor(pool_, std::move(use), on_cancel, where);
    }

    /// Destroys the object, and ends its thread. Later uses throw Errc::runner_closed.
    ///
    /// Throws:    as WorkerPool::close().
    void close() { pool_.close(); }

private:
    // On the thread, once that has been started.
    struct Place {
        virtual ~Place() = default;
        virtual void make() = 0;

        T& get() {
            if (failure)
                std::rethrow_exception(failure);
            if (!object) {
                try {
                    make();
                } catch (...) {
                    failure = std::current_exception();
                    throw;
                }
            }
            return *object;
        }

        std::optional<T> object;
        std::exception_ptr failure;
    };

    template <class... Args>
    struct MadeOf final : Place {
        template <class... From>
        explicit MadeOf(From&&... from) : args(std::forward<From>(from)...) {}
        void make() override {
            std::apply([this](Args&... each) { this->object.emplace(std::move(each)...); }, args);
        }

        std::tuple<Args...> args;
    };

    std::shared_ptr<Place> const place_;
    WorkerPool pool_;
};

}  // namespace syncopate::inline v0_1
