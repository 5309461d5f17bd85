// InterruptListener: while one exists, the first Ctrl-C (SIGINT) makes its descriptor readable, and does
// nothing else.
#pragma once

#if !defined(_WIN32)

#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/system/forks.hpp>
#include <syncopate/detail/system/system.hpp>
#include <syncopate/detail/threads/thread.hpp>
#include <syncopate/detail/wait/futex.hpp>
#include <syncopate/detail/wait/platform.hpp>
#include <syncopate/detail/wait/small_mutex.hpp>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <ctime>
#include <system_error>
#include <type_traits>

#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

namespace syncopate::inline v0_1::detail {

class InterruptListener;

/// For a lock that a handler of signals takes, where a handler must not use the table: sleeps for a moment instead of
/// until it is woken.
struct NappingPlatform : SystemPlatform {
    static void futex_wait(FutexWord&, std::uint32_t, Deadline) noexcept {
        timespec const nap{0, 50'000};
        ::nanosleep(&nap, nullptr);
    }
    static void futex_wake_all(FutexWord const*) noexcept {}
};
using InterruptLock = BasicSmallMutex<
    std::conditional_t<AddressWait::is_signal_safe, SystemPlatform, NappingPlatform>>;

/// The process's. It needs neither constructor nor destructor to run: the handler may use it at any time. Whoever takes
/// the lock blocks the signals first, or is a handler: none interrupts the thread that holds it.
struct [[gnu::visibility("default")]] InterruptState {
    InterruptLock lock;
    IntrusiveList<InterruptListener> waiting;
    IntrusiveList<InterruptListener> interrupted;
    bool is_armed = false;                // our handler has taken the place of `former`
    bool was_heeded = false;              // by any of those that the last signal has interrupted
    struct sigaction former = {};         // what the program does about the signal
    sigset_t blocked_before_fork{};       // by the thread that forks and holds the lock
    std::atomic<bool> is_covered{false};  // others have installed a handler, and may put ours back
};

/// A listener waits for the signal, or has been interrupted by it. While any has been interrupted, the former
/// disposition is in place, so that a second signal gets it; for listeners that come meanwhile, the handler is
/// installed again when the last of those has gone.
///
/// No signal is lost. The handler's work, the coming and the going of listeners, and each change of the disposition
/// by us are done under one lock, so they come one after another:
///
/// - A handler that comes after a listener has come, and before any other signal, finds it waiting and writes to
///   its descriptor. That stays readable, so it does not matter whether the loop waits for it by then: epoll tells
///   of what is readable already.
/// - A handler that had begun and got the lock too late, when another signal was the first or the last listener
///   had gone, finds that the former disposition is in place, and does itself what that says.
/// - A signal of which all listeners say, as they go, that it was too late to be heeded, is sent again, once the
///   former disposition is back.
///
/// Before a listener comes and after it has gone, the signal is the program's. The handler calls only what may be
/// called in handlers; each thread that does not block the signal may get it.
class [[gnu::visibility("default")]] InterruptListener : public ListHook<InterruptListener> {
public:
    using Descriptor = int;

    /// Throws: std::system_error if no descriptor is left.
    InterruptListener() {
        require_fork_handlers();
        Lock const lock;
        state_.waiting.push_back(*this);
        if (!state_.is_armed && state_.interrupted.empty())
            arm();
    }
    InterruptListener(InterruptListener const&) = delete;
    InterruptListener& operator=(InterruptListener const&) = delete;

    ~InterruptListener() {
        bool const was_in_vain = leave();
        if (state_.is_covered.exchange(false, std::memory_order_relaxed))
            system::keep_loaded(reinterpret_cast<void const*>(handler_));
        if (was_in_vain)
            ::kill(::getpid(), SIGINT);
    }

    /// Readable from the signal on.
    Descriptor descriptor() const noexcept { return event_.descriptor(); }

    /// Whether the signal has come.
    bool is_interrupted() const noexcept { return system::is_readable(descriptor()); }

    /// The signal has not come too late: something is done about it.
    void set_heeded() noexcept { is_heeded_ = true; }

private:
    class Lock {
    public:
        Lock() noexcept { state_.lock.lock(); }
        Lock(Lock const&) = delete;
        Lock& operator=(Lock const&) = delete;
        ~Lock() { state_.lock.unlock(); }

    private:
        SignalBlocker blocked_;
    };

    using Handler = void (*)(int, siginfo_t*, void*);

