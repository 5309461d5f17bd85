// Context variables while many threads call several loops, tasks take turns, work on other threads, are cancelled
// and end anywhere: nobody sees a value that is not its own.

#include "support/audit.hpp"
#include "support/errors.hpp"
#include "support/stress.hpp"
#include "support/tasks.hpp"
#include <syncopate/context_var.hpp>
#include <syncopate/error.hpp>
#include <syncopate/from_thread.hpp>
#include <syncopate/gather.hpp>
#include <syncopate/runner.hpp>
#include <syncopate/thread_runner.hpp>
#include <syncopate/to_calling_thread.hpp>
#include <syncopate/to_thread.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cstdio>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
namespace from_thread = syncopate::from_thread;
using namespace support;
using syncopate::ContextVar;
using syncopate::Errc;
using syncopate::ThreadRunner;
using syncopate::to_thread;
using Scope = ContextVar<std::string>::Scope;

ContextVar<std::string> const name{"-"};
ContextVar<int> const depth{0};

void require_name(std::string const& expected) {
    require(name.get() == expected, "each sees its own value");
}

asio::awaitable<void> child(std::string inherited, int number) {
    require_name(inherited);
    auto const own = inherited + '.' + std::to_string(number);
    auto const scope = name.set(own);
    auto const deeper = depth.set(depth.get() + 1);
    co_await asio::post(asio::use_awaitable);
    require_name(own);
    // Named: GCC 12 destroys the captures of a lambda twice that is written into a co_await expression.
    auto const in_thread = [own] {
        require_name(own);
        auto const in_worker = name.set(own + "w");
        from_thread::call([own] { require_name(own + "w"); });
        from_thread::run([own]() -> asio::awaitable<void> {
            require_name(own + "w");
            co_await asio::post(asio::use_awaitable);
            require_name(own + "w");
        });
    };
    co_await to_thread(in_thread);
    require_name(own);
    require(depth.get() == 1, "each counts its own depth");
}

asio::awaitable<void> parent(std::string inherited) {
    require_name(inherited);
    auto const own = inherited + 'p';
    auto const scope = name.set(own);
    co_await syncopate::gather(child(own, 1), child(own, 2), child(own, 3));
    require_name(own);
    auto const in_caller = [own] { require_name(own); };
    co_await syncopate::to_calling_thread(in_caller);
    require_name(own);
}

// Calls both runners, and is cancelled in some of the calls.
void call(ThreadRunner& first, ThreadRunner& second, int number, long iterations) {
    Stopper stopper;
    for (long i = 0; i < iterations; ++i) {
        auto const own = std::to_string(number) + '-' + std::to_string(i);
        auto const scope = name.set(own);
        auto const stop = stopper.begin_round();
        auto& runner = i % 2 == 0 ? first : second;
        auto const code = code_of([&] { runner.run(parent(own), stop); });
        stopper.end_round();
        require(!code || code == Errc::cancelled, code.message().c_str());
        runner.call([own] { require_name(own); });
        require_name(own);
        if (i % 8 == 0) {
            syncopate::Runner own_loop;
            own_loop.run(parent(own));
        }
    }
    require_name("-");
}

// Threads that end each other's scopes, while what was started in them goes on.
void exchange_scopes(ThreadRunner& runner, long iterations) {
    std::mutex mutex;
    std::vector<Scope> scopes;
    auto const exchange = [&](std::string own) {
        for (long i = 0; i < iterations; ++i) {
            std::optional<Scope> scope(name.set(own));
            runner.start_soon([own]() -> asio::awaitable<void> {
                require_name(own);
                co_await asio::post(asio::use_awaitable);
                require_name(own);
            });
            std::optional<Scope> other;
            std::lock_guard const lock(mutex);
            if (!scopes.empty()) {
                other.emplace(std::move(scopes.back()));
                scopes.pop_back();
            }
            scopes.push_back(std::move(*scope));
        }
    };
    {
        std::jthread const first(exchange, "first");
        std::jthread const second(exchange, "second");
    }
    scopes.clear();
    runner.run(nothing());
    require_name("-");
}

}  // namespace

int main(int argc, char** argv) {
    long const count = iterations(argc, argv, 5000) / 25 + 1;
    Audit const audit;
    {
        ThreadRunner first;
        ThreadRunner second;
        {
            std::vector<std::jthread> callers;
            for (int number = 0; number < 4; ++number)
                callers.emplace_back([&, number] { call(first, second, number, count); });
        }
        exchange_scopes(first, count * 10);
        std::printf("%ld calls of each of four threads\n", count);
    }
    require_nothing_left(audit);
}
