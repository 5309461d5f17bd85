// ClientStream: a response whose body is read as it comes, for synchronous code.
#pragma once

#include <syncopate/blocking_range.hpp>
#include <syncopate/detail/asio_names.hpp>
#include <syncopate/http/headers.hpp>
#include <syncopate/http/links.hpp>
#include <syncopate/http/response.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace syncopate::inline v0_1 {

class RunnerBase;
template <class V>
class ContextGuard;

}  // namespace syncopate::inline v0_1

namespace syncopate::inline v0_1::http {

/// A response whose body is read as it is asked for, in memory that does not grow with it. The end of the
/// scope ends the exchange, whether the body has been read or not.
///
/// ```cpp
/// auto stream = client.stream(url);
/// for (std::string const& line : stream.lines())
///     use(line);
/// ```
///
/// The body is given once, by lines(), by chunks() or by pieces(). A range reads ahead; if it is left early, what it has read
/// is lost. The stream must outlive its ranges.
///
/// Blocks:    the ranges, until the next item is there; the destructor, until the exchange has ended: 50 ms
///            at most for a short rest of the body.
/// Throws:    the ranges: as Content, after the items before the failure. All members: when the client or its
///            runner has been closed, or the stream moved from -> syncopate::Errc::runner_closed.
/// Threads:   one at a time, any but the loop's own.
/// Semantics: `requests.get(url, stream=True)` with iter_lines and iter_content.
class [[nodiscard]] ClientStream {
public:
    /// Gives the status, 100 or above.
    int status() const;
    /// Gives the words behind the status, as the server put them. May be empty.
    std::string_view reason() const;
    /// Gives the fields of the header.
    Headers const& headers() const;

    /// Gives the URL of the request that was answered, after redirects, without a user's name and password.
    std::string const& url() const;

    /// Gives the fields that came behind the body. To be called when a range has given all of the body: there are none before. They
    /// are never among the headers().
    Headers const& trailers() const;

    /// Gives the links to other resources, of the fields Link.
    Links links() const;

    /// Gives the address and the port that the request was sent to: the server's, or those of its proxy. `0.0.0.0:0` where
    /// it went by SessionOptions::unix_socket().
    ::syncopate::detail::TcpEndpoint const& peer() const;

    /// Gives the time that the server asks to wait before the request is sent again, by the field Retry-After; nothing
    /// if it does not say.
    std::optional<std::chrono::seconds> retry_after() const;

    /// Gives the redirects that led here, oldest first. They have no body.
    std::vector<Response> const& history() const;

    /// Returns whether the status is below 400.
    bool is_ok() const;

    /// Gives the size of the body as lines() and chunks() give it; nothing if the server does not announce it.
    std::optional<std::uint64_t> announced_size() const;

    /// Refuses a status of 400 or above.
    ///
    /// Returns:   the stream itself.
    /// Throws:    such a status -> StatusError, with Errc::error_status and a message that names it and the server.
    ClientStream const& raise_for_status() const&;
    ClientStream& raise_for_status() &;
    ClientStream&& raise_for_status() &&;

    /// Reads the body line by line, as Content::lines(). The lines that are read ahead take 16 MiB at most.
    ///
    /// stop:      a stop request ends the range: `++` throws Errc::cancelled.
    BlockingRange<std::string> lines(std::stop_token stop = {}) &;
    BlockingRange<std::string> lines(std::stop_token stop = {}) && =
        delete;  // they would outlive the stream

    /// Reads the body in pieces of just that size; only the last one may be shorter. The pieces that are read
    /// ahead take 1 MiB at most, or are one.
    ///
    /// size:      in bytes; 0 counts as 1.
    /// stop:      as for lines().
    BlockingRange<std::string> chunks(std::size_t size, std::stop_token stop = {}) &;
    BlockingRange<std::string> chunks(std::size_t size, std::stop_token stop = {}) && = delete;

    /// Reads the body in the pieces in which it comes, of any size up to 512 KiB. Four at most are read ahead.
    ///
    /// stop:      as for lines().
    BlockingRange<std::string> pieces(std::stop_token stop = {}) &;
    BlockingRange<std::string> pieces(std::stop_token stop = {}) && = delete;

    /// Ends the exchange now. A second time: nothing.
    ///
    /// Blocks:    until the exchange has ended.
    /// Throws:    on the thread of the client's loop -> DeadlockError.
    void close();

private:
    friend class Client;

    struct State;
    struct Delete {
        void operator()(State* state) const noexcept;
    };

    ClientStream(
        std::shared_ptr<RunnerBase> runner,
        ContextGuard<Response&> response,
        std::size_t max_line_size);

    State& state() const;
    Response& response() const;

    /// Has so many items read ahead that they fit into the memory if each has the greatest size.
    static ReadAhead as_many(std::size_t memory, std::size_t size) noexcept;

    std::unique_ptr<State, Delete> state_;
};

}  // namespace syncopate::inline v0_1::http

#ifndef SYNCOPATE_SEPARATE_COMPILATION
#include <syncopate/http/impl/client_stream.ipp>
#endif
