// Ranges that are read ahead, both sides of which fall asleep and wake at random, and which are dropped
// at random: no item is lost, none comes twice, nobody sleeps for ever.
#include "support/errors.hpp"
#include "support/stress.hpp"
#include "support/tasks.hpp"
#include <syncopate/async_generator.hpp>
#include <syncopate/blocking_portal.hpp>
#include <syncopate/blocking_range.hpp>
#include <syncopate/options.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

namespace {

namespace asio = boost::asio;
using support::RandomPause;
using support::require;
using Item = std::unique_ptr<int>;

syncopate::AsyncGenerator<Item> produce(int count, bool fails, unsigned seed) {
    support::Tracked const frame;
    RandomPause pause(seed);
    for (int i = 0; i < count; ++i) {
        pause();
        if (pause.below(4) == 0)
            co_await asio::post(asio::deferred);
        else if (pause.below(64) == 0)
            co_await support::sleep_for(std::chrono::microseconds(pause.below(60)));
        co_yield std::make_unique<int>(i);
    }
    if (fails)
        throw std::runtime_error("the end");
}

constexpr std::array<std::size_t, 4> capacities{1, 2, 3, 1024};

template <class R>
void read_one_range(R& runner, RandomPause& pause, unsigned seed) {
    int const count = static_cast<int>(pause.below(60));
    int const dropped_at = static_cast<int>(pause.below(120));
    bool const fails = pause.below(4) == 0;
    auto const capacity = capacities[pause.below(capacities.size())];
    int received = 0;
    bool failed = false;
    try {
        for (Item const& item :
             runner.wrap_iter(produce(count, fails, seed), syncopate::ReadAhead(capacity))) {
            require(*item == received, "items come in order");
            if (++received == dropped_at)
                return;
            pause();
        }
    } catch (std::runtime_error const& error) {
        require(fails && error.what() == std::string("the end"), error.what());
        failed = true;
    }
    require(failed == fails, "an exception comes out");
    require(received == count, "no item is lost");
}

template <class R>
void read_ranges(R& runner, long count, unsigned seed) {
    RandomPause pause(seed);
    for (long i = 0; i < count; ++i)
        read_one_range(runner, pause, seed + static_cast<unsigned>(i));
}

syncopate::Options strict() {
    return syncopate::Options().on_error(
        [](std::exception_ptr error) { support::give_up(support::message_of(error)); });
}

}  // namespace

int main(int argc, char** argv) {
    support::Audit const audit;
    auto const ranges = support::iterations(argc, argv, 100'000);
    {
        syncopate::ThreadRunner runner(strict());
        asio::thread_pool pool(2);
        syncopate::BlockingPortal portal(pool, strict());
        // Two consumers of one loop, and one of another.
        std::jthread const first([&] { read_ranges(runner, ranges / 2, 1); });
        std::jthread const second([&] { read_ranges(runner, ranges / 4, 1'000'000); });
        read_ranges(portal, ranges / 4, 2'000'000);
    }
    support::require_nothing_left(audit);
    std::puts("all items came");
}
