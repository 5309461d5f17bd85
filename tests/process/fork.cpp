// Processes that fork while the library is in use: what the child may use and how it ends, and that the parent
// notices nothing.

#include "support/errors.hpp"
#include "support/foreign.hpp"
#include "support/stress.hpp"
#include "support/tasks.hpp"
#include <syncopate/as_awaitable.hpp>
#include <syncopate/as_completed.hpp>
#include <syncopate/async_generator.hpp>
#include <syncopate/blocking_portal.hpp>
#include <syncopate/blocking_range.hpp>
#include <syncopate/capacity_limiter.hpp>
#include <syncopate/channel.hpp>
#include <syncopate/context_guard.hpp>
#include <syncopate/default_runner.hpp>
#include <syncopate/error.hpp>
#include <syncopate/from_thread.hpp>
#include <syncopate/gather_outcomes.hpp>
#include <syncopate/iterate_in_thread.hpp>
#include <syncopate/on_loop.hpp>
#include <syncopate/on_thread.hpp>
#include <syncopate/options.hpp>
#include <syncopate/race.hpp>
#include <syncopate/ready.hpp>
#include <syncopate/run.hpp>
#include <syncopate/runner.hpp>
#include <syncopate/sleep.hpp>
#include <syncopate/thread_runner.hpp>
#include <syncopate/to_calling_thread.hpp>
#include <syncopate/to_thread.hpp>
#include <syncopate/with_context.hpp>
#include <syncopate/worker_pool.hpp>
#include <syncopate/wrap_future.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <coroutine>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <future>
#include <iostream>
#include <memory>
#include <optional>
#include <sstream>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <poll.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::AsyncGenerator;
using syncopate::BlockingPortal;
using syncopate::Errc;
using syncopate::Options;
using syncopate::ReadAhead;
using syncopate::Runner;
using syncopate::ThreadRunner;
using syncopate::WorkerPool;

// --- processes

/// How a child ends: as main() does, or at once.
enum class End { exit, at_once };

void become_child(int output) {
    ::alarm(30);  // ends a child that hangs
    ::dup2(output, STDOUT_FILENO);
    ::dup2(output, STDERR_FILENO);
}

void require_clean_end(pid_t child, int output, char const* what) {
    std::string said;
    char text[512];
    for (ssize_t count = 0; (count = ::read(output, text, sizeof text)) > 0;)
        said.append(text, static_cast<std::size_t>(count));
    ::close(output);
    int status = 0;
    require(::waitpid(child, &status, 0) == child, "the child can be waited for");
    if (WIFSIGNALED(status))
        give_up(
            std::string(what) + ": the child was ended by signal " +
            std::to_string(WTERMSIG(status)) + "\n" + said);
    if (WEXITSTATUS(status) != EXIT_SUCCESS || !said.empty())
        give_up(
            std::string(what) + ": the child has ended with " +
            std::to_string(WEXITSTATUS(status)) + " and said: " + said);
}

/// Calls a function in a child, which then ends. Fails if that was not a success, or if the child has said anything.
/// Meanwhile the parent calls another function.
template <class F, class Meanwhile>
void in_child_and_here(char const* what, F function, Meanwhile meanwhile, End end) {
    int ends[2] = {};
    require(::pipe(ends) == 0, "a pipe can be made");
    pid_t const child = ::fork();
    require(child >= 0, "a process can be forked");
    if (child == 0) {
        become_child(ends[1]);
        ::close(ends[0]);
        ::close(ends[1]);
        try {
            function();
        } catch (std::exception const& error) {
            give_up(error.what());
        }
        if (end == End::exit)
            std::exit(EXIT_SUCCESS);
        std::_Exit(EXIT_SUCCESS);
    }
    ::close(ends[1]);
    meanwhile();
    require_clean_end(child, ends[0], what);
}

template <class F>
void in_child(char const* what, F function, End end = End::at_once) {
    in_child_and_here(what, std::move(function), [] {}, end);
}

template <class F>
bool is_forked(F call) {
    return support::code_of(std::move(call)) == Errc::forked;
}

// --- what is used

struct Context {
    bool* was_left;
    asio::awaitable<void> aenter() { return support::nothing(); }
    asio::awaitable<void> aexit(std::exception_ptr) {
        *was_left = true;
        return support::nothing();
    }
};

AsyncGenerator<int> numbers() {
    for (int next = 0;; ++next)
        co_yield next;
}

