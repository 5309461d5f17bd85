// What stands between threads and coroutines is cancelled, left and closed while others use it: futures that are waited
// for; objects on a loop and on a thread, closed in either order with their runners; ranges that a worker pulls; races,
// results as they come, tasks that go on once they are ready. What was asked for comes once, or an error says why not, and
// nothing is left.

#include "support/audit.hpp"
#include "support/errors.hpp"
#include "support/stress.hpp"
#include "support/tasks.hpp"
#include <syncopate/as_completed.hpp>
#include <syncopate/blocking_range.hpp>
#include <syncopate/error.hpp>
#include <syncopate/gather_outcomes.hpp>
#include <syncopate/iterate_in_thread.hpp>
#include <syncopate/on_cancel.hpp>
#include <syncopate/on_loop.hpp>
#include <syncopate/on_thread.hpp>
#include <syncopate/options.hpp>
#include <syncopate/race.hpp>
#include <syncopate/ready.hpp>
#include <syncopate/runner_base.hpp>
#include <syncopate/sleep.hpp>
#include <syncopate/thread_runner.hpp>
#include <syncopate/wrap_future.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::Errc;
using syncopate::OnCancel;
using syncopate::OnLoop;
using syncopate::OnThread;
using syncopate::Options;
using syncopate::race;
using syncopate::ReadAhead;
using syncopate::Ready;
using syncopate::RunnerBase;
using syncopate::ThreadRunner;
using syncopate::wrap_future;

using Microseconds = std::chrono::microseconds;

enum class End { value, timed_out, closed };

/// How a call has ended. Any other error ends the program.
template <class F>
End end_of(F&& function) {
    auto const code = code_of(std::forward<F>(function));
    if (code == Errc::runner_closed)
        return End::closed;
    if (code == Errc::timed_out || code == Errc::cancelled)
        return End::timed_out;
    require(!code, code.message().c_str());
    return End::value;
}

template <class F>
void allow_end(F&& function) {
    static_cast<void>(end_of(std::forward<F>(function)));
}

/// What a thread does for others, one after another.
class Elsewhere {
public:
    explicit Elsewhere(unsigned seed) : pause_(seed) {}

    void post(std::function<void()> function) {
        std::lock_guard const lock(mutex_);
        functions_.push_back(std::move(function));
        more_.notify_one();
    }

private:
    void run(std::stop_token const& stop) {
        std::unique_lock lock(mutex_);
        while (more_.wait(lock, stop, [this] { return !functions_.empty(); })) {
            auto const next = std::move(functions_.front());
            functions_.pop_front();
            lock.unlock();
            pause_();
            next();
            lock.lock();
        }
    }

    std::mutex mutex_;
    std::condition_variable_any more_;
    std::deque<std::function<void()>> functions_;
    RandomPause pause_;
    std::jthread thread_{[this](std::stop_token const& stop) { run(stop); }};
};

asio::awaitable<Tracked> value_later(int value, unsigned turns) {
    Tracked const frame;
    for (; turns != 0; --turns)
        co_await asio::post(asio::use_awaitable);
    co_return Tracked(value);
}

/// Failures: each is thrown to somebody, or reported, once.
struct Failures {
    std::atomic<long> all{0};
    std::atomic<long> thrown{0};
    std::atomic<long> reported{0};

    Options options() {
        return Options().on_error([this](std::exception_ptr const& error) {
            auto const message = message_of(error);
            if (message == "failed")
                ++reported;
            else  // a race was lost to what was closed, or to a promise that was broken
                require(
                    message == "std::future_error: Broken promise" ||
                        code_of(error) == Errc::runner_closed,
                    message.c_str());
        });
    }
    /// Calls a function that may fail so, or end as allow_end() has it.
    template <class F>
    void allow_end(F&& function) {
        try {
            std::forward<F>(function)();
        } catch (std::system_error const& error) {
            require(
                error.code() == Errc::runner_closed || error.code() == Errc::timed_out ||
                    error.code() == Errc::never_ready,
                error.what());
        } catch (std::runtime_error const& error) {
            require(error.what() == std::string("failed"), error.what());
            ++thrown;
        }
    }
};

