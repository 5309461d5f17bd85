// What a connection is made of, whichever address family it has.
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>

namespace syncopate::http::detail {

namespace asio = boost::asio;

/// A stream socket over IP, or a Unix domain socket.
using Socket = asio::generic::stream_protocol::socket;

}  // namespace syncopate::http::detail
