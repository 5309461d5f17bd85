// Every operation, at random and at the same time, on loops of every kind that are closed and made anew meanwhile:
// each result is right, what was entered is left once, what fails is told once, and nothing is left.
//
//   stress_everything [OPERATIONS [SEED]]
//
// Rounds of 1,000 operations have a seed each, which is told with a failure: "stress_everything 1000 SEED" does the
// same again, as far as the order of the threads is the same.

#include "support/audit.hpp"
#include "support/contexts.hpp"
#include "support/errors.hpp"
#include "support/random_tasks.hpp"
#include "support/stress.hpp"
#include "support/tasks.hpp"
#include "support/thread_sanitizer.hpp"
#include <syncopate/blocking_portal.hpp>
#include <syncopate/blocking_range.hpp>
#include <syncopate/channel.hpp>
#include <syncopate/context_guard.hpp>
#include <syncopate/error.hpp>
#include <syncopate/label.hpp>
#include <syncopate/on_loop.hpp>
#include <syncopate/options.hpp>
#include <syncopate/runner.hpp>
#include <syncopate/runner_base.hpp>
#include <syncopate/stats.hpp>
#include <syncopate/task_group.hpp>
#include <syncopate/task_info.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <exception>
#include <filesystem>
#include <future>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <ostream>
#include <random>
#include <sstream>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <signal.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

// Of the sanitizers' runtimes; null without one.
extern "C" [[gnu::weak]] void __sanitizer_set_death_callback(void (*callback)());

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::BlockingPortal;
using syncopate::BlockingRange;
using syncopate::Channel;
using syncopate::ContextGuard;
using syncopate::Errc;
using syncopate::Options;
using syncopate::ReadAhead;
using syncopate::Runner;
using syncopate::RunnerBase;
using syncopate::ThreadRunner;

constexpr unsigned callers = 4;
constexpr unsigned slots = 4;
constexpr long operations_a_round = 1000;

// --- where the program is, for the report of a failure

struct Place {
    std::atomic<long> operation{0};
    std::atomic<char const*> name{"nothing"};
};
std::atomic<unsigned long> round_seed{0};
std::array<Place, callers> places;

void tell_where() noexcept {
    std::fprintf(stderr, "\nseed of the round: %lu\n", round_seed.load());
    for (unsigned i = 0; i < callers; ++i)
        std::fprintf(
            stderr, "  caller %u: operation %ld, %s\n", i, places[i].operation.load(),
            places[i].name.load());
}

// --- contexts

/// The failure of an exit, or of a background task. Somebody has to be told of it, once.
struct ToBeTold : std::runtime_error {
    ToBeTold(long failure, std::string const& of) : std::runtime_error(of), number(failure) {}

    long number;
};

class Tally {
public:
    std::atomic<long> entered{0};
    std::atomic<long> left{0};

    [[noreturn]] void fail(std::string const& of) {
        long number = 0;
        {
            std::lock_guard const lock(mutex_);
            number = ++failures_;
            untold_.emplace(number, of);
        }
        throw ToBeTold(number, of);
    }

    void tell(ToBeTold const& failure) {
        std::lock_guard const lock(mutex_);
        if (untold_.erase(failure.number) == 0)
            give_up(std::string("told twice: ") + failure.what());
    }

    void require_all_told() {
        std::lock_guard const lock(mutex_);
        if (!untold_.empty())
            give_up("nobody was told: " + untold_.begin()->second);
    }

private:
    std::mutex mutex_;
    long failures_ = 0;
    std::map<long, std::string> untold_;
};

/// The failure of a context that is to fail when it is entered.
struct NotEntered : std::runtime_error {
    NotEntered() : std::runtime_error("not entered") {}
};

/// Fails at times when it is entered, and when it is left; has tasks in a group meanwhile.
class Context {
public:
    Context(
        TaskWorld& world, Tally& tally, std::shared_ptr<Plan const> plan, char const* entered_by)
        : world_(&world), tally_(&tally), plan_(std::move(plan)), entered_by_(entered_by) {}

    asio::awaitable<void> aenter() {
        Tracked const frame;
        if (plan_->value % 3 == 0)
            co_await asio::post(asio::use_awaitable);
        if (plan_->value % 20 == 1)
            throw NotEntered();
        if (has_group()) {
            co_await group_.aenter();
            group_.start_soon(perform_own(*world_, plan_));
        }
        ++tally_->entered;
    }

