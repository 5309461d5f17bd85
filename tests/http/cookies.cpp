// CookieJar: what a server may set, where it is sent back, and for how long.

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/temporary_directory.hpp"
#include <syncopate/http/cookie.hpp>
#include <syncopate/http/cookies.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>

namespace {

using namespace std::chrono;
using namespace std::chrono_literals;
using namespace std::string_literals;
using support::code_of;
using syncopate::http::Cookie;
using syncopate::http::CookieJar;
using syncopate::http::CookieOrigin;
using syncopate::http::detail::CookieDate;
using Time = CookieJar::Time;

constexpr Time now = sys_days(2024y / 5 / 17) + 12h;

static_assert(std::ranges::forward_range<CookieJar const>);
static_assert(std::is_same_v<std::ranges::range_reference_t<CookieJar const>, Cookie const&>);

CookieOrigin https(std::string_view host, std::string_view path = "/") {
    return {true, host, false, path};
}
CookieOrigin http(std::string_view host, std::string_view path = "/") {
    return {false, host, false, path};
}
CookieOrigin address(std::string_view host) {
    return {false, host, true, "/"};
}

/// What a jar with that cookie sends to a host.
std::string sent(CookieOrigin const& from, std::string_view set_cookie, CookieOrigin const& to) {
    CookieJar jar;
    jar.store(from, set_cookie, now);
    return jar.header_for(to, now);
}

/// The cookie that comes of a field; nothing if it is ignored.
std::optional<Cookie> cookie_of(
    std::string_view set_cookie, CookieOrigin const& from = https("www.example.com", "/a/b")) {
    CookieJar jar;
    jar.store(from, set_cookie, now);
    if (jar.empty())
        return std::nullopt;
    return *jar.begin();
}

std::optional<Time> date(std::string_view text) {
    return CookieDate::parse(text);
}

}  // namespace

TEST_CASE("A cookie is sent back to the host that set it") {
    CookieJar jar;
    CHECK(jar.header_for(https("example.com"), now).empty());
    jar.store(https("example.com"), "a=1", now);
    jar.store(https("EXAMPLE.com"), "b=2; Path=/", now);
    CHECK(jar.header_for(https("example.com"), now) == "a=1; b=2");
    CHECK(jar.header_for(http("Example.COM"), now) == "a=1; b=2");
    CHECK(jar.header_for(https("example.org"), now).empty());
}

TEST_CASE("A jar is a range of its cookies, and can be cleared") {
    CookieJar jar;
    jar.store(
        https("www.example.com"),
        "a=1; Domain=Example.com; Path=/x; Max-Age=60; Secure; HttpOnly; SameSite=Lax; Other=1",
        now);
    jar.store(https("www.example.com", "/dir/page"), "b=2", now);
    REQUIRE(jar.size() == 2);
    Cookie const& first = *jar.begin();
    CHECK(first.name() == "a");
    CHECK(first.value() == "1");
    CHECK(first.domain() == "example.com");
    CHECK_FALSE(first.is_host_only());
    CHECK(first.path() == "/x");
    CHECK(first.is_secure());
    CHECK(first.is_http_only());
    CHECK(first.expires() == now + 60s);
    Cookie const& second = *std::next(jar.begin());
    CHECK(second.name() == "b");
    CHECK(second.domain() == "www.example.com");
    CHECK(second.is_host_only());
    CHECK(second.path() == "/dir");
    CHECK_FALSE(second.is_secure());
    CHECK_FALSE(second.is_http_only());
    CHECK(second.expires() == std::nullopt);
    jar.clear();
    CHECK(jar.empty());
    CHECK(jar.begin() == jar.end());
}

TEST_CASE("Name and value are what stands around the first equals sign, trimmed") {
    CHECK(sent(http("h.net"), " a = 1 ; Path=/", http("h.net")) == "a=1");
    CHECK(sent(http("h.net"), "a=b=c", http("h.net")) == "a=b=c");
    CHECK(sent(http("h.net"), "a=", http("h.net")) == "a=");
    CHECK(sent(http("h.net"), "a=\"1 2\"", http("h.net")) == "a=\"1 2\"");
    CHECK(sent(http("h.net"), "a=\xc3\xbc", http("h.net")) == "a=\xc3\xbc");
}

