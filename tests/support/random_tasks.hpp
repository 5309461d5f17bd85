// Tasks made at random: a Plan says what a task does and what it gives, perform() does it. Every task tells when it
// is alive (Tracked), and sees to it that it has its own values of a context variable.
#pragma once

#include "support/audit.hpp"
#include "support/stress.hpp"
#include "support/tasks.hpp"
#include <syncopate/async_generator.hpp>
#include <syncopate/capacity_limiter.hpp>
#include <syncopate/channel.hpp>
#include <syncopate/context_var.hpp>
#include <syncopate/error.hpp>
#include <syncopate/from_thread.hpp>
#include <syncopate/gather.hpp>
#include <syncopate/iterate_in_thread.hpp>
#include <syncopate/label.hpp>
#include <syncopate/on_cancel.hpp>
#include <syncopate/on_thread.hpp>
#include <syncopate/options.hpp>
#include <syncopate/race.hpp>
#include <syncopate/shield.hpp>
#include <syncopate/task_group.hpp>
#include <syncopate/timeout.hpp>
#include <syncopate/to_calling_thread.hpp>
#include <syncopate/to_thread.hpp>
#include <syncopate/with_context.hpp>
#include <syncopate/worker_pool.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <random>
#include <ranges>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace support {

/// The failure of a task that is to fail.
struct Planned : std::runtime_error {
    Planned() : std::runtime_error("planned") {}
};

enum class Kind {
    // leaves
    at_once,
    posted,
    slept,
    cleaning_up,  // goes on for a while after it was cancelled
    stubborn,     // gives its result although it was cancelled
    in_worker,
    in_worker_with_token,
    in_pool,
    abandoning,
    checking,
    calling_back,
    on_caller,
    generated,
    observing,
    channelled,
    on_thread,
    iterated,
    // with children, whose results are added to it
    awaiting,
    gathered,
    gathered_in_a_vector,
    grouped,
    ready,
    in_time,
    shielded,
    raced,
    in_context,
    running_back,
    holding_a_token,
    // with children, whose results are not
    failing_gather,
    failing_group,
    cancelled_group,
    out_of_time,
    moving_on,
    elsewhere,
};

constexpr auto first_with_children = static_cast<unsigned>(Kind::awaiting);
constexpr auto first_without_results = static_cast<unsigned>(Kind::failing_gather);
constexpr auto kind_count = static_cast<unsigned>(Kind::elsewhere) + 1;

/// What a task may use without waiting for itself.
struct Permitted {
    bool workers = true;
    bool tokens = true;
    bool caller = true;  // a thread is blocked on it
};

struct Plan {
    Kind kind = Kind::at_once;
    Permitted permitted;
    unsigned number = 0;  // the value of the context variable in it
    unsigned parent = 0;  // and outside of it
    int value = 0;
    std::chrono::microseconds time{};
    std::vector<Plan> children;

    int result() const {
        int sum = value;
        if (static_cast<unsigned>(kind) < first_without_results)
            for (auto const& child : children)
                sum += child.result();
        return sum;
    }
};

class PlanMaker {
public:
    explicit PlanMaker(std::minstd_rand& random) : random_(random) {}

    Plan make(unsigned parent, Permitted permitted, int depth = 3) {
        Plan plan;
        plan.parent = parent;
        plan.permitted = permitted;
        plan.number = static_cast<unsigned>(random_());
        plan.value = static_cast<int>(below(1000));
        plan.time = std::chrono::microseconds(below(4) == 0 ? below(300) : below(20));
        do
            plan.kind = static_cast<Kind>(below(depth > 0 ? kind_count : first_with_children));
        while (!is_permitted(plan.kind, permitted));
        if (static_cast<unsigned>(plan.kind) >= first_with_children)
            add_children(plan, depth - 1);
        return plan;
    }

private:
    unsigned below(unsigned limit) { return static_cast<unsigned>(random_() % limit); }

    static bool is_permitted(Kind kind, Permitted permitted) {
        switch (kind) {
        case Kind::in_worker_with_token: return permitted.workers && permitted.tokens;
        case Kind::holding_a_token: return permitted.tokens;
        case Kind::in_worker:
        case Kind::in_pool:
        case Kind::abandoning:
        case Kind::checking:
        case Kind::calling_back:
        case Kind::on_thread:
        case Kind::iterated:
        case Kind::running_back:
        case Kind::elsewhere: return permitted.workers;
        default: return true;
        }
    }

