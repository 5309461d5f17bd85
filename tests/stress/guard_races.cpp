// Guards are closed, destroyed and used while their runner is closed: each context is left exactly
// once, and what an exit throws comes out exactly once.
#include "support/errors.hpp"
#include "support/stress.hpp"
#include "support/tasks.hpp"
#include <syncopate/context_guard.hpp>
#include <syncopate/error.hpp>
#include <syncopate/options.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

namespace {

namespace asio = boost::asio;
using support::RandomPause;
using support::require;
using syncopate::Errc;
using syncopate::ThreadRunner;

struct Counts {
    std::atomic<int> exits{0};
    std::atomic<int> failures{0};  // what came out
};

class Context {
public:
    explicit Context(Counts& counts) : counts_(&counts) {}

    asio::awaitable<void> aenter() { return support::nothing(); }
    asio::awaitable<void> aexit(std::exception_ptr) {
        support::Tracked const frame;
        auto const number = ++counts_->exits;
        if (number % 2 == 0)
            co_await asio::post(asio::use_awaitable);
        throw std::runtime_error("no exit");
    }

private:
    Counts* counts_;
};

template <class F>
void counting_failures(Counts& counts, F function) {
    try {
        function();
    } catch (std::runtime_error const& error) {
        if (auto const* system = dynamic_cast<std::system_error const*>(&error))
            require(system->code() == Errc::runner_closed, error.what());
        else
            ++counts.failures;
    }
}

using Guard = syncopate::ContextGuard<Context&>;
using Guards = std::array<std::optional<Guard>, 4>;

void leave(Guard guard, Counts& counts, unsigned way) {
    counting_failures(counts, [&] {
        switch (way) {
        case 0: return guard.close();
        case 1: return;
        case 2: throw std::system_error(Errc::runner_closed);
        default:
            static_cast<void>(*guard);
            Guard moved = std::move(guard);
            return moved.close();
        }
    });
}

void leave_all(Guards& guards, Counts& counts, RandomPause& pause) {
    for (auto& guard : guards) {
        pause();
        if (auto leaving = std::exchange(guard, std::nullopt))
            leave(std::move(*leaving), counts, pause.below(4));
    }
}

void enter_all(ThreadRunner& runner, Guards& guards, Counts& counts, RandomPause& pause) {
    for (auto& guard : guards) {
        pause();
        counting_failures(counts, [&] { guard.emplace(runner.wrap_context(Context(counts))); });
    }
}

// Guards that are open already, guards that are just being made, and an exit stack.
void play(unsigned seed) {
    Counts counts;
    Guards open_before;
    Guards opened_meanwhile;
    auto const on_error = [&counts](std::exception_ptr error) {
        require(support::message_of(error) == "no exit", "nothing else is reported");
        ++counts.failures;
    };
    ThreadRunner runner(syncopate::Options().on_error(on_error));
    RandomPause pause(seed);
    runner.enter_context(Context(counts));
    enter_all(runner, open_before, counts, pause);
    runner.enter_context(Context(counts));
    {
        std::atomic<bool> go{false};
        std::jthread const leaver([&, own = RandomPause(seed + 1)]() mutable {
            go.wait(false);
            leave_all(open_before, counts, own);
        });
        std::jthread const enterer([&, own = RandomPause(seed + 2)]() mutable {
            go.wait(false);
            enter_all(runner, opened_meanwhile, counts, own);
        });
        go = true;
        go.notify_all();
        pause();
        counting_failures(counts, [&] { runner.close(); });
    }
    leave_all(opened_meanwhile, counts, pause);
    counting_failures(counts, [&] { runner.close(); });
    require(counts.exits >= 6, "every context that was open has been left");
    require(counts.exits == counts.failures, "every failing exit comes out once");
}

}  // namespace

int main(int argc, char** argv) {
    constexpr long guards_a_round = 8;
    support::Audit const audit;
    auto const races = support::iterations(argc, argv, 100'000);
    for (long i = 0; i < races; i += guards_a_round)
        play(static_cast<unsigned>(i + 1));
    support::require_nothing_left(audit);
    std::puts("every context was left once");
}
