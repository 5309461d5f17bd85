// Library: the program or the shared library whose code this is, and which may have to stay loaded.
#pragma once

#include <syncopate/detail/system/system.hpp>

#include <atomic>

namespace syncopate::inline v0_1::detail {

/// Hidden, so that each library has its own.
[[gnu::visibility("hidden")]] inline char const library_anchor = 0;

/// A plug-in that uses the loop of its host leaves code of its own there: coroutines that wait for the next task,
/// idle workers, services of the io_context. So it stays loaded from then on, whoever unloads it. (What GCC compiles
/// stays loaded in any case, because of Asio's static members.) A plug-in that uses loops of its own only can be
/// unloaded, and closes them.
class [[gnu::visibility("hidden")]] Library {
public:
    /// Identifies the library of the caller.
    static void const* here() noexcept { return &library_anchor; }

    /// Keeps the caller's library loaded until the process ends.
    // No static object that is initialised once: a child that is forked meanwhile would wait for that. Twice does no
    // harm.
    [[gnu::noinline]] static void keep_loaded() noexcept {
        if (is_kept_.load(std::memory_order_relaxed))
            return;
        system::keep_loaded(here());
        is_kept_.store(true, std::memory_order_relaxed);
    }

    /// The same, if what the caller uses is of another library.
    static void keep_loaded_for(void const* other) noexcept {
        if (other != here())
            keep_loaded();
    }

private:
    inline static constinit std::atomic<bool> is_kept_{false};
};

}  // namespace syncopate::inline v0_1::detail