    void add_children(Plan& plan, int depth) {
        auto permitted = plan.permitted;
        // Whom a worker or a holder of a token waits for waits for no other one.
        if (plan.kind == Kind::running_back || plan.kind == Kind::elsewhere)
            permitted = {false, false, plan.kind == Kind::elsewhere || permitted.caller};
        if (plan.kind == Kind::holding_a_token)
            permitted.tokens = false;
        auto const count = is_for_one(plan.kind) ? 1 : 1 + below(3);
        for (unsigned i = 0; i < count; ++i)
            plan.children.push_back(make(plan.number, permitted, depth));
    }

    static bool is_for_one(Kind kind) {
        switch (kind) {
        case Kind::in_time:
        case Kind::shielded:
        case Kind::raced:
        case Kind::in_context:
        case Kind::running_back:
        case Kind::holding_a_token:
        case Kind::out_of_time:
        case Kind::moving_on:
        case Kind::elsewhere: return true;
        default: return false;
        }
    }

    std::minstd_rand& random_;
};

/// What the tasks of a program share. It outlives them.
struct TaskWorld {
    syncopate::ContextVar<unsigned> const number{0};
    syncopate::WorkerPool pool{3};
    syncopate::CapacityLimiter limiter{2};
    syncopate::OnThread<int> on_thread{41};
    std::function<void(Plan const&)>
        run_elsewhere;  // on another runner, on the thread that calls it
    std::function<void()> observe;

    std::atomic<long> holders{0};  // of tokens
    std::atomic<long> working{0};  // functions that run on other threads
};

/// Counts while it lives.
class Counted {
public:
    explicit Counted(std::atomic<long>& count) : count_(&count) { ++count; }
    Counted(Counted const&) = delete;
    Counted& operator=(Counted const&) = delete;
    ~Counted() { --*count_; }

private:
    std::atomic<long>* count_;
};

inline asio::awaitable<int> perform(TaskWorld& world, Plan const& plan);

