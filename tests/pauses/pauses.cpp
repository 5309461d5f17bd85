// A library to preload: threads pause at random around what they ask of the system, so that each may find that another
// one was there first. tests/pauses.sh runs the suite with it.
//
// SYNCOPATE_PAUSES_SEED, _ONE_IN and _MICROSECONDS: how the pauses are drawn, how seldom, and how long at most.

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <random>
#include <string_view>

#include <dlfcn.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

std::uint64_t setting(char const* name, std::uint64_t otherwise) {
    char const* const text = std::getenv(name);
    return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

// Zero until this library's turn to be initialised: there is no pause before.
std::uint64_t const one_in = setting("SYNCOPATE_PAUSES_ONE_IN", 16);
std::uint64_t const longest = setting("SYNCOPATE_PAUSES_MICROSECONDS", 3000);
std::uint64_t const seed = setting("SYNCOPATE_PAUSES_SEED", 1);

/// What a test starts is some other program, mostly, whose time is not ours.
[[gnu::constructor]] void leave_children_alone() {
    if (std::string_view(program_invocation_short_name) != "ctest")
        ::unsetenv("LD_PRELOAD");
}

std::uint64_t draw() {
    thread_local std::minstd_rand random([] {
        timespec now{};
        ::clock_gettime(CLOCK_MONOTONIC, &now);
        return static_cast<unsigned>(seed + static_cast<std::uint64_t>(now.tv_nsec + ::gettid()));
    }());
    return random();
}

void pause_perhaps() {
    if (one_in == 0 || draw() % one_in != 0)
        return;
    int const before = errno;
    timespec const length{0, static_cast<long>(draw() % longest) * 1000};
    ::nanosleep(&length, nullptr);
    errno = before;
}

/// A function of the C library that one of ours stands before. It is looked up at its first call, and kept in an atomic: the
/// guard of a local static may call the very function.
template <class F>
class Next {
public:
    /// version:   of the symbol, where the C library has several.
    constexpr explicit Next(char const* name, char const* version = nullptr) noexcept
        : name_(name), version_(version) {}

    template <class... Args>
    auto operator()(Args... args) noexcept {
        pause_perhaps();
        auto const result = function()(args...);
        pause_perhaps();
        return result;
    }

private:
    F* function() noexcept {
        auto* found = function_.load(std::memory_order_relaxed);
        if (!found) {
            void* symbol = version_ ? ::dlvsym(RTLD_NEXT, name_, version_) : nullptr;
            if (!symbol)
                symbol = ::dlsym(RTLD_NEXT, name_);
            found = reinterpret_cast<F*>(symbol);
            function_.store(found, std::memory_order_relaxed);
        }
        return found;
    }

    char const* name_;
    char const* version_;
    std::atomic<F*> function_{nullptr};
};

/// The condition variables of today, where there are older ones, too: on x86.
constexpr char const* present = "GLIBC_2.3.2";

constinit Next<decltype(::send)> next_send("send");
constinit Next<decltype(::sendmsg)> next_sendmsg("sendmsg");
constinit Next<decltype(::recv)> next_recv("recv");
constinit Next<decltype(::recvmsg)> next_recvmsg("recvmsg");
constinit Next<decltype(::accept)> next_accept("accept");
constinit Next<int(int, int)> next_shutdown("shutdown");
constinit Next<int(int, epoll_event*, int, int)> next_epoll_wait("epoll_wait");
constinit Next<int(pollfd*, nfds_t, int)> next_poll("poll");
constinit Next<int(pthread_mutex_t*)> next_unlock("pthread_mutex_unlock");
constinit Next<int(pthread_cond_t*)> next_signal("pthread_cond_signal", present);
constinit Next<int(pthread_cond_t*)> next_broadcast("pthread_cond_broadcast", present);
constinit Next<long(long, ...)> next_syscall("syscall");

}  // namespace

extern "C" {

ssize_t send(int socket, void const* data, std::size_t size, int flags) {
    return next_send(socket, data, size, flags);
}
ssize_t sendmsg(int socket, msghdr const* message, int flags) {
    return next_sendmsg(socket, message, flags);
}
ssize_t recv(int socket, void* data, std::size_t size, int flags) {
    return next_recv(socket, data, size, flags);
}
ssize_t recvmsg(int socket, msghdr* message, int flags) {
    return next_recvmsg(socket, message, flags);
}
int accept(int socket, sockaddr* address, socklen_t* size) {
    return next_accept(socket, address, size);
}
int shutdown(int socket, int how) noexcept {
    return next_shutdown(socket, how);
}
int epoll_wait(int epoll, epoll_event* events, int size, int milliseconds) {
    return next_epoll_wait(epoll, events, size, milliseconds);
}
int poll(pollfd* sockets, nfds_t count, int milliseconds) {
    return next_poll(sockets, count, milliseconds);
}
int pthread_mutex_unlock(pthread_mutex_t* mutex) noexcept {
    return next_unlock(mutex);
}
int pthread_cond_signal(pthread_cond_t* condition) noexcept {
    return next_signal(condition);
}
int pthread_cond_broadcast(pthread_cond_t* condition) noexcept {
    return next_broadcast(condition);
}

/// The futexes.
long syscall(long number, ...) noexcept {
    std::va_list list;
    va_start(list, number);
    std::array<long, 6> of{};
    for (auto& argument : of)
        argument = va_arg(list, long);
    va_end(list);
    return next_syscall(number, of[0], of[1], of[2], of[3], of[4], of[5]);
}

}  // extern "C"
