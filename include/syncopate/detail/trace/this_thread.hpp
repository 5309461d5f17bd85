// ThisThread: which thread this is, for whoever tells threads apart.
#pragma once

#include <syncopate/detail/system/system.hpp>

#include <atomic>
#include <cstdint>
#include <string>

namespace syncopate::inline v0_1::detail {

class [[gnu::visibility("default")]] ThisThread {
public:
    /// What the system calls it. It may call a later thread the same.
    static long id() noexcept { return get().id_; }

    /// Names it for good. Not zero.
    static std::uint64_t serial() noexcept { return get().serial_; }

    /// As debuggers and ps show it.
    static std::string name() { return system::thread_name(); }

private:
    ThisThread() noexcept = default;

    [[gnu::noinline]] static ThisThread const& get() noexcept {
        static thread_local ThisThread const here;
        return here;
    }

    static inline std::atomic<std::uint64_t> last_{0};

    std::uint64_t const serial_ = last_.fetch_add(1, std::memory_order_relaxed) + 1;
    // Where the system has no number for a thread, ours.
    long const id_ = system::thread_id() != 0 ? system::thread_id() : static_cast<long>(serial_);
};

}  // namespace syncopate::inline v0_1::detail
