// Calls in other processes that return, throw, crash and never end, from several threads, while calls are cancelled and pools
// are closed: none is called twice, and none that its caller was told about is lost.

#include "support/errors.hpp"
#include "support/stress.hpp"
#include <syncopate/error.hpp>
#include <syncopate/process_pool.hpp>
#include <syncopate/thread_runner.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <future>
#include <memory>
#include <new>
#include <random>
#include <stdexcept>
#include <stop_token>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using support::require;
using syncopate::Errc;
using syncopate::ProcessPool;
using syncopate::run_in_executor;

constexpr int threads = 3;
constexpr int calls_at_once = 40;

/// How often each call was begun, told by the workers.
struct Shared {
    std::atomic<int> begun[threads][calls_at_once];
};

Shared& shared = *new (::mmap(
    nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Shared();

enum class Kind { returns, throws, crashes, never_ends };

int act(int thread, int call, Kind kind) {
    ++shared.begun[thread][call];
    switch (kind) {
    case Kind::returns: break;
    case Kind::throws: throw std::domain_error("thrown");
    case Kind::crashes: ::_exit(7);
    case Kind::never_ends:
        for (;;)
            ::pause();
    }
    return call;
}

struct Call {
    Kind kind = Kind::returns;
    bool is_cancelled = false;
    std::stop_source stop;
    std::future<int> result;
};

Kind random_kind(std::minstd_rand& random) {
    auto const number = random() % 100;
    if (number < 90)
        return Kind::returns;
    return number < 95 ? Kind::throws : number < 97 ? Kind::crashes : Kind::never_ends;
}

void require_end(int thread, int number, Call& call, bool was_killed) {
    call.result.wait();
    auto const begun = shared.begun[thread][number].load();
    require(begun <= 1, "no call is begun twice");
    try {
        require(call.result.get() == number, "a call gets its own result");
        require(call.kind == Kind::returns && begun == 1, "what returned was called");
    } catch (std::system_error const& error) {
        if (error.code() == Errc::worker_lost)
            require(call.kind == Kind::crashes && begun == 1, "only what crashes is lost");
        else if (error.code() == Errc::cancelled)
            require(call.is_cancelled, "what was cancelled is");
        else
            require(was_killed && error.code() == Errc::runner_closed, "what was killed is");
    } catch (std::runtime_error const&) {
        require(call.kind == Kind::throws && begun == 1, "what threw was called");
    }
}

void use(ProcessPool& pool, int thread, std::minstd_rand& random, bool will_be_killed) {
    syncopate::ThreadRunner runner;
    std::array<Call, calls_at_once> calls;
    for (int i = 0; i < calls_at_once; ++i) {
        shared.begun[thread][i] = 0;
        auto& call = calls[static_cast<std::size_t>(i)];
        call.kind = random_kind(random);
        call.is_cancelled = call.kind == Kind::never_ends || random() % 8 == 0;
    }
    for (int i = 0; i < calls_at_once; ++i) {
        auto& call = calls[static_cast<std::size_t>(i)];
        auto function = [&pool, thread, i, kind = call.kind] {
            return run_in_executor(pool, act, thread, i, kind);
        };
        call.result = runner.run_as_future(std::move(function), call.stop.get_token());
        if (call.is_cancelled && random() % 2 == 0)
            call.stop.request_stop();
    }
    for (auto& call : calls) {
        if (call.is_cancelled)
            call.stop.request_stop();
    }
    for (int i = 0; i < calls_at_once; ++i)
        require_end(thread, i, calls[static_cast<std::size_t>(i)], will_be_killed);
}

}  // namespace

int main(int argc, char** argv) {
    ProcessPool::prepare();
    // A round makes and ends some processes, and has 120 calls.
    long const rounds = (std::max)(support::iterations(argc, argv, 5000) / 100, 1L);
    for (long round = 0; round < rounds; ++round) {
        std::minstd_rand random(static_cast<unsigned>(round + 1));
        auto pool =
            std::make_unique<ProcessPool>(ProcessPool::Options()
                                              .max_workers(1 + random() % 3)
                                              .max_tasks_per_worker(random() % 2 == 0 ? 0 : 7));
        bool const is_killed = random() % 4 == 0;
        {
            std::vector<std::jthread> users;
            for (int thread = 0; thread < threads; ++thread)
                users.emplace_back([&, thread, own = std::minstd_rand(random())]() mutable {
                    use(*pool, thread, own, is_killed);
                });
            if (is_killed) {
                std::this_thread::sleep_for(std::chrono::microseconds(random() % 5000));
                pool->kill();
            }
        }
        pool->close();
    }
}
