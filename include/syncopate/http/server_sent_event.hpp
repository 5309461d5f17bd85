// ServerSentEvent: one event of a stream that a server keeps open: what Client::events() gives.
#pragma once

#include <string>
#include <utility>

namespace syncopate::inline v0_1::http {

/// An event of a stream of server-sent events, `text/event-stream`.
///
/// Threads:   one at a time, as with any value.
/// Semantics: MessageEvent of browsers' EventSource.
class ServerSentEvent {
public:
    /// Makes an event of its fields.
    ServerSentEvent(std::string event, std::string data, std::string id) noexcept
        : event_(std::move(event)), data_(std::move(data)), id_(std::move(id)) {}

    /// The kind of the event, by its field `event`; "message" if it has none.
    std::string const& event() const noexcept { return event_; }
    /// Its fields `data`, as lines that LF separates. The character set is UTF-8, and is not checked.
    std::string const& data() const noexcept { return data_; }
    /// The last `id` that the stream has named up to this event; empty if none.
    std::string const& id() const noexcept { return id_; }

private:
    std::string event_;
    std::string data_;
    std::string id_;
};

}  // namespace syncopate::inline v0_1::http
