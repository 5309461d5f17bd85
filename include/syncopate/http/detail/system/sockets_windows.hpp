// system::SocketInput, look_at(), is_silent(), close_in_children(), connected_pair(), lookup_failure(): sockets of
// Windows.
#pragma once

#if defined(_WIN32)

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/detail/socket_types.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <string>
#include <system_error>
#include <utility>

namespace syncopate::inline v0_1::http::detail::system {

/// What has come for an idle connection.
enum class SocketInput { none, data, end };

/// Data hides the end behind it.
inline SocketInput look_at(SOCKET socket) noexcept {
    WSAPOLLFD events{socket, POLLRDNORM, 0};
    if (::WSAPoll(&events, 1, 0) < 1)
        return SocketInput::none;
    char byte = 0;
    bool const has_data =
        (events.revents & POLLRDNORM) != 0 && ::recv(socket, &byte, 1, MSG_PEEK) > 0;
    return has_data ? SocketInput::data : SocketInput::end;
}

/// Whether nothing has come: no byte, no end of the stream, and no error.
inline bool is_silent(SOCKET socket) noexcept {
    return look_at(socket) == SocketInput::none;
}

inline void close_in_children(SOCKET socket) noexcept {
    ::SetHandleInformation(reinterpret_cast<HANDLE>(socket), HANDLE_FLAG_INHERIT, 0);
}

/// By TCP, within the machine. Throws: boost::system::system_error if no socket is left.
inline std::pair<
    boost::asio::generic::stream_protocol::socket,
    boost::asio::generic::stream_protocol::socket>
connected_pair(boost::asio::any_io_executor const& executor) {
    using boost::asio::ip::tcp;
    tcp::acceptor acceptor(executor, {boost::asio::ip::address_v4::loopback(), 0});
    tcp::socket first(executor);
    first.connect(acceptor.local_endpoint());
    for (;;) {
        auto second = acceptor.accept();
        if (second.remote_endpoint() != first.local_endpoint())
            continue;  // somebody else's
        close_in_children(first.native_handle());
        close_in_children(second.native_handle());
        first.set_option(tcp::no_delay(true));
        second.set_option(tcp::no_delay(true));
        return {std::move(first), std::move(second)};
    }
}

/// In words: why getaddrinfo() has failed.
inline std::string lookup_failure(int error) {
    return std::system_category().message(error);
}

}  // namespace syncopate::inline v0_1::http::detail::system

#endif