    asio::awaitable<void> aexit(std::exception_ptr error) {
        Tracked const frame;
        ++tally_->left;
        auto const after = in_words(error);
        if (has_group()) {
            group_.cancel();
            co_await group_.aexit(error);
        }
        if (plan_->value % 3 == 1)
            co_await asio::post(asio::use_awaitable);
        if (plan_->value % 10 == 3)
            tally_->fail("an exit of " + std::string(entered_by_) + ", after " + after);
    }

private:
    bool has_group() const { return plan_->value % 4 == 2; }

    TaskWorld* world_;
    Tally* tally_;
    std::shared_ptr<Plan const> plan_;
    char const* entered_by_;
    syncopate::TaskGroup group_;
    Tracked tracked_;
};

// --- runners

/// A runner, and whether it has been told to close, which is known before it closes.
struct Held {
    explicit Held(std::shared_ptr<std::atomic<bool>> flag) : is_closing(std::move(flag)) {}
    Held(Held const&) = delete;
    Held& operator=(Held const&) = delete;
    virtual ~Held() = default;
    virtual RunnerBase& runner() = 0;
    virtual ThreadRunner* thread_runner() { return nullptr; }

    std::shared_ptr<std::atomic<bool>> const is_closing;
};

template <class R>
struct HeldRunner final : Held {
    template <class... Arguments>
    explicit HeldRunner(Arguments&&... arguments)
        : Held(std::make_shared<std::atomic<bool>>(false)),
          held(std::forward<Arguments>(arguments)...) {}
    ~HeldRunner() override { *is_closing = true; }

    RunnerBase& runner() override { return held; }
    ThreadRunner* thread_runner() override {
        if constexpr (std::is_same_v<R, ThreadRunner>)
            return &held;
        else
            return nullptr;
    }

    R held;
};
using HeldPointer = std::shared_ptr<Held>;

// --- a round

class World {
public:
    World() {
        tasks.run_elsewhere = [this](Plan const& plan) { run_elsewhere(plan); };
        tasks.observe = [this] {
            if (auto const held = any_held())
                observe(*held);
        };
        for (unsigned i = 0; i < slots; ++i)
            held_[i] = make_held(i);
    }
    ~World() {
        // Tasks of the others may still look for one.
        for (auto& held : held_) {
            std::unique_lock lock(mutex_);
            auto const last = std::exchange(held, nullptr);
            lock.unlock();
        }
        // A runner that a task of its own has destroyed ends by itself.
        auto const end = std::chrono::steady_clock::now() + 30s;
        while (Tracked::alive() > 0 && std::chrono::steady_clock::now() < end)
            std::this_thread::sleep_for(1ms);
        tasks.pool.close();
        work_.reset();
        thread_.join();
        pool_.join();
        require(Tracked::alive() == 0, "every task has ended");
        require(tally.entered == tally.left, "what was entered is left, once");
        tally.require_all_told();
        require(tasks.holders == 0 && tasks.working == 0, "nobody works any more");
        auto const tokens = tasks.limiter.statistics();
        require(tokens.borrowed_tokens == 0 && tokens.tasks_waiting == 0, "tokens are given back");
    }

    HeldPointer held(unsigned slot) {
        std::lock_guard const lock(mutex_);
        return held_[slot];
    }
    /// Null in the end.
    HeldPointer any_held() { return held(next_slot_++ % slots); }

    void set_own(unsigned caller, HeldPointer own) {
        std::lock_guard const lock(mutex_);
        own_[caller].swap(own);
    }

    /// Puts a new runner in the place of one.
    HeldPointer exchange(unsigned slot) {
        auto fresh = make_held(slot);
        std::lock_guard const lock(mutex_);
        return std::exchange(held_[slot], std::move(fresh));
    }

    Options options() {
        return Options().on_error([this](std::exception_ptr error) { be_told(error); });
    }

    void be_told(std::exception_ptr const& error) {
        try {
            std::rethrow_exception(error);
        } catch (ToBeTold const& failure) {
            tally.tell(failure);
        } catch (std::system_error const& e) {
            if (e.code() != Errc::runner_closed)
                give_up(std::string("reported: ") + e.what());
        }
    }

    static void observe(Held& held) {
        auto const tasks = held.runner().tasks();
        for (auto const& task : tasks)
            require(task.id != 0 && task.location.line() != 0, "a task is known");
        std::ostringstream text;
        held.runner().dump(text);
        require(!text.str().empty(), "a dump says something");
        auto const stats = held.runner().stats();
        require(stats.in_flight <= stats.calls, "no more calls are in flight than there were");
    }

