// FutureWatcher: the one thread of the process that looks after the futures for which coroutines wait. FutureWait:
// such a coroutine.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/intrusive_pointer.hpp>
#include <syncopate/detail/loop/library.hpp>
#include <syncopate/detail/loop/suspension.hpp>
#include <syncopate/detail/system/forks.hpp>
#include <syncopate/detail/threads/thread.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <future>
#include <mutex>
#include <string>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// Owns the future. A wait that is cancelled leaves it with the watcher until it is ready: the destructor of one of
/// std::async() waits for its thread, and must not hold up a loop.
class FutureWait : public Suspension, public ListHook<FutureWait> {
public:
    using Suspension::Suspension;

    // After the coroutine has gone on.
    bool was_cancelled() const noexcept { return is_abandoned_; }
    std::exception_ptr const& error() const noexcept { return error_; }

private:
    friend class FutureWatcher;

    virtual std::future_status wait_for(std::chrono::nanoseconds duration) const = 0;

    /// A future that is deferred behind the library's back is ready as soon as it is asked for.
    bool is_ready() const noexcept {
        return wait_for(std::chrono::nanoseconds(0)) != std::future_status::timeout;
    }

    inline void begin() noexcept override;
    inline void cancelled() noexcept override;
    inline bool is_released() noexcept override;
    std::string description() const override { return "a std::future"; }

    // Under the watcher's lock until the coroutine goes on.
    bool is_abandoned_ = false;
    std::exception_ptr error_;  // of what could not be watched
};

/// A std::future tells nobody when it becomes ready, so somebody has to ask. The thread asks all of them, and then
/// sleeps on the oldest: for a time that grows while nothing happens, and in which it takes at most a part of a core.
/// One future alone is seen at once. The thread ends when nothing is left to be watched.
///
/// Memory order. The list, and who has taken a wait out of it, are under the lock. What the future holds comes to
/// the coroutine through the future.
class [[gnu::visibility("default")]] FutureWatcher {
public:
    /// Never destroyed. The child of a fork has no thread of its parent's: it gets another watcher.
    static FutureWatcher& instance() { return instances_.get(); }

    /// Throws: std::system_error if the system has no thread to give.
    void add(FutureWait& wait) {
        std::lock_guard const lock(mutex_);
        if (!is_running_) {
            Library::keep_loaded_for(
                nullptr);  // the thread may look around for a moment after all have gone
            start_thread([this] { run(); }).detach();
            is_running_ = true;
        }
        intrusive_ptr_add_ref(&wait);
        waits_.push_back(wait);
        ++count_;
        has_new_ = true;
        changed_.notify_one();
    }

    /// Returns false if the coroutine is being resumed.
    bool abandon(FutureWait& wait) noexcept {
        std::lock_guard const lock(mutex_);
        return link(wait).is_linked() && !std::exchange(wait.is_abandoned_, true);
    }

private:
    using Reference = IntrusivePointer<FutureWait>;
    using Clock = std::chrono::steady_clock;

    static constexpr std::chrono::microseconds shortest_pause{50};
    static constexpr std::chrono::milliseconds longest_pause{2};
    static constexpr std::chrono::milliseconds idle_time{50};
    static constexpr int longest_part_of_core = 4;     // a quarter of it
    static constexpr std::size_t asked_at_once = 256;  // so that add() need not wait for long

    static ListHook<FutureWait>& link(FutureWait& wait) noexcept { return wait; }

    void run() noexcept {
        name_this_thread("syncopate futur");  // 15 characters: takes no memory
        std::unique_lock lock(mutex_);
        for (Clock::duration pause = shortest_pause;;) {
            if (!changed_.wait_for(lock, idle_time, [this] { return count_ != 0; }))
                break;
            auto const begin = Clock::now();
            bool const has_progress = ask_all(lock);
            auto const asking = Clock::now() - begin;
            pause = has_progress || std::exchange(has_new_, false)
                        ? Clock::duration(shortest_pause)
                        : (std::min)(2 * pause, Clock::duration(longest_pause));
            if (count_ != 0)
                sleep_on_oldest((std::max)(pause, longest_part_of_core * asking), lock);
        }
        is_running_ = false;
    }

    /// Returns whether one was ready.
    bool ask_all(std::unique_lock<std::mutex>& lock) noexcept {
        bool has_progress = false;
        for (std::size_t left = count_; left != 0 && count_ != 0; --left) {
            FutureWait& wait = waits_.front();
            link(wait).unlink();
            if (!wait.is_ready()) {
                waits_.push_back(wait);
                if (left % asked_at_once == 0) {
                    lock.unlock();
                    lock.lock();
                }
                continue;
            }
            --count_;
            has_progress = true;
            Reference ready(&wait, false);
            bool const is_abandoned = wait.is_abandoned_;
            lock.unlock();
            if (!is_abandoned)
                ready->resume_soon();
            ready.reset();  // perhaps with the future
            lock.lock();
        }
        return has_progress;
    }

    void sleep_on_oldest(Clock::duration pause, std::unique_lock<std::mutex>& lock) noexcept {
        Reference oldest(&waits_.front());
        lock.unlock();
        static_cast<void>(oldest->wait_for(pause));
        oldest.reset();
        lock.lock();
    }

    inline static PerProcess<FutureWatcher> instances_;

    std::mutex mutex_;
    std::condition_variable changed_;
    IntrusiveList<FutureWait> waits_;  // each counts as a reference
    std::size_t count_ = 0;
    bool has_new_ = false;
    bool is_running_ = false;
};

inline void FutureWait::begin() noexcept {
    try {
        FutureWatcher::instance().add(*this);
    } catch (...) {
        error_ = std::current_exception();
        resume_soon();
    }
}

inline void FutureWait::cancelled() noexcept {
    if (FutureWatcher::instance().abandon(*this))
        resume_soon();
}

inline bool FutureWait::is_released() noexcept {
    FutureWatcher::instance().abandon(*this);
    return true;
}

}  // namespace syncopate::inline v0_1::detail
