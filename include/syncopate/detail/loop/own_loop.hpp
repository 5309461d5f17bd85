// A loop whose io_context is the library's: how operations reach it, and how it ends.
#pragma once

#include <syncopate/detail/loop/context_gate.hpp>
#include <syncopate/detail/loop/injection_queue.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/loop/operation.hpp>
#include <syncopate/detail/task/pooled_coroutine.hpp>
#include <syncopate/detail/wait/parking_spot.hpp>
#include <syncopate/detail/wait/spin_wait.hpp>
#include <syncopate/error.hpp>
#include <syncopate/options.hpp>

#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <cstddef>
#include <exception>
#include <mutex>
#include <new>
#include <string>
#include <utility>

namespace syncopate::detail {

/// Room for the one handler of which no two exist at a time, so that waking the loop cannot fail.
class HandlerStorage {
public:
    template <class T>
    class Allocator {
    public:
        using value_type = T;

        explicit Allocator(HandlerStorage& room) noexcept : room_(&room) {}
        template <class U>
        Allocator(Allocator<U> const& other) noexcept : room_(other.room_) {}

        T* allocate(std::size_t count) {
            static_assert(sizeof(T) <= sizeof(room_->bytes_) && alignof(T) <= alignment);
            if (count != 1)
                throw std::bad_alloc();
            return reinterpret_cast<T*>(room_->bytes_);
        }
        void deallocate(T*, std::size_t) noexcept {}

        template <class U>
        bool operator==(Allocator<U> const& other) const noexcept {
            return room_ == other.room_;
        }

    private:
        template <class>
        friend class Allocator;
        HandlerStorage* room_;
    };

private:
    static constexpr std::size_t alignment = alignof(std::max_align_t);
    alignas(alignment) std::byte bytes_[128];
};

class OwnLoop : public Loop {
public:
    using Loop::Loop;

    void submit(Operation& operation) override {
        if (push(operation) == InjectionQueue::Pushed::refused)
            throw_error(refusal());
    }

    CoroutinePool* coroutine_pool() noexcept override { return &coroutines_; }

    boost::asio::io_context& context() noexcept { return context_; }

protected:
    void initialise() {
        set_executor(context_.get_executor());
        gate_.set_loop(*this);
    }

    /// Runs handlers by means of `run`, until there is nothing to do or it is told to stop. A handler
    /// that throws has been run.
    template <class Run>
    void turn(Run run) noexcept {
        try {
            run(context_);
        } catch (...) {
            report(std::current_exception());
        }
        if (context_.stopped() && !ended_) {
            // Somebody else's stop(). The tasks must unwind all the same, and for that it must turn.
            context_.restart();
            if (refuse(Errc::loop_failed))
                submit_close();
        }
        if (ended_)
            queue_.close();  // whatever came too late is told so
    }

    /// Whether everything that close() waits for is over.
    bool has_ended() const noexcept { return ended_; }

    /// Destroys what never ended: coroutines that somebody spawned here without the library.
    void destroy_remains() noexcept {
        queue_.close();
        {
            std::lock_guard lock(wake_mutex_);
            shut_down_ = true;
        }
        context_.shutdown();
    }

    void drained() noexcept override {
        coroutines_.close();
        ended_ = true;
        context_.stop();
    }

    void submit_close() noexcept { push(close_); }

    ContextGate& gate() noexcept { return gate_; }

    /// Whether somebody has pushed, for a loop that looks for it.
    bool has_calls() const noexcept { return !queue_.empty(); }

private:
    // execution_context::shutdown() is for derived classes.
    struct Context : boost::asio::io_context {
        using execution_context::shutdown;
        using io_context::io_context;
    };

    void const* exclusive_context() const noexcept override { return &context_; }
    std::string work_in_hand() const override { return gate_.work(); }

    /// In a turn: whether more is in the queue, or will be before anything else could be done.
    virtual bool more_comes() noexcept { return false; }
    /// At the end of a turn that leaves the queue empty: whether to take another after the io_context
    /// has had its own, instead of waiting to be woken. worked: this one found something to do.
    virtual bool should_poll_again(bool /*worked*/) noexcept { return false; }

    InjectionQueue::Pushed push(Operation& operation) noexcept {
        auto const pushed = queue_.push(operation);
        if (pushed == InjectionQueue::Pushed::first && spot_.unpark())
            wake();
        return pushed;
    }

    /// Called by the one thread that is to wake the loop.
    void wake() noexcept {
        SpinWait::of_this_thread().has_woken_loop();
        // Whoever pushed last may be late, and the io_context must not be shut down under its post.
        std::lock_guard lock(wake_mutex_);
        if (!shut_down_)
            post_turn();
    }

    /// There is one such handler at most: the one that runs posts the next, or the thread that wakes
    /// the parked loop does. It has left its room before it runs.
    void post_turn() noexcept {
        boost::asio::post(
            context_,
            boost::asio::bind_allocator(
                HandlerStorage::Allocator<void>(room_), [this]() noexcept { turn_queue(); }));
    }

    /// Runs what is in the queue, and sees to it that somebody will run what comes.
    void turn_queue() noexcept {
        bool worked = queue_.run_some(operations_per_turn);
        for (int burst = 1; burst < bursts_per_turn && more_comes(); ++burst)
            worked |= queue_.run_some(operations_per_turn);
        if (has_calls() || should_poll_again(worked) ||
            !spot_.park([this] { return queue_.empty(); }))
            post_turn();
    }

    // So many calls, and then whatever else the io_context has to do.
    static constexpr std::size_t operations_per_turn = 64;
    static constexpr int bursts_per_turn = 16;

    CoroutinePool coroutines_;
    HandlerStorage room_;
    Context context_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
        context_.get_executor()};
    ContextGate& gate_ = *boost::asio::use_service<ContextGateService>(context_).gate();
    // Callers look at the spot; the loop writes it only when it parks.
    alignas(cache_line) ParkingSpot spot_;
    std::mutex wake_mutex_;
    bool shut_down_ = false;
    InjectionQueue queue_;
    MemberOperation<Loop, &Loop::start_closing> close_{*this};
    bool ended_ = false;
};

}  // namespace syncopate::detail
