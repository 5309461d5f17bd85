// HostQueue: what guests have posted to a host that a test turns by itself.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

namespace support {

/// Belongs to the host, and to what poster() gives: the guest's thread may be about to post when the guest, and even the
/// host, has gone.
struct HostQueue : std::enable_shared_from_this<HostQueue> {
    using Function = std::function<void()>;

    void push(Function function) {
        std::lock_guard const lock(mutex);
        if (!is_over)
            functions.push_back(std::move(function));
        changed.notify_all();
    }
    std::function<void(Function)> poster() {
        return
            [queue = shared_from_this()](Function function) { queue->push(std::move(function)); };
    }

    void drop_all() {
        std::deque<Function> dropped;
        std::lock_guard const lock(mutex);
        dropped.swap(functions);
    }
    /// What comes later is dropped at once.
    void end() {
        std::deque<Function> dropped;
        std::lock_guard const lock(mutex);
        is_over = true;
        dropped.swap(functions);
    }

    std::mutex mutex;
    std::condition_variable_any changed;
    std::deque<Function> functions;
    bool is_over = false;
};

}  // namespace support