TEST_CASE("A field without a name is ignored") {
    for (auto const* text : {"", ";", "a", "=1", " =1", "; a=1", "a; Path=/"}) {
        CAPTURE(text);
        CHECK_FALSE(cookie_of(text));
    }
}

TEST_CASE("A field with a control byte is ignored") {
    for (auto const& text :
         {"a=1\r\nX: y"s, "a=1\n"s, "a\r=1"s, "a=\0"s, "a=1\x7f"s, "a=\x01"s, "a=1\t2"s, "a\t1=2"s,
          "a=1; Path=/\n"s, "a=1; Other=\x1f"s}) {
        CAPTURE(text);
        CHECK_FALSE(cookie_of(text));
    }
    CHECK(cookie_of("a=1;\tPath=/"));
}

TEST_CASE("With a Domain, a cookie is sent to the hosts below it too, without one it is not") {
    auto const from = http("www.example.com");
    auto const* const wide = "a=1; Domain=example.com";
    CHECK(sent(from, wide, http("example.com")) == "a=1");
    CHECK(sent(from, wide, http("www.example.com")) == "a=1");
    CHECK(sent(from, wide, http("x.y.example.com")) == "a=1");
    CHECK(sent(from, wide, http("badexample.com")).empty());
    CHECK(sent(from, wide, http("com")).empty());
    CHECK(sent(from, "a=1; Domain=.EXAMPLE.com", http("example.com")) == "a=1");
    CHECK(sent(from, "a=1", http("x.www.example.com")).empty());
    CHECK(sent(from, "a=1; Domain=", http("x.www.example.com")).empty());
    CHECK(sent(from, "a=1; Domain=www.example.com", http("x.www.example.com")) == "a=1");
}

TEST_CASE("A Domain that the host is not in is refused") {
    auto const from = https("www.example.com");
    for (auto const* domain :
         {"example.org", "x.www.example.com", "ample.com", "ww.example.com", "example.com.",
          "..example.com", "www.example.com:443", "*.example.com"}) {
        CAPTURE(domain);
        CHECK_FALSE(cookie_of("a=1; Domain="s + domain, from));
    }
}

TEST_CASE("A Domain below which hosts belong to different people is refused") {
    CHECK_FALSE(cookie_of("a=1; Domain=com", https("example.com")));
    CHECK_FALSE(cookie_of("a=1; Domain=.com", https("example.com")));
    CHECK_FALSE(cookie_of("a=1; Domain=com.", https("example.com.")));
    CHECK_FALSE(cookie_of("a=1; Domain=example.com.", https("example.com.")));
    CHECK_FALSE(cookie_of("a=1; Domain=localhost", https("x.localhost")));
#ifdef SYNCOPATE_HTTP_WITH_LIBPSL
    CHECK_FALSE(cookie_of("a=1; Domain=co.uk", https("example.co.uk")));
    CHECK_FALSE(cookie_of("a=1; Domain=github.io", https("example.github.io")));
#endif
    CHECK(cookie_of("a=1; Domain=example.co.uk", https("www.example.co.uk")));
}

TEST_CASE("A host that is such a domain itself sets cookies for itself alone") {
    auto const from = http("localhost");
    CHECK(sent(from, "a=1; Domain=localhost", from) == "a=1");
    CHECK(sent(from, "a=1; Domain=localhost", http("x.localhost")).empty());
}

TEST_CASE("Cookies of an IP address are for that address alone") {
    CHECK(sent(address("127.0.0.1"), "a=1", address("127.0.0.1")) == "a=1");
    CHECK(sent(address("::1"), "a=1", address("::1")) == "a=1");
    CHECK(sent(address("127.0.0.1"), "a=1; Domain=127.0.0.1", address("127.0.0.1")) == "a=1");
    CHECK(cookie_of("a=1; Domain=127.0.0.1", address("127.0.0.1"))->is_host_only());
    CHECK_FALSE(cookie_of("a=1; Domain=0.0.1", address("127.0.0.1")));
    CHECK_FALSE(cookie_of("a=1; Domain=example.com", address("127.0.0.1")));
    // A name that looks like the end of one.
    CHECK(sent(http("x.0.0.1"), "a=1; Domain=0.0.1", address("127.0.0.1")).empty());
}

