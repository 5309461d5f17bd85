// retry_after_of(): how long a server asks to wait before a request is sent again.
#pragma once

#include <syncopate/http/detail/cookies/cookie_date.hpp>
#include <syncopate/http/detail/message/list_syntax.hpp>
#include <syncopate/http/detail/url/number.hpp>
#include <syncopate/http/headers.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>

namespace syncopate::inline v0_1::http::detail {

/// The field Retry-After, RFC 9110, 10.2.3: a number of seconds, or a date, which may have passed; nothing if it is
/// missing, or neither of both. At most what 32 bits hold. A date is compared with the server's own clock, if the response
/// tells it.
inline std::optional<std::chrono::seconds> retry_after_of(
    Headers const& headers, CookieTime now = std::chrono::system_clock::now()) noexcept {
    using std::chrono::seconds;
    constexpr auto most = (std::numeric_limits<std::uint32_t>::max)();
    auto const text = trimmed(headers["Retry-After"]);
    if (text.empty())
        return std::nullopt;
    if (text.find_first_not_of("0123456789") == text.npos)
        return seconds(whole_number<std::uint32_t>(text).value_or(most));
    auto const date = CookieDate::parse(text);
    if (!date)
        return std::nullopt;
    auto const sent = CookieDate::parse(headers["Date"]).value_or(now);
    return std::clamp(seconds_between(sent, *date), seconds(0), seconds(most));
}

}  // namespace syncopate::inline v0_1::http::detail
