// How long to look for what is awaited before going to sleep, on either side of a call.
#pragma once

#include <syncopate/detail/wait/deadline.hpp>

#include <atomic>
#include <chrono>
#include <optional>
#include <utility>

#include <sched.h>

namespace syncopate::detail {

/// Tells the processor that this is a waiting loop. Costs 5 to 60 ns, depending on its kind.
inline void cpu_pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

/// Whether the calling thread may run on one processor only: whoever is waited for cannot run while it
/// spins.
inline bool has_one_processor() noexcept {
    cpu_set_t set;
    CPU_ZERO(&set);
    return ::sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) == 1;
}

/// Whether something that may be in vain is worth trying: as long as it succeeds now and then, and
/// otherwise once in a while.
class Habit {
public:
    bool is_worth_it() noexcept { return credit_ > 0 || ++skipped_ % retry_every == 0; }
    void record(bool success) noexcept {
        credit_ = success ? full_credit : credit_ - (credit_ > 0);
    }

private:
    static constexpr int full_credit = 4;
    static constexpr unsigned retry_every = 32;

    int credit_ = full_credit;
    unsigned skipped_ = 0;
};

/// sched_yield, as long as it costs little. It gives the core to whoever is awaited, and that one will
/// soon give it back; but where others compute on all cores, each of them first uses up its time
/// slice, milliseconds, while a thread that sleeps and is woken goes before them.
class Yielding {
    using Clock = std::chrono::steady_clock;

public:
    /// Yields, unless that has turned out to be dear. False: it is, and one had better sleep.
    static bool yield() noexcept {
        auto const before = Clock::now();
        if (before.time_since_epoch().count() < barred_until_.load(std::memory_order_relaxed))
            return false;
        ::sched_yield();
        auto const after = Clock::now();
        if (after - before < long_time)
            return true;
        auto const wanted = rest * (after - before);
        auto const until = after + (wanted < longest_rest ? wanted : longest_rest);
        barred_until_.store(until.time_since_epoch().count(), std::memory_order_relaxed);
        return false;
    }

private:
    /// More than many threads that take turns in waiting cost each other, and less than a time slice.
    static constexpr std::chrono::microseconds long_time{500};
    /// After a loss nobody here yields for so many times as long, which bounds what can be lost.
    static constexpr int rest = 32;
    /// If it was the whole process that stood still, that says nothing about others.
    static constexpr Clock::duration longest_rest = std::chrono::milliseconds(250);

    // Of the process: what one thread has learnt about the machine holds for all.
    inline static std::atomic<Clock::rep> barred_until_{0};
};

/// One thread's way of waiting for another, in steps, and what it has learnt about them.
///
/// A few pauses catch what another core is about to do; they are in vain if the other thread waits for
/// this core. Some turns of sched_yield give it the core; they are in vain if what is awaited takes
/// longer. Then the thread had better sleep. Each of the two steps is given up while it keeps failing,
/// but for a try now and then.
class Patience {
    using Clock = std::chrono::steady_clock;

public:
    /// Of the calling thread, as a caller.
    [[gnu::noinline]] static Patience& of_this_thread() noexcept {
        static thread_local Patience patience;
        return patience;
    }

    /// The thread has just woken the loop, which may need this very core: the next wait gives it away.
    void has_woken_loop() noexcept { has_woken_loop_ = true; }

    /// What a caller does: looks, and if that does not help, sleeps. Returns what `sleep` does, or true.
    /// It does not look beyond the deadline.
    template <class Found, class Sleep>
    bool wait(Deadline deadline, Found found, Sleep sleep) noexcept {
        if (found())
            return true;
        auto const start = Clock::now();
        if (std::exchange(has_woken_loop_, false) || deadline <= start + near)
            return sleep();
        if (results_are_near_.is_worth_it() && (pause(found) || yield(start + near, found)))
            return true;
        bool const result = sleep();
        results_are_near_.record(Clock::now() - start < near);
        return result;
    }

    /// Looks for a moment, in quick succession.
    template <class Found>
    bool pause(Found found) noexcept {
        if (found())
            return true;
        if (!pausing_.is_worth_it())
            return false;
        bool hit = false;
        for (auto const end = Clock::now() + moment; !hit && Clock::now() < end;) {
            cpu_pause();
            hit = found();
        }
        pausing_.record(hit);
        return hit;
    }

