// RequestWriter: checks a request and writes it as HTTP/1.1.
#pragma once

#include <syncopate/http/detail/message/basic_auth.hpp>
#include <syncopate/http/detail/message/cookie_field.hpp>
#include <syncopate/http/detail/message/default_fields.hpp>
#include <syncopate/http/detail/message/request_body.hpp>
#include <syncopate/http/detail/message/request_parts.hpp>
#include <syncopate/http/detail/session/redirect_rewrite.hpp>
#include <syncopate/http/detail/url/number.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/headers.hpp>
#include <syncopate/http/request.hpp>
#include <syncopate/http/url.hpp>
#include <syncopate/http/verb.hpp>

#include <charconv>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace syncopate::inline v0_1::http::detail {

/// For one URL. All checks are made before a byte is sent.
class RequestWriter {
public:
    using Pieces = RequestBody::Pieces;

    /// All references must outlive this.
    ///
    /// cookies:       the jar's, as the value of a field Cookie; or empty. Those of the user come first, and in the
    ///                place of the jar's that have the same name.
    /// proxy:         the value of Proxy-Authorization for a proxy that is sent the whole URL, or empty; null if
    ///                the request goes to the server itself.
    /// credentials:   the value of Authorization, if neither the request nor the URL has one; may be empty, or null.
    /// Throws:        Errc::invalid_request.
    RequestWriter(
        RequestParts const& request,
        Url const& url,
        DefaultFields const& defaults,
        RedirectRewrite rewrite,
        std::string cookies,
        std::string const* proxy,
        std::string const* credentials = nullptr)
        : request_(request), url_(url), defaults_(defaults), rewrite_(rewrite),
          cookies_(with_cookies_of_user(std::move(cookies))), proxy_(proxy),
          credentials_(credentials), body_(rewrite.keeps_body ? request.body : RequestBody()),
          length_(body_.size()) {
        check_framing();
    }

    RequestBody const& body() const noexcept { return body_; }
    /// The length of the body; nothing if it is not known.
    std::optional<std::uint64_t> content_length() const noexcept { return length_; }
    bool is_head() const noexcept { return rewrite_.method == Verb::head; }
    bool asks_to_close() const noexcept {
        return equals_ignoring_case(request_.headers["Connection"], "close") ||
               equals_ignoring_case(defaults_.headers()["Connection"], "close");
    }

    /// Whether the body waits for the server's 100 Continue.
    bool expects_continue() const noexcept {
        if (body_.is_empty() || !rewrite_.keeps_expect)
            return false;
        auto const& headers =
            request_.headers.contains("Expect") ? request_.headers : defaults_.headers();
        return equals_ignoring_case(headers["Expect"], "100-continue");
    }

    /// To be called before each time that the request is sent. Opens a body that can be sent more than once: its
    /// length is that of this moment.
    ///
    /// Throws:    Errc::invalid_request if that is not the Content-Length that the user has set; std::system_error.
    void begin() {
        streamed_ = 0;
        is_first_chunk_ = true;
        if (!body_.source() || !body_.source()->is_repeatable())
            return;
        stream_ = body_.source()->open();
        if (auto const size = stream_->size()) {
            if (request_.headers.contains("Content-Length") && length_ && *length_ != *size)
                refuse("the Content-Length is not that of the body");
            length_ = size;
        }
    }
    /// The stream of the body; null if it was sent before, and cannot be sent again.
    std::shared_ptr<BodyStream> take_stream() {
        return stream_ ? std::exchange(stream_, nullptr) : body_.source()->open();
    }

    /// Whether the method is idempotent, and the body can be sent twice.
    bool may_be_repeated() const noexcept {
        return is_idempotent(rewrite_.method) && body_.is_repeatable();
    }