// --- futures

/// Two wait for one that becomes ready meanwhile, or breaks.
void await_future(unsigned seed, ThreadRunner& one, ThreadRunner& other, Elsewhere& elsewhere) {
    RandomPause pause(seed);
    auto promise = std::make_shared<std::promise<Tracked>>();
    std::shared_future<Tracked> const future = promise->get_future().share();
    bool const breaks = pause.below(8) == 0;
    elsewhere.post([promise = std::move(promise), breaks]() mutable {
        if (!breaks)
            promise->set_value(Tracked(7));
        promise.reset();
    });
    auto const expect_break = [breaks](auto wait) {
        try {
            wait();
        } catch (std::future_error const&) {
            require(breaks, "the promise was kept");
        }
    };
    auto const waits =
        other.run_as_future(race(wrap_future(future), value_later(8, pause.below(6)))).share();
    auto const time = Microseconds(pause.below(150));
    expect_break([&] {
        allow_end([&] {
            int const value = one.run_for(time, wrap_future(future)).value();
            require(value == 7 && !breaks, "the value of a future");
        });
    });
    expect_break([&] {
        int const value = waits.get().value();
        require(value == 8 || (value == 7 && !breaks), "the value of a race with a future");
    });
}

// --- objects

/// Used by one thread at a time, and only while it is there.
class Object {
public:
    Object() = default;
    Object(Object const&) = delete;
    Object& operator=(Object const&) = delete;
    ~Object() {
        require(!is_used_, "nobody uses it any more");
        value_ = -1;
    }

    int use() {
        require(!is_used_.exchange(true), "one at a time");
        int const value = value_;
        is_used_ = false;
        return value;
    }
    asio::awaitable<int> use_later(unsigned turns) {
        Tracked const frame;
        for (; turns != 0; --turns) {
            require(use() == 41, "it is there as long as its task");
            co_await asio::post(asio::use_awaitable);
        }
        co_return use();
    }
    asio::awaitable<void> use_until_cancelled() {
        Tracked const frame;
        for (;;) {
            co_await syncopate::sleep(Microseconds(use()));
            co_await asio::post(asio::use_awaitable);
        }
    }

private:
    int value_ = 41;
    std::atomic<bool> is_used_{false};
    Tracked tracked_;
};

constexpr int uses = 12;

void use_once(OnLoop<Object>& object, RandomPause& pause) {
    auto const turns = pause.below(4);
    auto const later = [turns](Object& o) { return o.use_later(turns); };
    switch (pause.below(6)) {
    case 0: return require(object.run(later) == 41, "run()");
    case 1: return require(object.run_for(Microseconds(pause.below(60)), later) == 41, "run_for()");
    case 2: return require(object.call(&Object::use) == 41, "call()");
    case 3: return require(object.run_as_future(later).share().get() == 41, "run_as_future()");
    case 4: return object.start_soon(&Object::use_until_cancelled);
    default: {
        std::stop_source stop;
        auto const future = object.run_as_future(later, stop.get_token()).share();
        pause();
        stop.request_stop();
        require(future.get() == 41, "run_as_future(stop)");
    }
    }
}

/// Two threads use it, and a task of another loop, while it or its runner is closed. Then both go, in either order.
void use_on_loop(unsigned seed, ThreadRunner& other) {
    RandomPause pause(seed);
    std::optional<ThreadRunner> runner(std::in_place);
    std::optional<OnLoop<Object>> object(std::in_place, *runner);
    auto const use_from_thread = [&](RandomPause own) {
        for (int i = 0; i < uses; ++i) {
            allow_end([&] { use_once(*object, own); });
            own();
        }
    };
    auto const use_from_task = [&]() -> asio::awaitable<void> {
        for (int i = 0; i < uses; ++i) {
            auto future = object->run_as_future([](Object& o) { return o.use_later(1); });
            int const value = co_await wrap_future(std::move(future));
            require(value == 41, "the future of another loop");
        }
    };
    {
        std::jthread const first([&] { use_from_thread(RandomPause(seed + 1)); });
        std::jthread const second([&] { use_from_thread(RandomPause(seed + 2)); });
        auto const from_task = other.run_as_future(use_from_task).share();
        for (auto turns = pause.below(80); turns != 0; --turns)
            pause();
        switch (pause.below(4)) {
        case 0: object->close(); break;
        case 1: runner->close(); break;
        case 2:
            object->close();
            runner->close();
            break;
        default: break;
        }
        allow_end([&] { from_task.get(); });
    }
    if (pause.below(2) == 0)
        object.reset();
    runner.reset();
    object.reset();
}