    /// Looks until a time that somebody has set, whatever was learnt.
    template <class Found>
    static bool look_until(Deadline end, Found found) noexcept {
        while (Clock::now() < end) {
            for (int step = 0; step < pauses_between_yields; ++step, cpu_pause())
                if (found())
                    return true;
            Yielding::yield();
        }
        return found();
    }

private:
    /// What the other side needs for a short task, and the cache lines for their way: a part of what a
    /// wake-up costs on either side.
    static constexpr std::chrono::nanoseconds moment{2000};
    static constexpr int yields = 32;
    /// A result that comes so soon was worth looking for, even if this time it came to a sleeper: the
    /// wake-up alone takes a good part of that.
    static constexpr std::chrono::microseconds near{250};
    static constexpr int pauses_between_yields = 20;

    template <class Found>
    static bool yield(Deadline end, Found found) noexcept {
        for (int step = 0; step < yields && Clock::now() < end; ++step) {
            bool const was_cheap = Yielding::yield();
            if (found())
                return true;
            if (!was_cheap)
                return false;
        }
        return false;
    }

    Habit pausing_;
    Habit results_are_near_;
    bool has_woken_loop_ = false;
};

/// How the consumer of a dense stream looks for more. Whoever takes each item as it comes shares every
/// cache line with the producer, item by item, and both wait for the lines. So it leaves the producer
/// alone for a moment, which grows as long as that helps; an item that comes alone is not kept waiting.
class Lull {
public:
    /// Returns whether there is something after a while.
    template <class Found>
    bool pass(Found found) noexcept {
        for (int step = 0; step < pauses_; ++step)
            cpu_pause();
        bool const hit = found();
        pauses_ = !hit ? 1 : pauses_ < most ? 2 * pauses_ : most;
        return hit;
    }

private:
    static constexpr int most = 64;  // 1 to 4 us, in which a producer makes a hundred short items

    int pauses_ = 1;
};

/// Whether a loop goes on looking for calls, turn by turn, instead of waiting to be woken. Between the
/// turns the io_context does what else there is to do.
class Watchfulness {
    using Clock = std::chrono::steady_clock;

public:
    /// limit: Options::spin.
    explicit Watchfulness(std::optional<std::chrono::nanoseconds> limit) noexcept
        : limit_(has_one_processor() ? std::chrono::nanoseconds::zero() : limit) {}

    /// In a turn: whether another call comes at once. Pausing holds up what the io_context may have to
    /// do, for a moment, and only while calls do come.
    template <class Found>
    bool more_comes(Found found) noexcept {
        return is_awake() && patience_.pause(found);
    }

    /// After a turn: whether to take another, although there is no call now. `worked`: it found some.
    bool looks_again(bool worked) noexcept {
        if (is_awake() && !is_enough(worked) && (Yielding::yield() || limit_))
            return true;
        asleep_since_ = Clock::now();
        is_asleep_ = true;
        is_idle_ = false;
        return false;
    }

private:
    /// A sleep this short would better have been no sleep. It is longer than a wake-up takes, and
    /// shorter than what counts as a pause between calls.
    static constexpr std::chrono::microseconds short_sleep{250};
    /// For a caller that looks for its result and calls again.
    static constexpr std::chrono::microseconds short_look{10};
    /// For a caller that sleeps, is woken on another core, and calls again.
    static constexpr std::chrono::microseconds long_look{150};

    bool is_awake() noexcept {
        if (std::exchange(is_asleep_, false))
            calls_are_dense_ = Clock::now() - asleep_since_ < short_sleep;
        return limit_ ? *limit_ > limit_->zero() : calls_are_dense_;
    }

    bool is_enough(bool worked) noexcept {
        auto const now = Clock::now();
        if (worked || !std::exchange(is_idle_, true)) {
            if (worked && std::exchange(is_idle_, false))
                looking_.record(true);
            end_ = deadline_after(
                limit_                   ? *limit_
                : looking_.is_worth_it() ? long_look
                                         : short_look);
        }
        if (now < end_)
            return false;
        looking_.record(false);
        return true;
    }

    std::optional<std::chrono::nanoseconds> const limit_;
    Patience patience_;
    Habit looking_;
    bool is_idle_ = false;
    bool is_asleep_ = true;
    bool calls_are_dense_ = false;
    Deadline end_;
    Clock::time_point asleep_since_;
};

}  // namespace syncopate::detail
