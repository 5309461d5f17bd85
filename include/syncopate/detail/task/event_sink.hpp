// EventSink: tells the function of Options::on_event of events. EventSource: what they are about. EventScope: the
// events of a function.
#pragma once

#include <syncopate/detail/task/task_id.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/small_mutex.hpp>
#include <syncopate/event.hpp>
#include <syncopate/options.hpp>

#include <exception>
#include <memory>
#include <mutex>
#include <source_location>
#include <string>
#include <utility>

namespace syncopate::inline v0_1::detail {

struct EventSource {
    Event::Kind kind;
    TaskId id;
    TaskId task;
    std::source_location location;
    std::string const* label = nullptr;
};

/// Shared by the loop and by the work that it has given away: a function that was abandoned may end after the loop.
/// From any thread. Must not be used under a lock, since it calls what the user has given.
class EventSink {
public:
    /// Null if the options name no function.
    static std::shared_ptr<EventSink> of(Options const& options) {
        return options.on_event() ? std::make_shared<EventSink>(options) : nullptr;
    }

    explicit EventSink(Options options) : options_(std::move(options)) {
        options_.worker_pool(nullptr);  // which may share the ownership of this
    }

    /// Names what is no task of the loop's.
    TaskId next_id() noexcept {
        std::lock_guard const lock(mutex_);
        return ids_.next();
    }

    /// What the function throws goes to on_error.
    [[gnu::noinline]] void tell(Event::Phase phase, EventSource const& source) const noexcept {
        try {
            options_.on_event()(
                {.kind = source.kind,
                 .phase = phase,
                 .id = source.id,
                 .task = source.task,
                 .label = source.label ? *source.label : std::string(),
                 .location = source.location,
                 .runner = options_.name(),
                 .time = Deadline::clock::now()});
        } catch (...) {
            options_.report(std::current_exception());
        }
    }

private:
    Options options_;
    SmallMutex mutex_;
    TaskIds ids_;
};

/// Tells that a function begins, and at the end of the scope that it has ended, however it has.
///
/// Describe: gives the EventSource, the same both times. It is not called where nobody is told.
template <class Describe>
class [[nodiscard]] EventScope {
public:
    /// sink: null if nobody is told.
    EventScope(EventSink const* sink, Describe describe) noexcept
        : sink_(sink), describe_(std::move(describe)) {
        if (sink_) [[unlikely]]
            sink_->tell(Event::Phase::begin, describe_());
    }
    EventScope(EventScope const&) = delete;
    EventScope& operator=(EventScope const&) = delete;
    ~EventScope() {
        if (sink_) [[unlikely]]
            sink_->tell(Event::Phase::end, describe_());
    }

private:
    EventSink const* const sink_;
    Describe const describe_;
};

}  // namespace syncopate::inline v0_1::detail
