// DescriptorAlarm: calls a function once a descriptor can be read, unless it has been destroyed by then.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/descriptor.hpp>
#include <boost/system/error_code.hpp>

#include <concepts>
#include <memory>
#include <system_error>
#include <utility>

#include <poll.h>

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
    DescriptorAlarm(boost::asio::any_io_executor const& executor, int descriptor, F function)
        : self_(std::make_shared<DescriptorAlarm*>(this)), function_(std::move(function)),
          descriptor_(executor, descriptor) {
        wait();
    }
    DescriptorAlarm(DescriptorAlarm const&) = delete;
    DescriptorAlarm& operator=(DescriptorAlarm const&) = delete;
    ~DescriptorAlarm() { *self_ = nullptr; }

private:
    /// Not closed in the end.
    struct Borrowed : boost::asio::posix::descriptor {
        Borrowed(boost::asio::any_io_executor const& executor, int descriptor)
            : boost::asio::posix::descriptor(executor) {
            boost::system::error_code error;
            assign(descriptor, error);
            if (error)
                throw std::system_error(std::error_code(error), "epoll");
        }
        ~Borrowed() { release(); }
    };

    void wait() {
        descriptor_.async_wait(
            Borrowed::wait_read, [self = self_](boost::system::error_code error) {
                if (!error && *self)
                    (*self)->waited();
            });
    }

    /// The function may destroy the alarm.
    void waited() {
        pollfd readable{descriptor_.native_handle(), POLLIN, 0};
        if (::poll(&readable, 1, 0) != 1)
            return wait();
        function_();
    }

    std::shared_ptr<DescriptorAlarm*> self_;  // shared with the handler of the wait
    F function_;
    Borrowed descriptor_;
};

}  // namespace syncopate::inline v0_1::detail
