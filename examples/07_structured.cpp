// Idea: many tasks at once, of which none is lost: they end where they were started.
#include <syncopate/gather.hpp>
#include <syncopate/task_group.hpp>
#include <syncopate/thread_runner.hpp>
#include <syncopate/timeout.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>

namespace asio = boost::asio;
using namespace std::chrono_literals;

asio::awaitable<std::string> fetch(std::string page, std::chrono::milliseconds takes) {
    asio::steady_timer timer{co_await asio::this_coro::executor, takes};
    co_await timer.async_wait(asio::use_awaitable);
    if (page == "broken")
        throw std::runtime_error("the page is broken");
    co_return page;
}

asio::awaitable<void> several_at_once() {
    auto const [one, two] = co_await syncopate::gather(fetch("one", 2ms), fetch("two", 1ms));
    std::cout << "together: " << one << ' ' << two << '\n';

    auto const late = co_await syncopate::move_on_after(1ms, fetch("late", 1h));
    std::cout << "late: " << late.value_or("moved on") << '\n';
}

// The first failure cancels the others, however long they would take.
asio::awaitable<void> a_group(syncopate::TaskGroup& group) {
    group.start_soon(fetch("slow", 1h));
    group.start_soon(fetch("broken", 1ms));
    std::cout << "the body goes on\n";
    co_return;
}

int main() {
    syncopate::ThreadRunner runner;
    runner.run(several_at_once());
    try {
        runner.run(syncopate::with_task_group(a_group));
    } catch (syncopate::TaskGroupError const& group) {
        for (std::exception_ptr const& error : group.errors()) {
            try {
                std::rethrow_exception(error);
            } catch (std::exception const& e) {
                std::cout << "failed: " << e.what() << '\n';
            }
        }
    }
}
