// Descriptor: owns a file descriptor. make_socket_pair(), send_with_descriptor(), receive_with_descriptor(): sockets
// between processes. close_all_but(): what a process inherits and must not keep.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

namespace syncopate::inline v0_1::detail {

/// Closes it when it is destroyed.
class Descriptor {
public:
    Descriptor() = default;
    explicit Descriptor(int number) noexcept : number_(number) {}
    Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, none)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        if (this != &other) {
            close();
            number_ = std::exchange(other.number_, none);
        }
        return *this;
    }
    ~Descriptor() { close(); }

    explicit operator bool() const noexcept { return number_ != none; }
    int get() const noexcept { return number_; }

    void close() noexcept {
        if (number_ != none)
            ::close(std::exchange(number_, none));
    }

private:
    static constexpr int none = -1;

    int number_ = none;
};

struct SocketPair {
    Descriptor here;
    Descriptor there;
};

/// Gives the descriptor a number above 2. Where a program has closed one of the first three, a new descriptor gets
/// that number, and then what the program prints.
///
/// Throws: std::system_error if no descriptor is left.
inline Descriptor above_standard(Descriptor descriptor) {
    if (descriptor.get() > STDERR_FILENO)
        return descriptor;
    Descriptor above(::fcntl(descriptor.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
    if (!above)
        throw std::system_error(errno, std::system_category(), "fcntl");
    return above;
}

/// No program that is started inherits them.
///
/// type:   SOCK_STREAM, or SOCK_SEQPACKET for messages.
/// Throws: std::system_error if no descriptor is left.
inline SocketPair make_socket_pair(int type) {
    int ends[2] = {};
    if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) != 0)
        throw std::system_error(errno, std::system_category(), "socketpair");
    SocketPair pair{Descriptor(ends[0]), Descriptor(ends[1])};
    return {above_standard(std::move(pair.here)), above_standard(std::move(pair.there))};
}

/// Sends one message, and a descriptor with it unless that is negative. Returns false if the other side has gone.
template <class Message>
bool send_with_descriptor(int socket, Message const& message, int descriptor = -1) noexcept {
    iovec bytes{const_cast<Message*>(&message), sizeof message};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr header = {};
    header.msg_iov = &bytes;
    header.msg_iovlen = 1;
    if (descriptor >= 0) {
        header.msg_control = control;
        header.msg_controllen = sizeof control;
        cmsghdr* const rights = CMSG_FIRSTHDR(&header);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof(int));
        std::memcpy(CMSG_DATA(rights), &descriptor, sizeof descriptor);
    }
    ssize_t sent = 0;
    do
        sent = ::sendmsg(socket, &header, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == static_cast<ssize_t>(sizeof message);
}

enum class Receipt { message, nothing, end };

/// Takes one message, without waiting for it, and the descriptor that came with it, if one did.
template <class Message>
Receipt receive_with_descriptor(int socket, Message& message, Descriptor& descriptor) noexcept {
    iovec bytes{&message, sizeof message};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr header = {};
    header.msg_iov = &bytes;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    ssize_t received = 0;
    do
        received = ::recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (received < 0 && errno == EINTR);
    if (received < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return Receipt::nothing;
    if (received != static_cast<ssize_t>(sizeof message))
        return Receipt::end;
    cmsghdr const* const rights = CMSG_FIRSTHDR(&header);
    if (rights && rights->cmsg_level == SOL_SOCKET && rights->cmsg_type == SCM_RIGHTS) {
        int number = -1;
        std::memcpy(&number, CMSG_DATA(rights), sizeof number);
        descriptor = Descriptor(number);
    }
    return Receipt::message;
}

/// Closes every descriptor from 3 on but this one.
inline void close_all_but(int kept) noexcept {
    auto const close_range = [](unsigned first, unsigned last) noexcept {
        if (first > last)
            return;
#if defined(SYS_close_range)
        if (::syscall(SYS_close_range, first, last, 0U) == 0)
            return;
#endif
        // An older kernel, or an instrumented one.
        auto const limit = static_cast<unsigned>((std::max)(::sysconf(_SC_OPEN_MAX), 1024L));
        for (unsigned number = first; number <= last && number < (std::min)(limit, 65536U);
             ++number)
            ::close(static_cast<int>(number));
    };
    auto const middle = static_cast<unsigned>(kept);
    close_range(3, middle - 1);
    close_range((std::max)(middle + 1, 3U), ~0U);
}

}  // namespace syncopate::inline v0_1::detail