asio::awaitable<int> number_later(int number, unsigned turns) {
    co_return (co_await value_later(number, turns)).value();
}

asio::awaitable<void> use_thread(OnThread<Object>& object, RandomPause pause) {
    Tracked const frame;
    for (int i = 0; i < uses; ++i) {
        auto const on_cancel = pause.below(2) == 0 ? OnCancel::wait : OnCancel::abandon;
        auto used = object.run(&Object::use, on_cancel);
        int value = 0;
        if (pause.below(2) == 0)
            value = co_await race(std::move(used), number_later(42, pause.below(4)));
        else
            value = co_await std::move(used);
        require(value == 41 || value == 42, "what a thread gives, or a race with it");
    }
}

/// The tasks of two loops use it, while it or one of them is closed.
void use_on_thread(unsigned seed, ThreadRunner& other, Failures& failures) {
    RandomPause pause(seed);
    std::optional<OnThread<Object>> object(std::in_place);
    ThreadRunner runner(failures.options());
    auto const use = [&](unsigned number) {
        return [&object, number] { return use_thread(*object, RandomPause(number)); };
    };
    std::shared_future<void> const futures[] = {
        runner.run_as_future(use(seed + 1)).share(), runner.run_as_future(use(seed + 2)).share(),
        other.run_as_future(use(seed + 3)).share()};
    for (auto turns = pause.below(60); turns != 0; --turns)
        pause();
    switch (pause.below(4)) {
    case 0: object->close(); break;
    case 1: runner.close(); break;
    case 2: allow_end([&] { runner.run_for(Microseconds(pause.below(90)), use(seed + 4)); }); break;
    default: break;
    }
    for (auto const& future : futures)
        allow_end([&] { future.get(); });
    object.reset();  // and a runner that may be open
}

// --- ranges that a worker pulls

/// Owns its range, so that it may be abandoned.
auto pulled(unsigned seed, int count) {
    RandomPause pause(seed);
    ReadAhead const ahead{pause.below(4)};
    auto const on_cancel = pause.below(2) == 0 ? OnCancel::wait : OnCancel::abandon;
    auto make = [pause, owned = Tracked(1)](int item) mutable {
        pause();
        return Tracked(item * owned.value());
    };
    return syncopate::iterate_in_thread(
        std::views::iota(0, count) | std::views::transform(std::move(make)), ahead, on_cancel);
}

/// Takes items in their order, until the end or one of them. Returns how many.
template <class Range>
int take(Range&& range, int leave_at, RandomPause& pause) {
    int taken = 0;
    for (auto const& item : range) {
        require(item.value() == taken, "items come in their order");
        if (++taken == leave_at)
            break;
        pause();
    }
    return taken;
}

asio::awaitable<void> take_all(unsigned seed, int count) {
    Tracked const frame;
    auto items = pulled(seed, count);
    int taken = 0;
    for (bool is_over = false; !is_over;) {
        auto const item = co_await items.anext();
        is_over = !item;
        require(is_over || item->value() == taken++, "a task gets the items in their order");
    }
    require(taken == count, "and all of them");
    co_await items.aclose();
}

