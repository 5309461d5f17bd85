// WatchedDescriptor: somebody else's event, for which a loop can wait.
#pragma once

#if defined(_WIN32)

#include <syncopate/asio.hpp>
#include <syncopate/detail/threads/interrupts_windows.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)
#include SYNCOPATE_ASIO(windows/object_handle.hpp)

#include <utility>

namespace syncopate::inline v0_1::detail {

class WatchedDescriptor {
public:
    /// Throws: std::system_error if the system cannot watch the event.
    WatchedDescriptor(asio::any_io_executor const& executor, HANDLE event)
        : event_(executor, duplicate_of(event)) {}

    template <class Handler>
    void async_wait(Handler handler) {
        event_.async_wait(std::move(handler));
    }

    bool is_set() { return ::WaitForSingleObject(event_.native_handle(), 0) == WAIT_OBJECT_0; }

private:
    /// Asio closes what it watches.
    static HANDLE duplicate_of(HANDLE event) {
        HANDLE copy = nullptr;
        auto* const process = ::GetCurrentProcess();
        if (!::DuplicateHandle(process, event, process, &copy, 0, FALSE, DUPLICATE_SAME_ACCESS))
            throw InterruptListener::last_error("DuplicateHandle");
        return copy;
    }

    asio::windows::object_handle event_;
};

}  // namespace syncopate::inline v0_1::detail

#endif
