// CancelHandshake: the end of a call, and cancellations that are requested meanwhile, as Call has them.
#include "atomics.hpp"
#include "check.hpp"
#include "hand_over.hpp"
#include "plain.hpp"
#include "scheduler.hpp"
#include <syncopate/detail/call/cancel_handshake.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>

#include <chrono>
#include <optional>
#include <tuple>
#include <utility>

namespace {

using model::check_every_order_is_needed;
using model::check_every_run;
using model::Plain;
using model::require;
using syncopate::detail::BasicCancelHandshake;
using syncopate::detail::BasicOneShotEvent;
using syncopate::detail::Deadline;

// Some time; whether it has come is the model's choice.
constexpr Deadline some_time{std::chrono::seconds(1)};

/// The part of Call that is about its end.
class Call {
public:
    /// Whether the cancellation is the caller's to submit.
    bool request() { return handshake_.request(); }

    void end() {
        outcome_.set(7);
        if (handshake_.release_call())
            release();
    }

    void end_hastily() {
        outcome_.set(7);
        handshake_.release_call();
        release();
    }

    void run_cancel() {
        require(!cancel_ran_.get(), "cancelled twice");
        if (!handshake_.is_call_released())
            cancel_ran_.set(true);
        release_cancel();
    }

    void release_cancel() {
        cancel_released_.set(true);
        if (handshake_.release_cancel())
            release();
    }

    /// On the thread that waits, after the end.
    void check_end(bool was_submitted) {
        done.wait();
        require(outcome_.get() == 7, "no outcome");
        require(cancel_released_.get() == was_submitted, "released before the cancellation was");
    }

    BasicOneShotEvent<model::Platform> done;

private:
    void release() {
        require(!std::exchange(is_released_, true), "released twice");
        done.set();
    }

    BasicCancelHandshake<model::Platform> handshake_;
    Plain<int> outcome_{0};
    Plain<bool> cancel_ran_{false};
    Plain<bool> cancel_released_{false};
    bool is_released_ = false;
};

/// The call lies in the frame of its caller, who cancels it when the deadline has passed.
struct Deadlined {
    std::optional<Call> call{std::in_place};
    model::HandOver queue;  // the loop's
    bool submitted = false;

    void caller() {
        if (!call->done.wait_until(some_time) && call->request()) {
            submitted = true;
            queue.post();
        }
        call->check_end(submitted);
        call.reset();
        if (!submitted)
            queue.post();
    }
    void end() { call->end(); }
    void cancel() {
        queue.take();
        if (submitted)
            call->run_cancel();
    }
    static constexpr std::tuple threads{&Deadlined::caller, &Deadlined::end, &Deadlined::cancel};
};

enum class Submission { succeeds, fails };

/// Two others ask for the cancellation, and one of them brings it to its end.
template <Submission submission>
struct TwoRequests {
    Call call;
    Plain<bool> first_submitted{false}, second_submitted{false};

    void request(Plain<bool>& submitted) {
        if (!call.request())
            return;
        submitted.set(true);
        if (submission == Submission::succeeds)
            call.run_cancel();
        else
            call.release_cancel();
    }
    void request_first() { request(first_submitted); }
    void request_second() { request(second_submitted); }
    void end() { call.end(); }
    void finally() {
        require(!(first_submitted.get() && second_submitted.get()), "submitted twice");
        require(call.done.is_set(), "not released");
        call.check_end(first_submitted.get() || second_submitted.get());
    }
    static constexpr std::tuple threads{
        &TwoRequests::end, &TwoRequests::request_first, &TwoRequests::request_second};
};

/// An end that does not wait for the cancellation.
struct HastyEnd : Deadlined {
    void end() { call->end_hastily(); }
    static constexpr std::tuple threads{&HastyEnd::caller, &HastyEnd::end, &HastyEnd::cancel};
};

}  // namespace

TEST_CASE("a call that is cancelled when its deadline passes ends once, after the cancellation") {
    check_every_run<Deadlined>();
}

TEST_CASE("a call that two others cancel ends once, after the cancellation") {
    check_every_run<TwoRequests<Submission::succeeds>>();
    check_every_run<TwoRequests<Submission::fails>>();
}

TEST_CASE("an end that does not wait for the cancellation is found") {
    CHECK_FALSE(model::explore<HastyEnd>().violation.empty());
}

TEST_CASE("every memory order of CancelHandshake is needed") {
    check_every_order_is_needed<
        TwoRequests<Submission::fails>, TwoRequests<Submission::succeeds>, Deadlined>(
        "detail/call/cancel_handshake.hpp");
}
