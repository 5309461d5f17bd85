// StallWatcher: the one thread of the process that looks after the loops which have Options::on_stall.
#pragma once

#include <syncopate/detail/system/forks.hpp>
#include <syncopate/detail/threads/thread.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::detail {

/// What the thread looks at, again and again.
class Watched {
public:
    virtual ~Watched() = default;

    /// On the watching thread. Calls the user's function, without any lock.
    virtual void look() noexcept = 0;
    /// How long until it wants to be looked at again.
    virtual std::chrono::nanoseconds period() const noexcept = 0;
};

/// The thread exists while something is watched.
class [[gnu::visibility("default")]] StallWatcher {
public:
    /// Never destroyed: runners in static storage may be destroyed later than anything that is. The child of a
    /// fork has no thread of its parent's, and perhaps a locked mutex: it gets another.
    ///
    /// Throws: std::bad_alloc.
    static StallWatcher& instance() { return instances_.get(); }

    /// Throws: std::bad_alloc; std::system_error if the system has no thread to give.
    void add(std::shared_ptr<Watched> watched) {
        std::lock_guard const lock(mutex_);
        all_.push_back(std::move(watched));
        try {
            if (!std::exchange(is_running_, true)) {
                join();
                thread_ = start_thread([this] { run(); });
            }
        } catch (...) {
            all_.pop_back();
            is_running_ = false;
            throw;
        }
        changed_.notify_all();
    }

    /// After it, look() is not called any more, and not under way, unless this is called inside it.
    void remove(Watched const& watched) noexcept {
        if (process_ != this_process())
            return;
        std::unique_lock lock(mutex_);
        std::erase_if(all_, [&](auto const& one) { return one.get() == &watched; });
        changed_.notify_all();
        if (thread_.get_id() == std::this_thread::get_id())
            return;
        changed_.wait(lock, [&] { return looked_at_ != &watched; });
        changed_.wait(lock, [&] { return !is_running_ || !all_.empty(); });
        if (!is_running_)
            join();
    }

private:
    void run() noexcept {
        name_this_thread("syncopate watch");
        std::unique_lock lock(mutex_);
        while (!all_.empty()) {
            auto pause = (std::chrono::nanoseconds::max)();
            // NOLINTNEXTLINE(modernize-loop-convert): it may change meanwhile
            for (std::size_t i = 0; i < all_.size(); ++i) {
                auto const one = all_[i];
                looked_at_ = one.get();
                lock.unlock();
                one->look();
                pause = (std::min)(pause, one->period());
                lock.lock();
                looked_at_ = nullptr;
                changed_.notify_all();
            }
            if (!all_.empty())
                changed_.wait_for(lock, pause);
        }
        is_running_ = false;
        changed_.notify_all();
    }

    /// A thread that has left run(): it does not take the mutex any more.
    void join() noexcept {
        if (thread_.joinable())
            thread_.join();
    }

    inline static PerProcess<StallWatcher> instances_;

    unsigned const process_ = this_process();
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::shared_ptr<Watched>> all_;
    Watched const* looked_at_ = nullptr;
    bool is_running_ = false;
    std::thread thread_;
};

}  // namespace syncopate::inline v0_1::detail