TEST_CASE("A cookie is sent for its path and those below") {
    auto const path_sent = [](std::string_view path, std::string_view to) {
        return !sent(http("h.net"), "a=1; Path="s.append(path), http("h.net", to)).empty();
    };
    CHECK(path_sent("/foo", "/foo"));
    CHECK(path_sent("/foo", "/foo/"));
    CHECK(path_sent("/foo", "/foo/bar"));
    CHECK(path_sent("/foo/", "/foo/bar"));
    CHECK(path_sent("/", "/foo"));
    CHECK_FALSE(path_sent("/foo", "/foobar"));
    CHECK_FALSE(path_sent("/foo", "/"));
    CHECK_FALSE(path_sent("/foo", "/Foo"));
    CHECK_FALSE(path_sent("/foo/", "/foo"));
    CHECK(path_sent("/", ""));
}

TEST_CASE("Without a Path that starts with a slash, it is the folder of the request's path") {
    auto const path_of = [](std::string_view path, std::string_view set_cookie) {
        return cookie_of(set_cookie, http("h.net", path))->path();
    };
    CHECK(path_of("", "a=1") == "/");
    CHECK(path_of("/", "a=1") == "/");
    CHECK(path_of("/page", "a=1") == "/");
    CHECK(path_of("/dir/page", "a=1") == "/dir");
    CHECK(path_of("/dir/sub/", "a=1") == "/dir/sub");
    CHECK(path_of("/dir/page", "a=1; Path=") == "/dir");
    CHECK(path_of("/dir/page", "a=1; Path=other") == "/dir");
    CHECK(path_of("/dir/page", "a=1; Path=/x; Path=") == "/dir");
}

TEST_CASE("Secure cookies come from https, and go to https, on the loopback too") {
    CHECK(sent(https("h.net"), "a=1; Secure", https("h.net")) == "a=1");
    CHECK(sent(https("h.net"), "a=1; secure=no", http("h.net")).empty());
    CHECK_FALSE(cookie_of("a=1; Secure", http("h.net")));
    CHECK_FALSE(cookie_of("a=1; Secure", http("localhost")));
    CHECK_FALSE(cookie_of("a=1; Secure", address("127.0.0.1")));
}

TEST_CASE("What came by http neither replaces nor precedes a secure cookie") {
    CookieJar jar;
    jar.store(https("www.example.com"), "a=1; Secure; Domain=example.com; Path=/login", now);
    jar.store(http("www.example.com"), "a=2; Domain=example.com; Path=/login", now);
    jar.store(http("www.example.com"), "a=2; Path=/login/x", now);
    jar.store(http("example.com"), "a=2; Path=/login; Max-Age=0", now);
    CHECK(jar.header_for(https("www.example.com", "/login/x"), now) == "a=1");
    jar.store(https("www.example.com"), "s=1; Secure; Path=/only", now);
    jar.store(http("www.example.com"), "s=2; Domain=example.com; Path=/only", now);
    CHECK(jar.header_for(https("www.example.com", "/only"), now) == "s=1");
    // No server takes these for the one that is secure.
    jar.store(http("www.example.com"), "a=2; Path=/", now);
    jar.store(http("www.example.com"), "b=3; Path=/login", now);
    CHECK(jar.header_for(https("www.example.com", "/login"), now) == "a=1; b=3; a=2");
    jar.store(https("www.example.com"), "a=4; Domain=example.com; Path=/login", now);
    CHECK(jar.header_for(http("example.com", "/login"), now) == "a=4");
}

