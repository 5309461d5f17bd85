// Memory runs out once, at the first, the second... allocation of the whole process, on whichever thread that
// is: an error, or success all the same; never std::terminate, never a hang, and the runner works afterwards.
// Each point is tried in a process of its own.

#include "support/failing_allocations.hpp"
#include "support/stress.hpp"
#ifdef SYNCOPATE_TEST_FIBER
#include <syncopate/fiber.hpp>
#endif
#include <syncopate/guest_runner.hpp>
#ifdef SYNCOPATE_TEST_PROCESS
#include <syncopate/process_pool.hpp>
#endif
#include <syncopate/syncopate.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <coroutine>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <ranges>
#include <stop_token>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

namespace {

std::atomic<bool> is_armed{false};
std::atomic<long> allocations_left{0};

}  // namespace

bool support::allocation_fails() noexcept {
    return is_armed && allocations_left-- == 0;
}

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace syncopate;

// How a process ends that has tried one point.
enum Status { survived = 0, not_reached = 10, broken = 3, not_left = 4, terminated = 5, hung = 6 };

asio::awaitable<void> nap(std::chrono::milliseconds time = 1ms) {
    asio::steady_timer timer(co_await asio::this_coro::executor, time);
    co_await timer.async_wait(asio::use_awaitable);
}
asio::awaitable<int> at_once(int i) {
    co_return i;
}
asio::awaitable<int> later(int i) {
    co_await nap();
    co_return i;
}
asio::awaitable<int> offloaded() {
    co_return co_await to_thread([] { return 1; });
}
AsyncGenerator<int> numbers() {
    for (int i = 0; i < 5; ++i) {
        co_await nap();
        co_yield int(i);
    }
}

// What has been entered is left.
int entered = 0;
int left = 0;
struct Context {
    asio::awaitable<int> aenter() {
        co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
        co_return ++entered;
    }
    asio::awaitable<void> aexit(std::exception_ptr) {
        ++left;
        co_return;
    }
};

asio::awaitable<void> serve(Ready<int> ready) {
    co_await nap();
    ready(5);
    co_await nap();
}
asio::awaitable<void> group_body(TaskGroup& group) {
    group.start_soon(nap());
    group.start_soon(later(1));
    group.start_soon(at_once(1));
    // Not in the condition: optimised, GCC 12 makes an illegal instruction of that.
    int const value = co_await group.start<int>(serve);
    if (value == 5)
        group.start_soon(nap());
}
asio::awaitable<void> failing_group(TaskGroup& group) {
    for (int i = 0; i < 3; ++i)
        group.start_soon([]() -> asio::awaitable<void> {
            co_await nap();
            throw 1;
        });
    co_await nap(1h);
}

// More tasks inside one another than are started on one stack.
asio::awaitable<void> chain(TaskGroup& group, int links) {
    if (links > 0)
        group.start_soon([&group, links] { return chain(group, links - 1); });
    co_return;
}

CapacityLimiter limiter{1};
asio::awaitable<void> wait_for_token() {
    auto held = std::make_shared<std::optional<CapacityLimiter::Token>>(limiter.try_acquire());
    // Not in the call: GCC 12 destroys what the function holds twice then, if the coroutine ends by an exception.
    auto const executor = co_await asio::this_coro::executor;
    asio::post(executor, [held] { held->reset(); });
    auto const token = co_await limiter.acquire();
}

/// Needs a frame for which no old one will do.
asio::awaitable<std::array<char, 4096>> large() {
    co_return std::array<char, 4096>{};
}

asio::awaitable<int> last_of(int i) {
    co_await nap(1h);
    co_return i;
}
std::vector<asio::awaitable<int>> several_tasks() {
    std::vector<asio::awaitable<int>> tasks;
    tasks.push_back(later(1));
    tasks.push_back(at_once(2));
    return tasks;
}