namespace random_tasks {

using syncopate::Errc;
namespace from_thread = syncopate::from_thread;

inline asio::awaitable<void> fail_after(std::chrono::microseconds time) {
    Tracked const frame;
    if (time.count() % 2 == 0)
        co_await sleep_for(time);
    throw Planned();
}

inline asio::awaitable<int> fail_with_value() {
    Tracked const frame;
    co_await asio::post(asio::use_awaitable);
    throw Planned();
}

inline asio::awaitable<void> add(TaskWorld& world, Plan const& plan, int& sum) {
    Tracked const frame;
    sum += co_await perform(world, plan);
}

inline asio::awaitable<int> clean_up(Plan const& plan) {
    Tracked const frame;
    std::exception_ptr error;
    try {
        co_await sleep_for(plan.time * 4);
    } catch (...) {
        error = std::current_exception();
    }
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    co_await asio::post(asio::use_awaitable);
    co_await sleep_for(plan.time / 4);
    co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
    if (error)
        std::rethrow_exception(error);
    co_return plan.value;
}

inline asio::awaitable<int> be_stubborn(Plan const& plan) {
    Tracked const frame;
    bool is_cancelled = false;
    try {
        co_await sleep_for(plan.time * 4);
    } catch (boost::system::system_error const&) {
        is_cancelled = true;
    }
    if (is_cancelled)
        co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
    co_return plan.value;
}

/// A function of a worker: it may refer to the task's frame.
inline int work(TaskWorld& world, Plan const& plan) {
    Counted const working(world.working);
    require(world.number.get() == plan.number, "a worker has the values of its task");
    auto const scope = world.number.set(plan.number + 1);
    if (plan.time.count() % 3 == 0)
        std::this_thread::yield();
    return plan.value;
}

inline int work_until_cancelled(TaskWorld& world, Plan const& plan) {
    Counted const working(world.working);
    auto const end = std::chrono::steady_clock::now() + plan.time;
    do
        from_thread::check_cancelled();
    while (std::chrono::steady_clock::now() < end);
    return plan.value;
}

inline int call_back(TaskWorld& world, Plan const& plan) {
    Counted const working(world.working);
    int calls = 0;
    for (int i = 0; i < 3; ++i)
        from_thread::call([&] {
            require(world.number.get() == plan.number, "the loop has the values of the task");
            ++calls;
        });
    require(calls == 3, "each function is called");
    return plan.value;
}

inline int run_back(TaskWorld& world, Plan const& plan) {
    Counted const working(world.working);
    return plan.value + from_thread::run([&] { return perform(world, plan.children.front()); });
}

inline asio::awaitable<int> work_on_caller(TaskWorld& world, Plan const& plan) {
    Tracked const frame;
    std::error_code error;
    int result = plan.value;
    try {
        result = co_await syncopate::to_calling_thread([&] { return work(world, plan); });
    } catch (std::system_error const& e) {
        if (e.code() != Errc::no_calling_thread || plan.permitted.caller)
            throw;
    }
    co_return result;
}

inline syncopate::AsyncGenerator<int> count_to(int end, std::chrono::microseconds time) {
    Tracked const frame;
    for (int i = 0; i < end; ++i) {
        if (i % 3 == 1)
            co_await asio::post(asio::deferred);
        if (i % 7 == 5)
            co_await sleep_for(time);
        co_yield int(i);
    }
}

inline asio::awaitable<int> generate(Plan const& plan) {
    Tracked const frame;
    auto generator = count_to(plan.value % 20, plan.time);
    int const stop_at = plan.value % 25;
    for (int expected = 0; expected < stop_at; ++expected) {
        auto const item = co_await generator.anext();
        if (!item)
            break;
        require(*item == expected, "a generator gives its items in order");
    }
    if (plan.value % 2 == 0)
        co_await generator.aclose();
    co_return plan.value;
}

inline asio::awaitable<void> send_numbers(syncopate::Channel<int>& channel, int end) {
    Tracked const frame;
    for (int i = 0; i < end; ++i)
        co_await channel.async_send(i);
    channel.close();
}

inline asio::awaitable<int> receive_numbers(syncopate::Channel<int>& channel) {
    Tracked const frame;
    int expected = 0;
    while (auto const item = co_await channel.async_receive())
        require(*item == expected++, "a channel gives its items in order");
    co_return expected;
}

inline asio::awaitable<int> use_channel(Plan const& plan) {
    Tracked const frame;
    syncopate::Channel<int> channel(static_cast<std::size_t>(1 + plan.value % 3));
    int const end = plan.value % 20;
    auto const [nothing, received] =
        co_await syncopate::gather(send_numbers(channel, end), receive_numbers(channel));
    require(received == end, "a channel loses no item");
    co_return plan.value;
}

inline asio::awaitable<int> iterate(Plan const& plan) {
    Tracked const frame;
    int const end = plan.value % 20;
    auto numbers = syncopate::iterate_in_thread(
        std::views::iota(0, end), syncopate::ReadAhead(static_cast<std::size_t>(plan.value % 5)));
    int const stop_at = plan.value % 25;
    for (int expected = 0; expected < stop_at; ++expected) {
        auto const item = co_await numbers.anext();
        require(item ? *item == expected : expected == end, "a range gives its items in order");
        if (!item)
            break;
    }
    co_return plan.value;
}

inline asio::awaitable<int> forever_with_value() {
    Tracked const frame;
    co_await forever();
    co_return 0;
}

inline asio::awaitable<int> race_child(TaskWorld& world, Plan const& plan) {
    Tracked const frame;
    co_return plan.value +
        co_await syncopate::race(perform(world, plan.children.front()), forever_with_value());
}

struct Scope {
    asio::awaitable<void> aenter() {
        co_await asio::post(asio::use_awaitable);
        is_entered = true;
    }
    asio::awaitable<void> aexit(std::exception_ptr) {
        co_await asio::post(asio::use_awaitable);
        is_entered = false;
    }