void require_works(syncopate::RunnerBase& runner) {
    require(runner.run(twice_later(21)) == 42, "the runner runs a task");
    require(runner.call([] { return 42; }) == 42, "the runner calls a function");
    runner.run(sleep_for(1ms));
    require(
        runner.run(syncopate::to_thread([] { return 42; })) == 42,
        "the runner's workers call a function");
    int sum = 0;
    for (int const number : runner.wrap_iter(numbers(), ReadAhead{4})) {
        sum += number;
        if (number == 10)
            break;
    }
    require(sum == 55, "the runner iterates");
}

void require_forked(syncopate::RunnerBase& runner) {
    bool was_left = false;
    std::ostringstream out;
    require(is_forked([&] { runner.run(nothing()); }), "run()");
    require(is_forked([&] { runner.run(nothing(), std::stop_token()); }), "run(stop)");
    require(is_forked([&] { runner.run_for(1s, nothing()); }), "run_for()");
    require(is_forked([&] { runner.run_interruptible(nothing()); }), "run_interruptible()");
    require(is_forked([&] { runner.run_as_future(nothing()).get(); }), "run_as_future()");
    require(is_forked([&] { runner.start_soon(nothing()); }), "start_soon()");
    require(is_forked([&] { runner.call([] {}); }), "call()");
    require(
        is_forked([&] { auto const g = runner.wrap_context(Context{&was_left}); }),
        "wrap_context()");
    require(
        is_forked([&] { runner.with_context(Context{&was_left}, [](Context&) {}); }),
        "with_context()");
    require(is_forked([&] { runner.enter_context(Context{&was_left}); }), "enter_context()");
    require(is_forked([&] { auto const range = runner.wrap_iter(numbers()); }), "wrap_iter()");
    require(
        is_forked([&] { auto const range = runner.wrap_iter(numbers(), ReadAhead{4}); }),
        "wrap_iter(ReadAhead)");
    require(is_forked([&] { static_cast<void>(runner.tasks()); }), "tasks()");
    require(is_forked([&] { runner.dump(out); }), "dump()");
    require(is_forked([&] { runner.close(); }), "close()");
    require(is_forked([&] { runner.close_for(1s); }), "close_for()");
    require(!was_left, "no context was entered");
}

/// An io_context that a thread runs.
class RunningContext {
public:
    asio::io_context& context() { return context_; }
    ~RunningContext() {
        work_.reset();
        thread_.join();
    }

private:
    asio::io_context context_;
    asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
    std::thread thread_{[this] { context_.run(); }};
};

// --- the tests

void every_call_of_a_used_runner_throws_forked() {
    {
        ThreadRunner runner;
        require_works(runner);
        in_child("a ThreadRunner", [&] {
            require_forked(runner);
            require(is_forked([&] { runner.get_loop(); }), "get_loop()");
            require(is_forked([&] { runner.get_executor(); }), "get_executor()");
        });
        require_works(runner);
    }
    {
        Runner runner;
        require_works(runner);
        in_child("a Runner", [&] {
            require_forked(runner);
            require(is_forked([&] { runner.get_loop(); }), "get_loop()");
        });
        require_works(runner);
    }
    {
        RunningContext loop;
        BlockingPortal portal(loop.context());
        require_works(portal);
        in_child("a BlockingPortal", [&] {
            require_forked(portal);
            require(is_forked([&] { portal.get_executor(); }), "get_executor()");
        });
        require_works(portal);
    }
    require_works(syncopate::default_runner());
    in_child("default_runner()", [] { require_forked(syncopate::default_runner()); }, End::exit);
    require_works(syncopate::default_runner());
}

void guards_ranges_and_pools_throw_forked_and_are_destroyed_quietly() {
    bool was_left = false;
    bool entered_was_left = false;
    std::stop_source stop = syncopate::detail::new_stop_source();
    {
        auto runner = std::make_unique<ThreadRunner>();
        auto pool = std::make_unique<WorkerPool>(2);
        runner->run(syncopate::run_in_executor(*pool, [] {}));
        runner->enter_context(Context{&entered_was_left});
        auto guard = std::make_optional(runner->wrap_context(Context{&was_left}));
        auto generator = std::make_optional(numbers());
        auto range = std::make_optional(runner->wrap_iter(numbers()));
        auto in_place = std::make_optional(runner->wrap_iter(*generator));
        auto ahead = std::make_optional(runner->wrap_iter(numbers(), ReadAhead{4}));
        require(*range->begin() == 0 && *ahead->begin() == 0 && *in_place->begin() == 0, "items");
        auto future = runner->run_as_future(forever(), stop.get_token());
        in_child(
            "guards, ranges and pools",
            [&] {
                require(is_forked([&] { static_cast<void>(**guard); }), "a guard's value");
                require(is_forked([&] { guard->close(); }), "a guard's close()");
                require(is_forked([&] { ++range->begin(); }), "a range");
                require(is_forked([&] { ++ahead->begin(); }), "a range with read-ahead");
                require(is_forked([&] { pool->close(); }), "a pool's close()");
                require(is_forked([&] { static_cast<void>(pool->running()); }), "running()");
                require(pool->size() == 0, "a pool has no threads");
                ThreadRunner fresh;
                require(
                    is_forked([&] { fresh.run(syncopate::run_in_executor(*pool, [] {})); }),
                    "work for a pool");
                stop.request_stop();
                ahead.reset();
                in_place.reset();
                generator.reset();
                range.reset();
                guard.reset();
                runner.reset();
                pool.reset();
                require(!was_left && !entered_was_left, "no context was left");
            },
            End::exit);
        require(*++range->begin() == 1 && *++ahead->begin() == 1, "the parent's ranges go on");
        runner->run(syncopate::run_in_executor(*pool, [] {}));
        stop.request_stop();
        future.wait();
    }
    require(was_left && entered_was_left, "the parent leaves its contexts");
}

