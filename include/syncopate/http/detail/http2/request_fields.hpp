// RequestFields: the head of a request, as it is written for HTTP/1.1, as the fields of HTTP/2.
#pragma once

#include <syncopate/http/detail/http2/nghttp2.hpp>
#include <syncopate/http/detail/url/number.hpp>
#include <syncopate/http/headers.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace syncopate::inline v0_1::http::detail {

/// What is about the connection is left out: RFC 9113, 8.2.2.
class RequestFields {
public:
    using Room = std::vector<Libnghttp2::Field>;

    /// head:      what RequestWriter has written; is used as long as this is.
    /// room:      for the fields. It comes with what it has, from one request to the next.
    RequestFields(std::string& head, Room& room) : fields_(room) {
        fields_.clear();
        std::string_view const text = head;
        auto const method = text.substr(0, text.find(' '));
        auto target = text.substr(method.size() + 1);
        target = target.substr(0, target.find(' '));
        add(":method", method);
        add(":scheme", "https");
        add(":path", target);
        fields_.emplace_back();  // for the authority, which stands in front of the others
        for (auto at = text.find("\r\n") + 2; at < text.size();) {
            auto const end = text.find("\r\n", at);
            auto const colon = text.find(": ", at);
            if (end == at)
                break;
            for (auto i = at; i < colon; ++i)
                head[i] = to_lower(head[i]);
            take(text.substr(at, colon - at), text.substr(colon + 2, end - colon - 2));
            at = end + 2;
        }
    }

    Libnghttp2::Field const* data() const noexcept { return fields_.data(); }
    std::size_t size() const noexcept { return fields_.size(); }

    /// Of the body; zero if there is none, nothing if it is as long as it turns out to be.
    std::optional<std::uint64_t> const& body_size() const noexcept { return body_size_; }

private:
    static constexpr std::uint8_t not_to_be_indexed = 1;

    static Libnghttp2::Field field(std::string_view name, std::string_view value) noexcept {
        auto const bytes = [](std::string_view text) {
            return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
        };
        bool const is_secret = name == "authorization" || name == "proxy-authorization";
        return {
            bytes(name), bytes(value), name.size(), value.size(),
            is_secret ? not_to_be_indexed : std::uint8_t{}};
    }

    void add(std::string_view name, std::string_view value) {
        fields_.push_back(field(name, value));
    }

    void take(std::string_view name, std::string_view value) {
        if (name == "host") {
            fields_[3] = field(":authority", value);
            return;
        }
        if (name == "transfer-encoding")
            body_size_.reset();
        else if (name == "content-length")
            body_size_ = whole_number<std::uint64_t>(value);
        for (std::string_view const each :
             {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade",
              "http2-settings"})
            if (name == each)
                return;
        if (name != "te" || equals_ignoring_case(value, "trailers"))
            add(name, value);
    }

    Room& fields_;
    std::optional<std::uint64_t> body_size_ = 0;
};

}  // namespace syncopate::inline v0_1::http::detail
