// Idea: the loop belongs to somebody else, an application that runs its own io_context, and a plain
// thread of the same process wants to use it.
// In the article: run_coroutine_threadsafe(), without having to own the loop.
#include <syncopate/blocking_portal.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <iostream>
#include <thread>

namespace asio = boost::asio;

/// An application as there are many: a loop, on a thread, with state that only that thread touches.
class Application {
public:
    asio::io_context& loop() { return loop_; }

    std::thread::id thread_id() const { return thread_.get_id(); }

    asio::awaitable<int> next_ticket() { co_return ++tickets_; }

private:
    asio::io_context loop_;
    asio::executor_work_guard<asio::io_context::executor_type> busy_{loop_.get_executor()};
    int tickets_ = 0;
    std::jthread thread_{[this](std::stop_token stop) {
        std::stop_callback const stop_loop{stop, [this] { loop_.stop(); }};
        loop_.run();
    }};
};

int main() {
    Application application;
    syncopate::BlockingPortal portal{application.loop().get_executor()};

    std::cout << "ticket " << portal.run(application.next_ticket()) << '\n';
    std::cout << "ticket " << portal.run(application.next_ticket()) << '\n';

    // A plain callable runs there, too.
    bool const there =
        portal.call([&] { return std::this_thread::get_id() == application.thread_id(); });
    std::cout << "called on the " << (there ? "application's" : "wrong") << " thread\n";
}
