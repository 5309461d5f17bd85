// Socket: one type for connections over TCP and over Unix domain sockets.
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>

namespace syncopate::inline v0_1::http::detail {

namespace asio = boost::asio;

/// A stream socket over IP, or a Unix domain socket.
using Socket = asio::generic::stream_protocol::socket;

}  // namespace syncopate::inline v0_1::http::detail
