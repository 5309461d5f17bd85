// system::SocketInput, look_at(), is_silent(), close_in_children(), connected_pair(), lookup_failure(): sockets of POSIX
// systems.
#pragma once

#if !defined(_WIN32)

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>

#include <array>
#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

namespace syncopate::inline v0_1::http::detail::system {

/// What has come for an idle connection.
enum class SocketInput { none, data, end };

/// Whether nothing has come: no byte, no end of the stream, and no error.
inline bool is_silent(int socket) noexcept {
    char byte = 0;
    auto const size = ::recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

#if defined(POLLRDHUP)
/// Sees the end also behind data.
inline SocketInput look_at(int socket) noexcept {
    pollfd events{socket, POLLIN | POLLRDHUP, 0};
    if (::poll(&events, 1, 0) < 1)
        return SocketInput::none;
    return (events.revents & ~POLLIN) != 0 ? SocketInput::end : SocketInput::data;
}
#else
inline SocketInput look_at(int socket) noexcept {
    char byte = 0;
    if (is_silent(socket))
        return SocketInput::none;
    return ::recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0 ? SocketInput::data
                                                                 : SocketInput::end;
}
#endif

/// Asio does not.
inline void close_in_children(int socket) noexcept {
    ::fcntl(socket, F_SETFD, FD_CLOEXEC);
}

/// Throws: std::system_error if no socket is left.
inline std::pair<
    boost::asio::generic::stream_protocol::socket,
    boost::asio::generic::stream_protocol::socket>
connected_pair(boost::asio::any_io_executor const& executor) {
    using Protocol = boost::asio::generic::stream_protocol;
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) != 0)
        throw std::system_error(errno, std::system_category(), "socketpair");
    for (int const end : ends)
        close_in_children(end);
    Protocol const protocol(AF_UNIX, 0);
    Protocol::socket first(executor, protocol, ends[0]);
    return {std::move(first), Protocol::socket(executor, protocol, ends[1])};
}

/// In words: why getaddrinfo() has failed.
inline std::string lookup_failure(int error) {
    return error == EAI_SYSTEM ? std::generic_category().message(errno) : ::gai_strerror(error);
}

}  // namespace syncopate::inline v0_1::http::detail::system

#endif
