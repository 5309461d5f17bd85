// WatchedDescriptor: somebody else's descriptor, for whose being readable a loop can wait.
#pragma once

#if !defined(_WIN32)

#include <syncopate/asio.hpp>
#include <syncopate/detail/system/system.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)
#include SYNCOPATE_ASIO(posix/descriptor.hpp)

#include <system_error>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// Not closed in the end.
class WatchedDescriptor : private asio::posix::descriptor {
public:
    /// Throws: std::system_error if the system cannot watch the descriptor.
    WatchedDescriptor(asio::any_io_executor const& executor, int descriptor)
        : asio::posix::descriptor(executor) {
        AsioErrorCode error;
        static_cast<void>(assign(descriptor, error));
        if (error)
            throw std::system_error(std::error_code(error), "watching a descriptor");
    }
    WatchedDescriptor(WatchedDescriptor const&) = delete;
    WatchedDescriptor& operator=(WatchedDescriptor const&) = delete;
    ~WatchedDescriptor() { release(); }

    template <class Handler>
    void async_wait(Handler handler) {
        asio::posix::descriptor::async_wait(wait_read, std::move(handler));
    }

    /// Asio keeps its records of descriptors for others. An event that was on its way to a descriptor when that was
    /// released ends the wait for the next one that has its record. So who has waited looks.
    bool is_set() { return system::is_readable(native_handle()); }
};

}  // namespace syncopate::inline v0_1::detail

#endif