    void dump(std::ostream& out) {
        std::lock_guard const lock(mutex_);
        for (auto const& held : held_)
            if (held)
                held->runner().dump(out);
        for (auto const& own : own_)
            if (own)
                own->runner().dump(out);
        out << tasks.pool.running() << '\n';
    }

    TaskWorld tasks;
    Tally tally;

private:
    /// On a worker: its task may go on to another runner.
    void run_elsewhere(Plan const& plan) {
        auto const held = any_held();
        if (!held)
            return;
        try {
            require(
                held->runner().run([this, &plan] { return perform(tasks, plan); }) == plan.result(),
                "the result of another runner is right");
        } catch (std::system_error const& error) {
            require(error.code() == Errc::runner_closed && *held->is_closing, error.what());
        }
    }

    HeldPointer make_held(unsigned slot) {
        switch (slot) {
        case 0: return std::make_shared<HeldRunner<BlockingPortal>>(context_, options());
        case 1: return std::make_shared<HeldRunner<BlockingPortal>>(pool_, options());
        default: return std::make_shared<HeldRunner<ThreadRunner>>(options());
        }
    }

    std::mutex mutex_;
    std::atomic<unsigned> next_slot_{0};
    asio::io_context context_;
    std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_{
        context_.get_executor()};
    std::thread thread_{[this] { context_.run(); }};
    asio::thread_pool pool_{2};
    std::array<HeldPointer, slots> held_;
    std::array<HeldPointer, callers> own_;
};

/// What may come out of an operation besides its result.
struct Allowed {
    std::error_code code;
    std::atomic<bool> const* is_closing = nullptr;

    bool allows(std::error_code const& error) const {
        return (code && error == code) ||
               (is_closing && *is_closing && error == Errc::runner_closed);
    }
};

// --- callers

class Caller {
public:
    Caller(World& world, unsigned index, unsigned long seed)
        : world_(world), index_(index), random_(static_cast<unsigned>(seed * 64 + index * 8 + 3)),
          pause_(static_cast<unsigned>(seed + index)) {}

    void run(long operations) {
        for (long i = 1; i <= operations; ++i) {
            places[index_].operation = i;
            auto const scope = world_.tasks.number.set(number_ = static_cast<unsigned>(random_()));
            operate();
            require(world_.tasks.number.get() == number_, "the caller's values are its own");
        }
        places[index_].name = "the end";
        while (!futures_.empty())
            take_future();
        while (!guards_.empty())
            leave_guard();
        ranges_.clear();
        close_own();
    }

private:
    struct Operation {
        char const* name;
        unsigned weight;
        void (Caller::*function)();
    };

    struct Future {
        std::shared_future<int> future;
        int expected;
        std::error_code code;
        std::shared_ptr<std::atomic<bool>> is_closing;
    };

    struct Range {
        BlockingRange<int> range;
        int next;
        int end;
        HeldPointer held;
    };

    unsigned below(unsigned limit) { return static_cast<unsigned>(random_() % limit); }

    static constexpr Permitted in_background_permitted{true, true, false};
    // The own loop is turned only now and then: what waits there for a turn keeps nothing that others wait for.
    static constexpr Permitted alone{false, false, false};

    void operate() {
        static constexpr Operation operations[] = {
            {"run", 20, &Caller::run_task},
            {"run with a stop token", 10, &Caller::run_stopped},
            {"run_for", 10, &Caller::run_for},
            {"run_interruptible", 4, &Caller::run_interruptible},
            {"run_as_future", 10, &Caller::begin_future},
            {"taking a future", 8, &Caller::take_future},
            {"start_soon", 10, &Caller::start_soon},
            {"call", 8, &Caller::call},
            {"on the own loop", 10, &Caller::run_on_own},
            {"closing the own loop", 1, &Caller::close_own},
            {"wrap_context", 8, &Caller::wrap_context},
            {"leaving a guard", 7, &Caller::leave_guard},
            {"with_context", 6, &Caller::with_context},
            {"enter_context", 4, &Caller::enter_context},
            {"wrap_iter", 8, &Caller::read_range},
            {"keeping a range", 4, &Caller::keep_range},
            {"reading on", 6, &Caller::read_on},
            {"a generator twice", 3, &Caller::read_twice},
            {"a channel", 4, &Caller::use_channel},
            {"OnLoop", 3, &Caller::use_on_loop},
            {"observing", 4, &Caller::observe},
            {"close", 2, &Caller::close},
            {"close_for", 1, &Caller::close_for},
            {"another runner", 2, &Caller::exchange},
            {"destruction by a task", 1, &Caller::destroy_by_task},
            {"Ctrl-C", 1, &Caller::press_ctrl_c},
        };
        static constexpr unsigned total = [] {
            unsigned sum = 0;
            for (auto const& operation : operations)
                sum += operation.weight;
            return sum;
        }();
        // One of 2,000 is a fork, which takes long.
        if (below(2000) == 0) {
            places[index_].name = "fork";
            return fork();
        }
        auto number = below(total);
        auto const* chosen = operations;
        while (number >= chosen->weight)
            number -= (chosen++)->weight;
        places[index_].name = chosen->name;
        pause_();
        (this->*chosen->function)();
    }

