// LookupThreads: the threads on which names are looked up.
#pragma once

#include <syncopate/detail/wait/thread.hpp>
#include <syncopate/http/detail/connection/lookup.hpp>
#include <syncopate/http/detail/connection/system_lookup.hpp>

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <utility>

namespace syncopate::inline v0_1::http::detail {

/// Up to max_threads threads that do look-ups. A thread ends when the queue is empty. Look-ups beyond wait in
/// the queue, first come, first served.
///
/// The threads are detached, unlike those of a WorkerPool: a look-up cannot be interrupted, and may take a
/// minute when no name server answers. Neither a runner's close() nor the end of the process shall wait for
/// it. So a thread shares the ownership of all that it touches, and may outlive the resolver and the loop.
class LookupThreads : public std::enable_shared_from_this<LookupThreads> {
public:
    static constexpr std::size_t max_threads = 32;

    explicit LookupThreads(LookupFunction function) : function_(std::move(function)) {}

    /// Starts the look-up, or queues it. Throws: std::system_error if the system has no thread to give.
    void start(std::shared_ptr<Lookup> lookup) {
        std::lock_guard const lock(mutex_);
        if (running_ == max_threads)
            return queue_.push_back(std::move(lookup));
        ::syncopate::detail::start_thread([self = shared_from_this(),
                                           lookup = std::move(lookup)]() mutable {
            self->serve(std::move(lookup));
        }).detach();
        ++running_;
    }

    /// Drops what is queued.
    void close() noexcept {
        std::lock_guard const lock(mutex_);
        queue_.clear();
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
        auto const lookup = std::move(queue_.front());
        queue_.pop_front();
        return lookup;
    }

    LookupFunction const function_;
    std::mutex mutex_;
    std::deque<std::shared_ptr<Lookup>> queue_;
    std::size_t running_ = 0;
};

}  // namespace syncopate::inline v0_1::http::detail
