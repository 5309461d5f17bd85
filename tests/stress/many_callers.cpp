// Many threads call at once, in every way there is: each gets its own result, and on the loop nothing
// overlaps.

#include "support/audit.hpp"
#include "support/stress.hpp"
#include "support/tasks.hpp"
#include <syncopate/blocking_portal.hpp>
#include <syncopate/options.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <stop_token>
#include <thread>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using Clock = std::chrono::steady_clock;
using syncopate::BlockingPortal;
using syncopate::Options;
using syncopate::ThreadRunner;

struct Number {
    long value;
};

// Only the loop touches what is not atomic.
struct Counts {
    long done_on_loop = 0;
    std::atomic<long> asked_for{0};
    std::atomic<long> reported{0};
};

asio::awaitable<long> compute(long value, Counts& counts) {
    Tracked const frame;
    ++counts.done_on_loop;
    if (value % 3 != 0)
        co_await asio::post(asio::use_awaitable);
    if (value % 7 == 0)
        throw Number{2 * value};
    co_return 2 * value;
}

// Calls, and gives the result, however it came out.
template <class Runner>
long result_of_call(Runner& runner, long value, Counts& counts) {
    auto const factory = [value, &counts, capture = Tracked()] { return compute(value, counts); };
    try {
        switch (value % 5) {
        case 0: return runner.run(compute(value, counts));
        case 1: return runner.run_for(1h, factory);
        case 2: return runner.run(factory, std::stop_source().get_token());
        case 3: return runner.run_as_future(factory).get();
        default:
            return runner.call([&, value] {
                ++counts.done_on_loop;
                return 2 * value;
            });
        }
    } catch (Number const& number) {
        return number.value;
    }
}

template <class Runner>
void call_from_many_threads(Runner& runner, long calls, Counts& counts) {
    constexpr long callers = 32;
    std::vector<std::jthread> threads;
    for (long caller = 0; caller < callers; ++caller)
        threads.emplace_back([&, caller] {
            for (long value = caller; value < calls; value += callers) {
                ++counts.asked_for;
                require(
                    result_of_call(runner, value, counts) == 2 * value,
                    "each caller gets the result of its own task");
                if (value % 4 != 0)
                    continue;
                ++counts.asked_for;
                runner.start_soon(compute(value, counts));
            }
        });
    threads.clear();
    // close() would cancel the background tasks that are left, some of them before they begin.
    long const failures = (calls + 27) / 28;  // every 28th value is that of one that fails
    auto const all_done = [&] {
        return runner.call([&] { return counts.done_on_loop; }) >= counts.asked_for &&
               counts.reported >= failures;
    };
    for (auto const end = Clock::now() + 1min; !all_done() && Clock::now() < end;)
        std::this_thread::sleep_for(1ms);
    runner.close();
    require(
        counts.done_on_loop == counts.asked_for, "every task runs once, and none beside another");
    require(counts.reported == failures, "each failure without a caller is reported once");
}

Options reporting_to(Counts& counts) {
    return Options().on_error([&counts](std::exception_ptr) { ++counts.reported; });
}

}  // namespace

int main(int argc, char* argv[]) {
    long const calls = iterations(argc, argv, 200'000);
    Audit const audit;
    {
        Counts counts;
        ThreadRunner runner(reporting_to(counts));
        call_from_many_threads(runner, calls, counts);
    }
    {
        Counts counts;
        asio::thread_pool pool(3);
        BlockingPortal portal(pool, reporting_to(counts));
        call_from_many_threads(portal, calls, counts);
    }
    require_nothing_left(audit);
    return EXIT_SUCCESS;
}
