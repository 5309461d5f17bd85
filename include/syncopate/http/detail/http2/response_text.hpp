// ResponseText: the fields of a response over HTTP/2 as the text of HTTP/1.1, and its trailers.
#pragma once

#include <syncopate/http/detail/message/default_fields.hpp>
#include <syncopate/http/detail/message/field_syntax.hpp>
#include <syncopate/http/detail/message/response_head.hpp>
#include <syncopate/http/detail/url/number.hpp>
#include <syncopate/http/headers.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace syncopate::inline v0_1::http::detail {

/// One block of fields after another: interim responses, the head, the trailers. The text is given to the parser that
/// HTTP/1.1 has, which holds it to the session's limits.
class ResponseText {
public:
    /// text:      room for one block, which the others of the connection share: no frame comes between the parts of a
    ///            block.
    ResponseText(ResponseLimits limits, std::string& text) noexcept
        : limits_(limits), text_(text) {}

    void begin_block() {
        is_in_trailers_ = is_final_;
        text_.clear();
    }

    /// Returns false if this is no field of a response.
    bool add(std::string_view name, std::string_view value) {
        if (name == ":status")
            return begin_head(value);
        if (!is_token(name) || !is_field_value(value) || name == "transfer-encoding")
            return false;
        size_ += name.size() + value.size();
        ++fields_;
        if (is_in_trailers_) {
            if (!is_too_large())
                trailers_.add(name, value);
            return true;
        }
        if (is_final_ && name == "content-length")
            length_ = whole_number<std::uint64_t>(value);
        // The parser refuses what is too long; there is no need to keep more than shows it.
        if (text_.size() <= limits_.header_size)
            append_field(text_, name, value);
        return true;
    }

    /// The block as text; empty: it was the trailers.
    std::string_view end_block() {
        if (is_in_trailers_)
            return {};
        text_.append("\r\n");
        if (is_final_)
            size_ = 0;  // the parser has counted these bytes
        return text_;
    }

    bool is_final() const noexcept { return is_final_; }
    /// Whether the trailers exceed the limits.
    bool is_too_large() const noexcept {
        return size_ > limits_.header_size || fields_ > limits_.header_fields;
    }
    /// The Content-Length, if there is one.
    std::optional<std::uint64_t> const& length() const noexcept { return length_; }
    std::size_t header_size() const noexcept { return limits_.header_size; }
    Headers take_trailers() noexcept { return std::move(trailers_); }

private:
    bool begin_head(std::string_view status) {
        if (is_in_trailers_ || !text_.empty() || status.size() != 3)
            return false;
        is_final_ = status.front() != '1';
        size_ = 0;
        fields_ = 0;
        text_.assign("HTTP/1.1 ").append(status).append(" \r\n");
        return true;
    }

    ResponseLimits const limits_;
    std::string& text_;
    Headers trailers_;
    std::optional<std::uint64_t> length_;
    std::size_t size_ = 0;
    std::size_t fields_ = 0;
    bool is_final_ = false;
    bool is_in_trailers_ = false;
};

}  // namespace syncopate::inline v0_1::http::detail
