// DescriptorAlarm: has a loop told of Ctrl-C. It calls a function once an InterruptListener's descriptor is set.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/separate.hpp>
#include <syncopate/detail/threads/interrupt_listener.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)

#include <functional>
#include <memory>

namespace syncopate::inline v0_1::detail {

/// Belongs to one loop, which calls the function, unless the alarm has been destroyed by then: the function may do
/// so. The descriptor is somebody else's, and outlives the alarm.
class DescriptorAlarm {
public:
    /// Throws: std::system_error if the system cannot watch the descriptor.
    SYNCOPATE_DECL DescriptorAlarm(
        asio::any_io_executor const& executor,
        InterruptListener::Descriptor descriptor,
        std::function<void()> function);
    DescriptorAlarm(DescriptorAlarm const&) = delete;
    DescriptorAlarm& operator=(DescriptorAlarm const&) = delete;
    SYNCOPATE_DECL ~DescriptorAlarm();

private:
    class Watch;

    std::shared_ptr<Watch> watch_;  // shared with the handler of the wait
};

}  // namespace syncopate::inline v0_1::detail

#ifndef SYNCOPATE_SEPARATE_COMPILATION
#include <syncopate/detail/threads/descriptor_alarm.ipp>
#endif
