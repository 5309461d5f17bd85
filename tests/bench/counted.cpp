// One kind of work, so many times: what count.py counts the instructions, allocations and system calls of.
//
//   counted WORK COUNT

#include "counted_portals.hpp"
#include "counted_stopped.hpp"
#include "counted_threads.hpp"
#include "peers.hpp"
#include <syncopate/channel.hpp>
#include <syncopate/fiber.hpp>
#include <syncopate/from_thread.hpp>
#include <syncopate/gather.hpp>
#include <syncopate/guest_runner.hpp>
#include <syncopate/task_group.hpp>
#include <syncopate/timeout.hpp>
#include <syncopate/to_thread.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <exception>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <stop_token>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using namespace bench;

/// Nobody spins: how often one looks is chance.
template <class Peer>
struct Patient : Peer {
    Patient() : Peer(syncopate::Options().spin(std::chrono::nanoseconds::zero())) {}
};

template <class Peer>
void call(int count) {
    Peer peer;
    for (int i = 0; i < count; ++i)
        static_cast<void>(peer.call(i));
}

/// The loop sleeps in epoll, as one does that has input and output.
struct InEpoll : Patient<Syncopate> {
    std::future<void> task = start_long_nap();
};

/// A loop on the caller's own thread, so that nobody waits for anybody.
template <class Body>
void on_own_thread(int count, Body body) {
    syncopate::Runner runner;
    for (int i = 0; i < count; ++i)
        static_cast<void>(body(runner, i));
}

void read_ahead(int count) {
    syncopate::Runner runner;
    for ([[maybe_unused]] int const item :
         runner.wrap_iter(count_to(count), syncopate::ReadAhead{1024})) {
    }
}

/// A hop an item.
template <syncopate::AsyncGenerator<int> (*Items)(int)>
void item_by_item(int count) {
    syncopate::Runner runner;
    for ([[maybe_unused]] int const item : runner.wrap_iter(Items(count))) {
    }
}

void read_ahead_awaited(int count) {
    syncopate::Runner runner;
    for ([[maybe_unused]] int const item :
         runner.wrap_iter(await_up_to(count), syncopate::ReadAhead{1024})) {
    }
}

/// Items from this thread to a coroutine, which is the slower of the two.
void channel_item(int count) {
    syncopate::Channel<int> channel{1024};
    syncopate::ThreadRunner runner;
    auto const receive = [&]() -> asio::awaitable<void> {
        for (;;) {
            auto const item = co_await channel.async_receive();
            if (!item)
                co_return;
        }
    };
    auto const received = runner.run_as_future(receive);
    for (int i = 0; i < count; ++i)
        channel.send(i);
    channel.close();
    received.wait();
}

/// Synchronous code on the loop's own thread.
void fiber_call(int count) {
    syncopate::Runner runner;
    runner.run(syncopate::to_fiber([&] {
        for (int i = 0; i < count; ++i)
            static_cast<void>(runner.run(twice(i)));
    }));
}

/// What a coroutine does instead.
asio::awaitable<void> await_each(int count) {
    auto const executor = co_await asio::this_coro::executor;
    for (int i = 0; i < count; ++i)
        static_cast<void>(co_await asio::co_spawn(executor, twice(i), asio::use_awaitable));
}

void spawned_in_task(int count) {
    syncopate::Runner runner;
    runner.run(await_each(count));
}

/// Somebody's main loop, on one thread. It does not wait: it has something to do.
class Host {
public:
    void post(std::function<void()> function) {
        std::lock_guard const lock(mutex_);
        queue_.push_back(std::move(function));
    }
    void turn() {
        std::unique_lock lock(mutex_);
        if (queue_.empty())
            return;
        auto const function = std::move(queue_.front());
        queue_.pop_front();
        lock.unlock();
        function();
    }

private:
    std::mutex mutex_;
    std::deque<std::function<void()>> queue_;
};

void host_hop(int count) {
    Host host;
    int hops = 0;
    while (hops < count) {
        host.post([&] { ++hops; });
        host.turn();
    }
}

asio::awaitable<void> hop(int count) {
    for (int i = 0; i < count; ++i)
        co_await asio::post(asio::use_awaitable);
}

void own_thread_hop(int count) {
    syncopate::Runner runner;
    runner.run(hop(count));
}

/// Through the host's queue and back into the task.
void guest_hop(int count) {
    Host host;
    syncopate::GuestRunner guest(
        [&](std::function<void()> function) { host.post(std::move(function)); },
        [&] { host.turn(); });
    guest.run(hop(count));
    guest.close();
}

/// Submitted one after another, while nobody waits.
void burst(int count) {
    syncopate::ThreadRunner runner(syncopate::Options().spin(std::chrono::nanoseconds::zero()));
    runner.start_soon(sleep_for(std::chrono::hours(1)));  // has the loop sleep in epoll
    std::vector<std::future<int>> futures;
    futures.reserve(static_cast<std::size_t>(count));
    runner.call([&] {  // the loop is busy until all have been submitted
        for (int i = 0; i < count; ++i)
            futures.push_back(runner.run_as_future(twice(i)));
    });
    for (auto& future : futures)
        future.get();
}