TEST_CASE("The prefixes of names are kept to") {
    CHECK(cookie_of("__Secure-a=1; Secure"));
    CHECK_FALSE(cookie_of("__Secure-a=1"));
    CHECK_FALSE(cookie_of("__secure-a=1"));
    CHECK(cookie_of("__Host-a=1; Secure; Path=/"));
    CHECK(cookie_of("__Host-a=1; Secure; Path=/; Domain="));
    CHECK_FALSE(cookie_of("__Host-a=1; Path=/"));
    CHECK_FALSE(cookie_of("__Host-a=1; Secure", https("h.net", "/")));
    CHECK_FALSE(cookie_of("__Host-a=1; Secure; Path=/x"));
    CHECK_FALSE(cookie_of("__HOST-a=1; Secure; Path=/; Domain=www.example.com"));
}

TEST_CASE("A cookie expires by Max-Age, else by Expires") {
    auto const expiry = [](std::string_view attributes) {
        return cookie_of("a=1; "s.append(attributes))->expires();
    };
    CHECK(expiry("Max-Age=10") == now + 10s);
    CHECK(expiry("max-age=10; Max-Age=20") == now + 20s);
    CHECK(expiry("Expires=Sat, 18 May 2024 12:00:00 GMT") == now + 24h);
    CHECK(expiry("Max-Age=10; Expires=Sat, 18 May 2024 12:00:00 GMT") == now + 10s);
    CHECK(expiry("Expires=Sat, 18 May 2024 12:00:00 GMT; Max-Age=10") == now + 10s);
    CHECK(expiry("Expires=Sat, 18 May 2024 12:00:00 GMT; Expires=never") == now + 24h);
    for (auto const* nothing :
         {"", "Max-Age=", "Max-Age=x", "Max-Age=+1", "Max-Age=1x", "Max-Age=-", "Max-Age=1.5",
          "Expires=", "Expires=tomorrow"}) {
        CAPTURE(nothing);
        CHECK(expiry(nothing) == std::nullopt);
    }
}

TEST_CASE("An age or a date beyond the clock's is as far as the clock goes") {
    auto const expiry = [](std::string_view attributes) {
        return cookie_of("a=1; "s.append(attributes))->expires();
    };
    CHECK(expiry("Max-Age=9223372036854775807") == Time::max());
    CHECK(expiry("Max-Age=99999999999999999999999") == Time::max());
    CHECK(expiry("Max-Age=9300000000") == Time::max());
    CHECK(*expiry("Expires=Fri, 31 Dec 9999 23:59:59 GMT") > now + 24h * 365 * 200);
    CHECK_FALSE(cookie_of("a=1; Max-Age=-99999999999999999999999"));
    CHECK_FALSE(cookie_of("a=1; Expires=Mon, 01 Jan 1601 00:00:00 GMT"));
}

TEST_CASE("An expired cookie is gone") {
    CookieJar jar;
    jar.store(http("h.net"), "a=1; Max-Age=10", now);
    jar.store(http("h.net"), "b=2; Max-Age=20", now);
    CHECK(jar.header_for(http("h.net"), now + 9999ms) == "a=1; b=2");
    CHECK(jar.header_for(http("h.net"), now + 10s) == "b=2");
    CHECK(jar.size() == 1);
    jar.store(http("other.net"), "c=3", now + 20s);
    CHECK(jar.size() == 1);
}

TEST_CASE("A server removes a cookie by setting one that has expired") {
    CookieJar jar;
    for (auto const* removal :
         {"a=; Max-Age=0", "a=; Max-Age=-1", "a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT"}) {
        jar.store(http("h.net"), "a=1", now);
        jar.store(http("h.net"), "b=1; Max-Age=0", now);
        CHECK(jar.size() == 1);
        jar.store(http("h.net", "/x/y"), removal, now);
        CHECK(jar.size() == 1);
        jar.store(http("h.net"), removal, now);
        CHECK(jar.empty());
    }
}

TEST_CASE("A cookie replaces that of the same name, domain and path, in its place") {
    CookieJar jar;
    jar.store(http("h.net"), "a=1", now);
    jar.store(http("h.net"), "b=1", now);
    jar.store(http("h.net"), "a=2; Max-Age=5", now);
    CHECK(jar.header_for(http("h.net"), now) == "a=2; b=1");
    jar.store(http("h.net"), "A=3", now);
    jar.store(http("h.net"), "a=4; Path=/x", now);
    jar.store(http("x.h.net"), "a=5", now);
    CHECK(jar.size() == 5);
}

