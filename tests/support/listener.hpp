// A socket on loopback that listens.
#pragma once

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace support {

class Listener {
public:
    Listener(sockaddr const* address, socklen_t size)
        : socket_(::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        if (socket_ < 0 || ::bind(socket_, address, size) != 0 ||
            ::listen(socket_, SOMAXCONN) != 0) {
            int const error = errno;
            ::close(socket_);
            throw std::system_error(error, std::system_category(), "listen");
        }
    }
    Listener(Listener&& other) noexcept : socket_(std::exchange(other.socket_, -1)) {}
    ~Listener() {
        if (socket_ >= 0)
            ::close(socket_);
    }

    static Listener ipv4() {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return {reinterpret_cast<sockaddr const*>(&address), sizeof address};
    }
    static Listener ipv6() {
        sockaddr_in6 address{};
        address.sin6_family = AF_INET6;
        address.sin6_addr = in6addr_loopback;
        return {reinterpret_cast<sockaddr const*>(&address), sizeof address};
    }
    static Listener unix_socket(std::string const& path) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        if (path.size() >= sizeof address.sun_path)
            throw std::length_error("the path of a Unix socket");
        std::memcpy(address.sun_path, path.data(), path.size());
        return {reinterpret_cast<sockaddr const*>(&address), sizeof address};
    }

    /// Less than zero after stop().
    int accept() const { return ::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC); }
    void stop() const { ::shutdown(socket_, SHUT_RDWR); }

    /// Of a Unix socket: 80, so that a URL can be made of it.
    std::uint16_t port() const {
        // sin6_port lies where sin_port does.
        sockaddr_in6 address{};
        socklen_t size = sizeof address;
        ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
        return address.sin6_family == AF_UNIX ? 80 : ntohs(address.sin6_port);
    }

private:
    int socket_;
};

}  // namespace support
