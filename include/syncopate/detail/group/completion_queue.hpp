// CompletionQueue: tasks that run side by side, and what has ended of them, oldest end first.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/cancellation/cancellation.hpp>
#include <syncopate/detail/group/child.hpp>
#include <syncopate/detail/group/loop_owned.hpp>
#include <syncopate/detail/group/nursery.hpp>
#include <syncopate/detail/loop/unhandled.hpp>
#include <syncopate/detail/task/outcome.hpp>
#include <syncopate/detail/task/owned_or_ref.hpp>

#include SYNCOPATE_ASIO(awaitable.hpp)
#include SYNCOPATE_ASIO(this_coro.hpp)

#include <cstddef>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace syncopate::inline v0_1::detail {

/// Lives at one address. Destroyed before its tasks have ended, it has them cancelled, and they go on without it.
template <class T>
class CompletionQueue {
    using Task = asio::awaitable<T>;
    using Value = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

public:
    explicit CompletionQueue(std::vector<Task> tasks)
        : tasks_(std::move(tasks)), left_(tasks_.size()) {
        ended_.reserve(tasks_.size());  // the end of a task must not fail
    }
    CompletionQueue(CompletionQueue const&) = delete;
    CompletionQueue& operator=(CompletionQueue const&) = delete;
    ~CompletionQueue() {
        is_closing_ = true;
        nursery_.cancel();
        report_rest();
    }

    /// queue: null is the end.
    static asio::awaitable<std::optional<Value>> next(CompletionQueue* queue) {
        if (!queue || queue->left_ == 0)
            co_return std::nullopt;
        if (!queue->is_started_) {
            auto const executor = co_await asio::this_coro::executor;
            queue->tie_.begin(executor);
            queue->nursery_.open(executor);
        }
        co_await queue->wait();
        queue->nursery_.throw_failure();  // one that was lost
        if (!queue->has_ended_one())
            throw_cancellation();
        if (--queue->left_ == 0)
            queue->tie_.end();
        auto& outcome = queue->ended_[queue->given_++];
        if constexpr (std::is_void_v<T>) {
            outcome.take();
            co_return Value();
        } else {
            co_return std::optional<Value>(std::in_place, outcome.take());
        }
    }

    LoopTie const& tie() const noexcept { return tie_; }

    static asio::awaitable<void> close(CompletionQueue* queue) {
        if (!queue)
            co_return;
        queue->left_ = 0;
        queue->tasks_.clear();
        if (!queue->is_started_)
            co_return;
        queue->is_closing_ = true;
        auto const cancel = [queue]() noexcept { queue->nursery_.cancel(); };
        co_await queue->nursery_.supervise(cancel);
        queue->tie_.end();
        queue->report_rest();
    }

private:
    /// Owns its outcome: the queue may be gone when it ends, and so may what it would write to.
    class Member final : public TaskChild<Task> {
    public:
        Member(Nursery& nursery, OwnedOrRef<Task> task, CompletionQueue& queue)
            : TaskChild<Task>(nursery, std::move(task)), queue_(queue) {}

        asio::awaitable<void> begin() { return this->run_task(&outcome_); }

        // Called only while the nursery is there, and so the queue.
        void complete(std::exception_ptr error) noexcept {
            if (error)
                outcome_.fail(std::move(error));
            else if constexpr (std::is_void_v<T>)
                outcome_.emplace();
            queue_.add(outcome_);
        }

    private:
        CompletionQueue& queue_;
        Outcome<T> outcome_;
    };

    bool has_ended_one() const noexcept { return given_ < ended_.size(); }

    /// Returns when a task has ended that was not given yet, or when the awaiting coroutine has been cancelled.
    asio::awaitable<void> wait() {
        auto const begin = [this]() noexcept { start(); };
        co_await nursery_.wait_for_one(begin, [this] { return has_ended_one(); });
    }

    void start() noexcept {
        if (std::exchange(is_started_, true))
            return;
        for (auto& task : tasks_) {
            try {
                nursery_.start<Member>(OwnedOrRef<Task>(std::move(task)), *this);
            } catch (...) {
                ended_.emplace_back().fail(std::current_exception());
            }
        }
        tasks_.clear();
    }

    void add(Outcome<T>& outcome) noexcept {
        try {
            ended_.push_back(std::move(outcome));
        } catch (...) {
            ended_.emplace_back().fail(
                std::current_exception());  // the value's own move has failed
        }
        if (!is_closing_)
            nursery_.notify_supervisor();
    }

    /// Nobody will be given the rest.
    void report_rest() noexcept {
        while (has_ended_one())
            if (auto const& error = ended_[given_++].error(); error && !is_cancellation(error))
                report_unhandled(error);
    }

    std::vector<Task> tasks_;  // until they are started
    std::size_t left_;         // not given yet
    std::vector<Outcome<T>> ended_;
    std::size_t given_ = 0;  // of those
    bool is_started_ = false;
    bool is_closing_ = false;
    LoopTie tie_;
    Nursery nursery_;  // destroyed first
};

}  // namespace syncopate::inline v0_1::detail
