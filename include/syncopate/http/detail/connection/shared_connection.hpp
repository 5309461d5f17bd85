// SharedConnection: one that carries many exchanges at once. ConnectionStream: the share of one of them.
#pragma once

#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/http/headers.hpp>

#include <boost/smart_ptr/intrusive_ptr.hpp>

namespace syncopate::inline v0_1::http::detail {

class Connection;
class Lease;

/// What stands behind a Connection that is a share of another one. It speaks HTTP/1.1 with its exchange, whatever goes
/// over the wire, so that all that holds for a response holds for this one.
///
/// Threads: on the session's loop.
class ConnectionStream {
public:
    ConnectionStream() = default;
    ConnectionStream(ConnectionStream const&) = delete;
    ConnectionStream& operator=(ConnectionStream const&) = delete;
    virtual ~ConnectionStream() = default;

    virtual bool is_open() const noexcept = 0;
    /// Gives up the exchange, unless it has ended. A coroutine that waits for it is resumed later.
    virtual void close() noexcept = 0;
    /// The reader has taken what it could, and wants more.
    virtual void read_on() noexcept = 0;
    /// Takes the output and the payload of its connection.
    virtual void write() = 0;
    /// The fields that came behind the body.
    virtual Headers take_trailers() noexcept = 0;
};

/// Listed with the host that it leads to, except while it is idle. Threads: on the session's loop.
class SharedConnection : public ::syncopate::detail::ListHook<SharedConnection> {
public:
    SharedConnection() = default;
    SharedConnection(SharedConnection const&) = delete;
    SharedConnection& operator=(SharedConnection const&) = delete;
    virtual ~SharedConnection() = default;

    /// Takes over its own connection, which was made, or was idle. Returns false if it cannot be used any more: the
    /// connection stays the caller's.
    virtual bool begin(Lease&& lease) = 0;
    /// The share of one more exchange; null if there is no room for it.
    virtual boost::intrusive_ptr<Connection> open() noexcept = 0;
    /// Whether an idle one has ended. Takes and answers what has come.
    virtual bool has_ended() noexcept = 0;
    /// Ends it, with all that goes over it.
    virtual void close() noexcept = 0;
};

}  // namespace syncopate::inline v0_1::http::detail