    /// Appends everything up to the body.
    void write_head(std::string& out) const {
        out.append(request_.name_of(rewrite_.method)).append(1, ' ');
        if (proxy_)
            out.append(url_.origin());
        out.append(url_.target()).append(std::string_view(" HTTP/1.1\r\n"));
        write_default(out, "Host", url_.host_field());
        for (auto const field : request_.headers)
            if (is_kept(field.name()))
                append_field(out, field.name(), field.value());
        auto const authorization = this->authorization();
        write_defaults(out, !authorization.empty());
        if (proxy_ && !proxy_->empty())
            append_field(out, "Proxy-Authorization", *proxy_);
        if (!authorization.empty() && !is_set_in(request_.headers, "Authorization"))
            append_field(out, "Authorization", authorization);
        if (!cookies_.empty())
            append_field(out, "Cookie", cookies_);
        write_framing(out);
        out.append(std::string_view("\r\n"));
    }

    /// Appends the framing that goes before a piece of a streamed body, or after the last one.
    ///
    /// piece:     nothing at the end.
    /// Returns:   the piece, to be sent behind that; null if it is empty.
    /// Throws:    Errc::invalid_request if the stream is not as long as its Content-Length.
    std::shared_ptr<Pieces const> framed(std::optional<std::string> piece, std::string& out) {
        auto const size = piece ? piece->size() : 0;
        streamed_ += size;
        if (length_ && (streamed_ > *length_ || (!piece && streamed_ < *length_)))
            refuse("the body is not as long as its Content-Length says");
        if (!length_ && (!piece || size > 0)) {
            out.append(std::exchange(is_first_chunk_, false) ? "" : "\r\n");
            append_number(out, size, 16);
            out.append(piece ? "\r\n" : "\r\n\r\n");
        }
        if (size == 0)
            return nullptr;
        auto pieces = std::make_shared<Pieces>();
        pieces->push_back(std::move(*piece));
        return pieces;
    }
    /// Whether the pieces so far are as long as the Content-Length says.
    bool has_whole_body() const noexcept { return length_ == streamed_; }

private:
    [[noreturn]] void refuse(char const* why) const {
        throw_error(Errc::invalid_request, std::string(url_.origin()) + ": " + why);
    }

    /// Writes the fields of the session that the request does not replace.
    void write_defaults(std::string& out, bool has_authorization) const {
        if (request_.headers.empty() && !has_authorization && !has_content_type() &&
            rewrite_.keeps_credentials && rewrite_.keeps_body && !replaces_cookie_ &&
            !defaults_.has_expect() && !request_.settings().decompress) {
            out.append(defaults_.text());
            return;
        }
        for (auto const field : defaults_.headers()) {
            auto const name = field.name();
            bool const is_replaced =
                request_.headers.contains(name) ||
                (has_authorization && equals_ignoring_case(name, "Authorization")) ||
                (has_content_type() && equals_ignoring_case(name, "Content-Type"));
            if (!is_kept(name) || is_replaced)
                continue;
            bool const is_of_library = defaults_.offers_encodings() &&
                                       equals_ignoring_case(name, DefaultFields::accept_encoding);
            if (!is_of_library)
                append_field(out, name, field.value());
        }
        write_accept_encoding(out);
    }
    /// Writes which encodings are asked for, unless the user says so. A slice of what is encoded cannot be decoded.
    void write_accept_encoding(std::string& out) const {
        auto const& of_session = defaults_.headers();
        if (!request_.settings().decompress.value_or(defaults_.offers_encodings()) ||
            defaults_.has_encodings_of_user() ||
            request_.headers.contains(DefaultFields::accept_encoding))
            return;
        bool const is_slice = request_.headers.contains("Range") || of_session.contains("Range");
        append_field(
            out, DefaultFields::accept_encoding,
            is_slice ? DefaultFields::identity : DefaultFields::encodings());
    }
    /// Writes a field unless the user has set it.
    void write_default(std::string& out, std::string_view name, std::string_view value) const {
        if (!is_set_in(request_.headers, name) && !is_set_in(defaults_.headers(), name))
            append_field(out, name, value);
    }
    bool is_set_in(Headers const& headers, std::string_view name) const noexcept {
        return is_kept(name) && headers.contains(name);
    }

