// OneShotEvent: results that are returned through a word in the frame of the caller.
#include "atomics.hpp"
#include "check.hpp"
#include "plain.hpp"
#include "scheduler.hpp"
#include <syncopate/detail/wait/one_shot_event.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <tuple>

namespace {

using model::Atomic;
using model::check_every_order_is_needed;
using model::check_every_run;
using model::check_that_it_fails;
using model::Plain;
using model::require;
using syncopate::detail::BasicOneShotEvent;
using syncopate::detail::Deadline;

// Some time; whether it has come is the model's choice.
constexpr Deadline some_time{std::chrono::seconds(1)};

/// The call lies in the frame of a function that returns as soon as it sees the word set.
template <class P>
struct Result {
    struct Call {
        Plain<int> result{0};
        BasicOneShotEvent<P> done;
    };
    std::optional<Call> frame{std::in_place};

    void caller() {
        frame->done.wait();
        require(frame->result.get() == 7, "no result");
        frame.reset();
    }
    void setter() {
        Call& call = *frame;
        call.result.set(7);
        call.done.set();
    }
    static constexpr std::tuple threads{&Result::caller, &Result::setter};
};

/// The caller waits with a deadline, and when that has passed it tells, and waits for good.
template <class P>
struct Deadlined : Result<P> {
    bool was_late = false;

    void caller() {
        was_late = !this->frame->done.wait_until(some_time);
        Result<P>::caller();
    }
    static constexpr std::tuple threads{&Deadlined::caller, &Deadlined::setter};
};

template <class P>
struct TwoWaiters {
    Plain<int> result{0};
    BasicOneShotEvent<P> done;

    void waiter() {
        done.wait();
        require(result.get() == 7, "no result");
    }
    void impatient_waiter() {
        if (done.wait_until(some_time))
            require(result.get() == 7, "no result");
        else
            waiter();
    }
    void setter() {
        result.set(7);
        done.set();
    }
    static constexpr std::tuple threads{
        &TwoWaiters::waiter, &TwoWaiters::impatient_waiter, &TwoWaiters::setter};
};

/// Who polls instead of sleeping sees the result too.
template <class P>
struct Polling : Result<P> {
    void caller() {
        if (this->frame->done.is_set())
            require(this->frame->result.get() == 7, "no result");
        Result<P>::caller();
    }
    static constexpr std::tuple threads{&Polling::caller, &Polling::setter};
};

/// So does who polls for news, where nobody calls.
template <class P>
struct PollingForNews : Result<P> {
    void caller() {
        if (this->frame->done.is_signalled())
            require(this->frame->result.get() == 7, "no result");
        Result<P>::caller();
    }
    static constexpr std::tuple threads{&PollingForNews::caller, &PollingForNews::setter};
};

/// A waiter that is called, does something, answers, and goes on waiting. The exchange stands for the lock
/// under which it is handed over.
template <class P>
struct Called : Result<P> {
    typename P::template Atomic<std::uint32_t> errand{0};
    BasicOneShotEvent<P> answer;

    void caller() {
        auto& done = this->frame->done;
        for (done.wait(); done.take_notification(); done.wait())
            if (errand.exchange(0, std::memory_order_acq_rel))
                answer.set();
        Result<P>::caller();
    }
    void setter() {
        errand.exchange(1, std::memory_order_acq_rel);
        this->frame->done.notify();
        answer.wait();
        Result<P>::setter();
    }
    static constexpr std::tuple threads{&Called::caller, &Called::setter};
};

/// Nobody waits for what the waiter is called for: it may find the word set instead.
template <class P>
struct CalledAtTheEnd : Result<P> {
    void caller() {
        auto& done = this->frame->done;
        do {
            while (!done.is_signalled())
                done.wait();
        } while (done.take_notification());
        require(this->frame->result.get() == 7, "no result");
        this->frame.reset();
    }
    void setter() {
        this->frame->done.notify();
        Result<P>::setter();
    }
    static constexpr std::tuple threads{&CalledAtTheEnd::caller, &CalledAtTheEnd::setter};
};

struct SetterLooksBack : model::Platform {
    static void futex_wake_all(Atomic<std::uint32_t> const* word) noexcept {
        word->load(std::memory_order_relaxed);
        model::Platform::futex_wake_all(word);
    }
};

struct KernelDoesNotCompare : model::Platform {
    static void futex_wait(Atomic<std::uint32_t>& word, std::uint32_t, Deadline deadline) noexcept {
        model::Platform::futex_wait(word, word.latest(), deadline);
    }
};

struct KernelDoesNotWake : model::Platform {
    static void futex_wake_all(Atomic<std::uint32_t> const*) noexcept {}
};

}  // namespace

TEST_CASE("a caller gets its result through a word in its frame") {
    check_every_run<Result<model::Platform>>();
}

TEST_CASE("a caller whose deadline has passed still gets its result") {
    check_every_run<Deadlined<model::Platform>>();
}

TEST_CASE("one word wakes two waiters") {
    check_every_run<TwoWaiters<model::Platform>>();
}

TEST_CASE("a caller that polls sees the result") {
    check_every_run<Polling<model::Platform>>();
    check_every_run<PollingForNews<model::Platform>>();
}

TEST_CASE("a waiter that is called does not miss the call, nor the end") {
    check_every_run<Called<model::Platform>>();
    check_every_run<CalledAtTheEnd<model::Platform>>();
}

TEST_CASE("a setter that looks back at the word is found") {
    check_that_it_fails<Result<SetterLooksBack>>("an atomic object");
}

TEST_CASE("a kernel that does not compare, or does not wake, is found") {
    check_that_it_fails<Result<KernelDoesNotCompare>>("every thread that is left sleeps");
    check_that_it_fails<Result<KernelDoesNotWake>>("every thread that is left sleeps");
}

TEST_CASE("every memory order of OneShotEvent is needed") {
    using P = model::Platform;
    check_every_order_is_needed<
        Result<P>, Deadlined<P>, TwoWaiters<P>, Polling<P>, PollingForNews<P>, Called<P>,
        CalledAtTheEnd<P>>("detail/wait/one_shot_event.hpp");
}
