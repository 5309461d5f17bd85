// connect_tcp(), connect_unix(): a socket to the first address that answers, or to a path.
#pragma once

#include <syncopate/detail/cancellation/cancellation.hpp>
#include <syncopate/detail/task/outcome.hpp>
#include <syncopate/http/detail/connection/socket.hpp>
#include <syncopate/http/detail/system/sockets.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/task_group.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::http::detail {

/// The time after which the next attempt to connect starts beside a pending one: RFC 8305, 8.
inline constexpr std::chrono::milliseconds connection_attempt_delay{250};

/// The time between two attempts at a Unix domain socket whose backlog is full.
inline constexpr std::chrono::milliseconds full_backlog_delay{10};

/// The order in which addresses are tried: the two families in turn, beginning with that of the first address;
/// RFC 8305, 4.
inline std::vector<asio::ip::address> interleaved(std::vector<asio::ip::address> addresses) {
    std::vector<asio::ip::address> first_family;
    std::vector<asio::ip::address> others;
    for (auto const& address : addresses)
        (address.is_v6() == addresses.front().is_v6() ? first_family : others).push_back(address);

    std::vector<asio::ip::address> result;
    result.reserve(addresses.size());
    for (std::size_t i = 0; result.size() < addresses.size(); ++i) {
        if (i < first_family.size())
            result.push_back(first_family[i]);
        if (i < others.size())
            result.push_back(others[i]);
    }
    return result;
}

/// One attempt. Throws: boost::system::system_error with the error of the system.
inline asio::awaitable<Socket> connect_to(
    Socket::endpoint_type endpoint, asio::any_io_executor executor) {
    Socket socket(executor);
    socket.open(endpoint.protocol());
    system::close_in_children(socket.native_handle());
    if (endpoint.protocol().family() != AF_UNIX)
        socket.set_option(asio::ip::tcp::no_delay(true));
    co_await socket.async_connect(endpoint, asio::deferred);
    co_return std::move(socket);
}

/// Throws what refuses an address.
using AddressCheck = std::function<void(asio::ip::address const&)>;

/// Attempts at several addresses, each started a little after the one before: "Happy Eyeballs", RFC 8305.
class ConnectRace {
public:
    /// check:     outlives this; may be empty.
    ConnectRace(asio::any_io_executor executor, AddressCheck const& check)
        : executor_(std::move(executor)), check_(check), next_(executor_) {}

    /// Throws: if all attempts fail, the error of the last one. See refusal().
    asio::awaitable<Socket> run(std::vector<asio::ip::address> addresses, std::uint16_t port) {
        auto const body = [&](TaskGroup& group) { return start_all(group, addresses, port); };
        co_await with_task_group(body);
        if (!winner_)
            throw boost::system::system_error(error_);
        co_return std::move(*winner_);
    }

    /// What the check has thrown first, or null.
    std::exception_ptr const& refusal() const noexcept { return refusal_; }

private:
    asio::awaitable<void> start_all(
        TaskGroup& group, std::vector<asio::ip::address> const& addresses, std::uint16_t port) {
        auto const cancellation = co_await asio::this_coro::cancellation_state;
        for (auto const& address : addresses) {
            if (cancellation.cancelled() != asio::cancellation_type::none)
                co_return;
            next_.expires_after(connection_attempt_delay);
            group.start_soon(take_part(group, asio::ip::tcp::endpoint(address, port)));
            boost::system::error_code ignored;
            co_await next_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        }
    }

    asio::awaitable<void> take_part(TaskGroup& group, asio::ip::tcp::endpoint endpoint) {
        if (!is_allowed(endpoint.address()))
            co_return start_next();
        try {
            auto socket = co_await connect_to(endpoint, executor_);
            if (!winner_)
                winner_ = std::move(socket);
            group.cancel();
        } catch (boost::system::system_error const& error) {
            error_ = error.code();
            start_next();
        }
    }

