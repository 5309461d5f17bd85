// Whatever servers set, a jar sends nothing that could not stand in a header, and stays within its bounds.
//
// Lines: each the value of a Set-Cookie field, and once all of them as one; the last line is the host and
// the path of the requests.

#include <syncopate/http/cookies.hpp>
#include <syncopate/http/detail/url/percent_encoding.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

using namespace std::chrono_literals;
using syncopate::http::Cookie;
using syncopate::http::CookieJar;
using syncopate::http::CookieOrigin;

void require(bool condition) {
    if (!condition)
        std::abort();
}

void require_sound(Cookie const& cookie, CookieOrigin const& origin) {
    require(!cookie.name().empty());
    require(cookie.path().starts_with('/'));
    require(cookie.name().find_first_of("=;") == std::string_view::npos);
    require(cookie.value().find(';') == std::string_view::npos);
    require(origin.is_secure || !cookie.is_secure());
    require(origin.host.size() >= cookie.domain().size());
    require(cookie.name().size() + cookie.value().size() + cookie.path().size() <= 4096);
}

void fuzz(std::string_view text, CookieOrigin const& origin) {
    CookieJar::Time const now{std::chrono::hours(480'000)};
    CookieJar jar;
    jar.store(origin, text, now);
    while (!text.empty()) {
        auto const end = std::min(text.find('\n'), text.size());
        jar.store(origin, text.substr(0, end), now);
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    require(jar.size() <= 3000);
    for (Cookie const& each : jar)
        require_sound(each, origin);
    auto const header = jar.header_for(origin, now);
    require(std::ranges::none_of(header, syncopate::http::detail::is_control));
    jar.header_for(origin, now + 1h);
    // With a line break no host of ours can be, nor end, like that.
    require(jar.header_for({true, "elsewhere\n", false, "/"}, now).empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    std::string_view text(reinterpret_cast<char const*>(data), size);
    auto const last = text.rfind('\n') + 1;
    auto const url = text.substr(last);
    auto const host = url.substr(0, url.find('/'));
    auto const path = url.substr(host.size());
    for (bool const is_secure : {false, true})
        for (bool const is_address : {false, true})
            fuzz(text.substr(0, last), {is_secure, host, is_address, path});
    return 0;
}