asio::awaitable<void> send_to(Channel<int>& items) {
    for (int i = 0; i < 3; ++i)
        co_await items.async_send(i);
    items.close();
}
asio::awaitable<void> receive_all(Channel<int>& items) {
    for (;;) {
        auto const item = co_await items.async_receive();
        if (!item)
            break;
        co_await nap();
    }
}
asio::awaitable<void> send_and_receive() {
    Channel<int> items(1);
    co_await gather(send_to(items), receive_all(items));
}
/// Closes it where the other end has failed.
struct Closing {
    Channel<int>& items;
    ~Closing() { items.close(); }
};
template <class Runner>
void send_from_thread(Runner& runner) {
    Channel<int> items(1);
    std::jthread const sender([&items] {
        Closing const closing{items};
        try {
            for (int i = 0; i < 3; ++i)
                items.send(i);
        } catch (...) {
            // The channel was closed, or memory has run out here.
        }
    });
    Closing const closing{items};
    runner.run(receive_all(items));
}

/// Goes on in a thread of its own.
struct InNewThread {
    std::jthread* thread;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiting) const {
        *thread = std::jthread([waiting] { waiting.resume(); });
    }
    void await_resume() const noexcept {}
};

/// Its items take longer than there is time.
asio::awaitable<void> take_slowly(OnCancel on_cancel) {
    auto items = iterate_in_thread(
        std::views::iota(0, 3) | std::views::transform([](int i) {
            std::this_thread::sleep_for(1ms);
            return i;
        }),
        ReadAhead{1}, on_cancel);
    for (bool is_over = false; !is_over;) {
        auto const item = co_await items.anext();
        is_over = !item;
    }
    co_await items.aclose();
}

/// Keeps a promise: a broken one takes memory in its destructor.
struct Keeping {
    std::promise<int>& promise;
    ~Keeping() { promise.set_value(1); }
};

Options silent() {
    return Options().on_error([](std::exception_ptr) {});
}

template <class Runner>
struct Scenario {
    char const* name;
    void (*run)(Runner&);
};

