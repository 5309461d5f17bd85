// ResponseParser: parses one response, RFC 9112, and refuses those that two readers could understand differently.
#pragma once

#include <syncopate/http/detail/message/careless_header.hpp>
#include <syncopate/http/detail/message/chunk_line.hpp>
#include <syncopate/http/detail/message/field_syntax.hpp>
#include <syncopate/http/detail/message/response_head.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/headers.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/string_type.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/version.hpp>
#include <boost/optional/optional.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <string_view>

namespace syncopate::inline v0_1::http::detail {

namespace asio = boost::asio;
namespace beast = boost::beast;

/// Beast before Boost 1.87 parses the last chunk and the trailers together. When it resumes there, it asserts that
/// five bytes are present, the size of the shortest end. Later Beast parses line by line: the last two bytes may
/// be all that is missing, and waiting for five would never end.
inline constexpr bool is_last_chunk_parsed_whole = BOOST_BEAST_VERSION < 356;

/// Beast's parser, with checks where Beast is lenient. A call of parse() never reads beyond the end of the header
/// and into the body.
class ResponseParser final : beast::http::basic_parser<false> {
    using Base = beast::http::basic_parser<false>;

public:
    enum class Body { expected, none };

    /// body:      none for the response to a HEAD request.
    /// server:    names the server in errors.
    ResponseParser(ResponseHead& head, ResponseLimits limits, Body body, std::string_view server)
        : head_(head), limits_(limits), server_(server) {
        limit_header(limits.header_size);
        Base::body_limit(boost::none);
        Base::skip(body == Body::none);
    }

    using Base::chunked;
    using Base::content_length_remaining;
    using Base::is_done;
    using Base::is_header_done;
    using Base::keep_alive;
    using Base::need_eof;

    /// Parses as much of the input as it can. Returns the number of bytes used: zero if it needs more of them.
    ///
    /// sink:      bytes of the body are appended to it; null: they are dropped.
    /// Throws:    Errc::malformed_response, Errc::header_too_large. Afterwards the connection cannot be used.
    std::size_t parse(std::string_view input, std::string* sink) {
        if (is_starved_ && chunked()) {
            require_line_ends(is_in_trailers_ ? input : chunk_framing(input));
            if (is_last_chunk_parsed_whole && input.size() < 5)
                return 0;
        }
        sink_ = sink;
        bool const was_in_header = !is_header_done();
        if (was_in_header)
            head_.headers.reserve(ordinary_fields, (std::min)(input.size(), ordinary_header_size));
        beast::error_code error;
        auto const used = was_in_header ? parse_header(input, error) : parse_body(input, error);
        is_starved_ = !was_in_header && used == 0;
        if (error == beast::http::error::need_more) {
            // Beast's limit is for the header. This one is for a chunk's header and the trailers.
            if (!was_in_header && used == 0 && input.size() >= limits_.header_size)
                fail(Errc::header_too_large, "a chunk's header, or the trailers");
            if (is_starved_ && chunked())
                require_line_ends(input);
            if (is_starved_ && !is_in_trailers_)
                check_starved_chunk_line(input);
            if (was_in_header)
                count_partial_header(used, input.size() - used);
            return used;
        }
        if (error)
            fail(error);
        if (was_in_header && is_header_done())
            check_header(used);
        return used;
    }

    /// To be called when the server has closed the connection. Returns whether the response is complete.
    bool parse_end() {
        if (!is_header_done() || !need_eof())
            return false;
        beast::error_code error;
        Base::put_eof(error);
        return !error;
    }

private:
    using string_view = beast::string_view;

    static constexpr std::size_t ordinary_fields = 16;
    static constexpr std::size_t ordinary_header_size = 1024;

    [[noreturn]] void fail(Errc code, std::string const& why) const {
        throw_error(code, std::string(server_) + ": " + why);
    }
    [[noreturn]] void fail(beast::error_code const& error) const {
        bool const is_too_large = error == beast::http::error::header_limit ||
                                  error == beast::http::error::buffer_overflow;
        fail(is_too_large ? Errc::header_too_large : Errc::malformed_response, error.message());
    }

    std::size_t put(std::string_view input, beast::error_code& error) {
        input_end_ = input.data() + input.size();
        return Base::put(asio::buffer(input.data(), input.size()), error);
    }

