// Children of groups, gathers, time-outs and starts end while their siblings fail, while their time runs
// out, while another thread asks the task around them to stop, and while the runner is closed: there is
// one outcome each time, and no child that was started has not ended by then.

#include "support/audit.hpp"
#include "support/stress.hpp"
#include "support/tasks.hpp"
#include <syncopate/blocking_portal.hpp>
#include <syncopate/error.hpp>
#include <syncopate/gather.hpp>
#include <syncopate/options.hpp>
#include <syncopate/shield.hpp>
#include <syncopate/task_group.hpp>
#include <syncopate/thread_runner.hpp>
#include <syncopate/timeout.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <system_error>
#include <thread>
#include <utility>

#include <sys/prctl.h>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::BlockingPortal;
using syncopate::Errc;
using syncopate::Ready;
using syncopate::TaskGroup;
using syncopate::TaskGroupError;
using syncopate::ThreadRunner;

class Failure : public std::runtime_error {
public:
    Failure() : std::runtime_error("a child failed") {}
};

// Of one round. The loop's, until the call has returned.
struct Round {
    explicit Round(unsigned seed) : random(seed) {}

    RandomPause random;
    long started = 0;
    long ended = 0;
    long thrown = 0;
    long caught = 0;
};

// Counts a child from its start to its end.
class Lifetime {
public:
    explicit Lifetime(Round& round) noexcept : round_(round) { ++round_.started; }
    Lifetime(Lifetime const&) = delete;
    Lifetime& operator=(Lifetime const&) = delete;
    ~Lifetime() { ++round_.ended; }

private:
    Round& round_;
};

// How many failures of children are in an exception.
long failures_in(std::exception_ptr const& error) {
    try {
        std::rethrow_exception(error);
    } catch (TaskGroupError const& group) {
        long count = 0;
        for (auto const& each : group.errors())
            count += failures_in(each);
        return count;
    } catch (Failure const&) {
        return 1;
    } catch (...) {
        return 0;
    }
}

// Suspended a few times, one way or another, and then ends, or fails. Sometimes waits for being
// cancelled, so that only the end of the round ends it.
asio::awaitable<int> child(Round& round) {
    Tracked const frame;
    Lifetime const lifetime(round);
    switch (round.random.below(8)) {
    case 0: break;
    case 1: co_await sleep_for(std::chrono::microseconds(round.random.below(100))); break;
    case 2:
        co_await until_cancelled();
        co_await asio::post(asio::use_awaitable);
        throw boost::system::system_error(asio::error::operation_aborted);
    default:
        for (unsigned i = round.random.below(4); i > 0; --i)
            co_await asio::post(asio::use_awaitable);
    }
    if (round.random.below(8) == 0) {
        ++round.thrown;
        throw Failure();
    }
    co_return 1;
}

asio::awaitable<void> child_that_tells(Round& round, Ready<int> ready) {
    Lifetime const lifetime(round);
    co_await child(round);
    ready(1);
    co_await child(round);
}

asio::awaitable<void> start_child(TaskGroup& group, Round& round) {
    Lifetime const lifetime(round);
    auto task = [&round](Ready<int> ready) { return child_that_tells(round, std::move(ready)); };
    try {
        co_await group.start<int>(std::move(task));
    } catch (Failure const&) {
        ++round.caught;
    }
}

// A group with children of every kind, and perhaps another group.
asio::awaitable<int> group_of(Round& round, int depth) {
    Tracked const frame;
    auto body = [&round, depth](TaskGroup& group) -> asio::awaitable<int> {
        for (unsigned i = round.random.below(5); i > 0; --i)
            group.start_soon(child(round));
        if (round.random.below(4) == 0)
            group.start_soon(syncopate::shield(syncopate::fail_after(200us, child(round))));
        if (round.random.below(4) == 0)
            group.start_soon(syncopate::gather(
                syncopate::move_on_after(20us, child(round)), [&round] { return child(round); }));
        if (round.random.below(4) == 0)
            group.start_soon(start_child(group, round));
        if (depth > 0)
            group.start_soon(group_of(round, depth - 1));
        int const value = co_await child(round);
        if (round.random.below(3) == 0)
            group.cancel();
        co_return value;
    };
    int const value = co_await syncopate::with_task_group(std::move(body));
    co_return value;
}

