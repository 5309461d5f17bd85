// TokenCounter: counts the tokens of a CapacityLimiter, and hands each that is given back to the task
// that has waited longest. TokenRequest: such a task's place in the queue.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/cancellation/cancellation.hpp>
#include <syncopate/detail/cancellation/coroutine_state.hpp>
#include <syncopate/detail/cancellation/moved_coroutine.hpp>
#include <syncopate/detail/deadlock/resource_wait.hpp>
#include <syncopate/detail/deadlock/wait_graph.hpp>
#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/intrusive_pointer.hpp>
#include <syncopate/detail/loop/suspension.hpp>
#include <syncopate/detail/system/forks.hpp>
#include <syncopate/detail/task/call_id.hpp>
#include <syncopate/detail/task/caller_executor.hpp>
#include <syncopate/detail/task/task_id.hpp>
#include <syncopate/detail/work/token_holders.hpp>
#include <syncopate/error.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)
#include SYNCOPATE_ASIO(awaitable.hpp)
#include SYNCOPATE_ASIO(deferred.hpp)
#include SYNCOPATE_ASIO(dispatch.hpp)
#include SYNCOPATE_ASIO(this_coro.hpp)

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// A token that is given back is granted under the lock, so nobody overtakes. A request that is cancelled
/// either is still in the queue, or has been granted a token, which it then gives back.
class TokenCounter {
public:
    struct Counts {
        std::size_t total;
        std::size_t borrowed;
        std::size_t waiting;
    };

    explicit TokenCounter(std::size_t total) noexcept : total_(total) {}

    /// The first check of whatever uses it, before the lock is taken.
    /// Throws: Errc::forked if it was used before the fork that has made this process.
    void require_here() {
        if (!in_use_.here() && !in_use_.note())
            throw std::system_error(make_error_code(Errc::forked), "a CapacityLimiter");
    }

    /// task: takes the token, or zero.
    bool try_take(TaskId task) noexcept {
        std::lock_guard const lock(mutex_);
        if (waiting_ > 0 || borrowed_ >= total_)
            return false;
        lend_to(task);
        return true;
    }

    /// Gives the awaiting coroutine a token, and returns its task: give_back() is to have the same.
    /// Throws: operation_aborted when it is cancelled first; DeadlockError if each token is held by a worker that
    /// waits for a task in the queue, or for this one, and nothing ends these waits.
    static asio::awaitable<TaskId> wait(std::shared_ptr<TokenCounter> counter) {
        if (MovedStep::is_here())
            co_await asio::dispatch(asio::deferred);
        asio::any_io_executor executor = co_await asio::this_coro::executor;
        CoroutineBottom* coroutine = nullptr;
        co_await find_bottom(coroutine);
        IntrusivePointer<TokenRequest> const request(
            new TokenRequest(executor, *coroutine, std::move(counter)));
        co_await request->wait();
        if (request->is_refused())
            throw DeadlockError(
                "a task of \"" + *request->gate().identity().name +
                "\" waits for a token of a CapacityLimiter, each of which is held by a function "
                "that waits for this task, or for another one that waits for a token");
        if (!request->is_granted())
            throw_cancellation();
        co_return request->task();
    }

    void give_back(TaskId task) noexcept {
        if (in_use_.before_fork())
            return;
        std::unique_lock lock(mutex_);
        --borrowed_;
        holders_.remove(task);
        grant_tokens(lock);
    }

    void set_total(std::size_t total) noexcept {
        std::unique_lock lock(mutex_);
        total_ = total;
        grant_tokens(lock);
    }

