// WorkDistribution: which worker of a ProcessPool gets which call, and when.
#pragma once

#include <syncopate/detail/cancellation/cancellation.hpp>
#include <syncopate/detail/process/process_protocol.hpp>
#include <syncopate/detail/process/remote_call.hpp>
#include <syncopate/detail/process/waiting_calls.hpp>
#include <syncopate/detail/process/worker_crew.hpp>
#include <syncopate/detail/process/worker_link.hpp>

#include <algorithm>
#include <cstddef>
#include <exception>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// A call goes to a worker that is idle or can be made, and otherwise waits. Each worker is given some calls in
/// advance, as long as others wait. A worker that has nothing to do gets those back that another one has not begun.
///
/// Under the pool's lock.
class WorkDistribution {
public:
    /// most_per_worker: after so many calls a worker ends. Zero: any number.
    WorkDistribution(WorkerCrew& crew, std::size_t most_per_worker) noexcept
        : crew_(crew), most_per_worker_(most_per_worker) {}

    void add(RemoteCallPointer call, EndedCalls& ended) noexcept {
        waiting_.add_last(std::move(call));
        dispatch(ended);
    }

    /// After results, and the ends of workers: those that have done much end, and those that have little to do get more.
    void balance(EndedCalls& ended) noexcept {
        for (auto const& worker : crew_.workers()) {
            if (worker->is_live() && worker->outstanding() == 0 && is_worn(*worker))
                crew_.retire(*worker);
        }
        dispatch(ended);
        while (waiting_.empty() && take_back())
            dispatch(ended);
        supply();
    }

    /// The call is cancelled: at once if it has not begun, otherwise with its worker.
    void stop(RemoteCall& call, EndedCalls& ended) noexcept {
        if (call.state == RemoteCall::State::queued)
            return ended.fail(waiting_.take(call), cancellation_error());
        WorkerLink* const worker = crew_.find(call);
        if (!worker)
            return;
        if (worker->withdraw(call))
            return ended.fail(&call, cancellation_error());
        // Only this call is to be lost with the worker.
        WaitingCalls others;
        bool const is_running = worker->withdraw_behind(
            call, [&](RemoteCallPointer const& other) { others.add_last(other); });
        waiting_.add_first(others);
        if (is_running)
            crew_.kill(*worker);
        dispatch(ended);
    }

    /// The worker has ended: what it had begun ends with it, and the rest goes to others. But a call that no worker
    /// lives long enough to begin ends, too, after so many of them.
    void settle(
        WorkerLink& worker,
        std::exception_ptr const& error,
        int most_vain_starts,
        EndedCalls& ended) noexcept {
        WaitingCalls others;
        bool const was_killed = worker.state() == WorkerLink::State::killed;
        bool is_first = !was_killed && worker.completed() == 0;
        worker.settle([&](RemoteCallPointer const& call, bool has_begun) {
            bool const was_in_vain = std::exchange(is_first, false) && !has_begun;
            bool const is_hopeless = was_in_vain && ++call->vain_starts >= most_vain_starts;
            if (!has_begun && !is_hopeless)
                others.add_last(call);
            else if (call->wish != RemoteCall::Wish::result)
                ended.fail(call, cancellation_error());
            else
                ended.fail(call, error);
        });
        waiting_.add_first(others);
    }

    /// Refuses all calls that no worker has begun, each with an error of its own, since their coroutines are on
    /// different threads.
    template <class MakeError>
    void refuse(MakeError make_error, EndedCalls& ended) noexcept {
        for (auto const& worker : crew_.workers())
            worker->withdraw_all(
                [&](RemoteCallPointer const& call) { ended.fail(call, make_error()); });
        while (!waiting_.empty())
            ended.fail(waiting_.take_first(), make_error());
    }

private:
    static constexpr std::size_t in_advance = WorkerSlot::depth / 2;

    bool is_worn(WorkerLink const& worker) const noexcept {
        return most_per_worker_ != 0 &&
               worker.completed() + worker.outstanding() >= most_per_worker_;
    }
    bool can_take(WorkerLink const& worker) const noexcept {
        return worker.is_live() && !worker.is_full() && !is_worn(worker);
    }

    WorkerLink* find_idle() const noexcept {
        for (auto const& worker : crew_.workers()) {
            if (worker->outstanding() == 0 && can_take(*worker))
                return worker.get();
        }
        return nullptr;
    }

    void dispatch(EndedCalls& ended) noexcept {
        while (!waiting_.empty()) {
            WorkerLink* worker = find_idle();
            if (!worker && !crew_.can_make())
                return;
            if (!worker)
                worker = try_make(ended);
            if (!worker && crew_.count_live() != 0)
                return;  // one of those will do it
            if (!worker)
                continue;
            worker->give(waiting_.take_first());
            worker->send();
            if (worker->has_unsent())
                crew_.wake();  // the thread waits until the socket takes more
        }
    }

    /// Returns null if that fails. Where there is no other worker, nobody would ever do the oldest call, which fails
    /// with the reason.
    WorkerLink* try_make(EndedCalls& ended) noexcept {
        try {
            return &crew_.make();
        } catch (...) {
            if (crew_.count_live() == 0)
                ended.fail(waiting_.take_first(), std::current_exception());
            return nullptr;
        }
    }

    /// Where a worker could begin a call at once, takes one back from another that is busy with the call before.
    /// Returns whether it did.
    bool take_back() noexcept {
        if (!find_idle() && !crew_.can_make())
            return false;
        auto const busiest = std::ranges::max_element(
            crew_.workers(), {}, [](auto const& worker) { return worker->outstanding(); });
        if (busiest == crew_.workers().end() || (*busiest)->outstanding() < 2)
            return false;
        auto call = (*busiest)->take_waiting();
        if (!call)
            return false;
        waiting_.add_last(std::move(call));
        return true;
    }

    void supply() noexcept {
        if (waiting_.empty())
            return;
        auto const share = waiting_.size() / (std::max)(crew_.count_live(), std::size_t{1}) + 1;
        auto const most = (std::min)(share, in_advance);
        for (auto const& worker : crew_.workers()) {
            if (!can_take(*worker) || worker->has_unsent() || worker->outstanding() > most / 2)
                continue;
            while (!waiting_.empty() && can_take(*worker) && worker->outstanding() < most)
                worker->give(waiting_.take_first());
            worker->send();
        }
    }

    WorkerCrew& crew_;
    std::size_t const most_per_worker_;
    WaitingCalls waiting_;
};

}  // namespace syncopate::inline v0_1::detail
