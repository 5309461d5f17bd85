// Coroutines that stay on the loop and carry one task after another: one co_spawn for many calls.
#pragma once

#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/task/caller_link.hpp>
#include <syncopate/detail/task/inplace_handler.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/this_coro.hpp>

#include <cstddef>
#include <exception>
#include <memory>
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
                load->let_go();
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

    /// Before it is carried: the task, and what it starts, will find this thread blocked on it.
    void set_blocked_thread(BlockedThread const& thread) noexcept { blocked_thread_ = &thread; }

    /// Cancels the task, if it has begun. On the loop, before end().
    void emit_cancellation();

    /// Whether co_spawn will post the completion, another round through the executor: it does so for a
    /// coroutine that was never suspended, so that no completion handler runs inside the initiating
    /// function. Ours may.
    bool would_be_posted() const noexcept { return is_being_spawned_; }

    /// Lets co_spawn believe that the coroutine was suspended.
    static auto pretend_suspension() {
        return boost::asio::async_initiate<boost::asio::deferred_t const, void()>(
            [](auto handler) { std::move(handler)(); }, boost::asio::deferred);
    }

    /// The outcome, if the task could not run.
    virtual void fail(std::exception_ptr error) noexcept = 0;

private:
    friend class Carrier;

    /// The task. Writes its own outcome.
    virtual boost::asio::awaitable<void> body() = 0;
    /// Nothing on the loop refers to it any more: it may be destroyed from now on.
    virtual void end() noexcept = 0;

    void let_go() noexcept {
        if (origin_)
            std::exchange(origin_, nullptr)->set_thread(nullptr);
        end();
    }

    // The loop's.
    int holds_ = 0;
    bool is_being_spawned_ = false;
    BlockedThread const* blocked_thread_ = nullptr;
    Carrier* carrier_ = nullptr;               // null if it has a coroutine for itself
    boost::asio::cancellation_signal signal_;  // that one's
    OriginPointer origin_;                     // that one's
};

/// Spawning a coroutine costs several times what it costs to run a short task in it. So one that has
/// carried its task to the end waits in a pool for another. It is not seen by the tasks: each finds the
/// cancellation state as co_spawn makes it.
class Carrier final : public ListHook<Carrier> {
public:
    /// The carriers of one loop. All of them have to be gone before it ends.
    class Pool {
    public:
        /// Lets go of those that wait. None waits from now on.
        void close() noexcept {
            is_open_ = false;
            for (auto* const waiting : {&waiting_, &waiting_with_origin_})
                while (!waiting->empty())
                    take(*waiting).go_on();
        }

    private:
        friend class Carrier;
        using Waiting = IntrusiveList<Carrier>;

        // Tasks beyond that are spawned one by one: in so many, a carrier's own memory counts.
        static constexpr std::size_t most = 64;

        static Carrier& take(Waiting& waiting) noexcept {
            Carrier& carrier = waiting.back();
            carrier.unlink();
            return carrier;
        }

        Waiting waiting_;
        // For tasks that somebody is blocked on. An executor that says so is slower in input and output
        // than the io_context's own, which Asio knows.
        Waiting waiting_with_origin_;
        std::size_t count_ = 0;
        bool is_open_ = true;
    };

    /// Runs the load's body, up to its first suspension at once. On the loop, by one who holds the load.
    /// A null pool is that of a loop which may end at any time, and must not find a carrier waiting.
    /// Throws: std::bad_alloc; then the load may not have run.
    static void carry(boost::asio::any_io_executor const& executor, Pool* pool, Load& load) {
        if (!pool)
            return spawn(executor, load);
        auto& waiting = load.blocked_thread_ ? pool->waiting_with_origin_ : pool->waiting_;
        if (waiting.empty() && pool->is_open_ && pool->count_ < Pool::most)
            add_to(*pool, executor, load.blocked_thread_ ? new Origin : nullptr);
        if (waiting.empty())
            return spawn(executor, load);
        Carrier& carrier = Pool::take(waiting);
        carrier.load_.take(load);
        carrier.go_on();
    }

