// ChannelState: who sends and receives in a channel, and the lock of each side.
#pragma once

#include <syncopate/detail/channel/channel_turns.hpp>
#include <syncopate/detail/system/forks.hpp>
#include <syncopate/detail/wait/adaptive_gate.hpp>
#include <syncopate/detail/wait/platform.hpp>
#include <syncopate/detail/wait/processor.hpp>
#include <syncopate/detail/wait/small_mutex.hpp>
#include <syncopate/detail/wait/yielding.hpp>
#include <syncopate/error.hpp>

#include <algorithm>
#include <cstddef>
#include <system_error>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// All of a channel but its items.
///
/// Each side has a lock, and a share of what there is: places, or items. As long as that lasts, it looks at nothing
/// that the other side writes. When it is used up, it takes both locks, settles with the other side, and gets a new
/// share. So in a stream a lock that is held on another core is met once in many items.
///
/// Memory order. A side's queue and its share are under its lock; turns, and the states of waiters, under both, which
/// are taken in one order. A queue changes sides under both. A waiter reads its state without them once it has been
/// woken: the event, or the loop's queue, brings it what was written before. A thread that waits gives up only what
/// it finds unwoken under the locks, and otherwise waits for the event: so its frame is there as long as anybody
/// wakes it. A coroutine's waiter is shared.
class ChannelState {
public:
    using Side = ChannelWaiter::Side;
    using State = ChannelWaiter::State;
    using Waiters = ChannelTurns::Waiters;

    explicit ChannelState(std::size_t capacity) noexcept : turns_(capacity) {}
    ChannelState(ChannelState const&) = delete;
    ChannelState& operator=(ChannelState const&) = delete;

    /// In a child, one that was used before the fork is left alone: its locks may be held.
    bool was_forked() const noexcept { return used_.before_fork(); }
    void require_here() {
        if (!used_.here() && !used_.note())
            throw std::system_error(make_error_code(Errc::forked), "Channel");
    }

    void enter(ChannelWaiter& waiter) noexcept {
        change([&](Waiters& woken) { turns_.enter(waiter, woken); });
    }
    bool leave(ChannelWaiter& waiter) noexcept {
        return change([&](Waiters& woken) { return turns_.leave(waiter, woken); });
    }
    void give_up(Side side) noexcept {
        change([&](Waiters& woken) { turns_.give_up(side, woken); });
    }
    void close() noexcept {
        change([&](Waiters& woken) { turns_.close(woken); });
    }

    template <class Read>
    auto read(Read read) noexcept {
        BothSides const both(*this);
        return read(turns_);
    }

    std::size_t capacity() const noexcept { return turns_.capacity(); }

    /// Gives the other side time to make room for many items, or to send many: for a moment, and as long as it does so
    /// fast. A thread that takes each place or item as soon as it is there has both sides wait for each other's locks,
    /// and has to be woken for each. Where that is of no use, as where each item is answered, it is hardly tried.
    ///
    /// Nobody who waits already is overtaken: there is nothing for others then.
    void let_others_go_on(Side side) noexcept {
        std::size_t seen = 0;
        bool is_fast = true;
        for (int pauses = 20; is_fast && seen < enough() && pauses <= most_pauses; pauses *= 2) {
            for (int pauses_left = pauses; pauses_left != 0; --pauses_left)
                cpu_pause();
            Yielding::yield();
            auto const there = read([&](ChannelTurns const& turns) { return turns.free(side); });
            is_fast = there >= (std::min)(seen + fast, enough());
            seen = there;
        }
        Lock const lock(state_of(side));
        state_of(side).patience.record(is_fast);
    }

    [[noreturn]] static void throw_closed() {
        throw std::system_error(make_error_code(Errc::channel_closed), "Channel");
    }

protected:
    /// What one side writes, and the other does not look at.
    struct SideState {
        SmallMutex mutex;
        unsigned turns_without_waiting = 0;
        ChannelShare share;
        AdaptiveGate patience;
    };

    /// A thread that finds the lock held is better off if it waits awake for a moment: it is held for a few
    /// instructions.
    class Lock {
    public:
        explicit Lock(SideState& side) noexcept : mutex_(side.mutex) {
            for (int tries_left = 40; tries_left != 0; --tries_left, cpu_pause())
                if (mutex_.try_lock())
                    return;
            mutex_.lock();
        }
        Lock(Lock const&) = delete;
        Lock& operator=(Lock const&) = delete;
        ~Lock() { mutex_.unlock(); }

    private:
        SmallMutex& mutex_;
    };

    ~ChannelState() = default;

    /// Calls f under both locks with the list of those that are to be woken, and then wakes them.
    template <class F>
    std::invoke_result_t<F&, Waiters&> change(F f) {
        struct Wake {
            ~Wake() {
                while (!woken.empty()) {
                    ChannelWaiter& waiter = woken.front();
                    waiter.unlink();
                    waiter.wake();
                }
            }
            Waiters woken;
        } wake;
        BothSides const both(*this);
        return f(wake.woken);
    }

    /// Under both locks: whether there is so little for a thread that it had better let the other side go on.
    bool is_patient(Side side) noexcept {
        return turns_.free(side) < enough() && enough() > 1 && !turns_.is_closed() &&
               state_of(side).patience.is_worth_it();
    }

private:
    UsedIn used_;  // apart from what one side writes, because the other reads it

protected:
    alignas(cache_line) SideState receiving_;
    ChannelTurns turns_;
    alignas(cache_line) SideState sending_;

private:
    class BothSides {
    public:
        explicit BothSides(ChannelState& state) noexcept : state_(state) {
            state_.turns_.collect(state_.sending_.share, state_.receiving_.share);
        }
        BothSides(BothSides const&) = delete;
        BothSides& operator=(BothSides const&) = delete;
        ~BothSides() { state_.turns_.hand_out(state_.sending_.share, state_.receiving_.share); }

    private:
        ChannelState& state_;
        Lock const receiving_{state_.receiving_};
        Lock const sending_{state_.sending_};
    };

    /// All together take 10 us, or three times as long where a pause is long.
    static constexpr int most_pauses = 320;
    /// So many in one look; less is a microsecond's work for those who are woken for each.
    static constexpr std::size_t fast = 4;

    /// So many places, or items, are worth that both sides meet.
    std::size_t enough() const noexcept { return (std::min)(capacity() / 4, std::size_t{64}); }
    SideState& state_of(Side side) noexcept { return side == Side::sender ? sending_ : receiving_; }
};

}  // namespace syncopate::inline v0_1::detail
