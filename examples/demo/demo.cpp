// The article "Running async code from sync in Python asyncio", in C++: synchronous code fetches
// pages, from several threads, over one asynchronous HTTPS session.
//
// usage: demo [URL]    without a URL, the pages come from a server in this same process
#include "certificate.hpp"
#include "server.hpp"
#include <syncopate/http/options.hpp>
#include <syncopate/http/response.hpp>
#include <syncopate/http/session.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/this_coro.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <future>
#include <iostream>
#include <stdexcept>
#include <string>
#include <syncstream>
#include <thread>
#include <utility>
#include <vector>

#include <pthread.h>

namespace {

namespace asio = boost::asio;
namespace http = syncopate::http;

void name_this_thread(std::string const& name) {
    pthread_setname_np(pthread_self(), name.c_str());
}

std::string this_thread_name() {
    char name[16] = {};
    pthread_getname_np(pthread_self(), name, sizeof name);
    return name;
}

/// Tells one loop from another, as Python's id() does.
std::uintptr_t id(asio::execution_context& loop) {
    return reinterpret_cast<std::uintptr_t>(&loop);
}

void print_got(int status, std::uintptr_t loop_id) {
    std::osyncstream(std::cout) << "got " << status << " in loop " << loop_id << " in "
                                << this_thread_name() << '\n';
}

/// The asynchronous part: what an asynchronous program would do with the session.
asio::awaitable<std::pair<int, std::uintptr_t>> do_stuff(
    http::ClientSession& session, std::string url) {
    http::Response response = co_await session.get(std::move(url));
    static_cast<void>(co_await response.text());
    asio::any_io_executor const executor = co_await asio::this_coro::executor;
    co_return std::pair{response.status(), id(executor.context())};
}

/// The synchronous part: each thread blocks in run(), all of them at once.
void do_stuff_in_threads(
    syncopate::ThreadRunner& runner,
    http::ClientSession& session,
    std::string const& url,
    int count) {
    std::vector<std::future<void>> outcomes;
    std::vector<std::jthread> threads;
    for (int number = 1; number <= count; ++number) {
        std::packaged_task<void()> work{[&runner, &session, url, number] {
            name_this_thread("Thread-" + std::to_string(number));
            auto const [status, loop_id] = runner.run(do_stuff(session, url));
            print_got(status, loop_id);
        }};
        outcomes.push_back(work.get_future());
        threads.emplace_back(std::move(work));
    }
    for (std::future<void>& outcome : outcomes) {
        outcome.get();
    }
}

void fetch(std::string const& url, http::SessionOptions const& options) {
    syncopate::ThreadRunner runner;
    auto& session = runner.enter_context([&] { return http::ClientSession{options}; });
    do_stuff_in_threads(runner, session, url, 3);

    auto response = runner.wrap_context(session.get(url));
    print_got(response->status(), id(runner.get_loop()));
    int lines = 0;
    for (std::string const& line : runner.wrap_iter(response->content().lines())) {
        static_cast<void>(line);
        ++lines;
    }
    std::cout << "got " << lines << " lines\n";
}

void fetch_from_own_server(http::SessionOptions options) {
    demo::Certificate const certificate = demo::make_certificate("DNS:localhost,IP:127.0.0.1");
    demo::HttpsServer const server{certificate};
    options.ca_certificates(certificate.certificate_pem);
    fetch("https://localhost:" + std::to_string(server.port()) + "/", options);
}

}  // namespace

int main(int argc, char** argv) {
    try {
        if (argc > 2) {
            throw std::invalid_argument("usage: demo [URL]");
        }
        name_this_thread("MainThread");
        auto const options = http::SessionOptions().connect_timeout(std::chrono::seconds(10));
        if (argc == 2) {
            fetch(argv[1], options);
        } else {
            fetch_from_own_server(options);
        }
    } catch (std::exception const& error) {
        std::cerr << "demo: " << error.what() << '\n';
        return 1;
    }
}
