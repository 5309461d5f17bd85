// The threads that run a portal's executor hold the portal up also in handlers of which the library knows nothing.

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/blocking_portal.hpp>
#include <syncopate/error.hpp>
#include <syncopate/options.hpp>
#include <syncopate/thread_runner.hpp>
#include <syncopate/to_thread.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include <chrono>
#include <functional>
#include <future>
#include <latch>
#include <list>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace support;
using Catch::Matchers::ContainsSubstring;
using syncopate::BlockingPortal;
using syncopate::DeadlockError;
using syncopate::Options;
using syncopate::ThreadRunner;
using syncopate::to_thread;

/// What the function is refused with in a handler; empty if it is not.
template <class Context>
std::future<std::string> refusal_in_handler(Context& context, std::function<void()> function) {
    auto refusal = std::make_shared<std::promise<std::string>>();
    auto future = refusal->get_future();
    asio::post(context, [refusal = std::move(refusal), function = std::move(function)] {
        try {
            function();
            refusal->set_value({});
        } catch (DeadlockError const& error) {
            refusal->set_value(error.what());
        }
    });
    return future;
}

class SeveralThreads {
public:
    explicit SeveralThreads(int count) {
        for (int i = 0; i < count; ++i)
            threads_.emplace_back([this] { context.run(); });
    }
    ~SeveralThreads() { work_.reset(); }

    asio::io_context context;

private:
    asio::executor_work_guard<asio::io_context::executor_type> work_{context.get_executor()};
    std::vector<std::jthread> threads_;
};

}  // namespace

TEST_CASE("A circle that begins in a handler of the portal's only thread is refused") {
    RunningContext context;
    BlockingPortal portal(context.get(), Options().name("portal"));
    ThreadRunner runner(Options().name("runner"));
    auto const through_task = [&] { runner.call([&] { portal.run(nothing()); }); };
    auto const through_worker = [&] { runner.run(to_thread([&] { portal.run(nothing()); })); };
    CHECK_THAT(
        refusal_in_handler(context.get(), through_task).get(),
        ContainsSubstring("\"runner\" waits for \"portal\", which waits for \"runner\""));
    CHECK_THAT(
        refusal_in_handler(context.get(), through_worker).get(),
        ContainsSubstring("a worker of \"runner\" waits for \"portal\""));
    CHECK(refusal_in_handler(context.get(), [&] { runner.run(nothing()); }).get().empty());
    CHECK(portal.run(twice(21)) == 42);
}

TEST_CASE("A circle that ends in a handler of the portal's only thread is refused") {
    RunningContext context;
    BlockingPortal portal(context.get(), Options().name("portal"));
    ThreadRunner runner(Options().name("runner"));
    Gate waits;
    // The runner waits for the portal first, and then the portal's thread for the runner.
    auto first = refusal_in_handler(context.get(), [&] {
        waits.wait();
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        runner.run(nothing());
    });
    auto const second = message_of<DeadlockError>([&] {
        runner.call([&] {
            waits.open();
            portal.run(nothing());
        });
    });
    CHECK(first.get().empty() != second.empty());
}

TEST_CASE("All threads of a pool do not wait for each other through runners") {
    asio::thread_pool pool(2);
    BlockingPortal portal(pool, Options().name("portal"));
    ThreadRunner runner(Options().name("runner"));
    auto const through_task = [&] { runner.call([&] { portal.run(nothing()); }); };
    auto const through_worker = [&] { runner.run(to_thread([&] { portal.run(nothing()); })); };
    for (auto const& other : std::vector<std::function<void()>>{through_task, through_worker}) {
        std::latch both_run(2);
        auto first = refusal_in_handler(pool, [&] {
            both_run.arrive_and_wait();
            portal.run(nothing());
        });
        auto second = refusal_in_handler(pool, [&] {
            both_run.arrive_and_wait();
            other();
        });
        auto const refusals = first.get() + second.get();
        if (!refusals.empty())
            CHECK_THAT(refusals, ContainsSubstring("no thread"));
    }
    CHECK(portal.run(twice(21)) == 42);
}

TEST_CASE("A thread of a pool may wait while another one is left") {
    asio::thread_pool pool(3);
    BlockingPortal portal(pool);
    ThreadRunner runner;
    std::latch two(2);
    auto first = refusal_in_handler(pool, [&] {
        two.arrive_and_wait();
        portal.run(nothing());
    });
    auto second = refusal_in_handler(pool, [&] {
        two.arrive_and_wait();
        runner.run(to_thread([&] { portal.run(nothing()); }));
    });
    CHECK(first.get().empty());
    CHECK(second.get().empty());
}

TEST_CASE("A thread of an io_context may wait while another one is left") {
    SeveralThreads threads(3);
    ThreadRunner runner;
    BlockingPortal portal(threads.context);
    BlockingPortal other(threads.context);
    auto& context = threads.context;
    CHECK(refusal_in_handler(context, [&] { portal.run(nothing()); }).get().empty());
    CHECK(refusal_in_handler(context, [&] { runner.call([&] { portal.run(nothing()); }); })
              .get()
              .empty());
    portal.call([&] { other.run(nothing()); });
    portal.call([&] { runner.call([&] { other.run(nothing()); }); });
}

TEST_CASE("The last thread of an io_context does not wait for the others") {
    constexpr int count = 3;
    SeveralThreads threads(count);
    std::list<BlockingPortal> portals;
    std::latch all(count);
    std::vector<std::future<std::string>> refusals;
    for (int i = 0; i < count; ++i) {
        auto& portal = portals.emplace_back(threads.context);
        refusals.push_back(refusal_in_handler(threads.context, [&] {
            all.arrive_and_wait();
            portal.run(nothing());
        }));
    }
    int refused = 0;
    for (auto& refusal : refusals)
        refused += !refusal.get().empty();
    CHECK(refused >= 1);
}