using syncopate::TaskGroup;

asio::awaitable<void> group_of_two() {
    co_await syncopate::with_task_group([](TaskGroup& group) -> asio::awaitable<void> {
        group.start_soon(twice(1));
        group.start_soon(twice(2));
        co_return;
    });
}

asio::awaitable<void> gather_two() {
    co_await syncopate::gather(twice(1), twice(2));
}

asio::awaitable<void> in_time() {
    co_await syncopate::fail_after(std::chrono::hours(1), twice(1));
}

/// A child that waits is cancelled, and awaited.
asio::awaitable<void> cancelled_group() {
    co_await syncopate::with_task_group([](TaskGroup& group) -> asio::awaitable<void> {
        group.start_soon(sleep_for(std::chrono::hours(1)));
        group.cancel();
        co_return;
    });
}

asio::awaitable<void> worker() {
    co_await syncopate::to_thread([] {});
}

/// There, and back to the loop for a task.
asio::awaitable<void> worker_and_back() {
    co_await syncopate::to_thread([] { static_cast<void>(syncopate::from_thread::run(twice(1))); });
}

asio::awaitable<void> repeat(asio::awaitable<void> (*step)(), int count) {
    for (int i = 0; i < count; ++i)
        co_await step();
}

/// One after another in one task. Workers do not spin either.
template <asio::awaitable<void> (*Step)()>
void in_one_task(int count) {
    syncopate::Runner runner(syncopate::Options().spin(std::chrono::nanoseconds::zero()));
    runner.run(repeat(Step, count));
}

int timed(syncopate::Runner& runner, int i) {
    return runner.run_for(std::chrono::hours(1), twice(i));
}

/// With a token that stays as it is.
int stoppable(syncopate::Runner& runner, int i) {
    static std::stop_source const source;
    return runner.run(twice(i), source.get_token());
}

struct Context {
    asio::awaitable<int> aenter() { return twice(1); }
    asio::awaitable<void> aexit(std::exception_ptr) { co_return; }
};

int guarded(syncopate::Runner& runner, int) {
    return *runner.wrap_context(Context());
}

int with_context(syncopate::Runner& runner, int) {
    return runner.with_context(Context(), [](int value) { return value; });
}

std::map<std::string, std::function<void(int)>> const works = {
    {"plain_call", call<PlainAsio>},
    {"call", call<Patient<Syncopate>>},
    {"call_in_epoll", call<InEpoll>},
    {"call_factory", call<Patient<SyncopateFactory>>},
    {"own_thread_plain", call<PlainOwnThread>},
    {"own_thread_call", call<SyncopateOwnThread>},
    {"own_thread_factory",
     [](int count) {
         on_own_thread(
             count, [](auto& runner, int i) { return runner.run([i] { return twice(i); }); });
     }},
    {"own_thread_function",
     [](int count) {
         on_own_thread(count, [](auto& runner, int i) { return runner.call([i] { return i; }); });
     }},
    {"item_by_item", item_by_item<count_to>},
    {"item_awaited", item_by_item<await_up_to>},
    {"own_thread_timed", [](int count) { on_own_thread(count, timed); }},
    {"own_thread_stoppable", [](int count) { on_own_thread(count, stoppable); }},
    {"read_ahead", read_ahead},
    {"read_ahead_awaited", read_ahead_awaited},
    {"channel_item", channel_item},
    {"burst", burst},
    {"fiber_call", fiber_call},
    {"spawned_in_task", spawned_in_task},
    {"host_hop", host_hop},
    {"own_thread_hop", own_thread_hop},
    {"guest_hop", guest_hop},
    {"portal_call", portal_call},
    {"portal_of_strand", portal_of_strand},
    {"own_thread_awaits", own_thread_awaits},
    {"own_thread_awaits_plain", own_thread_awaits_plain},
    {"from_thread_run", from_thread_run},
    {"from_thread_call", from_thread_call},
    {"calling_thread", calling_thread},
    {"timer_in_task", timer_in_task},
    {"timer_plain", timer_plain},
    {"group_of_two", in_one_task<group_of_two>},
    {"gather_two", in_one_task<gather_two>},
    {"in_time", in_one_task<in_time>},
    {"cancelled_group", in_one_task<cancelled_group>},
    {"stopped_call", bench::stopped_call},
    {"context_guard", [](int count) { on_own_thread(count, guarded); }},
    {"with_context", [](int count) { on_own_thread(count, with_context); }},
    {"worker", in_one_task<worker>},
    {"worker_and_back", in_one_task<worker_and_back>},
};

}  // namespace

int main(int argc, char* argv[]) {
    auto const work = argc == 3 ? works.find(argv[1]) : works.end();
    if (work == works.end()) {
        std::fprintf(stderr, "usage: counted WORK COUNT\nWORK is one of:");
        for (auto const& [name, function] : works)
            std::fprintf(stderr, " %s", name.c_str());
        std::fprintf(stderr, "\n");
        return EXIT_FAILURE;
    }
    work->second(std::atoi(argv[2]));
    return EXIT_SUCCESS;
}