/// Its lock may have been held by a thread that the child does not have.
void a_limiter_throws_forked_where_it_was_used_before() {
    ThreadRunner runner;
    syncopate::CapacityLimiter unused(1);
    syncopate::CapacityLimiter limiter(1);
    std::optional token = limiter.try_acquire();
    in_child(
        "a limiter",
        [&] {
            require(is_forked([&] { limiter.try_acquire(); }), "try_acquire()");
            require(is_forked([&] { static_cast<void>(limiter.statistics()); }), "statistics()");
            require(is_forked([&] { limiter.set_total_tokens(2); }), "set_total_tokens()");
            require(
                is_forked([&] { static_cast<void>(runner.run(limiter.acquire())); }), "acquire()");
            require(
                is_forked([&] { runner.run(syncopate::to_thread([] {}, limiter)); }),
                "to_thread()");
            token.reset();
            runner.run(syncopate::to_thread([] {}, unused));
        },
        End::exit);
    token.reset();
    require(limiter.statistics().borrowed_tokens == 0, "the parent has its token back");
    runner.run(syncopate::to_thread([] {}, limiter));
}

struct Number {
    int value = 42;
    asio::awaitable<int> get() { co_return value; }
};

std::vector<asio::awaitable<int>> two_tasks() {
    std::vector<asio::awaitable<int>> tasks;
    tasks.push_back(twice(1));
    tasks.push_back(twice_later(2));
    return tasks;
}

asio::awaitable<int> wait_for_foreign(std::coroutine_handle<>& place) {
    Tracked const frame;
    co_return co_await syncopate::as_awaitable(foreign::Kept{&place});
}

void require_foreign_and_context_work(syncopate::RunnerBase& runner) {
    bool was_left = false;
    auto const body = [](Context&) -> asio::awaitable<int> {
        co_await syncopate::sleep(1ms);
        auto const elsewhere = co_await syncopate::as_awaitable(foreign::OnNewThread());
        co_return elsewhere != std::this_thread::get_id() ? 9 : 0;
    };
    require(
        runner.run(syncopate::with_context(Context{&was_left}, body)) == 9,
        "a context, and what comes from another thread in it");
    require(was_left, "the context is left");
}

/// As a background task does that reaches a window.
int ask_from_worker(syncopate::RunnerBase& runner, BlockingPortal& portal) {
    return runner.run(syncopate::to_thread(
        [&] { return portal.run(twice_later(5)) + portal.call([] { return 1; }); }));
}

/// Those that have nothing but their loop.
void require_parts_work(syncopate::RunnerBase& runner) {
    int sum = runner.run(syncopate::race(twice_later(1), twice_later(1)));
    auto const [one, other] = runner.run(syncopate::gather_outcomes(twice(2), twice_later(3)));
    sum += one.value() + other.value();
    for (int const number : runner.wrap_iter(syncopate::as_completed(two_tasks())))
        sum += number;
    for (int const number : runner.wrap_iter(syncopate::iterate_in_thread(std::vector{4, 5})))
        sum += number;
    std::promise<int> promise;
    auto future = promise.get_future();
    std::thread setter([&] {
        std::this_thread::sleep_for(1ms);
        promise.set_value(6);
    });
    sum += runner.run(syncopate::wrap_future(std::move(future)));
    setter.join();
    sum += runner.start<int>([](syncopate::Ready<int> ready) -> asio::awaitable<void> {
        ready(7);
        co_return;
    });
    syncopate::OnLoop<Number> on_loop(runner);
    sum += on_loop.run(&Number::get);
    syncopate::OnThread<Number> on_thread;
    sum += runner.run(on_thread.run([](Number& number) { return number.value; }));
    syncopate::Channel<int> channel(1);
    runner.start_soon([&]() -> asio::awaitable<void> { co_await channel.async_send(8); });
    sum += runner.run(channel.async_receive()).value();
    require(sum == 2 + 4 + 6 + 2 + 4 + 4 + 5 + 6 + 7 + 42 + 42 + 8, "each part works");
    require_foreign_and_context_work(runner);
    RunningContext window;
    BlockingPortal portal(window.context());
    require(ask_from_worker(runner, portal) == 10 + 1, "a worker reaches another loop");
}

