// The functions of DescriptorAlarm: what Asio has for descriptors is compiled here only.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/separate.hpp>
#include <syncopate/detail/threads/interrupt_listener.hpp>
#include <syncopate/detail/threads/watched_descriptor.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)

#include <functional>
#include <memory>
#include <optional>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// The handler of the wait may still be called when the alarm is gone.
class DescriptorAlarm::Watch : public std::enable_shared_from_this<Watch> {
public:
    Watch(
        asio::any_io_executor const& executor,
        InterruptListener::Descriptor descriptor,
        std::function<void()> function)
        : function_(std::move(function)), descriptor_(std::in_place, executor, descriptor) {}

    void wait() {
        descriptor_->async_wait([self = this->shared_from_this()](AsioErrorCode error) {
            if (!error && self->descriptor_)
                self->waited();
        });
    }

    void end() noexcept { descriptor_.reset(); }

private:
    void waited() {
        if (!descriptor_->is_set())
            return wait();
        function_();  // may be the end of the alarm
    }

    std::function<void()> function_;
    std::optional<WatchedDescriptor> descriptor_;  // until the alarm's end
};

SYNCOPATE_DECL DescriptorAlarm::DescriptorAlarm(
    asio::any_io_executor const& executor,
    InterruptListener::Descriptor descriptor,
    std::function<void()> function)
    : watch_(std::make_shared<Watch>(executor, descriptor, std::move(function))) {
    watch_->wait();
}

SYNCOPATE_DECL DescriptorAlarm::~DescriptorAlarm() {
    watch_->end();
}

}  // namespace syncopate::inline v0_1::detail
