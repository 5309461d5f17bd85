// start_thread(): starts a thread of the library's, which takes no signal of the program. join_until(): waits
// for its end. block_signals(), SignalBlocker: keep the signals away from the calling thread. name_this_thread():
// gives it a name that debuggers and ps show.
#pragma once

#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/scheduling.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <new>
#include <string>
#include <thread>
#include <utility>

#include <pthread.h>

namespace syncopate::inline v0_1::detail {

/// Blocks the signals that are sent to the process, on the calling thread. Not those that tell a thread what it
/// has done itself: were they blocked, a fault would end the process without its handler.
///
/// before:  gets what was blocked until then, for pthread_sigmask().
/// Returns: whether it did.
inline bool block_signals(sigset_t& before) noexcept {
    sigset_t all;
    ::sigfillset(&all);
    for (int const own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT, SIGPROF})
        ::sigdelset(&all, own);
    return ::pthread_sigmask(SIG_BLOCK, &all, &before) == 0;
}

/// The same, until it is destroyed.
class SignalBlocker {
public:
    SignalBlocker() noexcept : is_blocked_(block_signals(before_)) {}
    SignalBlocker(SignalBlocker const&) = delete;
    SignalBlocker& operator=(SignalBlocker const&) = delete;
    ~SignalBlocker() {
        if (is_blocked_)
            ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }

private:
    sigset_t before_;
    bool is_blocked_;
};

/// The thread inherits the mask of a SignalBlocker: a program takes its signals where it expects them, in a
/// handler on a thread of its own or in sigwait(). Asio does the same with the threads that it makes. Its
/// scheduling is that of the main thread, whoever starts it.
///
/// Throws: std::system_error if the system has no thread to give.
template <class F>
std::thread start_thread(F function) {
    SignalBlocker const blocked;
    return std::thread([function = std::move(function)]() mutable {
        schedule_as_main_thread();
        function();
    });
}

/// Waits for the end of a thread, which is joined then, and forgotten by the object. Returns whether that came
/// before the deadline: objects of the thread's own may take long to destroy.
inline bool join_until(std::thread& thread, Deadline deadline) noexcept {
    using namespace std::chrono_literals;
    if (deadline == no_deadline) {
        thread.join();
        return true;
    }
    // Not pthread_clockjoin_np(), which is younger than what the sanitizers know.
    for (auto pause = 20us; ::pthread_tryjoin_np(thread.native_handle(), nullptr) != 0;) {
        if (Deadline::clock::now() >= deadline)
            return false;
        std::this_thread::sleep_for(pause);
        pause = (std::min)(pause * 2, std::chrono::microseconds(5ms));
    }
    // It must not be joined again: what names it is moved to where no destructor follows.
    alignas(std::thread) std::byte joined[sizeof(std::thread)];
    new (joined) std::thread(std::move(thread));
    return true;
}

/// Linux keeps the first 15 bytes of a name.
inline void name_this_thread(std::string const& name) noexcept {
    constexpr std::size_t most = 15;
    char kept[most + 1] = {};
    name.copy(kept, most);
    ::pthread_setname_np(::pthread_self(), kept);
}

}  // namespace syncopate::inline v0_1::detail