template <class Runner>
constexpr Scenario<Runner> scenarios[] = {
    {"run", [](Runner& runner) { runner.run([] { return later(1); }); }},
    {"run of an awaitable", [](Runner& runner) { runner.run(later(1)); }},
    {"run with a stop token",
     [](Runner& runner) {
         std::stop_source stop;
         std::jthread const stopper([&] { stop.request_stop(); });
         runner.run(nap(1h), stop.get_token());
     }},
    {"run_for", [](Runner& runner) { runner.run_for(2ms, nap(1h)); }},
    {"run_interruptible",
     [](Runner& runner) { runner.run_interruptible([] { return later(1); }); }},
    {"start_soon", [](Runner& runner) { runner.start_soon(nap()); }},
    {"call", [](Runner& runner) { runner.call([] { return 1; }); }},
    {"with_task_group", [](Runner& runner) { runner.run(with_task_group(group_body)); }},
    {"a group that fails", [](Runner& runner) { runner.run(with_task_group(failing_group)); }},
    {"a chain of tasks",
     [](Runner& runner) {
         runner.run(with_task_group([](TaskGroup& group) { return chain(group, 200); }));
     }},
    {"gather", [](Runner& runner) { runner.run(gather(later(1), later(2), at_once(3))); }},
    {"fail_after", [](Runner& runner) { runner.run(fail_after(2ms, nap(1h))); }},
    {"move_on_after", [](Runner& runner) { runner.run(move_on_after(2ms, nap(1h))); }},
    {"shield", [](Runner& runner) { runner.run_for(1ms, [] { return shield(nap(5ms)); }); }},
    {"to_thread", [](Runner& runner) { runner.run(offloaded()); }},
    {"to_thread, cancelled",
     [](Runner& runner) {
         runner.run_for(1ms, [] { return to_thread([] { std::this_thread::sleep_for(5ms); }); });
     }},
    {"to_thread, abandoned",
     [](Runner& runner) {
         runner.run_for(1ms, [] {
             return to_thread([] { std::this_thread::sleep_for(5ms); }, OnCancel::abandon);
         });
     }},
    {"CapacityLimiter", [](Runner& runner) { runner.run(wait_for_token()); }},
    {"from_thread",
     [](Runner& runner) {
         runner.run(to_thread(
             [] { return from_thread::run(later(1)) + from_thread::call([] { return 1; }); }));
     }},
    {"to_calling_thread", [](Runner& runner) { runner.run(to_calling_thread([] { return 1; })); }},
    {"wrap_context", [](Runner& runner) { runner.wrap_context(Context()).close(); }},
    {"a guard that is destroyed",
     [](Runner& runner) { auto const guard = runner.wrap_context(Context()); }},
    {"with_context", [](Runner& runner) { runner.with_context(Context(), [](int) {}); }},
    {"wrap_iter",
     [](Runner& runner) {
         for (int i : runner.wrap_iter(numbers()))
             if (i == 3)
                 break;
     }},
    {"ReadAhead",
     [](Runner& runner) {
         for (int i : runner.wrap_iter(numbers(), ReadAhead{2}))
             if (i == 3)
                 break;
     }},
    {"race", [](Runner& runner) { runner.run(race(later(1), last_of(2))); }},
    {"gather_outcomes",
     [](Runner& runner) { runner.run(gather_outcomes(later(1), at_once(2), nap())); }},
    {"as_completed",
     [](Runner& runner) {
         for (int i : runner.wrap_iter(as_completed(several_tasks())))
             if (i == 3)
                 break;
     }},
    {"start", [](Runner& runner) { runner.template start<int>(serve); }},
    {"Channel", [](Runner& runner) { runner.run(send_and_receive()); }},
    {"Channel, from a thread", [](Runner& runner) { send_from_thread(runner); }},
    {"wrap_future",
     [](Runner& runner) {
         std::promise<int> promise;
         auto future = promise.get_future();
         std::jthread const setter([&] { promise.set_value(1); });
         runner.run(wrap_future(std::move(future)));
     }},
    {"wrap_future, cancelled",
     [](Runner& runner) {
         std::promise<int> promise;
         Keeping const keeping{promise};
         runner.run_for(1ms, wrap_future(promise.get_future()));
     }},
    {"OnLoop",
     [](Runner& runner) {
         OnLoop<int> number(runner, 1);
         number.run([](int& i) { return later(i); });
         number.call([](int& i) { ++i; });
     }},
    {"OnThread",
     [](Runner& runner) {
         OnThread<int> number(1);
         runner.run(number.run([](int& i) { return ++i; }));
     }},
    {"iterate_in_thread",
     [](Runner& runner) {
         for (int i : runner.wrap_iter(iterate_in_thread(std::vector{1, 2, 3, 4}, ReadAhead{1})))
             if (i == 3)
                 break;
     }},
    {"race of a vector",
     [](Runner& runner) {
         auto tasks = several_tasks();
         tasks.push_back(last_of(3));
         runner.run(race(std::move(tasks)));
     }},
    {"as_awaitable",
     [](Runner& runner) {
         std::jthread thread;
         runner.run([&]() -> asio::awaitable<void> {
             InNewThread elsewhere{&thread};
             co_await as_awaitable(std::move(elsewhere));
         });
     }},
    // A body that awaits nothing of Asio's, which destroys a coroutine where it has no memory to suspend or resume it.
    {"with_context, in a coroutine",
     [](Runner& runner) { runner.run(with_context(Context(), [](int) { return large(); })); }},
    {"another loop, in a worker",
     [](Runner& runner) {
         ThreadRunner other(silent());
         runner.run(to_thread([&] { return other.run(later(1)) + other.call([] { return 1; }); }));
     }},
    {"wrap_future, deferred",
     [](Runner& runner) {
         runner.run(wrap_future(std::async(std::launch::deferred, [] { return 1; })));
     }},
    {"OnLoop, and what it starts",
     [](Runner& runner) {
         OnLoop<int> number(runner, 1);
         number.start_soon([](int& i) { return last_of(i); });
         number.run_for(1ms, [](int& i) { return last_of(i); });
     }},
    {"OnThread, cancelled",
     [](Runner& runner) {
         OnThread<int> number(1);
         runner.run_for(1ms, number.run([](int& i) {
             std::this_thread::sleep_for(5ms);
             return ++i;
         }));
     }},
    {"iterate_in_thread, cancelled",
     [](Runner& runner) { runner.run_for(2ms, [] { return take_slowly(OnCancel::wait); }); }},
    {"iterate_in_thread, abandoned",
     [](Runner& runner) { runner.run_for(2ms, [] { return take_slowly(OnCancel::abandon); }); }},
    {"enter_context and close",
     [](Runner& runner) {
         runner.enter_context(Context());
         runner.start_soon(nap(1h));
         runner.close();
     }},
};

