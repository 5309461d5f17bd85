// SetCookie, parse_set_cookie(): the text of a Set-Cookie field, RFC 6265, 5.2.
#pragma once

#include <syncopate/http/detail/cookies/cookie_date.hpp>
#include <syncopate/http/detail/message/list_syntax.hpp>
#include <syncopate/http/detail/url/number.hpp>
#include <syncopate/http/detail/url/percent_encoding.hpp>
#include <syncopate/http/headers.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace syncopate::inline v0_1::http::detail {

/// A cookie as the field asks for it. CookieJar decides whether the server may set it. Views into the field's
/// text.
struct SetCookie {
    std::string_view name;
    std::string_view value;
    std::string_view domain;  // without a leading dot; empty if there is none
    std::string_view path;    // empty if there is none
    std::optional<CookieTime> expires;
    bool is_secure = false;
    bool is_http_only = false;
};

/// The time at which a cookie of that Max-Age expires, or the nearest one that the clock can represent; nothing
/// if the text is no number.
inline std::optional<CookieTime> expiry_of_age(std::string_view max_age, CookieTime now) noexcept {
    using std::chrono::seconds;
    bool const is_negative = max_age.starts_with('-');
    auto const digits = max_age.substr(is_negative ? 1 : 0);
    if (digits.empty() || digits.find_first_not_of("0123456789") != digits.npos)
        return std::nullopt;
    // A number that no integer holds is only too long: nothing else can be wrong with it by now.
    auto const age = whole_number<std::int64_t>(digits).value_or((seconds::max)().count());
    if (is_negative || age == 0)
        return (CookieTime::min)();
    auto const longest = std::chrono::floor<seconds>((CookieTime::max)() - now);
    return seconds(age) > longest ? (CookieTime::max)() : now + seconds(age);
}

/// Nothing for a field without a name, or with a control byte. Attributes that are unknown or invalid are
/// skipped; of several with one name, the last counts.
inline std::optional<SetCookie> parse_set_cookie(std::string_view text, CookieTime now) noexcept {
    if (std::ranges::any_of(text, [](char c) { return is_control(c) && c != '\t'; }))
        return std::nullopt;
    auto pair = take_element(text, ';');
    if (pair.find('=') == pair.npos || pair.find('\t') != pair.npos)
        return std::nullopt;
    SetCookie cookie;
    cookie.name = take_element(pair, '=');
    cookie.value = trimmed(pair);
    if (cookie.name.empty())
        return std::nullopt;

    std::optional<CookieTime> end_of_age;
    while (!text.empty()) {
        auto attribute = take_element(text, ';');
        auto const name = take_element(attribute, '=');
        auto value = trimmed(attribute);
        auto const is = [&](std::string_view other) { return equals_ignoring_case(name, other); };
        if (is("Expires")) {
            if (auto const time = CookieDate::parse(value))
                cookie.expires = time;
        } else if (is("Max-Age")) {
            if (auto const time = expiry_of_age(value, now))
                end_of_age = time;
        } else if (is("Domain") && !value.empty()) {
            value.remove_prefix(value.front() == '.' ? 1 : 0);
            cookie.domain = value;
        } else if (is("Path")) {
            cookie.path = value.starts_with('/') ? value : std::string_view();
        } else if (is("Secure")) {
            cookie.is_secure = true;
        } else if (is("HttpOnly")) {
            cookie.is_http_only = true;
        }
    }
    if (end_of_age)
        cookie.expires = end_of_age;
    return cookie;
}

}  // namespace syncopate::inline v0_1::http::detail
