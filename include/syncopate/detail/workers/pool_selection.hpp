// ChosenPool, ChosenThreadPool, DefaultPool: select the pool that does a coroutine's work, for offload().
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/deadlock/wait_graph.hpp>
#include <syncopate/detail/error/thrown_by.hpp>
#include <syncopate/detail/loop/context_gate.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/loop/posted_or_dropped.hpp>
#include <syncopate/detail/loop/unhandled.hpp>
#include <syncopate/detail/loop/work_executor.hpp>
#include <syncopate/detail/work/work.hpp>
#include <syncopate/detail/work/work_queue.hpp>
#include <syncopate/detail/work/worker_scope.hpp>
#include <syncopate/detail/workers/worker_threads.hpp>
#include <syncopate/error.hpp>
#include <syncopate/options.hpp>
#include <syncopate/worker_pool.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)
#include SYNCOPATE_ASIO(post.hpp)
#include SYNCOPATE_ASIO(thread_pool.hpp)

#include <exception>
#include <memory>
#include <string>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// A WorkerPool that the user names.
class ChosenPool {
public:
    explicit ChosenPool(WorkerPool& pool) noexcept : threads_(threads_of(pool).get()) {}

    WorkExecutor* operator()(asio::any_io_executor const&) const noexcept { return threads_; }

private:
    WorkerThreads* threads_;
};

/// An asio::thread_pool that the user names. It cannot take work out of its queue: withdrawn work passes
/// through it, and is not done.
class ChosenThreadPool {
public:
    explicit ChosenThreadPool(asio::thread_pool& pool) noexcept : pool_(&pool) {}

    auto operator()(asio::any_io_executor const&) const {
        return std::make_unique<Executor>(*pool_);
    }

private:
    struct Posted {
        WorkPointer work;
        void called() const noexcept {
            WorkerScope const scope(*work);
            work->run([] {
                report_unhandled(error_of(
                    Errc::worker_lost,
                    "pthread_exit() on an asio::thread_pool, which ends the process"));
            });
        }
        void dropped() const noexcept {
            work->refuse(error_of(Errc::worker_lost, "asio::thread_pool"));
        }
    };

    class Executor final : public WorkExecutor {
    public:
        explicit Executor(asio::thread_pool& pool) noexcept : pool_(pool) {}
        void submit(Work& work) override { asio::post(pool_, PostedOrDropped(Posted{&work})); }
        void withdraw(Work&) noexcept override {}

    private:
        asio::thread_pool& pool_;
    };

    asio::thread_pool* pool_;
};

/// The pool that the runner's options name, or else the one that belongs to the execution context.
class DefaultPool {
public:
    std::shared_ptr<OwnedWorkExecutor> operator()(asio::any_io_executor const& executor) const {
        auto const gate = ContextGate::of(executor);
        auto const* const runner = gate->loop() ? gate->loop() : Loop::of_this_thread();
        if (runner && runner->options().worker_pool() && !gate->loop())
            return std::make_shared<SharedPool>(runner->options().worker_pool());
        return gate->workers([&] { return make(runner); });
    }

private:
    /// A pool that several runners share, and none of them closes.
    class SharedPool final : public OwnedWorkExecutor {
    public:
        explicit SharedPool(std::shared_ptr<WorkerPool> pool) noexcept : pool_(std::move(pool)) {}

        void submit(Work& work) override { threads_of(*pool_)->submit(work); }
        void withdraw(Work& work) noexcept override { threads_of(*pool_)->withdraw(work); }
        bool close_until(Deadline) noexcept override { return true; }
        std::string description() const override { return {}; }

    private:
        std::shared_ptr<WorkerPool> const pool_;
    };

    static std::shared_ptr<OwnedWorkExecutor> make(Loop const* runner) {
        if (!runner)
            return make(Options());
        if (auto const& pool = runner->options().worker_pool())
            return std::make_shared<SharedPool>(pool);
        return make(runner->options());
    }
    static std::shared_ptr<OwnedWorkExecutor> make(Options const& options) {
        WorkerPoolOptions pool;
        if (!options.name().empty())
            pool.name(options.name());
        pool.max_workers(options.max_workers());
        return std::make_shared<WorkerThreads>(WorkerThreads::Settings{
            pool.name(),
            pool.max_workers(),
            pool.keep_alive(),
            options.spin(),
            options.close_timeout(),
            {options.on_thread_start(), options.on_thread_stop(),
             [options](std::exception_ptr error) { options.report(std::move(error)); }}});
    }
};

}  // namespace syncopate::inline v0_1::detail
