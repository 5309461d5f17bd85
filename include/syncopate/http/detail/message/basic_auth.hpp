// basic_credentials(): a name and a password as the value of an Authorization field.
#pragma once

#include <syncopate/http/detail/url/percent_encoding.hpp>
#include <syncopate/http/error.hpp>

#include <openssl/evp.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace syncopate::inline v0_1::http::detail {

inline std::string to_base64(std::string_view data) {
    std::string text(4 * ((data.size() + 2) / 3), '\0');
    // EVP_EncodeBlock adds a NUL, which falls on the terminator of the string.
    ::EVP_EncodeBlock(
        reinterpret_cast<unsigned char*>(text.data()),
        reinterpret_cast<unsigned char const*>(data.data()), static_cast<int>(data.size()));
    return text;
}

/// Throws: Errc::invalid_request.
inline void require_no_control(std::string_view name_or_password) {
    if (std::ranges::any_of(name_or_password, is_control))
        throw_error(Errc::invalid_request, "a control byte in a user name or a password");
}

/// The value of Authorization or Proxy-Authorization: RFC 7617.
///
/// Throws: Errc::invalid_request.
inline std::string basic_credentials(std::string_view user, std::string_view password) {
    require_no_control(user);
    require_no_control(password);
    if (user.find(':') != std::string_view::npos)
        throw_error(Errc::invalid_request, "a colon in a user name");
    return "Basic " + to_base64(std::string(user).append(":").append(password));
}

}  // namespace syncopate::inline v0_1::http::detail