    static void require_fork_handlers() {
        // A fork waits for the lock, and the child has it back: no other thread is there to release it.
        static int const registered =
            ::pthread_atfork(&before_fork, &after_fork, &after_fork_in_child);
        if (registered != 0)
            throw std::system_error(registered, std::system_category(), "pthread_atfork");
    }

    /// Returns whether this was the last that the signal has interrupted, and none has heeded it.
    bool leave() noexcept {
        Lock const lock;
        if (process_ != this_process())
            return false;  // of the process from which this one was forked
        unlink();
        if (!is_interrupted_) {
            if (state_.is_armed && state_.waiting.empty())
                disarm();
            return false;
        }
        state_.was_heeded |= is_heeded_;
        if (!state_.interrupted.empty())
            return false;
        if (!state_.waiting.empty())
            arm();
        return !state_.was_heeded;
    }

    void interrupt() noexcept {
        is_interrupted_ = true;
        unlink();
        state_.interrupted.push_back(*this);
        event_.set();
    }

    // Under the lock.

    static void arm() noexcept {
        struct sigaction ours = {};
        ours.sa_sigaction = handler_;
        ours.sa_flags = SA_SIGINFO | SA_ONSTACK | restarts_system_calls;
        sigfillset(&ours.sa_mask);
        struct sigaction found = {};
        ::sigaction(SIGINT, &ours, &found);
        if (!is_ours(found))
            state_.former = found;
        state_.is_armed = true;
    }

    /// Leaves a handler alone that somebody else has installed meanwhile, such as that of another version of the
    /// library. When it goes, ours is back, which then does what the former disposition says.
    static void disarm() noexcept {
        struct sigaction found = {};
        ::sigaction(SIGINT, nullptr, &found);
        if (is_ours(found))
            ::sigaction(SIGINT, &state_.former, nullptr);
        else
            state_.is_covered.store(true, std::memory_order_relaxed);
        state_.is_armed = false;
    }

    static bool is_ours(struct sigaction const& action) noexcept {
        return (action.sa_flags & SA_SIGINFO) && action.sa_sigaction == handler_;
    }

    static void handle(int signal, siginfo_t* info, void* context) noexcept {
        int const error = errno;
        state_.lock.lock();
        bool const is_first = state_.is_armed;
        if (is_first) {
            disarm();
            state_.was_heeded = false;
            state_.waiting.for_each([](InterruptListener& each) { each.interrupt(); });
        }
        auto const former = state_.former;
        state_.lock.unlock();
        if (!is_first)
            act_as(former, signal, info, context);
        errno = error;
    }

    static void act_as(
        struct sigaction const& action, int signal, siginfo_t* info, void* context) noexcept {
        if (action.sa_flags & SA_SIGINFO)
            return action.sa_sigaction(signal, info, context);
        if (action.sa_handler == SIG_IGN)
            return;
        if (action.sa_handler != SIG_DFL)
            return action.sa_handler(signal);
        ::sigaction(signal, &action, nullptr);
        ::raise(signal);  // ends the process when the handler returns
    }

    static void before_fork() noexcept {
        sigset_t before;
        system::block_signals(before);
        state_.lock.lock();
        state_.blocked_before_fork = before;
    }
    static void after_fork() noexcept {
        auto const before = state_.blocked_before_fork;
        state_.lock.unlock();
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    }
    /// The listeners are the parent's, and so are their descriptors.
    static void after_fork_in_child() noexcept {
        for (auto* const list : {&state_.waiting, &state_.interrupted})
            list->for_each([](InterruptListener& each) { each.unlink(); });
        if (state_.is_armed)
            disarm();
        after_fork();
    }

    // Other threads of the program may be in system calls, and are not disturbed. But ThreadSanitizer calls a
    // handler at the thread's next atomic operation, and for that a thread that sleeps must return from the kernel.
#if defined(__SANITIZE_THREAD__)
    static constexpr int restarts_system_calls = 0;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
    static constexpr int restarts_system_calls = 0;
#else
    static constexpr int restarts_system_calls = SA_RESTART;
#endif
#else
    static constexpr int restarts_system_calls = SA_RESTART;
#endif

    inline static constinit InterruptState state_{};
    // Of the library or program whose state_ is in use, and which stays as long as that. A copy of the function in
    // another may be unloaded sooner.
    inline static constinit Handler handler_ = &handle;

    system::EventDescriptor event_;
    unsigned const process_ = this_process();
    bool is_interrupted_ = false;  // under the lock
    bool is_heeded_ = false;
};

}  // namespace syncopate::inline v0_1::detail

#endif