    /// Without a carrier.
    /// within: the origin of what the task is a part of.
    static void spawn(
        boost::asio::any_io_executor const& executor, Load& load, OriginPointer within = nullptr) {
        auto of_load = executor;
        if (load.blocked_thread_) {
            load.origin_ = new Origin(std::move(within));
            load.origin_->set_thread(load.blocked_thread_);
            of_load = with_origin(executor, load.origin_);
        }
        load.is_being_spawned_ = true;
        boost::asio::co_spawn(
            of_load, [hold = Load::Hold(load)] { return hold->body(); },
            Completion(load.signal_, &load));
        load.is_being_spawned_ = false;  // the caller holds it
    }

    Carrier(Pool& pool, OriginPointer origin) noexcept : pool_(pool), origin_(std::move(origin)) {
        ++pool_.count_;
    }
    ~Carrier() { --pool_.count_; }

private:
    friend class Load;

    /// A type with the slot and nothing else, because bind_cancellation_slot would make co_spawn keep a
    /// copy of the executor in the signal.
    class Completion {
    public:
        using cancellation_slot_type = boost::asio::cancellation_slot;

        Completion(boost::asio::cancellation_signal& signal, Load* load) noexcept
            : slot_(signal.slot()), load_(load) {}
        cancellation_slot_type get_cancellation_slot() const noexcept { return slot_; }
        void operator()(std::exception_ptr error) const noexcept {
            if (error && load_)
                load_->fail(std::move(error));
        }

    private:
        cancellation_slot_type slot_;
        Load* load_;
    };

    /// Adds one that waits.
    static void add_to(
        Pool& pool, boost::asio::any_io_executor const& executor, OriginPointer origin) {
        auto const of_carrier = origin ? with_origin(executor, origin) : executor;
        auto owned = std::make_unique<Carrier>(pool, std::move(origin));
        Completion const completion(owned->signal_, nullptr);
        boost::asio::co_spawn(
            of_carrier, [owned = std::move(owned)] { return owned->serve(); }, completion);
    }

    void go_on() { handler_.call(); }

    /// Whether somebody has kept the executor of a task that has ended. Then what was started there may
    /// still run, and would find the next task's thread.
    bool is_remembered() const noexcept {
        return origin_ && origin_->use_count() != own_references_;
    }

    // Awaited as deferred, and so without a frame of its own.
    auto wait() {
        return boost::asio::async_initiate<boost::asio::deferred_t const, void()>(
            [this](auto handler) {
                handler_.keep(std::move(handler));
                (origin_ ? pool_.waiting_with_origin_ : pool_.waiting_).push_back(*this);
            },
            boost::asio::deferred);
    }

    boost::asio::awaitable<void> serve() {
        namespace this_coro = boost::asio::this_coro;
        co_await wait();
        own_references_ = origin_ ? origin_->use_count() : 0;
        while (load_) {
            load_->carrier_ = this;
            if (origin_)
                origin_->set_thread(load_->blocked_thread_);
            try {
                co_await load_->body();
            } catch (...) {
                load_->fail(std::current_exception());
            }
            // The task's filters and slot handlers are a part of it.
            co_await this_coro::reset_cancellation_state();
            co_await this_coro::throw_if_cancelled(true);
            if (origin_)
                origin_->set_thread(nullptr);
            load_->carrier_ = nullptr;
            load_.release();
            if (!pool_.is_open_ ||
                is_remembered())  // it may have been what the loop's end waited for
                co_return;
            co_await wait();
        }
    }

    Load::Hold load_;  // the last to go
    Pool& pool_;
    boost::asio::cancellation_signal signal_;
    OriginPointer const origin_;
    unsigned own_references_ = 0;
    KeptHandler handler_;
};

inline void Load::emit_cancellation() {
    if (holds_ == 0)
        return;              // it has not begun
    Hold const hold(*this);  // it may end at once
    (carrier_ ? carrier_->signal_ : signal_).emit(boost::asio::cancellation_type::all);
}

}  // namespace syncopate::detail
