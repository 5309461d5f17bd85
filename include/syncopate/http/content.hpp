// Content: the body of a response, read piece by piece as it comes.
#pragma once

#include <syncopate/async_generator.hpp>
#include <syncopate/http/error.hpp>

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace syncopate::inline v0_1::http {

namespace detail {
class Exchange;  // NOLINT(cppcoreguidelines-virtual-class-destructor): it is final
}

/// An AsyncIterable of pieces of a body, decoded. It is read from the connection as it is asked for; 256 KiB at
/// most wait to be taken.
///
/// Each byte is given once, whichever way it is read: by the pieces, lines(), chunks(), or the response's
/// text(). The response must outlive the reads.
///
/// Throws:    the reads: Errc::body_truncated, Errc::connection_lost, Errc::malformed_response,
///            Errc::malformed_encoding, Errc::body_timed_out, Errc::total_timed_out, Errc::session_closed.
///            Errc::response_closed after the response has been left.
/// Cancel:    closes the connection; the rest is lost.
/// Threads:   on the session's loop, one read at a time.
class Content {
public:
    Content(Content const&) = delete;
    Content& operator=(Content const&) = delete;

    /// Waits for the next piece, of any size up to 512 KiB.
    ///
    /// Returns:   the piece; nothing at the end of the body.
    boost::asio::awaitable<std::optional<std::string>> anext();

    /// Reads the body line by line. A line comes without the LF or CRLF that ends it; a lone CR stays. The end of
    /// the body ends the last line, which is left out if it is empty. The character set stays as it is.
    ///
    /// Throws:    a line beyond SessionOptions::max_line_size -> Errc::line_too_long.
    AsyncGenerator<std::string> lines();

    /// Reads the body in pieces of just that size; only the last one may be shorter.
    ///
    /// size:      in bytes; 0 counts as 1.
    AsyncGenerator<std::string> chunks(std::size_t size);

private:
    friend class Response;

    struct Limits {
        std::size_t body_size;
        std::size_t line_size;
    };

    Content(detail::Exchange& exchange, Limits limits) noexcept
        : exchange_(exchange), limits_(limits) {}

    /// Appends what has come already. Returns whether there was anything.
    bool take_available(std::string& out);
    /// Waits for more. Returns false at the end.
    boost::asio::awaitable<bool> read_more(std::string& out);

    boost::asio::awaitable<std::string> read_all();

    [[noreturn]] void give_up(Errc code, std::size_t limit);

    void limit_line(std::string_view line);

    void close() noexcept { is_closed_ = true; }
    void require_open() const;

    static AsyncGenerator<std::string> read_lines(Content* content);

    static AsyncGenerator<std::string> read_chunks(Content* content, std::size_t size);

    detail::Exchange& exchange_;
    Limits const limits_;
    bool is_closed_ = false;
};

}  // namespace syncopate::inline v0_1::http

#ifndef SYNCOPATE_SEPARATE_COMPILATION
#include <syncopate/http/impl/content.ipp>
#endif