    bool is_kept(std::string_view name) const noexcept {
        // write_framing() writes these: they depend on the body.
        if (equals_ignoring_case(name, "Content-Length") ||
            equals_ignoring_case(name, "Transfer-Encoding"))
            return false;
        if (replaces_cookie_ && equals_ignoring_case(name, "Cookie"))
            return false;
        if (equals_ignoring_case(name, "Expect"))
            return rewrite_.keeps_expect && !body_.is_empty();
        if (!rewrite_.keeps_credentials)
            for (std::string_view const each :
                 {"Authorization", "Cookie", "Proxy-Authorization", "Host"})
                if (equals_ignoring_case(name, each))
                    return false;
        constexpr std::string_view of_body = "Content-";
        return rewrite_.keeps_body ||
               !equals_ignoring_case(name.substr(0, of_body.size()), of_body);
    }

    /// RFC 6265, 5.4: there is one field Cookie at most.
    std::string with_cookies_of_user(std::string cookies) {
        if (cookies.empty() || !rewrite_.keeps_credentials)
            return cookies;
        auto const& headers =
            request_.headers.contains("Cookie") ? request_.headers : defaults_.headers();
        auto const of_user = headers.get_all("Cookie");
        if (of_user.empty())
            return cookies;
        replaces_cookie_ = true;
        return joined_cookies(of_user, cookies);
    }

    std::string authorization() const {
        if (credentials_ && !credentials_->empty())
            return *credentials_;
        if (rewrite_.keeps_credentials && !request_.authorization.empty())
            return request_.authorization;
        return url_.has_user() ? basic_credentials(url_.user(), url_.password()) : std::string();
    }

    /// A Content-Length of the user's is accepted if it is that of the body, or the body is a stream.
    void check_framing() {
        if (request_.headers.empty())
            return;
        auto const lengths = request_.headers.get_all("Content-Length");
        auto const encodings = request_.headers.get_all("Transfer-Encoding");
        if (request_.headers.get_all("Host").size() > 1)
            refuse("more than one Host");
        if (!encodings.empty() && !lengths.empty())
            refuse("both a Transfer-Encoding and a Content-Length");
        bool const is_chunked =
            encodings.size() == 1 && equals_ignoring_case(encodings.front(), "chunked");
        if (!encodings.empty() && (!is_chunked || !request_.body.source()))
            refuse("a Transfer-Encoding that is not chunked, or not of a stream");
        if (lengths.empty() || !rewrite_.keeps_body)
            return;
        auto const length = whole_number<std::uint64_t>(lengths.front());
        if (lengths.size() > 1 || !length || (length_ && *length != *length_))
            refuse("the Content-Length is not that of the body");
        length_ = length;
    }

    bool has_content_type() const noexcept {
        return !body_.is_empty() && !request_.content_type.empty();
    }

    void write_framing(std::string& out) const {
        if (has_content_type() && !is_set_in(request_.headers, "Content-Type"))
            append_field(out, "Content-Type", request_.content_type);
        if (!length_)
            return append_field(out, "Transfer-Encoding", "chunked");
        // Servers need a length of 0 only from methods that usually have a body.
        bool const is_usual = rewrite_.method == Verb::post || rewrite_.method == Verb::put ||
                              rewrite_.method == Verb::patch;
        if (body_.is_empty() && !is_usual)
            return;
        out.append("Content-Length: ");
        append_number(out, *length_, 10);
        out.append("\r\n");
    }

    static void append_number(std::string& out, std::uint64_t number, int base) {
        char digits[20];
        auto const result = std::to_chars(digits, digits + sizeof digits, number, base);
        out.append(digits, result.ptr);
    }

    RequestParts const& request_;
    Url const& url_;
    DefaultFields const& defaults_;
    RedirectRewrite const rewrite_;
    bool replaces_cookie_ = false;  // of the user, by cookies_
    bool is_first_chunk_ = true;
    std::string const cookies_;
    std::string const* const proxy_;
    std::string const* const credentials_;
    RequestBody body_;
    std::optional<std::uint64_t> length_;
    std::shared_ptr<BodyStream> stream_;  // opened, and not yet taken
    std::uint64_t streamed_ = 0;
};

}  // namespace syncopate::inline v0_1::http::detail