/// Left early, read ahead, asked with hardly any time, cancelled.
void pull(unsigned seed, ThreadRunner& runner, Elsewhere& elsewhere) {
    RandomPause pause(seed);
    int const count = static_cast<int>(pause.below(12));
    int const leave_at = static_cast<int>(1 + pause.below(16));
    int const expected = (std::min)(count, leave_at);
    switch (pause.below(5)) {
    case 0:
        return require(
            take(runner.wrap_iter(pulled(seed, count)), leave_at, pause) == expected, "a range");
    case 1: {
        auto range = runner.wrap_iter(pulled(seed, count), ReadAhead{1 + pause.below(3)});
        return require(take(range, leave_at, pause) == expected, "a range that is read ahead");
    }
    case 2: {
        auto range = runner.wrap_iter(pulled(seed, count));
        for (int taken = 0; taken < leave_at;) {
            std::optional<Tracked> item;
            if (end_of([&] { item = range.next_for(Microseconds(pause.below(40))); }) ==
                End::timed_out)
                continue;
            require(item ? item->value() == taken : taken == count, "no item is lost");
            if (!item)
                break;
            ++taken;
        }
        return;
    }
    case 3:
        return allow_end(
            [&] { runner.run_for(Microseconds(pause.below(300)), take_all(seed, count)); });
    default: {
        auto const stop = std::make_shared<std::stop_source>();
        allow_end([&] {
            auto range = runner.wrap_iter(pulled(seed, count), stop->get_token());
            elsewhere.post([stop] { stop->request_stop(); });
            take(range, leave_at, pause);
        });
    }
    }
}

void close_while_pulling(unsigned seed) {
    RandomPause pause(seed);
    std::optional<ThreadRunner> runner(std::in_place);
    std::jthread const reader([&] {
        RandomPause own(seed + 1);
        allow_end([&] { take(runner->wrap_iter(pulled(seed + 2, 1000)), 1000, own); });
    });
    auto const task = runner->run_as_future(take_all(seed + 3, 1000)).share();
    for (auto turns = pause.below(60); turns != 0; --turns)
        pause();
    runner->close();
    allow_end([&] { task.get(); });
}

// --- tasks of which one decides, or each in its turn, or that go on

/// What the task awaits from here on is not cancelled.
asio::awaitable<void> be_undisturbed() {
    co_await asio::this_coro::throw_if_cancelled(false);
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
}

/// Cannot be cancelled, and fails.
asio::awaitable<int> fail(Failures& failures, unsigned turns) {
    Tracked const frame;
    co_await be_undisturbed();
    for (++turns; turns != 0; --turns)
        co_await asio::post(asio::use_awaitable);
    ++failures.all;
    throw std::runtime_error("failed");
}

std::vector<asio::awaitable<int>> some_tasks(Failures& failures, RandomPause& pause) {
    std::vector<asio::awaitable<int>> tasks;
    for (auto count = 1 + pause.below(4); count != 0; --count) {
        if (pause.below(3) == 0)
            tasks.push_back(fail(failures, pause.below(4)));
        else
            tasks.push_back(number_later(42, pause.below(6)));
    }
    return tasks;
}

asio::awaitable<void> each_outcome(Failures& failures, std::vector<asio::awaitable<int>> tasks) {
    Tracked const frame;
    auto const outcomes = co_await syncopate::gather_outcomes(std::move(tasks));
    for (auto const& outcome : outcomes) {
        if (outcome.error() && message_of(outcome.error()) == "failed")
            ++failures.thrown;
        require(outcome.error() || outcome.value() == 42, "the value of a task");
    }
}

asio::awaitable<void> each_completed(Failures& failures, std::vector<asio::awaitable<int>> tasks) {
    Tracked const frame;
    auto completed = syncopate::as_completed(std::move(tasks));
    std::exception_ptr cancelled;
    for (bool is_over = false; !is_over;) {
        try {
            auto const value = co_await completed.anext();
            is_over = !value;
            require(is_over || *value == 42, "the value of a task that has ended");
        } catch (std::runtime_error const& error) {
            if (error.what() == std::string("failed")) {
                ++failures.thrown;
                continue;
            }
            cancelled = std::current_exception();
            is_over = true;
        }
    }
    if (!cancelled)
        co_return;
    co_await be_undisturbed();
    co_await completed.aclose();
    std::rethrow_exception(cancelled);
}

asio::awaitable<void> serve(Failures& failures, Ready<int> ready, unsigned seed) {
    Tracked const frame;
    RandomPause pause(seed);
    for (auto turns = pause.below(4); turns != 0; --turns)
        co_await asio::post(asio::use_awaitable);
    if (pause.below(4) != 0)
        ready(42);
    if (pause.below(3) == 0)
        co_await fail(failures, pause.below(3));
    if (pause.below(3) == 0)
        co_await syncopate::sleep(Microseconds(pause.below(100)));
}