void the_parts_throw_forked_and_are_destroyed_quietly() {
    auto runner = std::make_unique<ThreadRunner>();
    require_parts_work(*runner);  // the thread that looks after futures is the parent's
    syncopate::Channel<int> unused(1);
    std::optional<syncopate::Channel<int>> channel(std::in_place, 1);
    require(!channel->try_receive(), "the channel is empty");
    std::optional<syncopate::OnLoop<Number>> on_loop(std::in_place, *runner);
    std::optional<syncopate::OnThread<Number>> on_thread(std::in_place);
    auto const value_of = [](Number& number) { return number.value; };
    runner->run(on_thread->run(value_of));
    auto in_thread =
        std::make_optional(runner->wrap_iter(syncopate::iterate_in_thread(std::vector{1, 2, 3})));
    auto completed = std::make_optional(runner->wrap_iter(syncopate::as_completed(two_tasks())));
    require(*in_thread->begin() == 1 && *completed->begin() == 2, "items");
    // What waits in the parent is not waited for in the child.
    std::promise<int> promise;
    auto received = runner->run_as_future(channel->async_receive());
    auto wrapped = runner->run_as_future(syncopate::wrap_future(promise.get_future()));
    auto raced = runner->run_as_future(syncopate::race(forever(), until_cancelled()));
    std::coroutine_handle<> place;
    auto awaited = runner->run_as_future(wait_for_foreign(place));
    bool was_left = false;
    runner->start_soon([&] {
        return syncopate::with_context(Context{&was_left}, [](Context&) { return forever(); });
    });
    RunningContext window;
    std::optional<BlockingPortal> portal(std::in_place, window.context());
    Gate started;
    auto asked =
        runner->run_as_future(syncopate::to_thread([&] { portal->run(forever(started)); }));
    started.wait();
    in_child(
        "channels, and objects of a loop or a thread",
        [&] {
            ThreadRunner fresh;
            require(is_forked([&] { channel->send(1); }), "send()");
            require(is_forked([&] { channel->try_send(1); }), "try_send()");
            require(is_forked([&] { channel->receive_for(1s); }), "receive_for()");
            require(is_forked([&] { channel->try_receive(); }), "try_receive()");
            require(is_forked([&] { fresh.run(channel->async_send(1)); }), "async_send()");
            require(is_forked([&] { fresh.run(channel->async_receive()); }), "async_receive()");
            require(is_forked([&] { channel->close(); }), "a channel's close()");
            require(is_forked([&] { on_loop->run(&Number::get); }), "OnLoop::run()");
            require(is_forked([&] { on_loop->call(value_of); }), "OnLoop::call()");
            require(is_forked([&] { on_loop->close(); }), "OnLoop::close()");
            require(is_forked([&] { fresh.run(on_thread->run(value_of)); }), "OnThread::run()");
            require(is_forked([&] { on_thread->close(); }), "OnThread::close()");
            require(is_forked([&] { ++in_thread->begin(); }), "iterate_in_thread()");
            require(is_forked([&] { ++completed->begin(); }), "as_completed()");
            auto const start = [](syncopate::Ready<void>) { return nothing(); };
            require(is_forked([&] { runner->start<void>(start); }), "start()");
            require(is_forked([&] { ask_from_worker(fresh, *portal); }), "a portal, in a worker");
            place.resume();  // the coroutine behind it is the parent's
            unused.send(1);
            require(unused.receive() == 1, "a channel that was not used before");
            require_parts_work(fresh);
            completed.reset();
            in_thread.reset();
            on_thread.reset();
            on_loop.reset();
            channel.reset();
            portal.reset();
            runner.reset();
            require(!was_left, "no context was left");
        },
        End::exit);
    promise.set_value(1);
    place.resume();
    require(awaited.get() == 7, "what goes on elsewhere comes back");
    channel->send(2);
    require(wrapped.get() == 1 && received.get() == 2, "what the parent waits for comes");
    require(on_loop->run(&Number::get) == 42, "the parent's object is there");
    require(runner->run(on_thread->run(value_of)) == 42, "and that of a thread");
    require(*++in_thread->begin() == 2 && *++completed->begin() == 4, "the parent's items come");
    portal->close();
    require(code_of([&] { asked.get(); }) == Errc::runner_closed, "the worker's portal is closed");
    require_parts_work(*runner);
    runner->close();
    require(was_left, "the parent leaves its context");
}