    std::shared_ptr<Plan const> plan(Permitted permitted = {}) {
        return std::make_shared<Plan const>(PlanMaker(random_).make(number_, permitted));
    }
    std::shared_ptr<Plan const> background_plan() { return plan(in_background_permitted); }

    HeldPointer held() { return world_.held(below(slots)); }

    /// Calls a function that gives the plan's result, or throws what is allowed.
    template <class F>
    void expect(int expected, Allowed const& allowed, F function) {
        try {
            int const result = function();
            require(result == expected, "the result is right");
        } catch (std::system_error const& error) {
            if (!allowed.allows(error.code()))
                give_up(std::string("not allowed: ") + error.what());
        }
    }

    /// Runs a task in one of the ways in which it can be given.
    template <class F>
    void run_plan(std::shared_ptr<Plan const> const& plan, Allowed const& allowed, F run) {
        auto& tasks = world_.tasks;
        expect(plan->result(), allowed, [&] {
            switch (below(4)) {
            case 0: return run(perform_own(tasks, plan));
            case 1: return run([&tasks, plan, held = Tracked()] { return perform(tasks, *plan); });
            case 2: {
                auto const factory = [&tasks, &plan] { return perform(tasks, *plan); };
                return run(factory);
            }
            default: return run(syncopate::label("labelled", perform_own(tasks, plan)));
            }
        });
    }

    void run_task() {
        auto const on = held();
        run_plan(plan(), {{}, on->is_closing.get()}, [&](auto&& task) {
            return on->runner().run(std::forward<decltype(task)>(task));
        });
    }

    void run_stopped() {
        auto const on = held();
        auto const stop = stopper_.begin_round();
        run_plan(plan(), {Errc::cancelled, on->is_closing.get()}, [&](auto&& task) {
            return on->runner().run(std::forward<decltype(task)>(task), stop);
        });
        stopper_.end_round();
    }

    void run_for() {
        auto const on = held();
        std::chrono::nanoseconds const time =
            below(4) == 0 ? 1h : std::chrono::nanoseconds(std::chrono::microseconds(below(200)));
        run_plan(plan(), {Errc::timed_out, on->is_closing.get()}, [&](auto&& task) {
            if (below(2) == 0)
                return on->runner().run_until(
                    std::chrono::steady_clock::now() + time, std::forward<decltype(task)>(task));
            return on->runner().run_for(time, std::forward<decltype(task)>(task));
        });
    }

    void run_interruptible() {
        auto const on = held();
        run_plan(plan(), {Errc::interrupted, on->is_closing.get()}, [&](auto&& task) {
            return on->runner().run_interruptible(std::forward<decltype(task)>(task));
        });
    }

    void press_ctrl_c() { require(::kill(::getpid(), SIGINT) == 0, "a signal is sent"); }

    void begin_future() {
        if (futures_.size() >= 4)
            return take_future();
        auto const on = held();
        auto const work = background_plan();
        auto& tasks = world_.tasks;
        bool const is_stopped = below(3) == 0;
        auto const stop = is_stopped ? stopper_.begin_round() : std::stop_token();
        try {
            auto future = below(2) == 0
                              ? on->runner().run_as_future(perform_own(tasks, work), stop)
                              : on->runner().run_as_future(
                                    [&tasks, work] { return perform(tasks, *work); }, stop);
            // Shared: see close_races.cpp. Some nobody asks.
            if (below(8) != 0)
                futures_.push_back(Future{
                    future.share(), work->result(),
                    is_stopped ? make_error_code(Errc::cancelled) : std::error_code(),
                    on->is_closing});
        } catch (std::system_error const& error) {
            require(
                (error.code() == Errc::runner_closed && *on->is_closing) ||
                    (is_stopped && error.code() == Errc::cancelled),
                error.what());
        }
        if (is_stopped)
            stopper_.end_round();
    }

    void take_future() {
        if (futures_.empty())
            return;
        auto const future = std::move(futures_.front());
        futures_.pop_front();
        expect(future.expected, {future.code, future.is_closing.get()}, [&] {
            return future.future.get();
        });
    }

