// Awaitables that go on in other threads: their tasks run out of time, race each other and are read ahead, while the
// runner is closed with some of them under way. Each value arrives once, and each frame is destroyed.

#include "support/audit.hpp"
#include "support/errors.hpp"
#include "support/foreign.hpp"
#include "support/stress.hpp"
#include <syncopate/as_awaitable.hpp>
#include <syncopate/error.hpp>
#include <syncopate/gather.hpp>
#include <syncopate/race.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <condition_variable>
#include <coroutine>
#include <cstdio>
#include <deque>
#include <future>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using namespace support;
using syncopate::Errc;
using syncopate::ThreadRunner;

// Two threads that coroutines can go on in.
class Elsewhere {
public:
    auto go_on() {
        struct Awaiter {
            Elsewhere& elsewhere;
            bool await_ready() const noexcept { return false; }
            void await_suspend(std::coroutine_handle<> awaiting) { elsewhere.add(awaiting); }
            void await_resume() const noexcept {}
        };
        return Awaiter{*this};
    }

private:
    void add(std::coroutine_handle<> awaiting) {
        std::lock_guard const lock(mutex_);
        waiting_.push_back(awaiting);
        more_.notify_one();
    }

    void run(std::stop_token const& stop, RandomPause pause) {
        for (;;) {
            std::unique_lock lock(mutex_);
            if (!more_.wait(lock, stop, [this] { return !waiting_.empty(); }))
                return;
            auto const next = waiting_.front();
            waiting_.pop_front();
            lock.unlock();
            pause();
            next.resume();
        }
    }

    std::mutex mutex_;
    std::condition_variable_any more_;
    std::deque<std::coroutine_handle<>> waiting_;
    std::jthread one_{[this](std::stop_token const& stop) { run(stop, RandomPause(1)); }};
    std::jthread other_{[this](std::stop_token const& stop) { run(stop, RandomPause(2)); }};
};

foreign::Task<Tracked> there_and_back(Elsewhere& elsewhere, unsigned times, int value) {
    Tracked const frame;
    for (; times != 0; --times)
        co_await elsewhere.go_on();
    co_return Tracked(value);
}

foreign::Generator<Tracked> several(Elsewhere& elsewhere, int count) {
    Tracked const frame;
    for (int i = 1; i <= count; ++i) {
        co_await elsewhere.go_on();
        co_yield Tracked(i);
    }
}

long call(Elsewhere& elsewhere, ThreadRunner& runner, long count, RandomPause pause) {
    long races = 0;
    for (; races < count; races += 5) {
        auto const time = std::chrono::microseconds(pause.below(60));
        // What cannot be cancelled gives its value, however late; what the loop has not begun in time does not begin.
        int value = 7;
        auto const thrown = code_of([&] {
            value = runner.run_for(time, there_and_back(elsewhere, pause.below(3), 7)).value();
        });
        require(value == 7 && (!thrown || thrown == Errc::timed_out), "the value of a task");
        auto const won = runner.run(syncopate::race(
            there_and_back(elsewhere, pause.below(3), 8), there_and_back(elsewhere, 1, 8)));
        require(won.value() == 8, "the value of a winner");
        int expected = 1;
        int const until = 1 + static_cast<int>(pause.below(4));
        for (auto const& item :
             runner.wrap_iter(several(elsewhere, 3), syncopate::ReadAhead{pause.below(3)})) {
            require(item.value() == expected, "the items come in their order");
            if (++expected == until)
                break;
        }
    }
    return races;
}

void close_meanwhile(Elsewhere& elsewhere, RandomPause pause) {
    ThreadRunner runner;
    std::vector<std::future<Tracked>> futures;
    for (unsigned i = 0; i < 4; ++i)
        futures.push_back(runner.run_as_future(there_and_back(elsewhere, 1 + i, 9)));
    pause();
    runner.close();
    for (auto& future : futures) {
        int value = 9;
        auto const thrown = code_of([&] { value = future.get().value(); });
        require(value == 9 && (!thrown || thrown == Errc::runner_closed), "one end of each");
    }
}

}  // namespace

int main(int argc, char** argv) {
    long const count = iterations(argc, argv, 5000);
    Audit const audit;
    {
        Elsewhere elsewhere;
        ThreadRunner runner;
        std::jthread const other([&] { call(elsewhere, runner, count / 2, RandomPause(3)); });
        call(elsewhere, runner, count / 2, RandomPause(4));
        for (unsigned i = 0; i < static_cast<unsigned>(count) / 50; ++i)
            close_meanwhile(elsewhere, RandomPause(i));
    }
    require_nothing_left(audit);
    std::puts("ok");
}
