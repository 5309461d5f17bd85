// Small tasks that the tests have in common, and what they are observed with.
#pragma once

#include "support/audit.hpp"
#include <syncopate/concepts.hpp>
#include <syncopate/to_calling_thread.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>

#include <atomic>
#include <chrono>
#include <concepts>
#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>

namespace support {

namespace asio = boost::asio;

/// Opened once, from any thread, and awaited by threads and coroutines alike.
class Gate {
public:
    void open() {
        std::lock_guard lock(mutex_);
        open_ = true;
        opened_.notify_all();
        for (auto const& timer : waiting_)
            asio::post(timer->get_executor(), [timer] { timer->cancel(); });
    }

    bool is_open() const noexcept { return open_; }

    /// Blocks the thread. Afterwards open() has done with the gate, which may then be destroyed.
    void wait() {
        std::unique_lock lock(mutex_);
        opened_.wait(lock, [this] { return is_open(); });
    }

    /// Suspends the coroutine. Throws: operation_aborted when it is cancelled first.
    asio::awaitable<void> passed() {
        Tracked const frame;
        auto const timer = std::make_shared<asio::steady_timer>(
            co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
        if (auto const place = enlist(timer)) {
            boost::system::error_code ignored;
            co_await timer->async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        }
        if (!is_open())
            throw boost::system::system_error(asio::error::operation_aborted);
    }

private:
    using Timers = std::list<std::shared_ptr<asio::steady_timer>>;

    // Takes the timer out of the list however the coroutine ends.
    class Place {
    public:
        Place() = default;
        Place(Gate& gate, Timers::iterator position) : gate_(&gate), position_(position) {}
        Place(Place&& other) noexcept
            : gate_(std::exchange(other.gate_, nullptr)), position_(other.position_) {}
        Place& operator=(Place&&) = delete;
        ~Place() {
            if (!gate_)
                return;
            std::lock_guard lock(gate_->mutex_);
            gate_->waiting_.erase(position_);
        }
        explicit operator bool() const noexcept { return gate_ != nullptr; }

    private:
        Gate* gate_ = nullptr;
        Timers::iterator position_;
    };

    Place enlist(std::shared_ptr<asio::steady_timer> timer) {
        std::lock_guard lock(mutex_);
        if (open_)
            return {};
        return {*this, waiting_.insert(waiting_.end(), std::move(timer))};
    }

    // Not a wait for the atomic: that of GCC 12's library for Windows loses wake-ups.
    std::mutex mutex_;
    std::condition_variable opened_;
    std::atomic<bool> open_{false};
    Timers waiting_;
};

/// Never suspends.
inline asio::awaitable<int> twice(int value) {
    Tracked const frame;
    co_return 2 * value;
}

inline asio::awaitable<void> nothing() {
    Tracked const frame;
    co_return;
}

/// Goes round the loop once.
inline asio::awaitable<int> twice_later(int value) {
    Tracked const frame;
    co_await asio::post(asio::use_awaitable);
    co_return 2 * value;
}

inline asio::awaitable<void> sleep_for(std::chrono::steady_clock::duration duration) {
    Tracked const frame;
    asio::steady_timer timer(co_await asio::this_coro::executor, duration);
    co_await timer.async_wait(asio::use_awaitable);
}

/// Lasts until it is cancelled, and ends by operation_aborted.
inline asio::awaitable<void> forever() {
    Tracked const frame;
    asio::steady_timer timer(
        co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
    co_await timer.async_wait(asio::use_awaitable);
}

/// The same, and tells that it has started.
inline asio::awaitable<void> forever(Gate& started) {
    Tracked const frame;
    started.open();
    co_await forever();
}

/// Suspends until it is cancelled; whatever is awaited afterwards works as if it had not been.
inline asio::awaitable<void> until_cancelled() {
    Tracked const frame;
    co_await asio::this_coro::throw_if_cancelled(false);
    asio::steady_timer timer(
        co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
    boost::system::error_code ignored;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
}

/// Opens `started`, is cancelled, opens `cancelled`, goes on until `release` is open, and then ends as
/// a task does that was cancelled.
inline asio::awaitable<void> unwind_slowly(Gate& started, Gate& cancelled, Gate& release) {
    Tracked const frame;
    started.open();
    co_await until_cancelled();
    cancelled.open();
    co_await release.passed();
    throw boost::system::system_error(asio::error::operation_aborted);
}

/// A task that unwinds slowly, and a thread that lets it end once it has been cancelled.
class SlowUnwinding {
public:
    Gate& started() noexcept { return started_; }
    asio::awaitable<void> task() { return unwind_slowly(started_, cancelled_, release_); }
    /// Whether the task had to wait for the thread.
    bool was_released() const noexcept { return was_released_; }

private:
    Gate started_;
    Gate cancelled_;
    Gate release_;
    std::atomic<bool> was_released_{false};
    std::jthread const releaser_{[this] {
        cancelled_.wait();
        was_released_ = true;
        release_.open();
    }};
};

/// Runs the task with a token, and stops it from another thread once it has started.
template <class Runner, class Task>
auto run_and_stop(Runner& runner, Gate& started, Task&& task) {
    std::stop_source source;
    std::jthread const stopper([&] {
        started.wait();
        source.request_stop();
    });
    return runner.run(std::forward<Task>(task), source.get_token());
}

/// The same; once the cancellation has reached the task, `cancelled` is opened.
template <class Runner, class Task>
auto run_and_stop(Runner& runner, Gate& started, Gate& cancelled, Task&& task) {
    std::stop_source source;
    auto const listened_for = [&]() -> asio::awaitable<syncopate::task_result_t<Task>> {
        // A caller that calls functions for its task listens to the token by then: the request reaches the loop
        // before request_stop() returns.
        co_await syncopate::to_calling_thread([] {});
        if constexpr (std::invocable<Task&>)
            co_return co_await task();
        else
            co_return co_await std::forward<Task>(task);
    };
    std::jthread const stopper([&] {
        started.wait();
        source.request_stop();
        // Comes to the loop after the request.
        runner.start_soon([&]() -> asio::awaitable<void> {
            cancelled.open();
            co_return;
        });
    });
    return runner.run(listened_for, source.get_token());
}

/// Tells on which thread it was destroyed. A moved-from probe tells nothing.
class DestructionProbe {
public:
    explicit DestructionProbe(std::atomic<std::thread::id>& thread) noexcept : thread_(&thread) {}
    DestructionProbe(DestructionProbe&& other) noexcept
        : thread_(std::exchange(other.thread_, nullptr)) {}
    DestructionProbe& operator=(DestructionProbe&&) = delete;
    ~DestructionProbe() {
        if (thread_)
            *thread_ = std::this_thread::get_id();
    }

private:
    std::atomic<std::thread::id>* thread_;
};

}  // namespace support