TEST_CASE("Cookies of longer paths come first, then older ones, whatever their domain") {
    CookieJar jar;
    jar.store(http("www.h.net"), "a=1; Path=/", now);
    jar.store(http("www.h.net"), "b=2; Path=/; Domain=h.net", now);
    jar.store(http("www.h.net"), "c=3; Path=/x/y", now);
    jar.store(http("www.h.net"), "d=4; Path=/", now);
    jar.store(http("www.h.net"), "e=5; Path=/x; Domain=h.net", now);
    CHECK(jar.header_for(http("www.h.net", "/x/y"), now) == "c=3; e=5; a=1; b=2; d=4");
}

TEST_CASE("A cookie of more than 4096 bytes is ignored") {
    CHECK(cookie_of("a=" + std::string(4093, 'x'), http("h.net")));
    CHECK(cookie_of("a=" + std::string(4094, 'x'), http("h.net")));
    CHECK_FALSE(cookie_of("a=" + std::string(4095, 'x'), http("h.net")));
    CHECK_FALSE(cookie_of("a=1; Path=/" + std::string(4096, 'x'), http("h.net")));
}

TEST_CASE("A domain has 50 cookies, and the one that was not used for longest makes room") {
    CookieJar jar;
    jar.store(http("other.net"), "a=1", now);
    jar.store(http("h.net"), "old=1; Path=/old", now);
    for (int i = 0; i < 49; ++i)
        jar.store(http("h.net"), "a" + std::to_string(i) + "=1", now);
    CHECK(jar.size() == 51);
    CHECK(jar.header_for(http("h.net", "/old"), now).starts_with("old=1; a0=1; "));
    jar.store(http("h.net"), "a0=2", now);
    jar.store(http("h.net"), "b=1", now);
    jar.store(http("h.net"), "c=1", now);
    CHECK(jar.size() == 51);
    auto const names = [&] {
        std::string text;
        for (Cookie const& each : jar)
            text += each.name() + ' ';
        return text;
    }();
    // old and a1, the oldest of those that were sent last at the same time.
    CHECK(names.starts_with("a a0 a2 a3 "));
    CHECK(names.ends_with(" a48 b c "));
}

TEST_CASE("A host below neither replaces nor removes the cookie that a host keeps for itself") {
    CookieJar jar;
    jar.store(https("example.com"), "a=own; Secure; Path=/", now);
    jar.store(https("evil.example.com"), "a=2; Secure; Domain=example.com; Path=/", now);
    CHECK(jar.header_for(https("example.com"), now) == "a=own; a=2");
    jar.store(https("evil.example.com"), "a=; Domain=example.com; Path=/; Max-Age=0", now);
    CHECK(jar.header_for(https("example.com"), now) == "a=own");
}

TEST_CASE("Cookies that are not Secure make room first, and push out none that is") {
    CookieJar jar;
    jar.store(https("h.net"), "sid=1; Secure", now);
    for (int i = 0; i < 60; ++i)
        jar.store(http("h.net"), "a" + std::to_string(i) + "=1", now);
    CHECK(jar.size() == 50);
    CHECK(jar.header_for(https("h.net"), now).starts_with("sid=1; a11=1; "));
    for (int i = 0; i < 49; ++i)
        jar.store(https("h.net"), "s" + std::to_string(i) + "=1; Secure", now);
    jar.store(http("h.net"), "b=1", now);
    CHECK(jar.size() == 50);
    CHECK(jar.header_for(http("h.net"), now).empty());
    jar.store(https("h.net"), "c=1; Secure", now);
    CHECK(jar.size() == 50);
    CHECK(jar.header_for(https("h.net"), now).ends_with("; c=1"));
}

TEST_CASE("A site with many cookies pushes out its own, and no other site's") {
    CookieJar jar;
    jar.store(https("old.net"), "sid=1; Secure", now);
    jar.store(https("evil.net"), "sid=1; Secure", now);
    for (int host = 0; host < 70; ++host)
        for (int i = 0; i < 50; ++i)
            jar.store(
                http("h" + std::to_string(host) + ".evil.net"), "a" + std::to_string(i) + "=1",
                now);
    CHECK(jar.size() == 3000);
    CHECK(jar.header_for(https("old.net"), now) == "sid=1");
    CHECK(jar.header_for(https("evil.net"), now) == "sid=1");
}

