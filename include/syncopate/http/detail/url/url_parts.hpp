// UrlParts: the text of a URL, and where its parts are in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace syncopate::inline v0_1::http::detail {

/// The text of a URL, and the positions at which its parts end.
struct UrlParts {
    std::string_view part(std::size_t begin, std::size_t end) const noexcept {
        return {text.data() + begin, end - begin};
    }
    /// The host, brackets and port included.
    std::string_view authority() const noexcept { return part(authority_begin, authority_end); }
    std::string_view path() const noexcept { return part(authority_end, path_end); }

    std::string text;
    std::string user;
    std::string password;
    std::size_t authority_begin = 0;
    std::size_t host_end = 0;
    std::size_t authority_end = 0;
    std::size_t path_end = 0;
    std::size_t query_end = 0;
    std::uint16_t port = 0;
    bool is_secure = false;
    bool is_ip_address = false;
};

}  // namespace syncopate::inline v0_1::http::detail
