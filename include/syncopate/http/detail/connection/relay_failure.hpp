// RelayFailure: why the other side of a relayed connection has failed, which its socket cannot tell.
#pragma once

#include <boost/asio/error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/system/error_code.hpp>

#include <memory>

namespace syncopate::inline v0_1::http::detail {

namespace asio = boost::asio;

/// Null: nothing is relayed. No error: nothing has failed yet, or the other side has ended in order.
using RelayFailure = std::shared_ptr<boost::system::error_code const>;

/// Whether that is how a connection ends, in order or not.
inline bool is_end_of_connection(boost::system::error_code const& error) noexcept {
    return error == asio::error::eof || error == asio::error::connection_reset ||
           error == asio::error::broken_pipe || error == asio::ssl::error::stream_truncated;
}

/// The failure, if the error is but the end that follows from it.
inline boost::system::error_code const& cause_of(
    boost::system::error_code const& error, RelayFailure const& failure) noexcept {
    return failure && *failure && is_end_of_connection(error) ? *failure : error;
}

}  // namespace syncopate::inline v0_1::http::detail