    static asio::awaitable<void> in_background(
        World& world, std::shared_ptr<Plan const> plan, bool fails) {
        Tracked const frame;
        co_await perform(world.tasks, *plan);
        if (!fails)
            co_return;
        world.tally.fail("a background task");
    }

    void start_soon() { start_soon_on(*held(), background_plan()); }

    void start_soon_on(Held& on, std::shared_ptr<Plan const> work) {
        bool const fails = below(4) == 0;
        auto& world = world_;
        allow_closed(on, [&] {
            if (below(2) == 0)
                return on.runner().start_soon(in_background(world, work, fails));
            on.runner().start_soon(
                [&world, work, fails] { return in_background(world, work, fails); });
        });
    }

    /// Calls a function that throws where the runner is closed, or what is planned.
    template <class F>
    void allow_closed(Held& on, F function, std::error_code code = {}) {
        try {
            function();
        } catch (std::system_error const& error) {
            if (!Allowed{code, on.is_closing.get()}.allows(error.code()))
                give_up(std::string("not allowed: ") + error.what());
        }
    }

    void call() {
        auto const on = held();
        allow_closed(*on, [&] {
            int const value = static_cast<int>(below(1000));
            require(
                on->runner().call([&, held = Tracked(value)] {
                    require(world_.tasks.number.get() == number_, "call() inherits the values");
                    return held.value();
                }) == value,
                "call() gives what the function returns");
        });
    }

    // --- the loop that this thread turns itself

    void run_on_own() {
        if (!own_) {
            own_ = std::make_shared<HeldRunner<Runner>>(world_.options());
            world_.set_own(index_, own_);
        }
        switch (below(8)) {
        case 0: return start_soon_on(*own_, plan(alone));
        case 1: {
            auto const work = plan(alone);
            auto& tasks = world_.tasks;
            futures_of_own_.push_back(Future{
                own_->runner()
                    .run_as_future([&tasks, work] { return perform(tasks, *work); })
                    .share(),
                work->result(),
                {},
                own_->is_closing});
            return;
        }
        case 2: return read_from(own_);
        case 3: return wrap_context_on(own_, alone);
        case 4: {
            auto const stop = stopper_.begin_round();
            run_plan(plan(), {Errc::cancelled}, [&](auto&& task) {
                return own_->runner().run(std::forward<decltype(task)>(task), stop);
            });
            return stopper_.end_round();
        }
        case 5:
            return run_plan(plan(), {Errc::timed_out}, [&](auto&& task) {
                return own_->runner().run_for(
                    std::chrono::microseconds(below(200)), std::forward<decltype(task)>(task));
            });
        default:
            return run_plan(plan(), {}, [&](auto&& task) {
                return own_->runner().run(std::forward<decltype(task)>(task));
            });
        }
    }

    void close_own() {
        if (!own_)
            return;
        close_held(*own_);
        world_.set_own(index_, nullptr);
        own_ = nullptr;
        for (auto& future : futures_of_own_)
            expect(future.expected, {future.code, future.is_closing.get()}, [&] {
                return future.future.get();
            });
        futures_of_own_.clear();
    }

    // --- contexts

    /// Tells of a planned failure that comes out.
    template <class F>
    void telling_failures(F function) {
        try {
            function();
        } catch (ToBeTold const& failure) {
            world_.tally.tell(failure);
        }
    }

    Context context(Permitted permitted = in_background_permitted) {
        return Context(world_.tasks, world_.tally, plan(permitted), places[index_].name);
    }

    /// Enters a context; it may fail, or be stopped.
    template <class F>
    void enter(Held& on, F function) {
        bool const is_stopped = below(4) == 0;
        auto const stop = is_stopped ? stopper_.begin_round() : std::stop_token();
        try {
            allow_closed(
                on, [&] { function(stop); },
                is_stopped ? make_error_code(Errc::cancelled) : std::error_code());
        } catch (NotEntered const&) {
        } catch (ToBeTold const& failure) {
            world_.tally.tell(failure);  // left at once
        }
        if (is_stopped)
            stopper_.end_round();
    }

    void wrap_context() { wrap_context_on(held()); }
    void wrap_context_on(HeldPointer const& on, Permitted permitted = in_background_permitted) {
        if (guards_.size() >= 4)
            return leave_guard();
        enter(*on, [&](std::stop_token const& stop) {
            guards_.push_back(on->runner().wrap_context(context(permitted), stop));
        });
    }

