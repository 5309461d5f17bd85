// Windows: WaitOnAddress, the processors of the process, and the names of threads. There are no forks, and no signals
// that a thread would have to be kept from.
#pragma once

#if defined(_WIN32)

#include <syncopate/detail/wait/deadline.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <thread>
#include <type_traits>

// Declared here, as Windows does: <windows.h> would bring its macros to all who include this.
struct HINSTANCE__;
extern "C" {
int __stdcall WaitOnAddress(
    void volatile*,
    void*,
    std::conditional_t<sizeof(void*) == 8, unsigned long long, unsigned long>,
    unsigned long);
void __stdcall WakeByAddressAll(void*);
__declspec(dllimport) unsigned long __stdcall WaitForSingleObject(void*, unsigned long);
__declspec(dllimport) unsigned long __stdcall GetCurrentThreadId();
__declspec(dllimport) unsigned long __stdcall GetCurrentProcessId();
__declspec(dllimport) void* __stdcall GetCurrentThread();
__declspec(dllimport) int __stdcall SwitchToThread();
__declspec(dllimport) struct HINSTANCE__* __stdcall GetModuleHandleA(char const*);
__declspec(dllimport) struct HINSTANCE__* __stdcall LoadLibraryExA(
    char const*, void*, unsigned long);
__declspec(dllimport) int __stdcall GetModuleHandleExA(
    unsigned long, char const*, struct HINSTANCE__**);
__declspec(dllimport) std::conditional_t<sizeof(void*) == 8, long long, int>(
    __stdcall* __stdcall GetProcAddress(struct HINSTANCE__*, char const*))();
__declspec(dllimport) void* __stdcall LocalFree(void*);
}

#if defined(_MSC_VER)
#pragma comment(lib, "synchronization")
#endif

namespace syncopate::inline v0_1::detail::system {

struct AddressWait {
    using Word = std::atomic<std::uint32_t>;

    /// A handler of Ctrl-C runs on a thread of its own.
    static constexpr bool is_signal_safe = true;

    static void wait(Word& word, std::uint32_t expected, Deadline deadline) noexcept {
        constexpr unsigned long for_ever = 0xffffffff;
        constexpr std::chrono::milliseconds longest{1'000'000'000};  // the caller waits again
        auto limit = for_ever;
        if (deadline != no_deadline) {
            auto const left = deadline - Deadline::clock::now();
            if (left <= left.zero())
                return;
            limit = static_cast<unsigned long>(
                (left < longest ? std::chrono::ceil<std::chrono::milliseconds>(left) : longest)
                    .count());
        }
        ::WaitOnAddress(&word, &expected, sizeof expected, limit);
    }

    static void wake_all(Word const* word) noexcept { ::WakeByAddressAll(const_cast<Word*>(word)); }
};

inline void yield() noexcept {
    ::SwitchToThread();
}

inline bool has_one_processor() noexcept {
    static bool const has_one = std::thread::hardware_concurrency() == 1;
    return has_one;
}

/// A new thread has the priority and the processors of its process, whoever starts it.
inline void schedule_as_main_thread() noexcept {}

inline long thread_id() noexcept {
    return static_cast<long>(::GetCurrentThreadId());
}

inline long process_id() noexcept {
    return static_cast<long>(::GetCurrentProcessId());
}

/// A function of a library that is loaded. Null if it has none of that name.
template <class F>
F* find_function(void* library, char const* name) noexcept {
    auto const found = ::GetProcAddress(static_cast<struct HINSTANCE__*>(library), name);
    return reinterpret_cast<F*>(reinterpret_cast<void*>(found));
}

/// A library, by its name and the version of its interface. Null if it is not installed. The working directory is not
/// searched.
inline void* load_library(char const* name, char const* version) noexcept {
    constexpr unsigned long search_default_dirs = 0x1000;
    char file[64];
    for (char const* const form : {"lib%s-%s.dll", "lib%s.dll", "%s.dll"}) {
        std::snprintf(file, sizeof file, form, name, version);
        if (void* const library = ::LoadLibraryExA(file, nullptr, search_default_dirs))
            return library;
    }
    return nullptr;
}

/// Keeps the library to which an address belongs loaded until the process ends.
inline void keep_loaded(void const* address) noexcept {
    constexpr unsigned long pin_by_address = 1 | 4;
    struct HINSTANCE__* ignored = nullptr;
    ::GetModuleHandleExA(pin_by_address, static_cast<char const*>(address), &ignored);
}

/// What Windows has from version 10 on.
struct ThreadNames {
    using Set = long __stdcall(void*, wchar_t const*);
    using Get = long __stdcall(void*, wchar_t**);

    static void* library() noexcept { return ::GetModuleHandleA("kernelbase.dll"); }
};

/// Names are ASCII here; of any other only that part is kept.
inline void name_this_thread(std::string const& name) noexcept {
    constexpr std::size_t most = 63;
    auto* const set =
        find_function<ThreadNames::Set>(ThreadNames::library(), "SetThreadDescription");
    if (!set)
        return;
    wchar_t kept[most + 1] = {};
    std::size_t count = 0;
    for (char const c : name)
        if (static_cast<unsigned char>(c) < 0x80 && count < most)
            kept[count++] = static_cast<wchar_t>(c);
    set(::GetCurrentThread(), kept);
}

/// As debuggers show it.
inline std::string thread_name() {
    auto* const get =
        find_function<ThreadNames::Get>(ThreadNames::library(), "GetThreadDescription");
    wchar_t* found = nullptr;
    if (!get || get(::GetCurrentThread(), &found) < 0 || !found)
        return {};
    std::string name;
    for (auto const* c = found; *c != 0; ++c)
        name += *c < 0x80 ? static_cast<char>(*c) : '?';
    ::LocalFree(found);
    return name;
}

class SignalBlocker {
public:
    SignalBlocker() noexcept {}
    SignalBlocker(SignalBlocker const&) = delete;
    SignalBlocker& operator=(SignalBlocker const&) = delete;
    ~SignalBlocker() {}
};

/// No process is forked.
inline int call_in_forked_child(void (*)()) noexcept {
    return 0;
}

struct Joining {
    /// Held by who starts a thread, while it does.
    struct Start {
        void note(std::thread const&) noexcept {}
    };
    /// Made by a thread that begins.
    static void mark_thread() noexcept {}

    /// Joins a thread that has ended. Returns false if it has not.
    static bool try_join(std::thread& thread) noexcept {
        if (::WaitForSingleObject(handle(thread), 0) != 0)
            return false;
        thread.join();
        return true;
    }

private:
    static void* handle(std::thread& thread) noexcept {
#if defined(_MSC_VER)
        return thread.native_handle();
#else
        return ::pthread_gethandle(thread.native_handle());  // of winpthreads
#endif
    }
};

}  // namespace syncopate::inline v0_1::detail::system

#endif
