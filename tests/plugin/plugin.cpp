// A plug-in, built with hidden symbols, that is handed its host's runner.

#include "plugin.hpp"

#include <syncopate/async_generator.hpp>
#include <syncopate/context_var.hpp>
#include <syncopate/default_runner.hpp>
#include <syncopate/error.hpp>
#include <syncopate/from_thread.hpp>
#include <syncopate/run.hpp>
#include <syncopate/to_thread.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <string_view>
#include <system_error>

#include <pthread.h>

namespace {

namespace asio = boost::asio;
using syncopate::Errc;
using syncopate::ThreadRunner;

asio::awaitable<int> answer() {
    co_return 42;
}

syncopate::AsyncGenerator<int> count(int n) {
    for (int i = 0; i < n; ++i)
        co_yield co_await syncopate::to_thread([i] { return i; });
}

bool run_is_refused(ThreadRunner& runner) {
    try {
        runner.run(answer());
    } catch (syncopate::DeadlockError const&) {
        return true;
    }
    return false;
}

bool finds_its_worker() {
    try {
        syncopate::from_thread::check_cancelled();
    } catch (std::system_error const&) {
        return false;
    }
    return syncopate::from_thread::run(answer) == 42;
}

bool throws_the_hosts_error(ThreadRunner& runner) {
    try {
        runner.run(answer());
    } catch (std::system_error const& error) {
        return error.code() == Errc::runner_closed;
    }
    return false;
}

bool works_on_the_hosts_pool(ThreadRunner& runner, std::size_t workers_before) {
    auto const named_by_host = [] {
        char name[16] = {};
        pthread_getname_np(pthread_self(), name, sizeof name);
        return std::string_view(name).starts_with("hostpool");
    };
    return workers_before == 0 && runner.run(syncopate::to_thread(named_by_host));
}

bool has_the_default_runner(ThreadRunner& runner) {
    return &syncopate::default_runner() == &runner;
}

bool sees_and_sets(syncopate::ContextVar<int> const& variable, int expected, ThreadRunner& runner) {
    static syncopate::ContextVar<int> const own{0};
    auto const scope = variable.set(variable.get() + 1);
    auto const other = own.set(7);
    auto const sum = runner.run([&]() -> asio::awaitable<int> {
        co_return variable.get() + co_await syncopate::to_thread([] { return own.get(); });
    });
    return variable.get() == expected + 1 && sum == expected + 1 + 7;
}

int uses_its_own() {
    ThreadRunner runner;
    int sum = runner.run(answer);
    for (int i : runner.wrap_iter(count(4)))
        sum += i;
    return sum;
}

bool is_interrupted(std::atomic<int>& started) {
    try {
        syncopate::run_interruptible([&]() -> asio::awaitable<void> {
            asio::steady_timer timer(
                co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
            ++started;
            co_await timer.async_wait(asio::use_awaitable);
        });
    } catch (std::system_error const& error) {
        return error.code() == Errc::interrupted;
    }
    return false;
}

int uses_a_static_one() {
    static ThreadRunner runner;
    return runner.run(syncopate::to_thread([] { return 48; }));
}

int works_on(ThreadRunner& runner) {
    int sum = runner.run(answer);
    for (int i : runner.wrap_iter(count(4)))
        sum += i;
    return sum;
}

int works_in(syncopate::WorkerPool& pool) {
    ThreadRunner runner;
    return runner.run(syncopate::run_in_executor(pool, [] { return 48; }));
}

}  // namespace

extern "C" [[gnu::visibility("default")]] Plugin const* syncopate_plugin() {
    static constexpr Plugin plugin{
        run_is_refused,
        finds_its_worker,
        throws_the_hosts_error,
        works_on_the_hosts_pool,
        has_the_default_runner,
        uses_its_own,
        is_interrupted,
        uses_a_static_one,
        works_on,
        works_in,
        sees_and_sets};
    return &plugin;
}
