// RunningThreads: knows which of the library's threads have not ended, where the system does not tell.
#pragma once

#include <syncopate/detail/system/forks.hpp>
#include <syncopate/detail/wait/small_mutex.hpp>

#include <algorithm>
#include <mutex>
#include <thread>
#include <vector>

namespace syncopate::inline v0_1::detail {

/// The process's. A thread is taken off the list when its objects have been destroyed, as far as the library can see:
/// by an object of the thread's that is the first to be made, and so the last to go.
class [[gnu::visibility("default")]] RunningThreads {
public:
    /// Held by who starts a thread, while it does: so a thread is on the list before it is taken off.
    ///
    /// Throws: std::bad_alloc, before the thread starts.
    class Start {
    public:
        Start() : lock_(of_this_process().mutex_) {
            auto& ids = of_this_process().ids_;
            ids.reserve(ids.size() + 1);
        }
        void note(std::thread const& thread) noexcept {
            of_this_process().ids_.push_back(thread.get_id());
        }

    private:
        std::lock_guard<SmallMutex> lock_;
    };

    /// By a thread that begins.
    static void mark_thread() noexcept {
        static thread_local Mark const mark;
        static_cast<void>(mark);
    }

    /// Joins a thread that has ended, but for what the system itself does at its end. Returns false if it has not.
    static bool try_join(std::thread& thread) noexcept {
        auto& running = of_this_process();
        {
            std::lock_guard const lock(running.mutex_);
            if (std::ranges::find(running.ids_, thread.get_id()) != running.ids_.end())
                return false;
        }
        thread.join();
        return true;
    }

private:
    struct Mark {
        // A const object needs a constructor that is written.
        Mark() noexcept {}  // NOLINT(modernize-use-equals-default)
        Mark(Mark const&) = delete;
        Mark& operator=(Mark const&) = delete;
        ~Mark() {
            auto& running = of_this_process();
            std::lock_guard const lock(running.mutex_);
            std::erase(running.ids_, std::this_thread::get_id());
        }
    };

    static RunningThreads& of_this_process() {
        static constinit PerProcess<RunningThreads> running;
        return running.get();
    }

    SmallMutex mutex_;
    std::vector<std::thread::id> ids_;
};

}  // namespace syncopate::inline v0_1::detail
