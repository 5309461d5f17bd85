// AwaitableOf, TcpEndpoint: types of Asio that are named where Asio is not included.
#pragma once

namespace boost::asio {

class any_io_executor;  // NOLINT(readability-identifier-naming)
template <typename T, typename Executor>
class awaitable;  // NOLINT(readability-identifier-naming)

namespace ip {

class tcp;  // NOLINT(readability-identifier-naming)
template <typename InternetProtocol>
class basic_endpoint;  // NOLINT(readability-identifier-naming)

}  // namespace ip

}  // namespace boost::asio

namespace syncopate::inline v0_1::detail {

/// `boost::asio::awaitable<T>`, whose default argument only Asio's own header may give. Who awaits it includes that one.
template <class T>
using AwaitableOf = boost::asio::awaitable<T, boost::asio::any_io_executor>;

/// `boost::asio::ip::tcp::endpoint`.
using TcpEndpoint = boost::asio::ip::basic_endpoint<boost::asio::ip::tcp>;

}  // namespace syncopate::inline v0_1::detail