    /// Parses what Beast has refused, if it is only written carelessly, and no two readers can disagree on where the
    /// message ends. Returns the number of bytes used, and clears the error.
    std::size_t parse_header(std::string_view input, beast::error_code& error) {
        using HttpError = beast::http::error;
        std::size_t used = 0;
        // Beast, once it has asked for more, looks for nothing but the CRLF at the end of the header.
        bool const is_overlooked =
            is_header_starved_ && has_bare_line_feed(input.substr(0, find_header_end(input)));
        if (!is_overlooked)
            used = put(input, error);
        // A CR by itself is no carelessness, and Beast has read on behind it.
        bool const is_refused = error && error != HttpError::need_more &&
                                error != HttpError::header_limit &&
                                error != HttpError::bad_line_ending;
        if (limits_.is_strict && is_overlooked)
            fail(HttpError::bad_line_ending);
        if (!limits_.is_strict && (is_overlooked || is_refused))
            used += parse_careless_header(input.substr(used), error);
        is_header_starved_ = error == HttpError::need_more;
        return used;
    }

    std::size_t parse_careless_header(std::string_view input, beast::error_code& error) {
        bool const has_status = head_.status == 0;
        auto const size = find_header_end(input);
        if (size == input.npos) {
            auto const line = input.substr(0, input.find('\n') + 1);
            bool const is_cut = has_status && line.empty() &&
                                (input.ends_with('\r') || status_line_in_form(input) != input);
            if (is_cut || has_bare_line_feed(input) || in_form(line, has_status) != line)
                error = beast::http::error::need_more;
            return 0;
        }
        auto const text = in_form(input.substr(0, size), has_status);
        if (error && text == input.substr(0, size))
            return 0;
        // What was added is not the server's.
        auto const left = limits_.header_size - (std::min)(header_size_, limits_.header_size);
        limit_header(left + (text.size() - (std::min)(text.size(), size)));
        error = {};
        put(text, error);
        return error ? 0 : size;
    }

    std::size_t parse_body(std::string_view input, beast::error_code& error) {
        auto const used = put(input, error);
        if (error != beast::http::error::bad_chunk_extension || limits_.is_strict)
            return used;
        return used + parse_chunk_line(input.substr(used), error);
    }

    std::size_t parse_chunk_line(std::string_view input, beast::error_code& error) {
        auto const line = find_chunk_line(input);
        if (!line)
            return 0;
        if (line->size() > limits_.header_size) {
            error = beast::http::error::header_limit;
            return 0;
        }
        if (!is_harmless_extension(line->extension))
            return 0;
        return Base::put(asio::buffer(without_extension(input, *line)), error);
    }

    /// Lines of a body's framing end in CRLF, for all readers. Beast would wait for it.
    void require_line_ends(std::string_view framing) const {
        if (has_bare_line_end(framing))
            fail(beast::http::error::bad_line_ending);
    }

    /// Beast looks for the end of a quotation beyond the end of the line, and would wait for it.
    void check_starved_chunk_line(std::string_view input) const {
        auto const line = find_chunk_line(input);
        if (line && !are_quotes_closed(line->extension))
            fail(beast::http::error::bad_chunk_extension);
    }

    /// Beast's limit is for what one call of it gets: it has to know how much of the header came before.
    void count_partial_header(std::size_t used, std::size_t left) {
        header_size_ += used;
        if (left >= limits_.header_size - (std::min)(header_size_, limits_.header_size))
            fail(beast::http::error::header_limit);
        limit_header(limits_.header_size - header_size_);
    }

    /// Beast adds a few bytes to its limit, in 32 bits.
    void limit_header(std::size_t size) noexcept {
        constexpr std::size_t most = (std::numeric_limits<std::uint32_t>::max)() - 16;
        Base::header_limit(static_cast<std::uint32_t>((std::min)(size, most)));
    }

    /// Refuses headers that Beast accepts and that two readers could understand as different messages.
    void check_header(std::size_t used) {
        Base::eager(true);
        // Beast does not count the status line.
        if (header_size_ + used > limits_.header_size)
            fail(beast::http::error::header_limit);
        limit_header(limits_.header_size);
        if (head_.status < 100)
            fail(Errc::malformed_response, "the status is below 100");
        if (head_.headers.contains("Transfer-Encoding"))
            check_transfer_encoding();
    }

    void check_transfer_encoding() const {
        if (head_.headers.contains("Content-Length"))
            fail(Errc::malformed_response, "both a Content-Length and a Transfer-Encoding");
        bool is_chunked = false;
        bool is_understood = !head_.is_http_1_0;
        for (auto const field : head_.headers) {
            if (!equals_ignoring_case(field.name(), "Transfer-Encoding"))
                continue;
            auto const coding = limits_.is_strict ? strict_coding_of(field.value())
                                                  : transfer_coding_of(field.value());
            is_chunked = is_chunked || coding == TransferCoding::chunked;
            is_understood = is_understood && coding != TransferCoding::other;
        }
        if (!is_understood || is_chunked != chunked())
            fail(Errc::malformed_response, "a Transfer-Encoding that is not just chunked");
    }

