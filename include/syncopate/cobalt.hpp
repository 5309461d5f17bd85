// Boost.Cobalt's task, promise and generator as tasks and ranges. Included by name, and empty without Boost.Cobalt.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/foreign/foreign_task.hpp>
#include <syncopate/detail/iteration/foreign_iterable.hpp>
#include <syncopate/detail/task/awaitable_of.hpp>
#include <syncopate/detail/task/caller_executor.hpp>

// In Boost 1.84 and newer.
#if !defined(SYNCOPATE_ASIO_STANDALONE) && __has_include(<boost/cobalt/task.hpp>)
#include SYNCOPATE_ASIO(any_io_executor.hpp)
#include SYNCOPATE_ASIO(awaitable.hpp)
#include SYNCOPATE_ASIO(execution/context.hpp)
#include SYNCOPATE_ASIO(query.hpp)

#include <boost/cobalt/generator.hpp>
#include <boost/cobalt/promise.hpp>
#include <boost/cobalt/task.hpp>
#include <boost/cobalt/this_thread.hpp>

#include <memory>
#include <optional>
#include <thread>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// As long as it is kept, the thread's executor is, for Cobalt, the loop's: its promises and generators take that when they
/// are made.
class CobaltThread {
public:
    /// All that runs on a loop at the same time shares one.
    static std::shared_ptr<void> enter(asio::any_io_executor const& executor) {
        thread_local std::weak_ptr<CobaltThread> newest;
        auto current = newest.lock();
        if (!current || current->context_ != &asio::query(executor, asio::execution::context))
            newest = current = std::make_shared<CobaltThread>(without_caller(executor));
        return current;
    }

    explicit CobaltThread(asio::any_io_executor const& executor)
        : context_(&asio::query(executor, asio::execution::context)) {
        namespace this_thread = boost::cobalt::this_thread;
        if (this_thread::has_executor())
            former_ = this_thread::get_executor();
        this_thread::set_executor(executor_as<boost::cobalt::executor>(executor));
    }
    CobaltThread(CobaltThread const&) = delete;
    CobaltThread& operator=(CobaltThread const&) = delete;
    ~CobaltThread() {
        // Cobalt itself forgets the executor of a context that ends.
        if (former_ && std::this_thread::get_id() == thread_)
            boost::cobalt::this_thread::set_executor(std::move(former_));
    }

private:
    asio::execution_context* const context_;
    std::thread::id const thread_ = std::this_thread::get_id();
    boost::cobalt::executor former_;
};

template <class T>
struct ForeignSetUp<boost::cobalt::task<T>> : CobaltThread {};
template <class T>
struct ForeignSetUp<boost::cobalt::promise<T>> : CobaltThread {};
template <class T, class Push>
struct ForeignSetUp<boost::cobalt::generator<T, Push>> : CobaltThread {};

/// Awaits a generator, which stays where it is.
template <class T>
struct CobaltStep {
    boost::cobalt::generator<T>* generator;
    auto operator co_await() const { return generator->operator co_await(); }
};

template <class T>
struct ForeignSteps<boost::cobalt::generator<T>> {
    using Item = T;

    // What the generator returns is no item.
    static asio::awaitable<std::optional<T>> next(boost::cobalt::generator<T>& generator) {
        if (!generator)
            co_return std::nullopt;
        std::optional<T> item(co_await await_foreign(CobaltStep<T>{&generator}));
        if (!generator)
            co_return std::nullopt;
        co_return std::move(item);
    }
};

}  // namespace syncopate::inline v0_1::detail
#endif