void with_context_in_the_child_does_not_leave_the_context() {
    ThreadRunner runner;
    bool was_left = false;
    int ends[2] = {};
    require(::pipe(ends) == 0, "a pipe can be made");
    pid_t child = -1;
    try {
        runner.with_context(Context{&was_left}, [&](Context&) {
            child = ::fork();
            if (child == 0)
                become_child(ends[1]);
        });
    } catch (std::system_error const& error) {
        std::_Exit(child == 0 && error.code() == Errc::forked && !was_left ? 0 : 1);
    }
    require(child > 0 && was_left, "the parent leaves the context");
    ::close(ends[1]);
    require_clean_end(child, ends[0], "with_context()");
}

void what_was_not_used_before_the_fork_works_in_the_child() {
    ThreadRunner runner;
    Runner own;
    WorkerPool pool(2);
    in_child(
        "unused runners",
        [&] {
            require_works(runner);
            require_works(own);
            require_works(syncopate::default_runner());
            syncopate::run(nothing());
            runner.run(syncopate::run_in_executor(pool, [] {}));
            in_child("a grandchild", [&] {
                require_forked(runner);
                require_forked(own);
                runner.restart_after_fork();
                require_works(runner);
            });
        },
        End::exit);
    in_child("unused runners are destroyed", [] {}, End::exit);
    require_works(runner);
    require_works(own);
    runner.run(syncopate::run_in_executor(pool, [] {}));
    {
        asio::io_context loop;
        BlockingPortal portal(loop);
        in_child("an unused portal", [&] {
            loop.notify_fork(asio::execution_context::fork_child);
            auto const work = asio::make_work_guard(loop);
            std::thread thread([&] { loop.run(); });
            require_works(portal);
            loop.stop();
            thread.join();
        });
        in_child("an unused portal that nobody runs", [&] {
            require(
                code_of([&] { portal.run(twice(21)); }) == Errc::loop_failed,
                "nobody is waited for");
        });
        asio::thread_pool threads(1);
        BlockingPortal portal_of_pool(threads);
        in_child(
            "an unused portal of a pool",
            [&] {
                require(
                    code_of([&] { portal_of_pool.run(twice(21)); }) == Errc::forked,
                    "the pool's threads are the parent's");
            },
            End::exit);
        require_works(portal_of_pool);
    }
}

/// With one epoll set and one timer for both, time-outs and wake-ups would go astray.
void parent_and_child_use_it_at_the_same_time() {
    ThreadRunner runner(Options().spin(0ns));  // each call wakes the loop
    Runner own;
    auto const use_both = [&] {
        for (int i = 0; i < 1000; ++i) {
            own.run(sleep_for(100us));
            require(runner.run(twice_later(i)) == 2 * i, "the runner runs a task");
        }
    };
    ::alarm(20);  // ends the parent if it hangs
    in_child_and_here("both at once", use_both, use_both, End::exit);
    ::alarm(0);
}

/// The acceptor is registered with the loop before the fork, and each process has a loop of its own after it.
void an_acceptor_on_an_unused_runner_accepts_in_parent_and_child() {
    using asio::ip::tcp;
    Runner runner;
    tcp::acceptor acceptor(runner.get_loop(), {asio::ip::address_v4::loopback(), 0});
    auto const address = acceptor.local_endpoint();
    auto const accept_one = [&] {
        asio::io_context other;
        tcp::socket client(other);
        client.connect(address);
        runner.run_for(10s, acceptor.async_accept(asio::deferred));
    };
    in_child("an acceptor", accept_one);
    accept_one();
    in_child("an acceptor that was used", [&] {
        require(is_forked(accept_one), "the runner was used");
    });
    accept_one();
}

/// How many descriptors there are in the epoll sets of this process.
int watched_descriptors() {
    int count = 0;
    for (auto const& entry : std::filesystem::directory_iterator("/proc/self/fdinfo")) {
        std::ifstream file(entry.path());
        for (std::string line; std::getline(file, line);)
            count += line.starts_with("tfd:");
    }
    return count;
}