    static TransferCoding strict_coding_of(std::string_view value) noexcept {
        return equals_ignoring_case(value, "chunked") ? TransferCoding::chunked
                                                      : TransferCoding::other;
    }

    void on_response_impl(
        int code, string_view reason, int version, beast::error_code& error) override {
        error = {};
        head_.status = code;
        head_.reason.assign(reason.data(), reason.size());
        head_.is_http_1_0 = version < 11;
    }

    // Before Boost 1.90 also called for the trailers.
    void on_field_impl(
        beast::http::field id,
        string_view name,
        string_view value,
        beast::error_code& error) override {
        count_field(error);
        if (error)
            return;
        // Beast looks for chunked in a list without semicolons. It is asked again when the list has none.
        if (id == beast::http::field::transfer_encoding && !is_header_done() && !chunked() &&
            transfer_coding_of({value.data(), value.size()}) == TransferCoding::chunked) {
            error = beast::http::error::bad_transfer_encoding;
            return;
        }
        if (is_header_done())
            add_trailer(name, value);
        else
            add_field({name.data(), name.size()}, {value.data(), value.size()});
    }

#if BOOST_BEAST_VERSION >= 359
    void on_trailer_field_impl(
        beast::http::field field,
        string_view name,
        string_view value,
        beast::error_code& error) override {
        count_field(error);
        // RFC 9110, 6.5.1: nothing there says where the message ends. Before, Beast itself refused these.
        if (field == beast::http::field::content_length)
            error = beast::http::error::bad_content_length;
        else if (field == beast::http::field::transfer_encoding)
            error = beast::http::error::bad_transfer_encoding;
        if (!error)
            add_trailer(name, value);
    }
#endif

    /// The fields of the header and those of the trailers have one limit.
    void count_field(beast::error_code& error) {
        error = {};
        if (++fields_ > limits_.header_fields)
            error = beast::http::error::header_limit;
    }

    /// Both are views into the input, unless Beast has joined the value from several lines.
    void add_field(std::string_view name, std::string_view value) {
        auto const* const begin = name.data();
        auto const* const end = value.data() + value.size();
        if (std::less_equal<>()(begin, value.data()) && std::less_equal<>()(end, input_end_))
            head_.headers.add_line({begin, end}, name, value);
        else
            head_.headers.add(name, value);
    }

    void add_trailer(string_view name, string_view value) {
        head_.trailers.add({name.data(), name.size()}, {value.data(), value.size()});
    }

    void on_header_impl(beast::error_code& error) override { error = {}; }

    void on_body_init_impl(
        boost::optional<std::uint64_t> const&, beast::error_code& error) override {
        error = {};
    }

    std::size_t on_body_impl(string_view body, beast::error_code& error) override {
        error = {};
        if (sink_)
            sink_->append(body.data(), body.size());
        return body.size();
    }

    // Beast passes over all that stands between quotes. A party that ends lines at LF would see other chunks.
    void on_chunk_header_impl(
        std::uint64_t size, string_view extensions, beast::error_code& error) override {
        error = {};
        is_in_trailers_ = size == 0 && !is_last_chunk_parsed_whole;
        if (extensions.size() > limits_.header_size)
            error = beast::http::error::header_limit;
        else if (!extensions.empty() && !is_field_value({extensions.data(), extensions.size()}))
            error = beast::http::error::bad_chunk_extension;
    }

    std::size_t on_chunk_body_impl(
        std::uint64_t, string_view body, beast::error_code& error) override {
        return on_body_impl(body, error);
    }

    void on_finish_impl(beast::error_code& error) override { error = {}; }

    // Requests are not parsed here.
    void on_request_impl(
        beast::http::verb, string_view, string_view, int, beast::error_code&) override {}

    ResponseHead& head_;
    ResponseLimits const limits_;
    std::string_view const server_;
    std::size_t header_size_ = 0;  // of what has come of the header, while it is incomplete
    std::size_t fields_ = 0;
    bool is_header_starved_ = false;  // the last parse() asked for more
    bool is_starved_ = false;         // the same, in the body, and it used nothing
    bool is_in_trailers_ = false;
    std::string* sink_ = nullptr;
    char const* input_end_ = nullptr;
};

}  // namespace syncopate::inline v0_1::http::detail