TEST_CASE("A full jar of Secure cookies takes others, too") {
    CookieJar jar;
    for (int i = 0; i < 3000; ++i)
        jar.store(https("h" + std::to_string(i) + ".net"), "a=1; Secure", now);
    jar.store(http("one.net"), "a=1", now);
    jar.store(http("two.net"), "a=1", now);
    CHECK(jar.size() == 3000);
    CHECK(jar.header_for(http("one.net"), now) == "a=1");
    CHECK(jar.header_for(http("two.net"), now) == "a=1");
    CHECK(jar.header_for(https("h0.net"), now).empty());
}

TEST_CASE("A jar can be written to a file, and read from it") {
    support::TemporaryDirectory const directory;
    auto const path = directory.path() / "cookies.txt";
    CookieJar jar;
    jar.store(https("www.example.com"), "a=1; Secure; HttpOnly; Path=/", now);
    jar.store(https("www.example.com"), "b=x y=z; Domain=example.com; Path=/p; Max-Age=60", now);
    jar.store(http("h.net"), "empty=; Path=/", now);
    jar.store(address("127.0.0.1"), "i=1", now);
    jar.save(path);
    std::ifstream file(path);
    std::string const text(std::istreambuf_iterator<char>(file), {});
    CHECK(
        text == "# Netscape HTTP Cookie File\n\n"
                "#HttpOnly_www.example.com\tFALSE\t/\tTRUE\t0\ta\t1\n"
                ".example.com\tTRUE\t/p\tFALSE\t" +
                    std::to_string(system_clock::to_time_t(now + 60s)) +
                    "\tb\tx y=z\n"
                    "h.net\tFALSE\t/\tFALSE\t0\tempty\t\n"
                    "127.0.0.1\tFALSE\t/\tFALSE\t0\ti\t1\n");
    using std::filesystem::perms;
    CHECK((status(path).permissions() & perms::all) == (perms::owner_read | perms::owner_write));

    CookieJar loaded;
    loaded.store(http("h.net"), "empty=not; Path=/", now);
    loaded.load(path, now);
    CHECK(loaded.size() == 4);
    CHECK(loaded.header_for(https("www.example.com", "/p"), now) == "b=x y=z; a=1");
    CHECK(loaded.header_for(http("x.example.com", "/p"), now) == "b=x y=z");
    CHECK(loaded.header_for(http("h.net"), now) == "empty=");
    CHECK(loaded.header_for(address("127.0.0.1"), now) == "i=1");
    CHECK(loaded.header_for(http("x.example.com", "/p"), now + 61s).empty());
    CookieJar copy;
    copy.add(loaded, now);
    CHECK(copy.header_for(http("h.net"), now) == "empty=");
}