/// What the child registers with its loop must not come into the parent's.
void the_child_of_an_unused_runner_has_a_loop_of_its_own() {
    using asio::ip::tcp;
    Runner runner;
    tcp::acceptor const acceptor(runner.get_loop(), {asio::ip::address_v4::loopback(), 0});
    int const before = watched_descriptors();
    int to_parent[2] = {};
    int to_child[2] = {};
    require(::pipe(to_parent) == 0 && ::pipe(to_child) == 0, "pipes can be made");
    char byte = 0;
    in_child_and_here(
        "an acceptor of the child's",
        [&] {
            tcp::acceptor const own(runner.get_loop(), {asio::ip::address_v4::loopback(), 0});
            require(::write(to_parent[1], &byte, 1) == 1, "the parent is told");
            require(::read(to_child[0], &byte, 1) == 1, "the parent has looked");
        },
        [&] {
            require(::read(to_parent[0], &byte, 1) == 1, "the child has registered its acceptor");
            int const now = watched_descriptors();
            require(::write(to_child[1], &byte, 1) == 1, "the child is told");
            require(now == before, "the parent's loop watches what it did before");
        },
        End::at_once);
    for (int const end : {to_parent[0], to_parent[1], to_child[0], to_child[1]})
        ::close(end);
}

void restart_after_fork_gives_a_fresh_loop() {
    bool was_left = false;
    std::atomic<int> errors{0};
    ThreadRunner runner(
        Options().name("restarted").on_error([&](std::exception_ptr) { ++errors; }));
    runner.restart_after_fork();  // nothing, before the first use
    runner.enter_context(Context{&was_left});
    auto guard = std::make_optional(runner.wrap_context(Context{&was_left}));
    auto range = std::make_optional(runner.wrap_iter(numbers()));
    runner.start_soon(forever());
    auto* const loop = &runner.get_loop();
    runner.restart_after_fork();  // nothing, in the parent
    require(&runner.get_loop() == loop, "the parent keeps its loop");
    in_child(
        "a runner that was restarted",
        [&] {
            require(is_forked([&] { runner.run(nothing()); }), "not before it is restarted");
            runner.restart_after_fork();
            require(runner.tasks().empty(), "no task has come along");
            require_works(runner);
            auto* const fresh = &runner.get_loop();
            require(fresh != loop, "the loop is another");
            runner.restart_after_fork();
            require(&runner.get_loop() == fresh, "it is restarted once");
            require(is_forked([&] { static_cast<void>(**guard); }), "a guard stays forked");
            require(is_forked([&] { ++range->begin(); }), "a range stays forked");
            runner.start_soon([]() -> asio::awaitable<void> {
                throw std::runtime_error("reported");
                co_return;
            });
            runner.run(nothing());
            require(errors == 1, "the options are the same");
            bool fresh_was_left = false;
            runner.enter_context(Context{&fresh_was_left});
            runner.close();
            require(fresh_was_left && !was_left, "only the fresh loop's contexts are left");
            guard.reset();
            range.reset();
            require(
                [&] {
                    try {
                        runner.run(nothing());
                    } catch (std::system_error const& error) {
                        return error.code() == Errc::runner_closed;
                    }
                    return false;
                }(),
                "a runner that was closed after its restart is closed");
        },
        End::exit);
    require_works(runner);
    require(!was_left && errors == 0, "the parent has noticed nothing");
}

asio::awaitable<void> receive(asio::local::stream_protocol::socket& socket, int count) {
    char byte = 0;
    for (int i = 0; i < count; ++i)
        co_await asio::async_read(socket, asio::buffer(&byte, 1), asio::use_awaitable);
}

asio::awaitable<void> tick(std::atomic<int>& ticks) {
    asio::steady_timer timer(co_await asio::this_coro::executor);
    for (;;) {
        timer.expires_after(200us);
        co_await timer.async_wait(asio::use_awaitable);
        ++ticks;
    }
}

