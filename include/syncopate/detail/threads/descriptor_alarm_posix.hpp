// DescriptorAlarm: calls a function once a descriptor can be read, unless it has been destroyed by then.
#pragma once

#if !defined(_WIN32)

#include <syncopate/asio.hpp>
#include <syncopate/detail/system/system.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)
#include SYNCOPATE_ASIO(posix/descriptor.hpp)

#include <concepts>
#include <memory>
#include <system_error>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// Belongs to one loop, which calls the function. The descriptor is somebody else's, and outlives the alarm. As
/// with an Alarm, the handler of the wait may still be called when the alarm is gone.
///
/// Asio keeps its records of descriptors for others. An event that was on its way to a descriptor when that was
/// released ends the wait for the next one that has its record. So the alarm looks before it calls the function.
template <std::invocable F>
class DescriptorAlarm {
public:
    /// Throws: std::system_error if the system cannot watch the descriptor.
    DescriptorAlarm(asio::any_io_executor const& executor, int descriptor, F function)
        : self_(std::make_shared<DescriptorAlarm*>(this)), function_(std::move(function)),
          descriptor_(executor, descriptor) {
        wait();
    }
    DescriptorAlarm(DescriptorAlarm const&) = delete;
    DescriptorAlarm& operator=(DescriptorAlarm const&) = delete;
    ~DescriptorAlarm() { *self_ = nullptr; }

private:
    /// Not closed in the end.
    struct Borrowed : asio::posix::descriptor {
        Borrowed(asio::any_io_executor const& executor, int descriptor)
            : asio::posix::descriptor(executor) {
            AsioErrorCode error;
            assign(descriptor, error);
            if (error)
                throw std::system_error(std::error_code(error), "watching a descriptor");
        }
        ~Borrowed() { release(); }
    };

    void wait() {
        descriptor_.async_wait(Borrowed::wait_read, [self = self_](AsioErrorCode error) {
            if (!error && *self)
                (*self)->waited();
        });
    }

    /// The function may destroy the alarm.
    void waited() {
        if (!system::is_readable(descriptor_.native_handle()))
            return wait();
        function_();
    }

    std::shared_ptr<DescriptorAlarm*> self_;  // shared with the handler of the wait
    F function_;
    Borrowed descriptor_;
};

}  // namespace syncopate::inline v0_1::detail

#endif