template <class Runner>
void prepare(Runner& runner) {
    runner.run(nap());
    runner.run(offloaded());  // the pool has its thread
}

/// In a process of its own.
template <class Runner>
Status try_point(Scenario<Runner> const& scenario, Runner& runner, long point) {
    prepare(runner);
    allocations_left = point;
    is_armed = true;
    try {
        scenario.run(runner);
    } catch (...) {
        // The error that is due.
    }
    is_armed = false;
    bool const was_reached = allocations_left < 0;
    try {
        if (runner.run_for(3s, later(42)) != 42)
            return broken;
        runner.close();
    } catch (std::system_error const& error) {
        if (error.code() != Errc::runner_closed)
            return broken;
    }
    if (entered != left)
        return not_left;
    return was_reached ? survived : not_reached;
}

/// Runs f in a process of its own, and gives its status.
template <class F>
Status status_of(F f) {
    pid_t const child = ::fork();
    support::require(child >= 0, "a process can be started");
    if (child == 0) {
        std::set_terminate([] { ::_exit(terminated); });
        std::signal(SIGALRM, [](int) { ::_exit(hung); });
        ::alarm(5);
        ::_exit(f());
    }
    int status = 0;
    support::require(::waitpid(child, &status, 0) == child, "it ends");
    return WIFEXITED(status) ? static_cast<Status>(WEXITSTATUS(status)) : terminated;
}

/// What a scenario is tried with.
template <class Runner>
struct Tried {
    Runner runner{silent()};
};

/// A host's loop, on a thread of its own. It throws where it has no memory to queue a function.
class Host {
public:
    ~Host() {
        post([this] { is_over_ = true; });
        thread_.join();
    }
    void post(std::function<void()> function) {
        std::lock_guard const lock(mutex_);
        queue_.push_back(std::move(function));
        changed_.notify_all();
    }

private:
    void turn() {
        while (!is_over_) {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [this] { return !queue_.empty(); });
            auto const function = std::move(queue_.front());
            queue_.pop_front();
            lock.unlock();
            function();
        }
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::function<void()>> queue_;
    bool is_over_ = false;
    std::thread thread_{[this] { turn(); }};
};

template <>
struct Tried<GuestRunner> {
    Host host;
    GuestRunner runner{
        [this](std::function<void()> function) { host.post(std::move(function)); }, {}, silent()};
};

/// Tries each point. Returns whether each was survived.
template <class Runner>
bool sweep(char const* kind, Scenario<Runner> const& scenario) {
    bool is_well = true;
    for (long point = 0;; ++point) {
        Status const status = status_of([&] {
            Tried<Runner> tried;
            return try_point(scenario, tried.runner, point);
        });
        if (status == not_reached)
            return is_well;
        if (status == survived)
            continue;
        std::printf(
            "%s, %s, allocation %ld: status %d\n", kind, scenario.name, point,
            static_cast<int>(status));
        is_well = false;
    }
}

template <class Runner>
bool sweep_all(char const* kind) {
    bool is_well = true;
    for (auto const& scenario : scenarios<Runner>)
        is_well = sweep(kind, scenario) && is_well;
    return is_well;
}

/// A Runner turns only while somebody is blocked in it.
constexpr Scenario<ThreadRunner> future = {"run_as_future", [](ThreadRunner& runner) {
                                               std::stop_source stop;
                                               auto ended =
                                                   runner.run_as_future(nap(1h), stop.get_token());
                                               stop.request_stop();
                                               ended.get();
                                           }};

