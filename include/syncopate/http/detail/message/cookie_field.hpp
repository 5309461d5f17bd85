// joined_cookies(): the cookies of a user and those of a jar, as the value of one field Cookie.
#pragma once

#include <syncopate/http/detail/message/list_syntax.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace syncopate::inline v0_1::http::detail {

/// Whether the value of a field Cookie has one of that name.
inline bool has_cookie(std::string_view cookies, std::string_view name) noexcept {
    while (!cookies.empty()) {
        auto const cookie = take_element(cookies, ';');
        if (cookie.substr(0, cookie.find('=')) == name)
            return true;
    }
    return false;
}

/// The user's cookies, and behind them those of the jar that have other names.
inline std::string joined_cookies(
    std::vector<std::string_view> const& of_user, std::string_view of_jar) {
    std::string all;
    for (auto const value : of_user)
        all.append(all.empty() ? "" : "; ").append(value);
    auto const before = all;
    while (!of_jar.empty()) {
        auto const cookie = take_element(of_jar, ';');
        if (!has_cookie(before, cookie.substr(0, cookie.find('='))))
            all.append(all.empty() ? "" : "; ").append(cookie);
    }
    return all;
}

}  // namespace syncopate::inline v0_1::http::detail