struct Counts {
    long values = 0;
    long cancelled = 0;
    long failed = 0;

    // Calls, looks at the outcome, and balances the round.
    template <class Call>
    void count(Round& round, Errc by_caller, Call call) {
        std::exception_ptr error;
        try {
            require(call() == 1, "the value is that of the body");
            ++values;
        } catch (TaskGroupError const&) {
            ++failed;
            error = std::current_exception();
        } catch (std::system_error const& e) {
            ++cancelled;
            require(
                e.code() == by_caller || e.code() == Errc::cancelled,
                "a group ends in no other way");
        }
        if (error)
            round.caught += failures_in(error);
        require(round.started == round.ended, "every child has ended");
        require(round.thrown == round.caught, "no failure is lost, and none is there twice");
    }

    void summarize(char const* race) const {
        std::printf("%s: %ld values, %ld cancelled, %ld failed\n", race, values, cancelled, failed);
    }
};

// The round that the loop is at, for what goes to on_error.
class Reports {
public:
    syncopate::Options options() {
        return syncopate::Options().on_error(
            [this](std::exception_ptr const& error) { round_->caught += failures_in(error); });
    }
    void belong_to(Round& round) noexcept { round_ = &round; }

private:
    Round* round_ = nullptr;
};

// So many rounds, in each of which run(round) gives the value of a group, or ends by `by_caller`.
template <class Run>
void race(char const* name, Reports& reports, long iterations, Errc by_caller, Run run) {
    Counts counts;
    for (long i = 0; i < iterations; ++i) {
        Round round(static_cast<unsigned>(i) + 1);
        reports.belong_to(round);
        counts.count(round, by_caller, [&] { return run(round); });
    }
    counts.summarize(name);
}

template <class Runner>
void race_with_timeout(Runner& runner, Reports& reports, long iterations) {
    RandomPause pause(1);
    race("time-out", reports, iterations, Errc::timed_out, [&](Round& round) {
        return runner.run_for(
            std::chrono::microseconds(pause.below(200)), [&] { return group_of(round, 2); });
    });
}

template <class Runner>
void race_with_inner_timeout(Runner& runner, Reports& reports, long iterations) {
    RandomPause pause(2);
    race("time-out inside", reports, iterations, Errc::timed_out, [&](Round& round) {
        auto const time = std::chrono::microseconds(pause.below(200));
        return runner.run([&] { return syncopate::fail_after(time, group_of(round, 1)); });
    });
}

template <class Runner>
void race_with_stop_request(Runner& runner, Reports& reports, long iterations) {
    RandomPause pause(3);
    race("stop request", reports, iterations, Errc::cancelled, [&](Round& round) {
        std::stop_source source;
        std::jthread const stopper([&] {
            pause();
            source.request_stop();
        });
        return runner.run([&] { return group_of(round, 2); }, source.get_token());
    });
}

template <class MakeRunner>
void race_with_close(MakeRunner make_runner, long iterations) {
    Reports reports;
    RandomPause pause(4);
    race("close", reports, iterations, Errc::runner_closed, [&](Round& round) {
        auto const runner = make_runner(reports.options());
        auto future = runner->run_as_future([&] { return group_of(round, 2); });
        pause();
        runner->close();
        return future.get();
    });
}

}  // namespace

int main(int argc, char* argv[]) {
    long const count = iterations(argc, argv, 100'000);
    // Time-outs that come when they are due, not when it saves power.
    ::prctl(PR_SET_TIMERSLACK, 1);
    Audit const audit;
    {
        Reports reports;
        ThreadRunner runner(reports.options());
        race_with_timeout(runner, reports, count);
        race_with_inner_timeout(runner, reports, count);
        race_with_stop_request(runner, reports, count / 4 + 1);
    }
    race_with_close(
        [](syncopate::Options options) {
            return std::make_unique<ThreadRunner>(std::move(options));
        },
        count / 4 + 1);
    {
        asio::thread_pool pool(2);
        Reports reports;
        BlockingPortal portal(asio::make_strand(pool), reports.options());
        race_with_timeout(portal, reports, count / 10 + 1);
        race_with_inner_timeout(portal, reports, count / 10 + 1);
        race_with_stop_request(portal, reports, count / 10 + 1);
    }
    require_nothing_left(audit);
    return EXIT_SUCCESS;
}