    void leave_guard() {
        if (guards_.empty())
            return;
        auto const chosen =
            std::next(guards_.begin(), below(static_cast<unsigned>(guards_.size())));
        auto guard = std::move(*chosen);
        guards_.erase(chosen);
        try {
            switch (below(3)) {
            case 0: return guard.close();
            case 1: return;
            default: {
                auto const passing = std::move(guard);
                throw std::system_error(Errc::scope_unwound);
            }
            }
        } catch (ToBeTold const& failure) {
            world_.tally.tell(failure);
        } catch (std::system_error const& error) {
            require(
                error.code() == Errc::scope_unwound || error.code() == Errc::runner_closed,
                error.what());
        }
    }

    void with_context() {
        auto const on = held();
        bool const fails = below(3) == 0;
        bool was_called = false;
        try {
            allow_closed(*on, [&] {
                on->runner().with_context(context(), [&](Context&) {
                    was_called = true;
                    if (fails)
                        throw std::logic_error("the body's");
                });
                require(!fails, "the body's exception comes out");
            });
        } catch (NotEntered const&) {
            require(!was_called, "what has not been entered has no body");
        } catch (ToBeTold const& failure) {
            world_.tally.tell(failure);
        } catch (std::logic_error const&) {
            require(fails && was_called, "no body has failed");
        }
    }

    void enter_context() {
        auto const on = held();
        enter(*on, [&](std::stop_token const& stop) {
            static_cast<void>(on->runner().enter_context(context(), stop));
        });
    }

    // --- ranges

    syncopate::AsyncGenerator<int> numbers(int end) {
        return random_tasks::count_to(end, std::chrono::microseconds(below(60)));
    }

    static syncopate::AsyncGenerator<int> failing_at(int end, std::chrono::microseconds time) {
        Tracked const frame;
        for (int i = 0; i < end; ++i) {
            if (i % 5 == 0)
                co_await sleep_for(time);
            co_yield int(i);
        }
        throw Planned();
    }

    BlockingRange<int> range_on(
        Held& on, syncopate::AsyncGenerator<int> generator, std::stop_token const& stop) {
        if (below(2) == 0)
            return on.runner().wrap_iter(std::move(generator), stop);
        return on.runner().wrap_iter(std::move(generator), ReadAhead(below(20)), stop);
    }

    void read_range() { read_from(held()); }

    void read_from(HeldPointer const& on) {
        int const end = static_cast<int>(below(60));
        int const stop_at = static_cast<int>(below(90));
        bool const fails = below(4) == 0;
        bool const is_stopped = below(4) == 0;
        auto const stop = is_stopped ? stopper_.begin_round() : std::stop_token();
        int expected = 0;
        try {
            allow_closed(
                *on,
                [&] {
                    auto range = range_on(
                        *on,
                        fails ? failing_at(end, std::chrono::microseconds(below(60)))
                              : numbers(end),
                        stop);
                    for (int item : range) {
                        require(item == expected, "items come in order");
                        if (++expected == stop_at)
                            return;
                    }
                    require(expected == end && !fails, "no item is lost");
                },
                is_stopped ? make_error_code(Errc::cancelled) : std::error_code());
        } catch (Planned const&) {
            require(fails && expected == end, "the exception comes after the items");
        }
        if (is_stopped)
            stopper_.end_round();
    }

    void keep_range() {
        if (ranges_.size() >= 2)
            return read_on();
        auto on = held();
        int const end = static_cast<int>(below(60));
        allow_closed(*on, [&] {
            auto range = range_on(*on, numbers(end), {});
            ranges_.push_back(Range{std::move(range), 0, end, std::move(on)});
        });
    }

    /// Takes some items of a range that has been kept, each within a time.
    void read_on() {
        if (ranges_.empty())
            return;
        auto& kept = ranges_.front();
        bool is_over = below(4) == 0;
        for (auto count = below(20); count > 0 && !is_over; --count)
            allow_closed(*kept.held, [&] {
                is_over = true;  // if it throws because the runner is closed
                try {
                    auto const item = kept.range.next_for(std::chrono::microseconds(below(100)));
                    is_over = !item;
                    require(item ? *item == kept.next++ : kept.next == kept.end, "no item is lost");
                } catch (std::system_error const& error) {
                    if (error.code() != Errc::timed_out)
                        throw;
                    is_over = false;
                }
            });
        if (is_over)
            ranges_.pop_front();
    }