    bool is_allowed(asio::ip::address const& address) {
        try {
            if (check_)
                check_(address);
            return true;
        } catch (...) {
            if (!refusal_)
                refusal_ = std::current_exception();
            return false;
        }
    }

    void start_next() {
        // Ends a wait that starts later, too.
        next_.expires_at((asio::steady_timer::time_point::min)());
    }

    asio::any_io_executor const executor_;
    AddressCheck const& check_;
    std::exception_ptr refusal_;
    asio::steady_timer next_;  // expires when the next attempt is to start
    std::optional<Socket> winner_;
    boost::system::error_code error_ = asio::error::host_unreachable;
};

[[noreturn]] inline void throw_connect_error(
    std::string const& origin, boost::system::error_code const& error) {
    if (error == asio::error::operation_aborted)
        syncopate::detail::throw_cancellation();
    throw_error(Errc::connect_failed, origin + ": " + error.message());
}

/// The address and the port that a socket is connected to; those of TCP over IPv4 or IPv6 only.
inline asio::ip::tcp::endpoint peer_of(Socket const& socket) noexcept {
    boost::system::error_code error;
    auto const any = socket.remote_endpoint(error);
    asio::ip::tcp::endpoint peer;
    int const family = error ? AF_UNSPEC : any.protocol().family();
    if ((family != AF_INET && family != AF_INET6) || any.size() > peer.capacity())
        return peer;
    std::memcpy(peer.data(), any.data(), any.size());
    peer.resize(any.size());
    return peer;
}

#if defined(__GNUC__)
// GCC 16 compiles Asio's operator delete for the frame into this function, its operator new not, and takes them for no pair.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif
/// Connects to the first address that accepts. The next address is tried when one has failed, or has not
/// answered for connection_attempt_delay.
///
/// origin:    names the server in messages.
/// executor:  of the socket: the loop's own executor, since the socket outlives the task.
/// check:     called with each address before it is connected to; may be empty.
/// Throws:    what the check has thrown, if it has refused an address and no other one accepts; Errc::connect_failed.
/// Cancel:    closes all that was opened.
inline asio::awaitable<Socket> connect_tcp(
    std::vector<asio::ip::address> addresses,
    std::uint16_t port,
    std::string origin,
    asio::any_io_executor executor,
    AddressCheck check = {}) {
    bool const is_only_one = addresses.size() == 1;
    if (is_only_one && check)
        check(addresses.front());
    ConnectRace race(executor, check);
    try {
        if (is_only_one) {
            asio::ip::tcp::endpoint const endpoint(addresses.front(), port);
            co_return co_await connect_to(endpoint, executor);
        }
        co_return co_await race.run(interleaved(std::move(addresses)), port);
    } catch (boost::system::system_error const& error) {
        if (race.refusal() && error.code() != asio::error::operation_aborted)
            std::rethrow_exception(race.refusal());
        throw_connect_error(origin, error.code());
    }
}
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

/// Connects to a Unix domain socket. Waits while the server's backlog is full, as TCP does.
///
/// origin, executor, Throws, Cancel: as for connect_tcp().
inline asio::awaitable<Socket> connect_unix(
    std::string path, std::string origin, asio::any_io_executor executor) {
    try {
        asio::local::stream_protocol::endpoint const endpoint(path);
        asio::steady_timer timer(executor);
        for (;;) {
            auto socket = co_await connect_to(endpoint, executor);
            // If the backlog is full, connect() fails with EAGAIN on Linux. Asio waits until the socket is writable,
            // which it is at once, and takes it for connected.
            boost::system::error_code error;
            static_cast<void>(socket.remote_endpoint(error));
            if (!error)
                co_return std::move(socket);
            timer.expires_after(full_backlog_delay);
            co_await timer.async_wait(asio::deferred);
        }
    } catch (boost::system::system_error const& error) {
        throw_connect_error(origin, error.code());
    }
}

}  // namespace syncopate::inline v0_1::http::detail
