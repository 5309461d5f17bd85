// LookupThreads: the threads on which names are looked up.
#pragma once

#include <syncopate/detail/loop/library.hpp>
#include <syncopate/detail/threads/thread.hpp>
#include <syncopate/http/detail/lookup/lookup.hpp>
#include <syncopate/http/detail/lookup/system_lookup.hpp>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <system_error>
#include <utility>

namespace syncopate::inline v0_1::http::detail {

/// Up to max_threads threads that do look-ups. A thread ends when the queue is empty. Look-ups beyond wait in
/// the queue, first come, first served. If the queue does not move for `patience`, all threads are stuck with name
/// servers that do not answer, and one more thread is started, so that the others get their turn.
///
/// The threads are detached, unlike those of a WorkerPool: a look-up cannot be interrupted, and may take a
/// minute when no name server answers. Neither a runner's close() nor the end of the process shall wait for
/// it. So a thread shares the ownership of all that it touches, and may outlive the resolver and the loop. Its code it
/// cannot own: a plug-in that has looked up a name stays loaded.
class LookupThreads : public std::enable_shared_from_this<LookupThreads> {
public:
    static constexpr std::size_t max_threads = 32;
    /// With those that are stuck.
    static constexpr std::size_t max_stuck_threads = 256;
    static constexpr std::chrono::milliseconds patience{500};

    explicit LookupThreads(LookupFunction function) : function_(std::move(function)) {}

    /// Starts the look-up, or queues it. Throws: std::system_error if the system has no thread to give.
    void start(std::shared_ptr<Lookup> lookup) {
        ::syncopate::detail::Library::keep_loaded();
        std::lock_guard const lock(mutex_);
        if (running_ < max_threads) {
            ::syncopate::detail::start_thread([self = shared_from_this(),
                                               lookup = std::move(lookup)]() mutable {
                self->serve(std::move(lookup));
            }).detach();
            ++running_;
            return;
        }
        queue_.push_back(std::move(lookup));
        start_watcher();
    }

    /// Drops what is queued.
    void close() noexcept {
        std::lock_guard const lock(mutex_);
        queue_.clear();
        emptied_.notify_all();
    }

private:
    void serve(std::shared_ptr<Lookup> lookup) noexcept {
        ::syncopate::detail::name_this_thread("resolver");
        for (; lookup; lookup = next())
            lookup->run(function_);
    }

    std::shared_ptr<Lookup> next() noexcept {
        std::lock_guard const lock(mutex_);
        if (queue_.empty()) {
            --running_;
            return nullptr;
        }
        return take();
    }

    std::shared_ptr<Lookup> take() noexcept {
        auto lookup = std::move(queue_.front());
        queue_.pop_front();
        if (queue_.empty())
            emptied_.notify_all();
        return lookup;
    }

    /// Starts the thread that watches the queue, unless there is one. Without a thread to be had, the look-ups wait.
    void start_watcher() noexcept {
        if (has_watcher_ || running_ >= max_stuck_threads)
            return;
        try {
            ::syncopate::detail::start_thread([self = shared_from_this()] {
                self->watch();
            }).detach();
            has_watcher_ = true;
        } catch (std::system_error const&) {  // NOLINT(bugprone-empty-catch)
        }
    }

    /// Waits until the queue is empty, or has not moved for a while. Then this thread does look-ups, too.
    void watch() noexcept {
        std::unique_lock lock(mutex_);
        bool is_stuck = false;
        while (!queue_.empty() && !is_stuck) {
            auto const first = queue_.front();
            emptied_.wait_for(lock, patience, [&] { return queue_.empty(); });
            is_stuck = !queue_.empty() && queue_.front() == first;
        }
        has_watcher_ = false;
        if (queue_.empty())
            return;
        ++running_;
        auto lookup = take();
        if (!queue_.empty())
            start_watcher();
        lock.unlock();
        serve(std::move(lookup));
    }

    LookupFunction const function_;
    std::mutex mutex_;
    std::condition_variable emptied_;
    std::deque<std::shared_ptr<Lookup>> queue_;
    std::size_t running_ = 0;
    bool has_watcher_ = false;
};

}  // namespace syncopate::inline v0_1::http::detail