/// Of the portals only what awaits nothing: Asio's operations end the process where they copy an executor that
/// is larger than two pointers, as a portal's is; and a strand that has no memory to be scheduled never runs
/// again. That is the hang which is forgiven here.
bool sweep_portal() {
    constexpr Scenario<BlockingPortal> run = {
        "run", [](BlockingPortal& portal) { portal.run(at_once(1)); }};
    bool is_well = true;
    for (long point = 0;; ++point) {
        Status const status = status_of([&] {
            asio::io_context context;
            auto const work = asio::make_work_guard(context);
            std::jthread const thread([&] { context.run(); });
            ::alarm(1);
            BlockingPortal portal(context, silent());
            portal.run(at_once(1));
            allocations_left = point;
            is_armed = true;
            try {
                run.run(portal);
            } catch (...) {
                // The error that is due.
            }
            is_armed = false;
            ::_exit(allocations_left < 0 ? survived : not_reached);
            return survived;
        });
        if (status == not_reached)
            return is_well;
        if (status == survived || status == hung)
            continue;
        std::printf("BlockingPortal, allocation %ld: status %d\n", point, static_cast<int>(status));
        is_well = false;
    }
}

/// A guest's executor is as large as a portal's. So here are those that await nothing of Asio's that copies it.
constexpr std::string_view for_guests[] = {
    "call",         "to_thread",    "CapacityLimiter", "to_calling_thread",
    "wrap_context", "with_context", "OnThread",        "wrap_future"};

bool sweep_guest() {
    bool is_well = true;
    for (auto const& scenario : scenarios<GuestRunner>)
        if (std::ranges::count(for_guests, std::string_view(scenario.name)) != 0)
            is_well = sweep<GuestRunner>("GuestRunner", scenario) && is_well;
    return is_well;
}

#ifdef SYNCOPATE_TEST_FIBER

/// Synchronous code on the loop's own thread, and how it is cancelled.
template <class Runner>
bool sweep_fibers(char const* kind) {
    constexpr Scenario<Runner> calls = {
        "to_fiber", [](Runner& runner) {
            runner.run(gather(to_fiber([&] { runner.run(later(1)); }), to_fiber([&] {
                                  runner.run([] { return offloaded(); });
                              })));
        }};
    constexpr Scenario<Runner> cancelled = {
        "to_fiber, cancelled",
        [](Runner& runner) { runner.run_for(1ms, to_fiber([&] { runner.run(nap(1h)); })); }};
    bool const is_well = sweep(kind, calls);
    return sweep(kind, cancelled) && is_well;
}

#endif

#ifdef SYNCOPATE_TEST_PROCESS

int twice(int value) {
    return 2 * value;
}
void never_end() {
    for (;;)
        ::pause();
}

/// Calls in another process: its start, a call that returns, and one whose process is killed. Another takes its place.
template <class Runner>
bool sweep_processes(char const* kind) {
    bool is_well = true;
    for (long point = 0;; ++point) {
        Status const status = status_of([point] {
            ProcessPool pool(1);
            Runner runner{silent()};
            prepare(runner);
            allocations_left = point;
            is_armed = true;
            try {
                runner.run(run_in_executor(pool, twice, 1));
                runner.run_for(1ms, run_in_executor(pool, never_end));
            } catch (...) {
                // The error that is due.
            }
            is_armed = false;
            bool const was_reached = allocations_left < 0;
            if (runner.run_for(3s, run_in_executor(pool, twice, 21)) != 42)
                return broken;
            return was_reached ? survived : not_reached;
        });
        if (status == not_reached)
            return is_well;
        if (status == survived)
            continue;
        std::printf(
            "%s, run_in_executor of a ProcessPool, allocation %ld: status %d\n", kind, point,
            static_cast<int>(status));
        is_well = false;
    }
}

#endif

}  // namespace

int main() {
    bool is_well = sweep_all<ThreadRunner>("ThreadRunner");
    is_well = sweep("ThreadRunner", future) && is_well;
    is_well = sweep_all<Runner>("Runner") && is_well;
    is_well = sweep_portal() && is_well;
    is_well = sweep_guest() && is_well;
#ifdef SYNCOPATE_TEST_FIBER
    is_well = sweep_fibers<ThreadRunner>("ThreadRunner") && is_well;
    is_well = sweep_fibers<Runner>("Runner") && is_well;
#endif
#ifdef SYNCOPATE_TEST_PROCESS
    is_well = sweep_processes<ThreadRunner>("ThreadRunner") && is_well;
    is_well = sweep_processes<Runner>("Runner") && is_well;
#endif
    return is_well ? EXIT_SUCCESS : EXIT_FAILURE;
}
