// Idea: coroutines that are not Asio's are tasks as well: another library's, Asio's experimental ones, and an object of
// one's own that goes on in somebody else's thread. Whoever resumes them, their results come back through the loop.
#include <syncopate/as_awaitable.hpp>
#include <syncopate/gather.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/experimental/coro.hpp>

#include <coroutine>
#include <exception>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>

namespace asio = boost::asio;

// A lazy task, as cppcoro's and those of many other libraries.
template <class T>
class Task {
public:
    struct promise_type {
        Task get_return_object() {
            return Task(std::coroutine_handle<promise_type>::from_promise(*this));
        }
        std::suspend_always initial_suspend() noexcept { return {}; }
        auto final_suspend() noexcept {
            struct GoOn : std::suspend_always {
                std::coroutine_handle<> await_suspend(
                    std::coroutine_handle<promise_type> ended) noexcept {
                    return ended.promise().waiting;
                }
            };
            return GoOn();
        }
        void return_value(T result) { value = std::move(result); }
        void unhandled_exception() { error = std::current_exception(); }

        std::coroutine_handle<> waiting;
        std::optional<T> value;
        std::exception_ptr error;
    };

    Task(Task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
    Task& operator=(Task&&) = delete;
    ~Task() {
        if (frame_)
            frame_.destroy();
    }

    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiting) noexcept {
        frame_.promise().waiting = waiting;
        return frame_;
    }
    T await_resume() {
        if (frame_.promise().error)
            std::rethrow_exception(frame_.promise().error);
        return std::move(*frame_.promise().value);
    }

private:
    explicit Task(std::coroutine_handle<promise_type> frame) : frame_(frame) {}
    std::coroutine_handle<promise_type> frame_;
};

// Goes on in a thread that no loop knows.
struct InNewThread {
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiting) {
        std::thread([waiting] { waiting.resume(); }).detach();
    }
    std::thread::id await_resume() const noexcept { return std::this_thread::get_id(); }
};

Task<int> twice(int number) {
    co_await InNewThread();
    if (number < 0)
        throw std::invalid_argument("negative");
    co_return 2 * number;
}

asio::experimental::coro<int> count(asio::any_io_executor, int last) {
    for (int i = 1; i <= last; ++i)
        co_yield i;
}

int main() {
    syncopate::ThreadRunner runner;
    std::cout << runner.run(twice(21)) << '\n';
    auto const [one, two] = runner.run(syncopate::gather(twice(1), twice(2)));
    std::cout << one << ' ' << two << '\n';
    try {
        runner.run(twice(-1));
    } catch (std::invalid_argument const& error) {
        std::cout << error.what() << '\n';
    }

    // A coroutine of Asio's awaits the others by as_awaitable(), and is back on its loop then.
    bool const is_back = runner.run([]() -> asio::awaitable<bool> {
        auto const loop = std::this_thread::get_id();
        auto const elsewhere = co_await syncopate::as_awaitable(InNewThread());
        co_return elsewhere != loop&& std::this_thread::get_id() == loop;
    });
    std::cout << (is_back ? "back on the loop" : "somewhere") << '\n';

    // What yields is a range.
    for (int const number : runner.wrap_iter(count(runner.get_executor(), 3)))
        std::cout << number << ' ';
    std::cout << '\n';
}
