// A number of tokens, for which tasks of any loop wait in turn.
#pragma once

#include <syncopate/detail/work/token_counter.hpp>

#include <boost/asio/awaitable.hpp>

#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

namespace syncopate {

/// Lets so many through at once: whoever holds a token. The others wait, first come, first served.
///
///     CapacityLimiter connections{4};
///     auto const token = co_await connections.acquire();
///     co_await to_thread(query, connections);                 // or so, for one function
///
/// Threads:   every member from any thread, acquire() from the tasks of any loop. Tokens may outlive it.
/// Semantics: `anyio.CapacityLimiter`; but a task may hold several tokens.
class CapacityLimiter {
public:
    /// The right to go on. Given back when it is destroyed, on any thread.
    class [[nodiscard]] Token {
    public:
        Token(Token&& other) noexcept = default;
        Token& operator=(Token&& other) noexcept {
            Token(std::move(other)).counter_.swap(counter_);
            return *this;
        }
        ~Token() {
            if (counter_)
                counter_->give_back();
        }

    private:
        friend class CapacityLimiter;
        explicit Token(std::shared_ptr<detail::TokenCounter> counter) noexcept
            : counter_(std::move(counter)) {}

        std::shared_ptr<detail::TokenCounter> counter_;
    };

    using Statistics = detail::TokenCounter::Statistics;

    /// Throws: std::invalid_argument if count is not positive.
    template <std::integral N>
    explicit CapacityLimiter(N count)
        : counter_(std::make_shared<detail::TokenCounter>(checked(count))) {}
    CapacityLimiter(CapacityLimiter const&) = delete;
    CapacityLimiter& operator=(CapacityLimiter const&) = delete;

    /// Waits for a token.
    ///
    /// Cancel: ends the wait by operation_aborted; no token is lost.
    boost::asio::awaitable<Token> acquire() { return acquire_from(counter_); }

    /// A token, if there is one and nobody waits for it.
    std::optional<Token> try_acquire() {
        if (!counter_->try_take())
            return std::nullopt;
        return Token(counter_);
    }

    /// total_tokens, borrowed_tokens, tasks_waiting, at one moment.
    Statistics statistics() const { return counter_->statistics(); }

    /// Changes the number of tokens. Those that are held stay with their holders, also beyond the number.
    template <std::integral N>
    void set_total_tokens(N count) {
        counter_->set_total(checked(count));
    }

private:
    template <std::integral N>
    static std::size_t checked(N count) {
        if (count <= 0)
            throw std::invalid_argument("CapacityLimiter: the number of tokens must be positive");
        return static_cast<std::size_t>(count);
    }

    static boost::asio::awaitable<Token> acquire_from(
        std::shared_ptr<detail::TokenCounter> counter) {
        if (!counter->try_take())
            co_await detail::TokenCounter::wait(counter);
        co_return Token(std::move(counter));
    }

    std::shared_ptr<detail::TokenCounter> const counter_;
};

}  // namespace syncopate
