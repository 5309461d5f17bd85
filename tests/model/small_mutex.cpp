// SmallMutex: one thread at a time, and none that sleeps for ever.
#include "atomics.hpp"
#include "check.hpp"
#include "plain.hpp"
#include "scheduler.hpp"
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/small_mutex.hpp>

#include <cstdint>
#include <mutex>
#include <tuple>

namespace {

using model::Atomic;
using model::check_every_order_is_needed;
using model::check_every_run;
using model::check_that_it_fails;
using model::Plain;
using model::require;
using syncopate::detail::BasicSmallMutex;
using syncopate::detail::Deadline;

/// Two threads count, each once or more.
template <class P, int times = 1>
struct TwoThreads {
    BasicSmallMutex<P> mutex;
    Plain<int> count{0};

    void count_up() {
        for (int i = 0; i < times; ++i) {
            std::lock_guard const lock(mutex);
            count.set(count.get() + 1);
        }
    }
    void finally() { require(count.get() == 2 * times, "two had the lock at once"); }

    static constexpr std::tuple threads{&TwoThreads::count_up, &TwoThreads::count_up};
};

/// Two may sleep at the same time.
template <class P>
struct ThreeThreads : TwoThreads<P> {
    void finally() { require(this->count.get() == 3, "two had the lock at once"); }

    static constexpr std::tuple threads{
        &ThreeThreads::count_up, &ThreeThreads::count_up, &ThreeThreads::count_up};
};

struct KernelDoesNotCompare : model::Platform {
    static void futex_wait(Atomic<std::uint32_t>& word, std::uint32_t, Deadline) noexcept {
        auto& scheduler = model::Scheduler::current();
        scheduler.before({&word, model::Step::Effect::wait});
        scheduler.sleep(&word, model::Scheduler::Sleep::without_deadline);
    }
};

struct KernelDoesNotWake : model::Platform {
    static void futex_wake_all(Atomic<std::uint32_t> const*) noexcept {}
};

}  // namespace

TEST_CASE("two threads have the lock one after the other") {
    check_every_run<TwoThreads<model::Platform>>();
    check_every_run<TwoThreads<model::Platform, 2>>();
}

TEST_CASE("of two threads that sleep for the lock each gets it") {
    check_every_run<ThreeThreads<model::Platform>>();
}

TEST_CASE("a kernel that does not compare, or does not wake, strands a thread") {
    check_that_it_fails<TwoThreads<KernelDoesNotCompare>>("every thread that is left sleeps");
    check_that_it_fails<TwoThreads<KernelDoesNotWake>>("every thread that is left sleeps");
}

TEST_CASE("every memory order of SmallMutex is needed") {
    using P = model::Platform;
    check_every_order_is_needed<TwoThreads<P, 2>, ThreeThreads<P>>("detail/wait/small_mutex.hpp");
}
