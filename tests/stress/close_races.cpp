// Calls of every kind race close(): each one runs, or throws Errc::runner_closed, and none hangs.
#include "support/errors.hpp"
#include "support/stress.hpp"
#include "support/tasks.hpp"
#include <syncopate/blocking_portal.hpp>
#include <syncopate/blocking_range.hpp>
#include <syncopate/error.hpp>
#include <syncopate/options.hpp>
#include <syncopate/runner_base.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <exception>
#include <future>
#include <optional>
#include <stop_token>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using support::RandomPause;
using support::require;
using syncopate::BlockingPortal;
using syncopate::Errc;
using syncopate::RunnerBase;
using syncopate::ThreadRunner;

struct Counts {
    std::atomic<long> entered{0};
    std::atomic<long> left{0};
    std::atomic<long> ran{0};
    std::atomic<long> refused{0};
};

class Context {
public:
    explicit Context(Counts& counts) : counts_(&counts) {}

    asio::awaitable<void> aenter() {
        support::Tracked const frame;
        co_await asio::post(asio::use_awaitable);
        ++counts_->entered;
    }
    asio::awaitable<void> aexit(std::exception_ptr) {
        support::Tracked const frame;
        ++counts_->left;
        co_await asio::post(asio::use_awaitable);
    }

private:
    Counts* counts_;
};

class Numbers {
public:
    asio::awaitable<std::optional<int>> anext() {
        support::Tracked const frame;
        if (next_ % 2 == 0)
            co_await asio::post(asio::use_awaitable);
        co_return next_++;
    }

private:
    int next_ = 0;
};

constexpr unsigned call_kinds = 12;

// One call. What it gives is right, or it throws.
void call(RunnerBase& runner, unsigned kind, Counts& counts) {
    auto const read = [](auto range) {
        int expected = 0;
        for (int item : range) {
            require(item == expected++, "a range gives its items in order");
            if (item == 4)
                break;
        }
    };
    switch (kind) {
    case 0: return require(runner.run(support::twice(21)) == 42, "run()");
    case 1: return require(runner.run(support::twice_later(21)) == 42, "run(), suspended");
    case 2: return require(runner.call([] { return 42; }) == 42, "call()");
    case 3: {
        // Shared, so that the error is destroyed here: its last reference must not be the promise's,
        // because ThreadSanitizer does not see the reference counts of the standard library.
        auto const future = runner.run_as_future(support::twice_later(21)).share();
        auto const code = support::code_of([&] { require(future.get() == 42, "run_as_future()"); });
        if (code)
            throw std::system_error(code);
        return;
    }
    case 4: return runner.start_soon(support::twice_later(21));
    case 5: {
        auto const guard = runner.wrap_context(Context(counts));
        return;
    }
    case 6: return runner.with_context(Context(counts), [](Context&) {});
    case 7: return static_cast<void>(runner.enter_context(Context(counts)));
    case 8: return read(runner.wrap_iter(Numbers()));
    case 9: return read(runner.wrap_iter(Numbers(), syncopate::ReadAhead(2)));
    case 10: return require(runner.run_for(1h, support::twice_later(21)) == 42, "run_for()");
    default: {
        std::stop_source stop;
        return require(runner.run(support::twice_later(21), stop.get_token()) == 42, "run(stop)");
    }
    }
}

// The callers, which meet a new runner in every round. One of them closes it, or two do.
class Rounds {
public:
    static constexpr unsigned callers = 4;

    Rounds() {
        for (unsigned i = 0; i < callers; ++i)
            threads_.emplace_back([this, i] { serve(i); });
    }
    ~Rounds() {
        runner_ = nullptr;
        next();
    }

    void play(RandomPause& random) {
        auto const on_error = [](std::exception_ptr error) {
            require(support::code_of(error) == Errc::runner_closed, "nothing else is reported");
        };
        {
            auto options = syncopate::Options().on_error(on_error);
            std::optional<ThreadRunner> own;
            std::optional<BlockingPortal> portal;
            if (random.below(3) != 0)
                runner_ = &own.emplace(std::move(options));
            else
                runner_ = &portal.emplace(host_, std::move(options));
            calls_ = 0;
            done_ = 0;
            // 0: while the others start the thread of the loop.
            first_closer_ = random.below(12);
            second_closer_ = first_closer_ + random.below(2);
            next();
            for (unsigned done = done_; done < callers; done = done_)
                done_.wait(done);
        }
        require(counts.entered == counts.left, "what was entered has been left");
    }

    Counts counts;

private:
    void next() {
        ++round_;
        round_.notify_all();
    }

    void serve(unsigned caller) {
        RandomPause pause(caller + 1);
        for (unsigned round = 0;; ++round) {
            round_.wait(round);
            if (!runner_)
                return;
            pause();
            while (goes_on(*runner_, pause, (round + caller * 5) % call_kinds)) {
            }
            ++done_;
            done_.notify_one();
        }
    }

    // Makes one call. False: it was refused.
    bool goes_on(RunnerBase& runner, RandomPause& pause, unsigned kind) {
        if (auto const number = calls_++; number == first_closer_ || number == second_closer_) {
            pause();
            runner.close();
        }
        try {
            call(runner, kind, counts);
        } catch (std::system_error const& error) {
            require(error.code() == Errc::runner_closed, error.what());
            ++counts.refused;
            return false;
        }
        ++counts.ran;
        return true;
    }

    asio::thread_pool host_{2};
    // Written between the rounds.
    RunnerBase* runner_ = nullptr;
    unsigned first_closer_ = 0;
    unsigned second_closer_ = 0;

    std::atomic<unsigned> round_{0};
    std::atomic<unsigned> calls_{0};
    std::atomic<unsigned> done_{0};
    std::vector<std::jthread> threads_;
};

}  // namespace

int main(int argc, char** argv) {
    support::Audit const audit;
    auto const races = support::iterations(argc, argv, 100'000);
    {
        Rounds rounds;
        RandomPause random(1);
        for (long i = 0; i < races; i += Rounds::callers)
            rounds.play(random);
        std::printf(
            "%ld calls ran, %ld were refused\n", rounds.counts.ran.load(),
            rounds.counts.refused.load());
    }
    support::require_nothing_left(audit);
}
