// Tokens, and who waits for them.
#pragma once

#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/loop/suspension.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/system/system_error.hpp>

#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>

namespace syncopate::detail {

/// A token that is given back goes to the one who has waited longest, under the lock: so nobody overtakes,
/// and a waiter who is cancelled either is still in the list or has a token, which it gives back.
class TokenCounter {
public:
    struct Statistics {
        std::size_t total_tokens;
        std::size_t borrowed_tokens;
        std::size_t tasks_waiting;
    };

    explicit TokenCounter(std::size_t total) noexcept : total_(total) {}

    bool try_take() noexcept {
        std::lock_guard const lock(mutex_);
        return take_if_free();
    }

    /// Gives the awaiting coroutine a token. Throws: operation_aborted when it is cancelled first.
    static boost::asio::awaitable<void> wait(std::shared_ptr<TokenCounter> counter) {
        boost::asio::any_io_executor executor = co_await boost::asio::this_coro::executor;
        boost::intrusive_ptr<Waiter> const waiter(new Waiter(executor, std::move(counter)));
        co_await waiter->wait();
        if (!waiter->has_token())
            throw boost::system::system_error(boost::asio::error::operation_aborted);
    }

    void give_back() noexcept {
        std::unique_lock lock(mutex_);
        --borrowed_;
        serve_waiters(lock);
    }

    void set_total(std::size_t total) noexcept {
        std::unique_lock lock(mutex_);
        total_ = total;
        serve_waiters(lock);
    }

    Statistics statistics() const noexcept {
        std::lock_guard const lock(mutex_);
        return {total_, borrowed_, waiting_};
    }

private:
    class Waiter final : public Suspension, public ListHook<Waiter> {
    public:
        Waiter(
            boost::asio::any_io_executor const& executor,
            std::shared_ptr<TokenCounter> counter) noexcept
            : Suspension(executor), counter_(std::move(counter)) {}

        /// After the coroutine has gone on.
        bool has_token() const noexcept { return has_token_; }

    private:
        friend class TokenCounter;

        void begin() noexcept override { counter_->enlist(*this); }
        void cancelled() noexcept override {
            if (counter_->strike_off(*this))
                resume_soon();
        }
        bool is_settled() noexcept override {
            if (!counter_->strike_off(*this) && has_token_)
                counter_->give_back();
            return true;
        }

        std::shared_ptr<TokenCounter> const counter_;
        bool has_token_ = false;
    };

    bool take_if_free() noexcept {
        if (waiting_ > 0 || borrowed_ >= total_)
            return false;
        ++borrowed_;
        return true;
    }

    void enlist(Waiter& waiter) noexcept {
        std::unique_lock lock(mutex_);
        intrusive_ptr_add_ref(&waiter);
        waiters_.push_back(waiter);
        ++waiting_;
        serve_waiters(lock);
    }

    /// False: it is not in the list, because it has a token, or was struck off before.
    bool strike_off(Waiter& waiter) noexcept {
        std::lock_guard const lock(mutex_);
        return take_from_list(waiter) != nullptr;
    }

    boost::intrusive_ptr<Waiter> take_from_list(Waiter& waiter) noexcept {
        auto& link = static_cast<ListHook<Waiter>&>(waiter);
        if (!link.is_linked())
            return nullptr;
        link.unlink();
        --waiting_;
        return {&waiter, false};
    }

    void serve_waiters(std::unique_lock<std::mutex>& lock) noexcept {
        while (borrowed_ < total_ && !waiters_.empty()) {
            auto const waiter = take_from_list(waiters_.front());
            waiter->has_token_ = true;
            ++borrowed_;
            lock.unlock();
            waiter->resume_soon();
            lock.lock();
        }
    }

    mutable std::mutex mutex_;
    std::size_t total_;
    std::size_t borrowed_ = 0;
    std::size_t waiting_ = 0;
    IntrusiveList<Waiter> waiters_;
};

}  // namespace syncopate::detail
