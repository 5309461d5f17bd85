// this_process(): tells a process from the one from which it was forked. UsedIn: the process in which an object is
// used. PerProcess: an object for each process.
#pragma once

#include <syncopate/detail/system/system.hpp>

#include <atomic>
#include <memory>

namespace syncopate::inline v0_1::detail {

/// The number of this process: one more than that of the process from which it was forked.
///
/// Memory order. The number changes in the child of a fork only, when that has one thread. So a relaxed load is
/// enough.
struct [[gnu::visibility("default")]] ForkCount {
    static void add() noexcept { number.fetch_add(1, std::memory_order_relaxed); }

    inline static constinit std::atomic<unsigned> number{1};
};

inline unsigned this_process() noexcept {
    return ForkCount::number.load(std::memory_order_relaxed);
}

/// What the registration has returned. Each library and program registers for itself, since the handlers of one that
/// is unloaded are gone: that a fork is counted twice does no harm. It does so before main(), and not by the first
/// use: a child that is forked during the first use would wait for ever for the end of that.
[[gnu::visibility("hidden")]] inline int const fork_count_registered =
    system::call_in_forked_child([] { ForkCount::add(); });

/// An object is used in one process. In a child, one that was used before the fork must be left alone: its locks may
/// be held, and its work be waited for, by threads that are not there.
///
/// Memory order. Nothing is handed over by it; here() acquires what was done before set_here().
class UsedIn {
public:
    /// Whether it is used in this process.
    bool here() const noexcept {
        return process_.load(std::memory_order_acquire) == this_process();
    }

    /// Whether it was used before the fork that has made this process.
    bool before_fork() const noexcept {
        auto const process = process_.load(std::memory_order_relaxed);
        return process != nowhere && process != this_process();
    }

    bool anywhere() const noexcept { return process_.load(std::memory_order_relaxed) != nowhere; }

    /// Takes note of a use here. Returns false if it was used before the fork. Before any lock is taken: then a
    /// child that finds no note finds no lock that is held.
    bool note() noexcept {
        auto seen = nowhere;
        return process_.compare_exchange_strong(
                   seen, this_process(), std::memory_order_acq_rel, std::memory_order_acquire) ||
               seen == this_process();
    }

    void set_here() noexcept { process_.store(this_process(), std::memory_order_release); }

private:
    static constexpr unsigned nowhere = 0;

    std::atomic<unsigned> process_{nowhere};
};

/// Gives each process an object of its own: one that a fork has copied may have its lock held, and may refer to
/// frames of threads that are not there. The object is made by its first use, and never destroyed.
template <class T>
class PerProcess {
public:
    /// Throws: std::bad_alloc.
    T& get() {
        auto* current = current_.load(std::memory_order_acquire);
        if (current && current->process == this_process()) [[likely]]
            return current->object;
        auto fresh = std::make_unique<Place>();
        fresh->before_fork = current;  // where a leak detector finds it
        if (current_.compare_exchange_strong(
                current, fresh.get(), std::memory_order_acq_rel, std::memory_order_acquire))
            return fresh.release()->object;
        return current->object;  // another thread was first
    }

private:
    struct Place {
        T object;
        unsigned const process = this_process();
        Place* before_fork = nullptr;
    };

    std::atomic<Place*> current_{nullptr};
};

}  // namespace syncopate::inline v0_1::detail
