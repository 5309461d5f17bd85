// ThisThread: which thread this is, for whoever tells threads apart.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace syncopate::inline v0_1::detail {

class [[gnu::visibility("default")]] ThisThread {
public:
    /// What the system calls it. It may call a later thread the same.
    static long id() noexcept { return get().id_; }

    /// Names it for good. Not zero.
    static std::uint64_t serial() noexcept { return get().serial_; }

    /// As debuggers and ps show it.
    static std::string name() {
        char name[16] = {};
        static_cast<void>(::pthread_getname_np(::pthread_self(), name, sizeof name));
        return name;
    }

private:
    ThisThread() noexcept = default;

    [[gnu::noinline]] static ThisThread const& get() noexcept {
        static thread_local ThisThread const here;
        return here;
    }

    static inline std::atomic<std::uint64_t> last_{0};

    long const id_ = ::syscall(SYS_gettid);
    std::uint64_t const serial_ = last_.fetch_add(1, std::memory_order_relaxed) + 1;
};

}  // namespace syncopate::inline v0_1::detail