/// Decided, cancelled, failed, ready.
void run_together(unsigned seed, RunnerBase& runner, Failures& failures) {
    RandomPause pause(seed);
    auto const time = Microseconds(pause.below(60));
    auto tasks = some_tasks(failures, pause);
    failures.allow_end([&] {
        switch (pause.below(5)) {
        case 0: return require(runner.run(race(std::move(tasks))) == 42, "the value of a winner");
        case 1:
            return require(
                runner.run_for(time, race(std::move(tasks))) == 42, "that of one that had time");
        case 2: return runner.run_for(time, each_outcome(failures, std::move(tasks)));
        case 3: return runner.run_for(time, each_completed(failures, std::move(tasks)));
        default: {
            auto const start = [&failures, seed](Ready<int> ready) {
                return serve(failures, std::move(ready), seed);
            };
            require(runner.start<int>(start) == 42, "what a task is ready with");
        }
        }
    });
}

/// By a thread, which may leave early.
void take_completed(
    RunnerBase& runner,
    Failures& failures,
    std::vector<asio::awaitable<int>> tasks,
    RandomPause& pause) {
    failures.allow_end([&] {
        for (int const value : runner.wrap_iter(syncopate::as_completed(std::move(tasks)))) {
            require(value == 42, "the value of an item");
            if (pause.below(3) == 0)
                break;
            pause();
        }
    });
}

void close_meanwhile(unsigned seed, Failures& failures) {
    RandomPause pause(seed);
    ThreadRunner runner(failures.options());
    auto const run_some = [&](unsigned first) {
        RandomPause own(first);
        for (unsigned i = 0; i < uses; ++i) {
            run_together(first + i, runner, failures);
            // None that fails: between two items nobody waits for them, and they go with the loop.
            std::vector<asio::awaitable<int>> tasks;
            for (int left = 3; left != 0; --left)
                tasks.push_back(number_later(42, own.below(8)));
            take_completed(runner, failures, std::move(tasks), own);
        }
    };
    std::jthread const one([&] { run_some(seed + 100); });
    std::jthread const other([&] { run_some(seed + 200); });
    for (auto turns = pause.below(80); turns != 0; --turns)
        pause();
    runner.close();
}

}  // namespace

int main(int argc, char** argv) {
    long const count = iterations(argc, argv, 5000);
    Audit const audit;
    {
        Failures failures;
        {
            Elsewhere elsewhere(1);
            ThreadRunner one(failures.options());
            ThreadRunner other(failures.options());
            auto const often = [](long times, unsigned seed, auto round) {
                return std::jthread([times, seed, round] {
                    for (unsigned i = 0; i < static_cast<unsigned>(times); ++i)
                        round(1000 * i + seed);
                });
            };
            std::jthread const all[] = {
                often(count / 5, 1, [&](unsigned s) { await_future(s, one, other, elsewhere); }),
                often(count / 50, 2, [&](unsigned s) { use_on_loop(s, other); }),
                often(count / 50, 3, [&](unsigned s) { use_on_thread(s, one, failures); }),
                often(count / 5, 4, [&](unsigned s) { pull(s, one, elsewhere); }),
                often(count / 50, 5, [&](unsigned s) { close_while_pulling(s); }),
                often(count / 5, 6, [&](unsigned s) { run_together(s, other, failures); }),
                often(
                    count / 5, 8,
                    [&](unsigned s) {
                        RandomPause pause(s);
                        take_completed(other, failures, some_tasks(failures, pause), pause);
                    }),
                often(count / 50, 7, [&](unsigned s) { close_meanwhile(s, failures); })};
        }
        std::printf(
            "%ld failures, %ld thrown, %ld reported\n", failures.all.load(), failures.thrown.load(),
            failures.reported.load());
        require(
            failures.all == failures.thrown + failures.reported,
            "each failure is somebody's, once");
    }
    require_nothing_left(audit);
    std::puts("ok");
}
