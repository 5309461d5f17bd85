// DescriptorAlarm: calls a function once a descriptor can be read, unless it has been destroyed by then.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/descriptor.hpp>
#include <boost/system/error_code.hpp>

#include <concepts>
#include <memory>
#include <system_error>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// Belongs to one loop, which calls the function. The descriptor is somebody else's, and outlives the alarm. As
/// with an Alarm, the handler of the wait may still be called when the alarm is gone.
template <std::invocable F>
class DescriptorAlarm {
public:
    /// Throws: std::system_error if the system cannot watch the descriptor.
    DescriptorAlarm(boost::asio::any_io_executor const& executor, int descriptor, F function)
        : function_(std::make_shared<F*>(nullptr)), called_(std::move(function)),
          descriptor_(executor, descriptor) {
        *function_ = &called_;
        descriptor_.async_wait(
            Borrowed::wait_read, [function = function_](boost::system::error_code error) {
                if (!error && *function)
                    (**function)();
            });
    }
    DescriptorAlarm(DescriptorAlarm const&) = delete;
    DescriptorAlarm& operator=(DescriptorAlarm const&) = delete;
    ~DescriptorAlarm() { *function_ = nullptr; }

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

    std::shared_ptr<F*> function_;  // shared with what the wait calls
    F called_;
    Borrowed descriptor_;
};

}  // namespace syncopate::inline v0_1::detail
