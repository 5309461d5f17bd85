// Content: the body of a response, read piece by piece as it comes.
#pragma once

#include <syncopate/async_generator.hpp>
#include <syncopate/http/detail/session/exchange.hpp>
#include <syncopate/http/error.hpp>

#include <boost/asio/awaitable.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace syncopate::inline v0_1::http {

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
    boost::asio::awaitable<std::optional<std::string>> anext() {
        std::string piece;
        if (!take_available(piece)) {
            bool const has_more = co_await read_more(piece);
            if (!has_more)
                co_return std::nullopt;
        }
        co_return std::move(piece);
    }

    /// Reads the body line by line. A line comes without the LF or CRLF that ends it; a lone CR stays. The end of
    /// the body ends the last line, which is left out if it is empty. The character set stays as it is.
    ///
    /// Throws:    a line beyond SessionOptions::max_line_size -> Errc::line_too_long.
    AsyncGenerator<std::string> lines() { return read_lines(this); }

    /// Reads the body in pieces of just that size; only the last one may be shorter.
    ///
    /// size:      in bytes; 0 counts as 1.
    AsyncGenerator<std::string> chunks(std::size_t size) {
        return read_chunks(this, (std::max<std::size_t>)(size, 1));
    }

private:
    friend class Response;

    struct Limits {
        std::size_t body_size;
        std::size_t line_size;
    };

    Content(detail::Exchange& exchange, Limits limits) noexcept
        : exchange_(exchange), limits_(limits) {}

    /// Appends what has come already. Returns whether there was anything.
    bool take_available(std::string& out) {
        require_open();
        return exchange_.take_available(out);
    }
    /// Waits for more. Returns false at the end.
    boost::asio::awaitable<bool> read_more(std::string& out) { return exchange_.read_some(out); }

    boost::asio::awaitable<std::string> read_all() {
        std::string all;
        all.reserve((std::min)(exchange_.size_to_reserve(), limits_.body_size));
        for (bool has_more = true; has_more;) {
            has_more = take_available(all);
            if (!has_more && !exchange_.is_complete())
                has_more = co_await read_more(all);
            if (all.size() > limits_.body_size)
                give_up(Errc::body_too_large, limits_.body_size);
        }
        co_return all;
    }

    [[noreturn]] void give_up(Errc code, std::size_t limit) {
        exchange_.detach();
        exchange_.fail(code, "more than " + std::to_string(limit) + " bytes");
    }

    void limit_line(std::string_view line) {
        if (line.size() > limits_.line_size)
            give_up(Errc::line_too_long, limits_.line_size);
    }

    void close() noexcept { is_closed_ = true; }
    void require_open() const {
        if (is_closed_)
            exchange_.fail(Errc::response_closed, "reading the body");
    }

    static AsyncGenerator<std::string> read_lines(Content* content) {
        std::string received;
        std::size_t begin = 0;   // of the next line
        std::size_t looked = 0;  // up to where there is no end of it
        for (;;) {
            auto const end = received.find('\n', looked);
            if (end != std::string::npos) {
                auto const size = end - begin;
                bool const has_return = size > 0 && received[end - 1] == '\r';
                std::string line(received, begin, has_return ? size - 1 : size);
                content->limit_line(line);
                begin = looked = end + 1;
                co_yield std::move(line);
                continue;
            }
            received.erase(0, std::exchange(begin, 0));
            looked = received.size();
            // A CR may turn out to be a part of the line's end.
            std::string_view const unfinished = received;
            content->limit_line(unfinished.substr(0, looked - unfinished.ends_with('\r')));
            if (content->take_available(received))
                continue;
            bool const has_more = co_await content->read_more(received);
            if (!has_more)
                break;
        }
        if (!received.empty())
            co_yield std::move(received);
    }

    static AsyncGenerator<std::string> read_chunks(Content* content, std::size_t size) {
        std::string received;
        for (bool has_more = true; has_more;) {
            while (received.size() < size && content->take_available(received)) {
            }
            if (received.size() < size)
                has_more = co_await content->read_more(received);
            std::size_t begin = 0;
            for (; received.size() - begin >= size; begin += size) {
                std::string chunk(received, begin, size);
                co_yield std::move(chunk);
            }
            received.erase(0, begin);
        }
        if (!received.empty())
            co_yield std::move(received);
    }

    detail::Exchange& exchange_;
    Limits const limits_;
    bool is_closed_ = false;
};

}  // namespace syncopate::inline v0_1::http
