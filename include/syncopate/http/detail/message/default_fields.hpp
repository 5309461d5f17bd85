// DefaultFields: the fields that a session adds to each request which does not set them itself.
#pragma once

#include <syncopate/http/detail/message/body_decoder.hpp>
#include <syncopate/http/detail/message/field_syntax.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/headers.hpp>
#include <syncopate/http/options.hpp>
#include <syncopate/version.hpp>

#include <string>
#include <string_view>

namespace syncopate::inline v0_1::http::detail {

inline void append_field(std::string& out, std::string_view name, std::string_view value) {
    out.append(name).append(std::string_view(": ")).append(value).append(std::string_view("\r\n"));
}

/// First the fields of SessionOptions::header(), then those of the library.
class DefaultFields {
public:
    /// Throws:    a framing, a second Host, or a field that must not be sent -> Errc::invalid_request.
    explicit DefaultFields(SessionOptions const& options) : headers_(options.headers()) {
        for (auto const field : headers_)
            require_field(field.name(), field.value());
        if (headers_.contains("Content-Length") || headers_.contains("Transfer-Encoding"))
            throw_error(Errc::invalid_request, "a framing for all requests of a session");
        if (headers_.get_all("Host").size() > 1)
            throw_error(Errc::invalid_request, "more than one Host");
        add("User-Agent", "syncopate/" + std::to_string(SYNCOPATE_VERSION_MAJOR) + '.' +
                              std::to_string(SYNCOPATE_VERSION_MINOR));
        add("Accept", "*/*");
        has_encodings_of_user_ = headers_.contains(accept_encoding);
        offers_encodings_ = options.decompress() && !has_encodings_of_user_;
        if (offers_encodings_)
            headers_.add(accept_encoding, headers_.contains("Range") ? identity : encodings());
        has_expect_ = headers_.contains("Expect");
        for (auto const field : headers_)
            append_field(text_, field.name(), field.value());
    }

    static constexpr std::string_view accept_encoding = "Accept-Encoding";
    static constexpr std::string_view identity = "identity";
    /// Those that can be undone here.
    static std::string_view encodings() {
        static std::string const known = BodyDecoder::known_encodings();
        return known;
    }

    Headers const& headers() const noexcept { return headers_; }
    /// Whether the user has set an Accept-Encoding, or else the library has.
    bool has_encodings_of_user() const noexcept { return has_encodings_of_user_; }
    bool offers_encodings() const noexcept { return offers_encodings_; }
    /// Whether there is an Expect, which is for requests with a body only.
    bool has_expect() const noexcept { return has_expect_; }
    /// All of them, as lines of a request.
    std::string const& text() const noexcept { return text_; }

private:
    void add(std::string_view name, std::string_view value) {
        if (!headers_.contains(name))
            headers_.add(name, value);
    }

    Headers headers_;
    bool has_encodings_of_user_ = false;
    bool offers_encodings_ = false;
    bool has_expect_ = false;
    std::string text_;
};

}  // namespace syncopate::inline v0_1::http::detail