    /// A generator that is an lvalue goes on where a range has ended.
    void read_twice() {
        auto const on = held();
        int const end = static_cast<int>(below(60));
        int expected = 0;
        bool const reads_ahead = below(2) == 0;
        auto generator = numbers(end);
        // One that awaits something when a range that reads ahead is left has ended, and says so.
        auto const code = reads_ahead ? make_error_code(Errc::cancelled) : std::error_code();
        auto const read = [&] {
            for (int ranges = 0; ranges < 4; ++ranges) {
                int const stop_at = expected + static_cast<int>(below(20)) + 1;
                auto range = reads_ahead ? on->runner().wrap_iter(generator, ReadAhead(below(10)))
                                         : on->runner().wrap_iter(generator);
                bool is_over = true;
                for (int item : range) {
                    require(item == expected++, "a generator goes on where it was left");
                    if (expected == stop_at) {
                        is_over = false;
                        break;
                    }
                }
                require(!is_over || expected == end, "a generator loses no item");
                if (is_over)
                    return;
            }
        };
        allow_closed(*on, read, code);
    }

    // --- channels, and objects on a loop

    /// The task's end of a channel: closed with the task, also where that does not begin.
    struct End {
        explicit End(std::size_t capacity) : channel(std::make_shared<Channel<int>>(capacity)) {}
        End(End const&) = delete;
        End& operator=(End const&) = delete;
        ~End() { channel->close(); }

        std::shared_ptr<Channel<int>> const channel;
    };

    static asio::awaitable<void> send(std::shared_ptr<End> to, int end) {
        Tracked const frame;
        for (int i = 0; i < end; ++i)
            co_await to->channel->async_send(i);
    }
    static asio::awaitable<void> receive(std::shared_ptr<End> from) {
        Tracked const frame;
        int expected = 0;
        while (auto const item = co_await from->channel->async_receive())
            require(*item == expected++, "a channel gives its items in order");
    }

    void use_channel() {
        auto const on = held();
        auto theirs = std::make_shared<End>(1 + below(4));
        auto const channel = theirs->channel;
        int const end = static_cast<int>(below(40));
        bool const sends = below(2) == 0;
        allow_closed(*on, [&] {
            on->runner().start_soon([theirs = std::move(theirs), end, sends] {
                return sends ? receive(theirs) : send(theirs, end);
            });
        });
        theirs = nullptr;
        int count = 0;
        try {
            if (sends)
                for (; count < end; ++count)
                    channel->send(int(count));
            else
                while (auto const item = channel->receive())
                    require(*item == count++, "a channel gives its items in order");
        } catch (std::system_error const& error) {
            require(sends && error.code() == Errc::channel_closed, error.what());
        }
        require(count == end || *on->is_closing, "a channel loses no item");
        channel->close();
    }

    void use_on_loop() {
        auto const on = held();
        allow_closed(*on, [&] {
            syncopate::OnLoop<Tracked> object(on->runner(), 41);
            auto const value = [](Tracked& tracked) { return tracked.value(); };
            require(object.call(value) == 41, "an object lives on its loop");
            auto const later = [](Tracked& tracked) -> asio::awaitable<int> {
                co_await asio::post(asio::use_awaitable);
                co_return tracked.value();
            };
            require(object.run(later) == 41, "an object is used on its loop");
            if (below(2) == 0)
                object.close();
        });
    }

    // --- the runners themselves

    void observe() { World::observe(*held()); }

    void close_held(Held& on) {
        *on.is_closing = true;
        telling_failures([&] { on.runner().close(); });
    }

    void close() {
        auto const slot = below(slots);
        auto const closed = world_.held(slot);
        close_held(*closed);
        require(
            code_of([&] { closed->runner().run(nothing()); }) == Errc::runner_closed,
            "it is closed");
        require(closed->runner().stats().in_flight == 0, "nothing is in flight any more");
        require(closed->runner().tasks().empty(), "nothing runs any more");
        world_.exchange(slot);
    }

    void close_for() {
        auto const slot = below(slots);
        auto const closed = world_.exchange(slot);
        *closed->is_closing = true;
        telling_failures([&] {
            while (!closed->runner().close_for(std::chrono::microseconds(below(300)))) {
            }
        });
    }

    /// Whoever still uses the old one destroys it.
    void exchange() { world_.exchange(below(slots)); }

    static asio::awaitable<void> let_go(
        [[maybe_unused]] HeldPointer runner) {  // its frame holds it
        Tracked const frame;
        co_await asio::post(asio::use_awaitable);
    }

    void destroy_by_task() {
        auto runner = world_.exchange(below(slots));
        auto& on = *runner;
        allow_closed(on, [&] { on.runner().start_soon(let_go(runner)); });
    }

