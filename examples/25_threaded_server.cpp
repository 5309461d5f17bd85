// Idea: a server that gives each connection a thread has handlers that are plain functions, and asks an asynchronous
// backend: all of them through one runner, whose thread asks for many at once.
//
// With the argument "serve" it prints its port, and serves until its standard input ends: check_load.sh does so.
#include <syncopate/error.hpp>
#include <syncopate/gather.hpp>
#include <syncopate/sleep.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/awaitable.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <iostream>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include <httplib.h>

namespace asio = boost::asio;
using namespace std::chrono_literals;

// The backend: only on its loop, and it takes its time.
struct Prices {
    asio::awaitable<int> of(std::string name) {
        co_await syncopate::sleep(name == "caviar" ? 1h : 2ms);
        ++asked;
        co_return static_cast<int>(name.size());
    }
    int asked = 0;
};

asio::awaitable<int> total(Prices& prices, std::string one, std::string other) {
    auto const [first, second] = co_await syncopate::gather(prices.of(one), prices.of(other));
    co_return first + second;
}

int main(int argc, char* argv[]) {
    Prices prices;
    syncopate::ThreadRunner backend;

    httplib::Server server;
    std::size_t const threads = 16;
    server.new_task_queue = [] { return new httplib::ThreadPool(threads); };
    server.set_keep_alive_max_count(1'000'000);
    server.set_tcp_nodelay(true);
    server.Get(
        R"(/(\w+)\+(\w+))", [&](httplib::Request const& request, httplib::Response& response) {
            try {
                // This thread blocks, and no other. The two prices are asked for at once.
                int const sum = backend.run_for(
                    1s, total(prices, request.matches[1].str(), request.matches[2].str()));
                response.set_content(std::to_string(sum), "text/plain");
            } catch (std::system_error const& error) {
                response.status = error.code() == syncopate::Errc::timed_out ? 504 : 500;
            }
        });
    int const port = server.bind_to_any_port("127.0.0.1");
    std::thread accepting([&] { server.listen_after_bind(); });
    while (!server.is_running())
        std::this_thread::yield();

    if (argc > 1 && std::string_view(argv[1]) == "serve") {
        std::cout << port << std::endl;
        std::cin.get();
    } else {
        std::vector<std::thread> customers;
        std::atomic<int> right = 0;
        for (std::size_t i = 0; i < threads; ++i)
            customers.emplace_back([&right, port] {
                httplib::Client client("127.0.0.1", port);
                for (int n = 0; n < 10; ++n)
                    if (auto const answer = client.Get("/tea+milk"); answer && answer->body == "7")
                        ++right;
            });
        for (auto& customer : customers)
            customer.join();
        int const asked = backend.call([&] { return prices.asked; });
        std::cout << right << " right answers, for which " << asked << " prices were asked\n";
        std::cout << "caviar: " << httplib::Client("127.0.0.1", port).Get("/tea+caviar")->status
                  << '\n';
    }
    server.stop();
    accepting.join();
}
