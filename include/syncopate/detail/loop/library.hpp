// Library: the program or the shared library whose code this is, and which may have to stay loaded.
#pragma once

#include <dlfcn.h>

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
    [[gnu::noinline]] static void keep_loaded() noexcept {
        static bool const is_kept = keep();
        static_cast<void>(is_kept);
    }

    /// The same, if what the caller uses is of another library.
    static void keep_loaded_for(void const* other) noexcept {
        if (other != here())
            keep_loaded();
    }

private:
    static bool keep() noexcept {
        Dl_info info{};
        return ::dladdr(here(), &info) != 0 && info.dli_fname != nullptr &&
               ::dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE) != nullptr;
    }
};

}  // namespace syncopate::inline v0_1::detail