    // --- forks

    void fork() {
        auto const on = held();
        allow_closed(*on, [&] { on->runner().call([] {}); });  // in use before the fork
        auto& guards = guards_;
        pid_t const child = ::fork();
        require(child >= 0, "a process can be forked");
        if (child == 0)
            ::_exit(be_child(*on, guards));
        int status = 0;
        while (::waitpid(child, &status, 0) != child)
            require(errno == EINTR, "the child can be waited for");
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
            give_up("the child of a fork has ended with " + std::to_string(status));
    }

    /// Gives the number of what was wrong.
    static int be_child(Held& on, std::vector<ContextGuard<Context&>>& guards) {
        ::alarm(60);
        auto const is_forked = [](auto function) {
            auto const code = code_of(function);
            return code == Errc::forked || code == Errc::runner_closed;
        };
        if (!is_forked([&] { on.runner().run(twice(21)); }))
            return 2;
        if (!is_forked([&] { on.runner().call([] {}); }))
            return 3;
        if (!is_forked([&] { on.runner().start_soon(twice(21)); }))
            return 4;
        guards.clear();
#ifndef SYNCOPATE_UNDER_THREAD_SANITIZER
        if (ThreadRunner fresh; fresh.run(twice_later(21)) != 42)
            return 5;
        if (auto* const runner = on.thread_runner(); runner && !*on.is_closing) {
            runner->restart_after_fork();
            if (runner->run(twice_later(21)) != 42)
                return 6;
            runner->close();
        }
#endif
        return 0;
    }

    World& world_;
    unsigned const index_;
    std::minstd_rand random_;
    RandomPause pause_;
    unsigned number_ = 0;
    Stopper stopper_;
    HeldPointer own_;
    std::deque<Future> futures_;
    std::vector<Future> futures_of_own_;
    std::vector<ContextGuard<Context&>> guards_;
    std::deque<Range> ranges_;
};

// --- the program

std::size_t descriptors() {
    return static_cast<std::size_t>(std::distance(
        std::filesystem::directory_iterator("/proc/self/fd"),
        std::filesystem::directory_iterator()));
}

/// Ends the program when nothing goes on any more.
class Watchdog {
public:
    void watch(World* world) { world_ = world; }

    ~Watchdog() {
        thread_.request_stop();
        thread_.join();
    }

private:
    void serve(std::stop_token const& stop) {
        long last = -1;
        int still = 0;
        while (!stop.stop_requested()) {
            std::this_thread::sleep_for(100ms);
            long sum = static_cast<long>(round_seed) * 1'000'000;
            for (auto const& place : places)
                sum += place.operation;
            still = sum == last ? still + 1 : 0;
            last = sum;
            if (still < 600)
                continue;
            std::ostringstream text;
            if (auto* const world = world_.load())
                world->dump(text);
            std::fprintf(stderr, "%s\n", text.str().c_str());
            tell_where();
            std::fprintf(stderr, "FAILED: nothing has happened for a minute\n");
            std::abort();
        }
    }

    std::atomic<World*> world_{nullptr};
    std::jthread thread_{[this](std::stop_token const& stop) { serve(stop); }};
};

void play(unsigned long seed, long operations, Watchdog& watchdog) {
    round_seed = seed;
    Audit const audit;
    auto const descriptors_before = descriptors();
    {
        World world;
        watchdog.watch(&world);
        {
            std::vector<std::jthread> threads;
            for (unsigned i = 0; i < callers; ++i)
                threads.emplace_back([&world, i, seed, operations] {
                    Caller(world, i, seed).run(operations / callers);
                });
        }
        watchdog.watch(nullptr);
    }
    require_nothing_left(audit);
    require(descriptors() == descriptors_before, "no descriptor is left");
}

}  // namespace

int main(int argc, char** argv) {
    std::signal(SIGINT, [](int) {});
    told_on_failure = tell_where;
    if (__sanitizer_set_death_callback)
        __sanitizer_set_death_callback([] { tell_where(); });
    long const operations = iterations(argc, argv, 20'000);
    unsigned long const seed =
        argc > 2 ? std::strtoul(argv[2], nullptr, 10) : std::random_device()() % 1'000'000'000;
    std::printf("%ld operations, seed %lu\n", operations, seed);
    std::fflush(stdout);
    Watchdog watchdog;
    for (long done = 0; done < operations; done += operations_a_round)
        play(
            seed + static_cast<unsigned long>(done / operations_a_round),
            std::min(operations - done, operations_a_round), watchdog);
    std::puts("each result was right");
}
