// probe_needed(), is_stale(): idle connections that the server has closed, and requests that may be sent again.
#pragma once

#include <syncopate/detail/task/caller_executor.hpp>
#include <syncopate/detail/task/caller_link.hpp>
#include <syncopate/http/detail/connection/connection.hpp>
#include <syncopate/http/detail/connection/pool.hpp>
#include <syncopate/http/detail/connection/relay_failure.hpp>
#include <syncopate/http/detail/connection/stream_error.hpp>
#include <syncopate/http/detail/session/request_writer.hpp>
#include <syncopate/http/options.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ssl/error.hpp>

namespace syncopate::inline v0_1::http::detail {

/// How thoroughly a connection is probed before the request is sent. If the request may be sent a second time,
/// its failure tells early enough that the server has closed the connection.
///
/// executor:  of the session's loop.
inline Connection::Probe probe_needed(
    Lease const& lease,
    RequestWriter const& request,
    SessionOptions const& options,
    asio::any_io_executor const& executor) {
    using Probe = Connection::Probe;
    if (!lease.is_reused())
        return Probe::none;
    bool const needs_end = lease.connection().tls() || !request.may_be_repeated() ||
                           !options.retry() || !::syncopate::detail::runs_on_io_context(executor);
    return needs_end ? Probe::data_and_eof : Probe::data;
}

/// Whether a read failed because the server had closed the idle connection before the request came, and the
/// request may be sent on another one: RFC 9112, 9.3.1. No byte of a response has come.
///
/// An alert of TLS closes the connection (RFC 8446, 6.2), and so does whatever TLS refuses to read.
inline bool is_stale(
    Lease const& lease, RequestWriter const& request, SessionOptions const& options) {
    auto const& connection = lease.connection();
    auto const& error = connection.read_error();
    if (is_stream_end(error, StreamEnd::refused))
        return options.retry() && request.body().can_be_sent();
    bool const is_closed =
        is_end_of_connection(error) || error.category() == asio::error::get_ssl_category();
    return lease.is_reused() && is_closed && options.retry() && request.body().can_be_sent() &&
           (request.may_be_repeated() || connection.bytes_written() == 0);
}

}  // namespace syncopate::inline v0_1::http::detail