/// The parent's epoll set, timer and sockets are shared with the child, which must not use them.
void the_parents_loop_notices_nothing() {
    std::atomic<int> ticks{0};
    ThreadRunner runner;
    auto& loop = runner.get_loop();
    asio::local::stream_protocol::socket near(loop);
    asio::io_context other;
    asio::local::stream_protocol::socket far(other);
    {
        asio::local::stream_protocol::socket unused(other);
        asio::local::stream_protocol::socket peer(loop);
        asio::local::connect_pair(peer, unused);
        near = std::move(peer);
        far = std::move(unused);
    }
    constexpr int children = 20;
    constexpr int messages = 50;
    runner.start_soon(tick(ticks));
    auto received = runner.run_as_future(receive(near, children * messages));
    for (int i = 0; i < children; ++i) {
        in_child(
            "a busy parent",
            [&] {
                require(is_forked([&] { runner.run(nothing()); }), "the parent's runner");
                ThreadRunner own;
                require_works(own);
                runner.restart_after_fork();
                require_works(runner);
            },
            i % 2 == 0 ? End::exit : End::at_once);
        for (int j = 0; j < messages; ++j)
            require(far.write_some(asio::buffer("x", 1)) == 1, "a message is sent");
        int const seen = ticks;
        while (ticks == seen)
            std::this_thread::yield();
    }
    require(received.wait_for(20s) == std::future_status::ready, "every message has come");
    received.get();
}

/// Whatever lock another thread holds, the child does not wait for it.
void a_fork_while_other_threads_use_the_runner(int rounds) {
    ThreadRunner runner;
    WorkerPool pool(2);
    bool was_left = false;
    std::atomic<bool> stop{false};
    auto const until_stopped = [&](auto step) {
        return std::thread([&stop, step] {
            while (!stop)
                step();
        });
    };
    std::vector<std::thread> threads;
    threads.push_back(until_stopped([&] { runner.run(twice_later(1)); }));
    threads.push_back(until_stopped([&] { static_cast<void>(runner.tasks()); }));
    threads.push_back(until_stopped([&] { runner.run(syncopate::to_thread([] {})); }));
    threads.push_back(until_stopped(
        [&] { runner.run(syncopate::run_in_executor(pool, [&] { runner.run(nothing()); })); }));
    threads.push_back(until_stopped([&] {
        bool left = false;
        static_cast<void>(runner.wrap_context(Context{&left}));
    }));
    runner.run(syncopate::run_in_executor(pool, [] {}));
    auto guard = std::make_optional(runner.wrap_context(Context{&was_left}));
    auto ahead = std::make_optional(runner.wrap_iter(numbers(), ReadAhead{4}));
    for (int round = 0; round < rounds; ++round) {
        require(*ahead->begin() >= 0, "the range goes on");
        ++ahead->begin();
        in_child("a fork among busy threads", [&] {
            require_forked(runner);
            require(is_forked([&] { pool.close(); }), "a pool");
            ahead.reset();
            guard.reset();
            runner.restart_after_fork();
            require_works(runner);
            runner.run(syncopate::to_thread([&] { runner.run(nothing()); }));
            runner.close();
        });
    }
    stop = true;
    for (auto& thread : threads)
        thread.join();
    require_works(runner);
}

/// The child finds it unused, and can use it; or in use, and is told so.
void a_fork_while_another_thread_starts_the_runner(int rounds) {
    for (int round = 0; round < rounds; ++round) {
        ThreadRunner runner;
        std::atomic<bool> go{false};
        std::thread starter([&] {
            while (!go)
                continue;
            runner.run(nothing());
        });
        go = true;
        for (volatile int spin = 0; spin < round * 37 % 3000;)
            spin = spin + 1;
        in_child("a fork during the start", [&] {
            try {
                runner.run(nothing());
            } catch (std::system_error const& error) {
                require(error.code() == Errc::forked, "the error says that it is forked");
                runner.restart_after_fork();
            }
            require_works(runner);
        });
        starter.join();
        require_works(runner);
    }
}

void a_task_that_forks_may_end_the_child_or_execute_a_program() {
    auto const fork_in_task = [](pid_t& child, auto what) -> asio::awaitable<void> {
        child = ::fork();
        if (child == 0) {
            ::alarm(30);
            what();
            std::_Exit(EXIT_FAILURE);
        }
        co_return;
    };
    auto const require_success = [](pid_t child) {
        int status = 0;
        require(::waitpid(child, &status, 0) == child && status == 0, "the child was a success");
    };
    ThreadRunner runner;
    pid_t child = -1;
    runner.run(fork_in_task(child, [] { std::_Exit(EXIT_SUCCESS); }));
    require_success(child);
    runner.run(fork_in_task(child, [] { ::execl("/bin/true", "true", nullptr); }));
    require_success(child);
    runner.run(fork_in_task(child, [] { std::exit(EXIT_SUCCESS); }));
    require_success(child);
    runner.run(fork_in_task(child, [&runner] {
        require_forked(runner);
        ThreadRunner fresh;
        require_works(fresh);
        Runner own;
        require_works(own);
        std::_Exit(EXIT_SUCCESS);
    }));
    require_success(child);
    syncopate::run(fork_in_task(child, [] {
        Runner own;
        require_works(own);
        std::_Exit(EXIT_SUCCESS);
    }));
    require_success(child);
    require_works(runner);
}

