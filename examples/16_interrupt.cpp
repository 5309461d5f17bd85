// Idea: a command-line tool that Ctrl-C ends cleanly: the task cleans up, and the exit status is 130.
// 16_interrupt 1000 takes long enough to press it. A second time, it ends the tool at once.
#include <syncopate/error.hpp>
#include <syncopate/run.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <system_error>

namespace asio = boost::asio;
using namespace std::chrono_literals;

// What is half loaded must not stay, however the task ends.
class PartialFile {
public:
    PartialFile() = default;
    PartialFile(PartialFile const&) = delete;
    PartialFile& operator=(PartialFile const&) = delete;
    ~PartialFile() {
        std::cout << (is_complete_ ? "kept what was loaded\n" : "removed what was half loaded\n");
    }
    void complete() { is_complete_ = true; }

private:
    bool is_complete_ = false;
};

asio::awaitable<void> download(int pages) {
    PartialFile file;
    asio::steady_timer timer{co_await asio::this_coro::executor};
    for (int page = 1; page <= pages; ++page) {
        timer.expires_after(10ms);
        co_await timer.async_wait(asio::use_awaitable);
        std::cerr << "\rloaded " << page << " of " << pages << std::flush;
    }
    std::cerr << '\n';
    file.complete();
}

int main(int argc, char** argv) {
    int const pages = argc > 1 ? std::atoi(argv[1]) : 10;
    try {
        syncopate::run_interruptible(download(pages));
    } catch (std::system_error const& error) {
        if (error.code() != syncopate::Errc::interrupted)
            throw;
        std::cerr << "\ninterrupted\n";
        // What a shell says of a program that the signal has ended.
        return 128 + SIGINT;
    }
}