    Counts counts() const noexcept {
        std::lock_guard const lock(mutex_);
        return {total_, borrowed_, waiting_};
    }

private:
    class TokenRequest final : public Suspension,
                               public ListHook<TokenRequest>,
                               public ResourceWait {
    public:
        /// Throws: std::bad_alloc: the first request on an execution context makes the context's gate.
        TokenRequest(
            asio::any_io_executor const& executor,
            CoroutineBottom const& coroutine,
            std::shared_ptr<TokenCounter> counter)
            : Suspension(executor), ResourceWait(call_of(executor, coroutine), counter.get()),
              counter_(std::move(counter)) {}
        ~TokenRequest() override { BlockingWait::leave(*this); }

        /// After the coroutine has gone on.
        bool is_granted() const noexcept { return is_granted_; }
        bool is_refused() const noexcept { return is_refused_; }

    private:
        friend class TokenCounter;

        static CallId call_of(
            asio::any_io_executor const& executor, CoroutineBottom const& coroutine) {
            auto const caller = caller_of(executor);
            return caller && caller->is_bound(coroutine) ? caller->thread()->call : 0;
        }

        void begin() noexcept override { counter_->add(*this); }
        std::size_t holders() const noexcept override { return counter_->holders_before(*this); }
        std::string description() const override {
            return "a token of a CapacityLimiter (" + counter_->in_words() + ')';
        }
        void cancelled() noexcept override {
            if (counter_->withdraw(*this))
                resume_soon();
        }
        bool is_released() noexcept override {
            if (!counter_->withdraw(*this) && is_granted_)
                counter_->give_back(task());
            return true;
        }

        std::shared_ptr<TokenCounter> const counter_;
        bool is_granted_ = false;
        bool is_refused_ = false;
    };

    void lend_to(TaskId task) noexcept {
        ++borrowed_;
        holders_.add(task);
    }

    std::string in_words() const {
        std::lock_guard const lock(mutex_);
        return std::to_string(borrowed_) + " of " + std::to_string(total_) + " are held" +
               holders_.in_words(borrowed_) + ", " + std::to_string(waiting_) +
               (waiting_ == 1 ? " task waits" : " tasks wait");
    }

    void add(TokenRequest& request) noexcept {
        IntrusivePointer<TokenRequest> const keep(&request);
        BlockingWait::enter(request);
        {
            std::unique_lock lock(mutex_);
            intrusive_ptr_add_ref(&request);
            requests_.push_back(request);
            ++waiting_;
            grant_tokens(lock);
        }
        if (!BlockingWait::is_stuck(request) || !withdraw(request))
            return;
        request.is_refused_ = true;
        request.resume_soon();
    }

    /// A token that a coroutine holds may be given back at any time: the graph finds no blocked function that does.
    std::size_t holders_before(TokenRequest const& request) const noexcept {
        std::lock_guard const lock(mutex_);
        auto const& link = static_cast<ListHook<TokenRequest> const&>(request);
        return link.is_linked() ? borrowed_ : ResourceWait::over;
    }

    /// False: it is not in the queue. It has been granted a token, or was withdrawn before.
    bool withdraw(TokenRequest& request) noexcept {
        std::lock_guard const lock(mutex_);
        return take_from_queue(request) != nullptr;
    }

    IntrusivePointer<TokenRequest> take_from_queue(TokenRequest& request) noexcept {
        auto& link = static_cast<ListHook<TokenRequest>&>(request);
        if (!link.is_linked())
            return nullptr;
        link.unlink();
        --waiting_;
        return {&request, false};
    }

    void grant_tokens(std::unique_lock<std::mutex>& lock) noexcept {
        while (borrowed_ < total_ && !requests_.empty()) {
            {
                auto const request = take_from_queue(requests_.front());
                request->is_granted_ = true;
                lend_to(request->task());
                lock.unlock();
                request->resume_soon();
            }  // its destructor takes the lock of the graph, inside which ours is taken
            lock.lock();
        }
    }

    UsedIn in_use_;
    mutable std::mutex mutex_;
    std::size_t total_;
    std::size_t borrowed_ = 0;
    std::size_t waiting_ = 0;
    TokenHolders holders_;
    mutable IntrusiveList<TokenRequest> requests_;
};

}  // namespace syncopate::inline v0_1::detail
