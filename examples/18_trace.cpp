// Idea: a trace shows what ran when, on the loop, on its workers and on the caller's thread. Perfetto opens it.
// 18_trace FILE writes it there; https://ui.perfetto.dev shows it, and examples/draw_trace.py draws it.
#include <syncopate/from_thread.hpp>
#include <syncopate/gather.hpp>
#include <syncopate/label.hpp>
#include <syncopate/options.hpp>
#include <syncopate/perfetto_trace.hpp>
#include <syncopate/thread_runner.hpp>
#include <syncopate/to_calling_thread.hpp>
#include <syncopate/to_thread.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <iostream>
#include <string>
#include <thread>
#include <tuple>

namespace asio = boost::asio;
using namespace std::chrono_literals;
using syncopate::label;
using syncopate::to_thread;

asio::awaitable<int> fetch(int number) {
    asio::steady_timer timer{co_await asio::this_coro::executor, 4ms};
    co_await timer.async_wait(asio::use_awaitable);
    co_return number;
}

// A library that blocks, and asks the loop for what it needs.
int parse(int number) {
    std::this_thread::sleep_for(6ms);
    return syncopate::from_thread::run(fetch(number));
}

asio::awaitable<int> load(int number) {
    int const rows = co_await fetch(number);
    co_return co_await to_thread([rows] { return parse(rows); });
}

asio::awaitable<void> report() {
    auto const rows = co_await syncopate::gather(load(12), load(30));
    co_await syncopate::to_calling_thread([&rows] {
        std::this_thread::sleep_for(3ms);
        std::cout << std::get<0>(rows) << " orders, " << std::get<1>(rows) << " prices\n";
    });
}

int main(int argc, char** argv) {
    std::string const path = argc > 1 ? argv[1] : "trace.json";
    {
        using syncopate::Options, syncopate::PerfettoTrace;
        syncopate::ThreadRunner runner(Options().name("loop").on_event(PerfettoTrace{path}));
        auto refreshed = runner.run_as_future(label("refresh", load(5)));
        runner.run(label("report", report()));
        runner.call([] { std::this_thread::sleep_for(2ms); });
        std::cout << refreshed.get() << " refreshed\n";
    }
    // The runner has gone, and with it the last copy of the PerfettoTrace.
    std::cout << "the trace is complete\n";
}
