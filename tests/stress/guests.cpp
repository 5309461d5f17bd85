// Guests of a host that turns all the time, slowly or not at all: each call has one outcome, whoever ends first.

#include "support/audit.hpp"
#include "support/errors.hpp"
#include "support/host_queue.hpp"
#include "support/stress.hpp"
#include "support/tasks.hpp"
#include <syncopate/error.hpp>
#include <syncopate/guest_runner.hpp>
#include <syncopate/options.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <system_error>
#include <thread>
#include <utility>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::Errc;
using syncopate::GuestRunner;
using syncopate::Options;

/// Turns on a thread of its own, until it is destroyed, and drops what it has not called.
class Host {
public:
    Host() : thread_([this](std::stop_token const& stop) { turn(stop); }) {}
    ~Host() {
        stop();
        queue_->end();
    }

    auto poster() { return queue_->poster(); }
    void stop() {
        thread_.request_stop();
        if (thread_.joinable())
            thread_.join();
    }
    void drop() { queue_->drop_all(); }

private:
    void turn(std::stop_token const& stop) {
        RandomPause pause(7);
        std::unique_lock lock(queue_->mutex);
        while (queue_->changed.wait(lock, stop, [this] { return !queue_->functions.empty(); }) &&
               !stop.stop_requested()) {
            auto function = std::move(queue_->functions.front());
            queue_->functions.pop_front();
            lock.unlock();
            function();
            function = nullptr;
            pause();
            lock.lock();
        }
    }

    std::shared_ptr<HostQueue> const queue_ = std::make_shared<HostQueue>();
    std::jthread thread_;
};

asio::awaitable<int> suspend(unsigned times, int value) {
    Tracked const frame;
    for (unsigned i = 0; i < times; ++i) {
        if (i % 3 == 2)
            co_await sleep_for(1us);
        else
            co_await asio::post(asio::use_awaitable);
    }
    co_return value;
}

// Threads call, with time limits and requests to stop.
void call(long iterations) {
    Host host;
    GuestRunner guest(host.poster());
    std::jthread const other([&] {
        RandomPause pause(1);
        for (int i = 0; i < iterations; ++i) {
            auto const limit = std::chrono::microseconds(pause.below(60));
            auto const error = code_of([&] { guest.run_for(limit, suspend(pause.below(9), i)); });
            require(!error || error == Errc::timed_out, "in time or not");
        }
    });
    Stopper stopper;
    RandomPause pause(3);
    for (int i = 0; i < iterations; ++i) {
        int value = -1;
        auto const token = stopper.begin_round();
        auto const error = code_of([&] { value = guest.run(suspend(pause.below(8), i), token); });
        stopper.end_round();
        require(error == Errc::cancelled || (!error && value == i), "one outcome");
    }
}

// The host ends, or is destroyed, while threads wait for its guest.
void race_with_end(long iterations) {
    RandomPause pause(5);
    for (long i = 0; i < iterations; ++i) {
        std::optional<Host> host(std::in_place);
        std::optional<GuestRunner> guest(
            std::in_place, host->poster(), std::function<void()>(),
            Options().on_error([](std::exception_ptr const&) {}));
        guest->start_soon(forever());
        auto waiting = guest->run_as_future(forever());
        pause();
        bool const ends_first = i % 2 == 0;
        if (ends_first) {
            host->stop();
            guest->start_soon(suspend(1, 1));  // so that there is something to drop
            host->drop();
        }
        guest.reset();
        auto const error = code_of([&] { waiting.get(); });
        require(
            error == Errc::runner_closed || (ends_first && error == Errc::loop_failed),
            "who waits is told");
        host.reset();
    }
}

}  // namespace

int main(int argc, char** argv) {
    long const count = iterations(argc, argv, 2000);
    Audit const audit;
    call(count);
    race_with_end(count / 20);
    require_nothing_left(audit);
    return EXIT_SUCCESS;
}