TEST_CASE("A line of a file that is no cookie is passed over") {
    support::TemporaryDirectory const directory;
    auto const path = directory.path() / "cookies.txt";
    std::ofstream(path) << "# comment\n\nnonsense\n"
                           "h.net\tFALSE\t/\tFALSE\tnever\ta\t1\n"
                           "h.net\tFALSE\t/\tFALSE\t0\t\t1\n"
                           "h.net\tFALSE\tpath\tFALSE\t0\ta\t1\n"
                           "\tFALSE\t/\tFALSE\t0\ta\t1\n"
                           "h.net\tFALSE\t/\tFALSE\t0\ta\t1; b=2\n"
                           "h.net\tFALSE\t/\tFALSE\t0\ta\t1\x1b\n"
                           "h.net\tFALSE\t/\tFALSE\t0\ta \t1\n"
                           "h.net\tFALSE\t/\tFALSE\t0\ta=b\t1\n"
                           "h.net\tFALSE\t/\tFALSE\t0\ta;b\t1\n"
                           "h.net\tFALSE\t/\tFALSE\t0\tlarge\t"
                        << std::string(4096, 'x')
                        << "\n"
                           ".com\tTRUE\t/\tFALSE\t0\ta\t1\n"
                           ".127.0.0.1\tTRUE\t/\tFALSE\t0\ta\t1\n"
                           "h.net\tFALSE\t/\tFALSE\t1000\texpired\t1\n"
                           "H.net\tFALSE\t/\tFALSE\t99999999999999\tgood\t1\r\n"
                           "h.net\tFALSE\t/\tFALSE\t0\tlast\t1";
    CookieJar jar;
    jar.load(path, now);
    CHECK(jar.header_for(http("h.net"), now) == "good=1; last=1");
    CHECK(jar.size() == 2);
    CHECK(code_of([&] {
              jar.load(directory.path() / "none", now);
          }) == std::errc::no_such_file_or_directory);
    CHECK(code_of([&] {
              jar.save(directory.path() / "none" / "file");
          }) == std::errc::no_such_file_or_directory);
    auto const folder = directory.path() / "folder";
    std::filesystem::create_directory(folder);
    CHECK(code_of([&] { jar.save(folder); }) == std::errc::is_a_directory);
    for (auto const& each : std::filesystem::directory_iterator(directory.path()))
        CHECK_FALSE(each.path().filename().string().starts_with(".cookies"));
}

TEST_CASE("A jar has 3000 cookies, and the one that was not used for longest makes room") {
    CookieJar jar;
    for (int i = 0; i < 3000; ++i)
        jar.store(http("h" + std::to_string(i) + ".net"), "a=1", now);
    CHECK(jar.size() == 3000);
    CHECK(jar.header_for(http("h0.net"), now) == "a=1");
    jar.store(http("one.more.net"), "a=1", now);
    CHECK(jar.size() == 3000);
    CHECK(jar.header_for(http("h0.net"), now) == "a=1");
    CHECK(jar.header_for(http("h1.net"), now).empty());
    CHECK(jar.header_for(http("h2.net"), now) == "a=1");
}

TEST_CASE("Dates are read as servers write them") {
    auto const time = sys_days(1994y / 11 / 6) + 8h + 49min + 37s;
    for (auto const* text :
         {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
          "Sun Nov  6 08:49:37 1994", "06 nov 1994 08:49:37", "1994 November 6 8:49:37",
          "Sun, 06-Nov-1994 08:49:37 GMT", "6th Nov 1994 08:49:37.5 UTC", "08:49:37 06 NOV 94",
          "06/Nov/1994;08:49:37", "  06\tNov 1994  08:49:37 +0200"}) {
        CAPTURE(text);
        CHECK(date(text) == time);
    }
}

TEST_CASE("A year of two digits is between 1970 and 2069") {
    CHECK(date("01 Jan 70 00:00:00") == sys_days(1970y / 1 / 1));
    CHECK(date("01 Jan 99 00:00:00") == sys_days(1999y / 1 / 1));
    CHECK(date("01 Jan 00 00:00:00") == sys_days(2000y / 1 / 1));
    CHECK(date("01 Jan 69 00:00:00") == sys_days(2069y / 1 / 1));
}

TEST_CASE("What is no date is none") {
    for (auto const* text :
         {"",
          "never",
          "06 Nov 1994",
          "06 1994 08:49:37",
          "Nov 1994 08:49:37",
          "06 Nov 08:49:37",
          "31 Feb 2024 00:00:00",
          "29 Feb 2023 00:00:00",
          "00 Jan 2024 00:00:00",
          "32 Jan 2024 00:00:00",
          "01 Jan 1600 00:00:00",
          "01 Jan 102 00:00:00",
          "01 Jan 2024 24:00:00",
          "01 Jan 2024 00:60:00",
          "01 Jan 2024 00:00:60",
          "01 Jan 2024 00:00",
          "01 Jan 2024 000:00:00",
          "01 Jan 20240 00:00:00",
          "01 Ja 2024 00:00:00",
          "001 Jan 2024 00:00:00"}) {
        CAPTURE(text);
        CHECK(date(text) == std::nullopt);
    }
    CHECK(date("29 Feb 2024 23:59:59") == sys_days(2024y / 3 / 1) - 1s);
}
