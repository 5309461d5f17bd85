// Idea: any number of threads may block in the same runner; one loop works for all of them at once.
// In the article: "But I want to do async stuff from multiple threads".
#include <syncopate/thread_runner.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <array>
#include <iostream>
#include <set>
#include <thread>
#include <vector>

namespace asio = boost::asio;

/// Where tasks wait for each other. All of them run on one thread, so there is no mutex.
class MeetingPoint {
public:
    MeetingPoint(asio::any_io_executor const& executor, int expected)
        : nobody_is_missing_(executor, asio::steady_timer::time_point::max()), missing_(expected) {}

    /// Returns when everybody has arrived; gives the thread that the caller runs on.
    asio::awaitable<std::thread::id> meet() {
        if (--missing_ == 0) {
            nobody_is_missing_.cancel();
        } else {
            co_await nobody_is_missing_.async_wait(asio::as_tuple(asio::use_awaitable));
        }
        co_return std::this_thread::get_id();
    }

private:
    asio::steady_timer nobody_is_missing_;
    int missing_;
};

int main() {
    constexpr int count = 4;
    syncopate::ThreadRunner runner;
    MeetingPoint point{runner.get_executor(), count};

    // Calls that ran one after the other would wait for each other for ever.
    std::array<std::thread::id, count> met_on;
    std::vector<std::jthread> threads;
    for (std::thread::id& where : met_on) {
        threads.emplace_back([&] { where = runner.run(point.meet()); });
    }
    threads.clear();

    std::set<std::thread::id> const loops(met_on.begin(), met_on.end());
    std::cout << count << " threads met on " << loops.size() << " loop thread\n";
}
