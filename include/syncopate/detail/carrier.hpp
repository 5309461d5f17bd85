// Coroutines that stay on the loop and carry one task after another: one co_spawn for many calls.
#pragma once

#include <syncopate/detail/intrusive_list.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace syncopate::detail {

class Carrier;

/// What a carrier carries: a coroutine, and somebody who wants to know when nothing of it is left.
class Load {
public:
    /// As long as one exists, the loop refers to the load. The last to go calls end().
    class Hold {
    public:
        Hold() = default;
        explicit Hold(Load& load) noexcept : load_(&load) { ++load.holds_; }
        Hold(Hold&& other) noexcept : load_(std::exchange(other.load_, nullptr)) {}
        Hold& operator=(Hold&&) = delete;
        ~Hold() { release(); }

        void release() noexcept {
            if (Load* const load = std::exchange(load_, nullptr); load && --load->holds_ == 0)
                load->end();
        }
        /// Only if it holds nothing.
        void take(Load& load) noexcept {
            load_ = &load;
            ++load.holds_;
        }
        Load* operator->() const noexcept { return load_; }
        explicit operator bool() const noexcept { return load_ != nullptr; }

    private:
        Load* load_ = nullptr;
    };

protected:
    ~Load() = default;

    /// Who carries it. Null before, and if it was never carried.
    Carrier* carrier() const noexcept { return carrier_; }

    /// The outcome, if the task could not run.
    virtual void fail(std::exception_ptr error) noexcept = 0;

private:
    friend class Carrier;

    /// The task. Writes its own outcome.
    virtual boost::asio::awaitable<void> body() = 0;
    /// Nothing on the loop refers to it any more: it may be destroyed from now on.
    virtual void end() noexcept = 0;

    int holds_ = 0;  // the loop's
    Carrier* carrier_ = nullptr;
};

/// A completion handler of Asio's, of whichever type, kept in place until it is called.
class KeptHandler {
public:
    template <class Handler>
    void keep(Handler&& handler) {
        using Kept = std::decay_t<Handler>;
        static_assert(sizeof(Kept) <= sizeof(room_) && alignof(Kept) <= alignof(std::max_align_t));
        new (room_) Kept(std::forward<Handler>(handler));
        call_ = [](std::byte* room) {
            auto& kept = *std::launder(reinterpret_cast<Kept*>(room));
            Kept called(std::move(kept));
            kept.~Kept();
            std::move(called)();
        };
    }
    /// Calls what is kept, once.
    void call() { call_(room_); }

private:
    alignas(std::max_align_t) std::byte room_[64];
    void (*call_)(std::byte*) = nullptr;
};

/// Spawning a coroutine costs several times what it costs to run a short task in it. So one that has
/// carried its task to the end waits in a pool for another. It is not seen by the tasks: each finds the
/// cancellation state as co_spawn makes it.
class Carrier final : public ListHook<Carrier> {
public:
    /// Carriers without a task. On the loop; all of them have to be gone before it ends.
    class Pool {
    public:
        /// Lets go of those that wait. None waits from now on.
        void close() noexcept {
            is_open_ = false;
            while (!waiting_.empty())
                take().go_on();
        }

    private:
        friend class Carrier;

        // What a burst of tasks leaves behind beyond that goes back to the allocator.
        static constexpr std::size_t most_waiting = 64;

        bool takes_more() const noexcept { return is_open_ && count_ < most_waiting; }
        void put(Carrier& carrier) noexcept {
            waiting_.push_back(carrier);
            ++count_;
        }
        Carrier& take() noexcept {
            Carrier& carrier = waiting_.back();
            carrier.unlink();
            --count_;
            return carrier;
        }

        IntrusiveList<Carrier> waiting_;
        std::size_t count_ = 0;
        bool is_open_ = true;
    };

    /// Runs the load's body, up to its first suspension at once. On the loop. A null pool: for a loop
    /// that may end at any time, and take no coroutine of the library's with it.
    /// Throws: std::bad_alloc; the load's end is told to it in any case.
    static void carry(boost::asio::any_io_executor const& executor, Pool* pool, Load& load) {
        if (pool && !pool->waiting_.empty()) {
            Carrier& carrier = pool->take();
            carrier.load_.take(load);
            carrier.go_on();
            return;
        }
        auto owned = std::make_unique<Carrier>(pool, load);
        Carrier& carrier = *owned;
        boost::asio::co_spawn(
            executor, [owned = std::move(owned)] { return owned->serve(); }, Completion(carrier));
    }

    Carrier(Pool* pool, Load& load) noexcept : load_(load), pool_(pool) {}

    /// Cancels the task. On the loop.
    void cancel() { signal_.emit(boost::asio::cancellation_type::all); }

private:
    /// A type with the slot and nothing else, because bind_cancellation_slot would make co_spawn keep a
    /// copy of the executor in signal_.
    class Completion {
    public:
        using cancellation_slot_type = boost::asio::cancellation_slot;

        explicit Completion(Carrier& carrier) noexcept : carrier_(&carrier) {}
        cancellation_slot_type get_cancellation_slot() const noexcept {
            return carrier_->signal_.slot();
        }
        void operator()(std::exception_ptr) const noexcept {}  // serve() throws nothing

    private:
        Carrier* carrier_;
    };

    boost::asio::awaitable<void> serve() {
        namespace this_coro = boost::asio::this_coro;
        for (;;) {
            load_->carrier_ = this;
            try {
                co_await load_->body();
            } catch (...) {
                load_->fail(std::current_exception());
            }
            // From here on no co_await throws. (co_spawn's own would, and Asio 1.26 would lose the
            // completion of a task that was cancelled and never suspended.)
            co_await this_coro::throw_if_cancelled(false);
            if (!pool_ || !pool_->takes_more())
                break;  // the load goes with the carrier, the last of it on the loop
            load_->carrier_ = nullptr;
            load_.release();
            if (!pool_->takes_more())  // it was what the end of the loop waited for
                co_return;
            co_await this_coro::reset_cancellation_state();
            co_await this_coro::throw_if_cancelled(true);
            co_await wait();
            if (!load_)
                co_return;
        }
        co_await switch_context();
    }

    boost::asio::awaitable<void> wait() {
        return boost::asio::async_initiate<boost::asio::use_awaitable_t<> const, void()>(
            [this](auto handler) {
                handler_.keep(std::move(handler));
                pool_->put(*this);
            },
            boost::asio::use_awaitable);
    }

    void go_on() { handler_.call(); }

    /// Lets co_spawn believe that the coroutine has been suspended, so that it does not post the
    /// completion, which would cost another round through the executor. It posts so that no completion
    /// handler runs inside the initiating function; ours may.
    static boost::asio::awaitable<void> switch_context() {
        return boost::asio::async_initiate<boost::asio::use_awaitable_t<> const, void()>(
            [](auto handler) { std::move(handler)(); }, boost::asio::use_awaitable);
    }

    Load::Hold load_;  // the last to go
    Pool* const pool_;
    boost::asio::cancellation_signal signal_;
    KeptHandler handler_;
};

}  // namespace syncopate::detail