void the_child_of_a_task_that_goes_on_ends() {
    auto const fork_and_go_on = [](pid_t& child) -> asio::awaitable<bool> {
        child = ::fork();
        if (child == 0)
            ::alarm(30);
        co_return child == 0;
    };
    auto const require_success = [](pid_t child) {
        int status = 0;
        require(::waitpid(child, &status, 0) == child && status == 0, "the child was a success");
    };
    pid_t child = -1;
    ThreadRunner runner;
    // Its caller is not there in the child.
    require(!runner.run(fork_and_go_on(child)), "the parent gets its result");
    require_success(child);
    // The loop is its caller's, who goes on in the child, too.
    {
        Runner own;
        if (own.run(fork_and_go_on(child))) {
            require_forked(own);
            std::exit(EXIT_SUCCESS);
        }
        require_success(child);
        require_works(own);
    }
    if (syncopate::run(fork_and_go_on(child)))
        std::exit(EXIT_SUCCESS);
    require_success(child);
    require_works(runner);
}

void a_worker_that_forks() {
    auto const require_success = [](pid_t child) {
        int status = 0;
        require(::waitpid(child, &status, 0) == child && status == 0, "the child was a success");
    };
    RunningContext window;
    BlockingPortal portal(window.context());
    require_works(portal);
    ThreadRunner runner;
    pid_t child = runner.run(syncopate::to_thread([&] {
        pid_t const id = ::fork();
        if (id == 0) {
            ::alarm(30);
            require_forked(runner);
            require(is_forked([] { syncopate::from_thread::run(nothing()); }), "from_thread::run");
            require(is_forked([] { syncopate::from_thread::call([] {}); }), "from_thread::call");
            require(
                is_forked([] { syncopate::from_thread::check_cancelled(); }), "check_cancelled");
            require_forked(portal);
            ThreadRunner fresh;
            require_works(fresh);
            require(is_forked([&] { ask_from_worker(fresh, portal); }), "a portal, in a worker");
        }
        return id;  // the child's thread ends then
    }));
    require_success(child);
    // What a task has its caller do.
    for (bool const with_limit : {false, true}) {
        pid_t id = -1;
        auto const fork_on_caller = [&id]() -> asio::awaitable<void> {
            co_await syncopate::to_calling_thread([&id] {
                id = ::fork();
                if (id == 0)
                    ::alarm(30);
            });
        };
        try {
            if (with_limit)
                runner.run_for(10s, fork_on_caller);
            else
                runner.run(fork_on_caller);
        } catch (std::system_error const& error) {
            std::_Exit(id == 0 && error.code() == Errc::forked ? EXIT_SUCCESS : EXIT_FAILURE);
        }
        require(id > 0, "the caller goes on in the parent");
        require_success(id);
    }
    require_works(runner);
}

ThreadRunner static_runner;
ThreadRunner never_used;

void the_child_exits_at_once() {
    static_runner.start_soon(until_cancelled());
    static_runner.start_soon(syncopate::to_thread([] { std::this_thread::sleep_for(300ms); }));
    require_works(syncopate::default_runner());
    auto const begin = std::chrono::steady_clock::now();
    in_child("static runners", [] {}, End::exit);
    require(std::chrono::steady_clock::now() - begin < 10s, "nobody waits for the parent's tasks");
}

}  // namespace

int main(int argc, char** argv) {
    int const rounds = static_cast<int>(iterations(argc, argv, 50));
    what_was_not_used_before_the_fork_works_in_the_child();  // default_runner() is not in use yet
    parent_and_child_use_it_at_the_same_time();
    every_call_of_a_used_runner_throws_forked();
    guards_ranges_and_pools_throw_forked_and_are_destroyed_quietly();
    a_limiter_throws_forked_where_it_was_used_before();
    the_parts_throw_forked_and_are_destroyed_quietly();
    with_context_in_the_child_does_not_leave_the_context();
    an_acceptor_on_an_unused_runner_accepts_in_parent_and_child();
    the_child_of_an_unused_runner_has_a_loop_of_its_own();
    restart_after_fork_gives_a_fresh_loop();
    the_parents_loop_notices_nothing();
    a_fork_while_another_thread_starts_the_runner(rounds);
    a_fork_while_other_threads_use_the_runner(rounds);
    a_task_that_forks_may_end_the_child_or_execute_a_program();
    the_child_of_a_task_that_goes_on_ends();
    a_worker_that_forks();
    the_child_exits_at_once();
    return 0;
}
