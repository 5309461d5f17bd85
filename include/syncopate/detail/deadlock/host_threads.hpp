// HostThreads: the threads that run a portal's executor, whatever they do. HostThread: one of them.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/deadlock/loop_identity.hpp>
#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/system/forks.hpp>

#include SYNCOPATE_ASIO(detail/thread_context.hpp)

#include <atomic>
#include <cstddef>
#include <mutex>
#include <string>

namespace syncopate::inline v0_1::detail {

/// Its identity has the execution context and the number of threads, and no loop.
struct HostThread {
    LoopIdentity identity{nullptr, nullptr, nullptr, 0};
    std::string name;  // a portal's

    bool is_one() const noexcept { return identity.execution_context != nullptr; }

    static HostThread this_one();
};

/// Base of a portal's loop. A thread that runs its executor may be in a handler of which the library knows
/// nothing. When it blocks there, it holds the portal up all the same.
class [[gnu::visibility("default")]] HostThreads : public ListHook<HostThreads> {
protected:
    HostThreads() = default;
    ~HostThreads() = default;

    /// Throws: std::bad_alloc.
    void enlist() {
        std::lock_guard const lock(registry().mutex);
        registry().portals.push_back(*this);
        enlisted_in_ = this_process();
        count_.fetch_add(1, std::memory_order_relaxed);
    }
    /// May be called again.
    void strike_off() noexcept {
        if (enlisted_in_ != this_process())
            return;
        std::lock_guard const lock(registry().mutex);
        if (!is_linked())
            return;
        unlink();
        count_.fetch_sub(1, std::memory_order_relaxed);
    }

private:
    friend struct HostThread;

    virtual bool runs_on_this_thread() const = 0;
    virtual void describe_host(HostThread& thread) const = 0;

    struct Registry {
        std::mutex mutex;
        IntrusiveList<HostThreads> portals;
    };

    // Never destroyed: see BlockingWait.
    static Registry& registry() { return registry_.get(); }
    static bool may_be_host() noexcept {
        return count_.load(std::memory_order_relaxed) != 0 &&
               asio::detail::thread_context::top_of_thread_call_stack();
    }

    // Relaxed: a thread that runs a portal's executor and does not see that portal yet waits for nothing of which the
    // portal knows.
    static inline std::atomic<std::size_t> count_{0};
    static inline constinit PerProcess<Registry> registry_{};

    unsigned enlisted_in_ = 0;
};

}  // namespace syncopate::inline v0_1::detail

#ifndef SYNCOPATE_SEPARATE_COMPILATION
#include <syncopate/detail/deadlock/host_threads.ipp>
#endif