    bool is_entered = false;
    Tracked tracked;
};

inline asio::awaitable<int> enter_context(TaskWorld& world, Plan const& plan) {
    Tracked const frame;
    Scope scope;
    auto const body = [&world, &plan](Scope& entered) {
        require(entered.is_entered, "a context is entered before its body begins");
        return perform(world, plan.children.front());
    };
    int const result = co_await syncopate::with_context(scope, body);
    require(!scope.is_entered, "a context is left after its body");
    co_return plan.value + result;
}

inline asio::awaitable<int> perform_children(TaskWorld& world, Plan const& plan) {
    Tracked const frame;
    int sum = plan.value;
    for (auto const& child : plan.children) {
        sum += co_await perform(world, child);
        require(world.number.get() == plan.number, "a child's values are its own");
    }
    co_return sum;
}

inline asio::awaitable<int> gather_children(TaskWorld& world, Plan const& plan) {
    Tracked const frame;
    if (plan.kind == Kind::gathered) {
        auto const& first = plan.children.front();
        auto const& last = plan.children.back();
        if (plan.children.size() == 2) {
            auto const [a, b] =
                co_await syncopate::gather(perform(world, first), perform(world, last));
            co_return plan.value + a + b;
        }
        if (plan.children.size() == 1) {
            auto const [a] = co_await syncopate::gather(perform(world, first));
            co_return plan.value + a;
        }
        auto const [a, b, c] = co_await syncopate::gather(
            perform(world, first), perform(world, plan.children[1]), perform(world, last));
        co_return plan.value + a + b + c;
    }
    std::vector<asio::awaitable<int>> tasks;
    for (auto const& child : plan.children)
        tasks.push_back(perform(world, child));
    auto const results = co_await syncopate::gather(std::move(tasks));
    int sum = plan.value;
    for (int result : results)
        sum += result;
    co_return sum;
}

inline asio::awaitable<void> be_ready(
    TaskWorld& world, Plan const& plan, int& sum, syncopate::Ready<int> ready) {
    Tracked const frame;
    if (plan.time.count() % 2 == 0)
        co_await asio::post(asio::use_awaitable);
    ready(plan.value);
    for (auto const& child : plan.children)
        sum += co_await perform(world, child);
}

inline asio::awaitable<void> start_children(
    TaskWorld& world, Plan const& plan, int& sum, syncopate::TaskGroup& group) {
    Tracked const frame;
    if (plan.kind == Kind::ready) {
        auto const begin = [&world, &plan, &sum](syncopate::Ready<int> ready) {
            return be_ready(world, plan, sum, std::move(ready));
        };
        int const value = co_await group.start<int>(begin);
        require(value == plan.value, "start() gives the value");
        co_return;
    }
    for (auto const& child : plan.children)
        group.start_soon([&world, &child, &sum] { return add(world, child, sum); });
    if (plan.kind == Kind::failing_group)
        group.start_soon(fail_after(plan.time));
    if (plan.kind == Kind::grouped)
        co_return;
    if (plan.time.count() % 2 == 0)
        group.start_soon(forever());
    if (plan.kind == Kind::failing_group)
        co_return;
    co_await sleep_for(plan.time / 2);
    group.cancel();
}

inline asio::awaitable<int> group_children(TaskWorld& world, Plan const& plan) {
    Tracked const frame;
    int sum = 0;
    auto const body = [&world, &plan, &sum](syncopate::TaskGroup& group) {
        return start_children(world, plan, sum, group);
    };
    bool has_failed = false;
    try {
        co_await syncopate::with_task_group(body);
    } catch (syncopate::TaskGroupError const& error) {
        for (auto const& each : error.errors())
            try {
                std::rethrow_exception(each);
            } catch (Planned const&) {
                has_failed = true;
            }
    }
    require(has_failed == (plan.kind == Kind::failing_group), "a group fails where a child has");
    bool const has_results = plan.kind == Kind::grouped || plan.kind == Kind::ready;
    co_return plan.value + (has_results ? sum : 0);
}

inline asio::awaitable<int> fail_in_gather(TaskWorld& world, Plan const& plan) {
    Tracked const frame;
    bool has_failed = false;
    try {
        co_await syncopate::gather(
            perform(world, plan.children.front()), fail_with_value(), forever());
    } catch (Planned const&) {
        has_failed = true;
    }
    require(has_failed, "gather() fails where a task has");
    co_return plan.value;
}

inline asio::awaitable<int> run_out_of_time(TaskWorld& world, Plan const& plan) {
    Tracked const frame;
    bool const never_ends = plan.time.count() % 2 == 0;
    bool is_timed_out = false;
    try {
        if (never_ends)
            co_await syncopate::fail_after(plan.time, forever());
        else
            co_await syncopate::fail_after(plan.time, perform(world, plan.children.front()));
    } catch (std::system_error const& error) {
        if (error.code() != Errc::timed_out)
            throw;
        is_timed_out = true;
    }
    require(is_timed_out || !never_ends, "fail_after() fails when the time is up");
    co_return plan.value;
}

inline asio::awaitable<int> move_on(TaskWorld& world, Plan const& plan) {
    Tracked const frame;
    auto const& child = plan.children.front();
    if (plan.time.count() % 2 == 0) {
        bool const is_over = co_await syncopate::move_on_after(plan.time, forever());
        require(!is_over, "move_on_after() moves on");
    } else {
        auto const result = co_await syncopate::move_on_after(plan.time, perform(world, child));
        require(!result || *result == child.result(), "the result is the task's");
    }
    co_return plan.value;
}

inline asio::awaitable<int> hold_token(TaskWorld& world, Plan const& plan) {
    Tracked const frame;
    auto const token = co_await world.limiter.acquire();
    Counted const holder(world.holders);
    require(world.holders <= 2, "there are no more tokens than that");
    co_return plan.value + co_await perform(world, plan.children.front());
}

inline asio::awaitable<int> offload(TaskWorld& world, Plan const& plan) {
    Tracked const frame;
    auto const simple = [&world, &plan] { return work(world, plan); };
    switch (plan.kind) {
    case Kind::on_thread:
        co_return co_await world.on_thread.run([&world, &plan](int& object) {
            require(object == 41, "an object lives on its thread");
            return work(world, plan);
        });
    case Kind::in_worker: co_return co_await syncopate::to_thread(simple);
    case Kind::in_worker_with_token: co_return co_await syncopate::to_thread(simple, world.limiter);
    case Kind::in_pool: co_return co_await syncopate::run_in_executor(world.pool, simple);
    case Kind::checking:
        co_return co_await syncopate::to_thread(
            [&world, &plan] { return work_until_cancelled(world, plan); });
    case Kind::calling_back:
        co_return co_await syncopate::run_in_executor(
            world.pool, [&world, &plan] { return call_back(world, plan); });
    case Kind::running_back:
        co_return co_await syncopate::to_thread([&world, &plan] { return run_back(world, plan); });
    case Kind::elsewhere: {
        co_await syncopate::to_thread([&world, &plan] {
            Counted const working(world.working);
            world.run_elsewhere(plan.children.front());
        });
        co_return plan.value;
    }
    default: {
        auto const copy = std::make_shared<Plan const>(plan);
        auto abandoned = [&world, copy, held = Tracked()] { return work(world, *copy); };
        co_return co_await syncopate::to_thread(std::move(abandoned), syncopate::OnCancel::abandon);
    }
    }
}

inline asio::awaitable<int> at_once(Plan const& plan) {
    Tracked const frame;
    co_return plan.value;
}

inline asio::awaitable<int> later(Plan const& plan) {
    Tracked const frame;
    if (plan.kind == Kind::posted)
        co_await asio::post(asio::use_awaitable);
    else
        co_await sleep_for(plan.time);
    co_return plan.value;
}

inline asio::awaitable<int> observe(TaskWorld& world, Plan const& plan) {
    Tracked const frame;
    world.observe();
    co_return plan.value;
}

inline asio::awaitable<int> supervise(TaskWorld& world, Plan const& plan) {
    Tracked const frame;
    auto const& child = plan.children.front();
    if (plan.kind == Kind::shielded)
        co_return plan.value + co_await syncopate::shield(perform(world, child));
    co_return plan.value +
        co_await syncopate::fail_after(
            std::chrono::hours(1), syncopate::label("in time", perform(world, child)));
}

inline asio::awaitable<int> begin(TaskWorld& world, Plan const& plan) {
    switch (plan.kind) {
    case Kind::at_once: return at_once(plan);
    case Kind::posted:
    case Kind::slept: return later(plan);
    case Kind::cleaning_up: return clean_up(plan);
    case Kind::stubborn: return be_stubborn(plan);
    case Kind::on_caller: return work_on_caller(world, plan);
    case Kind::generated: return generate(plan);
    case Kind::channelled: return use_channel(plan);
    case Kind::iterated: return iterate(plan);
    case Kind::raced: return race_child(world, plan);
    case Kind::in_context: return enter_context(world, plan);
    case Kind::observing: return observe(world, plan);
    case Kind::awaiting: return perform_children(world, plan);
    case Kind::gathered:
    case Kind::gathered_in_a_vector: return gather_children(world, plan);
    case Kind::grouped:
    case Kind::ready:
    case Kind::failing_group:
    case Kind::cancelled_group: return group_children(world, plan);
    case Kind::in_time:
    case Kind::shielded: return supervise(world, plan);
    case Kind::holding_a_token: return hold_token(world, plan);
    case Kind::failing_gather: return fail_in_gather(world, plan);
    case Kind::out_of_time: return run_out_of_time(world, plan);
    case Kind::moving_on: return move_on(world, plan);
    default: return offload(world, plan);
    }
}

}  // namespace random_tasks

/// The task that the plan describes, which outlives it. It gives plan.result(), or ends because it was cancelled.
inline asio::awaitable<int> perform(TaskWorld& world, Plan const& plan) {
    Tracked const frame;
    require(world.number.get() == plan.parent, "a task begins with its parent's values");
    auto const scope = world.number.set(plan.number);
    int const result = co_await random_tasks::begin(world, plan);
    require(world.number.get() == plan.number, "a task's values are its own");
    require(result == plan.result(), "each result is right");
    co_return result;
}

/// The same, and it owns its plan.
inline asio::awaitable<int> perform_own(TaskWorld& world, std::shared_ptr<Plan const> plan) {
    Tracked const frame;
    co_return co_await perform(world, *plan);
}

}  // namespace support
