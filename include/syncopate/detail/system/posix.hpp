// SignalBlocker, PipeDescriptor, yield(), is_only_processor(), call_in_forked_child(), keep_loaded(): what POSIX systems have
// in common of threads, signals, forks, shared libraries, and descriptors that tell of an event.
#pragma once

#if !defined(_WIN32)

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <system_error>
#include <thread>

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

namespace syncopate::inline v0_1::detail::system {

inline void yield() noexcept {
    ::sched_yield();
}

/// Whether the machine has one processor: for systems that do not say which of them the thread may use.
inline bool is_only_processor() noexcept {
    static bool const is_only = std::thread::hardware_concurrency() == 1;
    return is_only;
}

/// Blocks the signals that are sent to the process, on the calling thread. Not those that tell a thread what it
/// has done itself: were they blocked, a fault would end the process without its handler.
///
/// before:  gets what was blocked until then, for pthread_sigmask().
/// Returns: whether it did.
inline bool block_signals(sigset_t& before) noexcept {
    sigset_t all;
    sigfillset(&all);
    for (int const own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT, SIGPROF})
        sigdelset(&all, own);
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

/// Has the function be called in each child of fork(). Returns zero, or an error.
inline int call_in_forked_child(void (*function)()) noexcept {
    return ::pthread_atfork(nullptr, nullptr, function);
}

inline long process_id() noexcept {
    return ::getpid();
}

/// Keeps the library to which an address belongs loaded until the process ends.
inline void keep_loaded(void const* address) noexcept {
    Dl_info info{};
    if (::dladdr(address, &info) != 0 && info.dli_fname != nullptr)
        ::dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

/// A library, by its name and the version of its interface. Null if it is not installed.
inline void* load_library(char const* name, char const* version) noexcept {
    char file[64];
#if defined(__APPLE__)
    std::snprintf(file, sizeof file, "lib%s.%s.dylib", name, version);
#else
    std::snprintf(file, sizeof file, "lib%s.so.%s", name, version);
#endif
    return ::dlopen(file, RTLD_NOW | RTLD_LOCAL);
}

/// A function of the library. Null if it has none of that name.
template <class F>
F* find_function(void* library, char const* name) noexcept {
    return reinterpret_cast<F*>(::dlsym(library, name));
}

inline bool is_readable(int descriptor) noexcept {
    pollfd readable{descriptor, POLLIN, 0};
    return ::poll(&readable, 1, 0) == 1;
}

/// An event as a descriptor that becomes readable, by a pipe.
class PipeDescriptor {
public:
    /// Throws: std::system_error if no descriptor is left.
    PipeDescriptor() {
        if (::pipe(ends_.data()) != 0)
            throw std::system_error(errno, std::system_category(), "pipe");
        for (int const end : ends_) {
            ::fcntl(end, F_SETFD, FD_CLOEXEC);
            ::fcntl(end, F_SETFL, O_NONBLOCK);
        }
    }
    PipeDescriptor(PipeDescriptor const&) = delete;
    PipeDescriptor& operator=(PipeDescriptor const&) = delete;
    ~PipeDescriptor() {
        for (int const end : ends_)
            ::close(end);
    }

    int descriptor() const noexcept { return ends_[0]; }

    /// A handler of signals may call it.
    void set() noexcept {
        char const one = 1;
        [[maybe_unused]] auto const written = ::write(ends_[1], &one, sizeof one);
    }

private:
    std::array<int, 2> ends_{};
};

}  // namespace syncopate::inline v0_1::detail::system

#endif
