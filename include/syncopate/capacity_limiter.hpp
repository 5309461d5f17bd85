// CapacityLimiter: a number of tokens, for which the tasks of any loop wait in turn.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/loop/suspension.hpp>
#include <syncopate/detail/task/task_id.hpp>
#include <syncopate/detail/work/token_counter.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)
#include SYNCOPATE_ASIO(awaitable.hpp)
#include SYNCOPATE_ASIO(this_coro.hpp)

#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

namespace syncopate::inline v0_1 {

class CapacityLimiter;

namespace detail {
TokenCounter const* counter_of(CapacityLimiter const& limiter) noexcept;
}

/// Limits how many tasks run at once: each holds a token. The others wait, first come, first served.
///
///     CapacityLimiter connections{4};
///     auto const token = co_await connections.acquire();
///     co_await to_thread(query, connections);  // for the length of one function
///
/// Throws:    every member, in the child of a fork before which the limiter was used -> Errc::forked.
/// Threads:   every member from any thread, acquire() from the tasks of any loop. Tokens may outlive it.
/// Semantics: `anyio.CapacityLimiter`; but a task may hold several tokens.
class CapacityLimiter {
public:
    /// One of the limiter's tokens, given back when this is destroyed.
    ///
    /// Threads:   may be destroyed on any thread, and after the limiter.
    class [[nodiscard]] Token {
    public:
        Token(Token&& other) noexcept = default;
        Token& operator=(Token&& other) noexcept {
            Token taken(std::move(other));
            taken.counter_.swap(counter_);
            std::swap(taken.task_, task_);
            return *this;
        }
        ~Token() {
            if (counter_)
                counter_->give_back(task_);
        }

    private:
        friend class CapacityLimiter;
        Token(std::shared_ptr<detail::TokenCounter> counter, detail::TaskId task) noexcept
            : counter_(std::move(counter)), task_(task) {}

        std::shared_ptr<detail::TokenCounter> counter_;
        detail::TaskId task_;  // that has taken it, as far as that is known
    };

    /// The limiter's numbers at one moment.
    struct Statistics {
        /// As constructed, or as set_total_tokens() says.
        std::size_t total_tokens;
        /// Those that are held now: more than the total after that has shrunk.
        std::size_t borrowed_tokens;
        /// Those that wait in acquire().
        std::size_t tasks_waiting;
    };

    /// Makes a limiter with this number of tokens.
    ///
    /// Throws:    std::invalid_argument if count is not positive.
    template <std::integral N>
    explicit CapacityLimiter(N count)
        : counter_(std::make_shared<detail::TokenCounter>(checked(count))) {}
    CapacityLimiter(CapacityLimiter const&) = delete;
    CapacityLimiter& operator=(CapacityLimiter const&) = delete;

    /// Waits for a token.
    ///
    /// Throws:    every token is held by a function of to_thread() that waits for this task, or for another one
    ///            that waits for a token, and no time limit or stop token ends such a wait -> DeadlockError.
    /// Cancel:    ends the wait by operation_aborted; no token is lost.
    /// Threads:   from a task of any loop, which need not outlive the limiter.
    /// Semantics: `anyio.CapacityLimiter.acquire`.
    asio::awaitable<Token> acquire() { return acquire_from(counter_); }

    /// Gives a token if one is free and no task waits; std::nullopt otherwise. Does not block.
    ///
    /// Semantics: `anyio.CapacityLimiter.acquire_nowait`, which throws WouldBlock instead.
    std::optional<Token> try_acquire() {
        counter_->require_here();
        auto const task = detail::Suspension::task_here();
        if (!counter_->try_take(task))
            return std::nullopt;
        return Token(counter_, task);
    }

    /// Gives the limiter's numbers.
    Statistics statistics() const {
        counter_->require_here();
        auto const counts = counter_->counts();
        return {counts.total, counts.borrowed, counts.waiting};
    }

    /// Changes the number of tokens. Held tokens stay with their holders, also beyond the new number.
    ///
    /// Throws:    std::invalid_argument if count is not positive.
    template <std::integral N>
    void set_total_tokens(N count) {
        counter_->require_here();
        counter_->set_total(checked(count));
    }

private:
    friend detail::TokenCounter const* detail::counter_of(CapacityLimiter const& limiter) noexcept;

    template <std::integral N>
    static std::size_t checked(N count) {
        if (count <= 0)
            throw std::invalid_argument("CapacityLimiter: the number of tokens must be positive");
        return static_cast<std::size_t>(count);
    }

    static asio::awaitable<Token> acquire_from(std::shared_ptr<detail::TokenCounter> counter) {
        counter->require_here();
        asio::any_io_executor const executor = co_await asio::this_coro::executor;
        auto task = detail::Suspension::task_of(executor);
        if (!counter->try_take(task))
            task = co_await detail::TokenCounter::wait(counter);
        co_return Token(std::move(counter), task);
    }

    std::shared_ptr<detail::TokenCounter> const counter_;
};

namespace detail {

inline TokenCounter const* counter_of(CapacityLimiter const& limiter) noexcept {
    return limiter.counter_.get();
}

}  // namespace detail

}  // namespace syncopate::inline v0_1
