// InterruptListener: while one exists, the first Ctrl-C of the console sets its event, and does nothing else.
#pragma once

#if defined(_WIN32)

#include <syncopate/asio.hpp>
#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/wait/small_mutex.hpp>

// Asio includes <windows.h> as its own headers need it.
#include SYNCOPATE_ASIO(windows/object_handle.hpp)

#include <mutex>
#include <system_error>
#include <utility>

namespace syncopate::inline v0_1::detail {

class InterruptListener;

/// The process's.
struct InterruptState {
    SmallMutex lock;
    IntrusiveList<InterruptListener> waiting;
    IntrusiveList<InterruptListener> interrupted;
    bool was_heeded = false;  // by any of those that the last Ctrl-C has interrupted
};

/// A listener waits for Ctrl-C, or has been interrupted by it. While any has been interrupted, the next Ctrl-C is the
/// program's, and so it is while there is no listener.
///
/// The console calls a handler on a thread of its own, one after another, the newest first, until one says that it has
/// dealt with the matter. Each listener registers the handler once more, so that it is the newest, and takes one
/// registration away as it goes: not under our lock, because Windows may hold a lock of its own while it calls us. All
/// else is done under the lock, and nothing is lost: a handler that finds nobody waiting leaves it to the next. A Ctrl-C
/// that came too late to be heeded by anybody is sent again, and nobody is waiting for it then.
class InterruptListener : public ListHook<InterruptListener> {
public:
    using Descriptor = HANDLE;

    /// Throws: std::system_error if there are no means for an event.
    InterruptListener() : event_(::CreateEventW(nullptr, TRUE, FALSE, nullptr)) {
        if (!event_)
            throw last_error("CreateEvent");
        if (!::SetConsoleCtrlHandler(&handle, TRUE)) {
            auto const error = last_error("SetConsoleCtrlHandler");
            ::CloseHandle(event_);
            throw error;
        }
        std::lock_guard const lock(state_.lock);
        state_.waiting.push_back(*this);
    }
    InterruptListener(InterruptListener const&) = delete;
    InterruptListener& operator=(InterruptListener const&) = delete;

    ~InterruptListener() {
        bool const was_in_vain = leave();
        ::SetConsoleCtrlHandler(&handle, FALSE);
        ::CloseHandle(event_);
        if (was_in_vain)
            ::GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0);
    }

    /// Set from the Ctrl-C on.
    Descriptor descriptor() const noexcept { return event_; }

    bool is_interrupted() const noexcept {
        return ::WaitForSingleObject(event_, 0) == WAIT_OBJECT_0;
    }

    /// The Ctrl-C has not come too late: something is done about it.
    void set_heeded() noexcept { is_heeded_ = true; }

    static std::system_error last_error(char const* what) {
        return {static_cast<int>(::GetLastError()), std::system_category(), what};
    }

private:
    /// Returns whether this was the last that was interrupted, and none has heeded it.
    bool leave() noexcept {
        std::lock_guard const lock(state_.lock);
        unlink();
        if (!is_interrupted_)
            return false;
        state_.was_heeded |= is_heeded_;
        return state_.interrupted.empty() && !state_.was_heeded;
    }

    void interrupt() noexcept {
        is_interrupted_ = true;
        unlink();
        state_.interrupted.push_back(*this);
        ::SetEvent(event_);
    }

    static BOOL WINAPI handle(DWORD event) noexcept {
        if (event != CTRL_C_EVENT)
            return FALSE;
        std::lock_guard const lock(state_.lock);
        if (state_.waiting.empty() || !state_.interrupted.empty())
            return FALSE;
        state_.was_heeded = false;
        state_.waiting.for_each([](InterruptListener& each) { each.interrupt(); });
        return TRUE;
    }

    inline static constinit InterruptState state_{};

    HANDLE const event_;
    bool is_interrupted_ = false;  // under the lock
    bool is_heeded_ = false;
};

}  // namespace syncopate::inline v0_1::detail

#endif
