// Url: what is a URL, its one form, its parts, and where a Location leads.

#include "support/catch.hpp"
#include "support/errors.hpp"
#include <syncopate/http/detail/url/ascii_name.hpp>
#include <syncopate/http/detail/url/percent_encoding.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/form.hpp>
#include <syncopate/http/url.hpp>

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using namespace std::string_literals;
using support::code_of;
using support::message_of;
using syncopate::http::Errc;
using syncopate::http::form_encoded;
using syncopate::http::Url;

static_assert(!std::is_aggregate_v<Url>);
static_assert(std::is_nothrow_move_constructible_v<Url>);

std::string normal(std::string text) {
    return Url(std::move(text)).text();
}

bool is_refused(std::string text) {
    return code_of([&] { Url(std::move(text)); }) == Errc::invalid_url;
}

std::string message(std::string text) {
    return message_of<std::system_error>([&] { Url(std::move(text)); });
}

/// From the base of RFC 3986, section 5.4.
std::string resolved(std::string_view reference) {
    return Url("http://a/b/c/d;p?q").resolved(reference).text();
}

bool is_refused_location(std::string_view reference) {
    return code_of([&] { resolved(reference); }) == Errc::invalid_url;
}

using Table = std::vector<std::pair<std::string, std::string>>;

}  // namespace

TEST_CASE("A URL is known by its parts") {
    Url const url("https://user:pass@Example.com:8443/a/b?x=1&y=2#part");
    CHECK(url.text() == "https://example.com:8443/a/b?x=1&y=2#part");
    CHECK(url.scheme() == "https");
    CHECK(url.is_secure());
    CHECK(url.origin() == "https://example.com:8443");
    CHECK(url.host() == "example.com");
    CHECK(url.server_name() == "example.com");
    CHECK_FALSE(url.is_ip_address());
    CHECK(url.port() == 8443);
    CHECK(url.host_field() == "example.com:8443");
    CHECK(url.authority() == "example.com:8443");
    CHECK(url.target() == "/a/b?x=1&y=2");
    CHECK(url.path() == "/a/b");
    CHECK(url.query() == "x=1&y=2");
    CHECK(url.fragment() == "part");
    CHECK(url.has_user());
    CHECK(url.user() == "user");
    CHECK(url.password() == "pass");
}

TEST_CASE("The parts that a URL lacks are empty, but for the path") {
    Url const url("http://h");
    CHECK(url.text() == "http://h/");
    CHECK(url.target() == "/");
    CHECK(url.path() == "/");
    CHECK(url.query().empty());
    CHECK(url.fragment().empty());
    CHECK_FALSE(url.has_user());
    CHECK(Url("http://h?x").target() == "/?x");
    CHECK(Url("http://h#x").target() == "/");
}

TEST_CASE("A URL has one form") {
    Table const table = {
        {"HTTP://EXAMPLE.com/Path", "http://example.com/Path"},
        {"Https://h:443/", "https://h/"},
        {"http://h:80/", "http://h/"},
        {"http://h:443/", "http://h:443/"},
        {"wss://h:443/", "wss://h/"},
        {"ws://h:80/", "ws://h/"},
        {"http://h:/", "http://h/"},
        {"http://h:", "http://h/"},
        {"http://h:008080/", "http://h:8080/"},
        {"http://h", "http://h/"},
        {"http://h?", "http://h/?"},
        {"http://h?a/../b", "http://h/?a/../b"},
        {"http://h#", "http://h/#"},
        {"http://h/a/./b/../c", "http://h/a/c"},
        {"http://h/../..", "http://h/"},
        {"http://h/a/..", "http://h/"},
        {"http://h/a/b/.?x", "http://h/a/b/?x"},
        {"http://h/a/.../.b/c..", "http://h/a/.../.b/c.."},
        {"http://h/a//..//b", "http://h/a//b"},
        {"http://h/..//x#/../y", "http://h//x#/../y"},
        {"http://h/%7euser/%2e%2E/x", "http://h/%7euser/%2e%2E/x"},
        {"http://h/?page[size]=1|2", "http://h/?page%5Bsize%5D=1%7C2"},
        {"http://h/\"<>^`{}", "http://h/%22%3C%3E%5E%60%7B%7D"},
        {"http://h/#a#b", "http://h/#a%23b"},
        {"http://[0:0::0:1]/", "http://[::1]/"},
        {"http://[2001:DB8::A]:80/", "http://[2001:db8::a]/"},
        {"http://[::FFFF:7f00:1]:8/", "http://[::ffff:127.0.0.1]:8/"},
        {"http://@h/", "http://h/"},
        {"http://u@h:80?x", "http://h/?x"},
    };
    for (auto const& [given, expected] : table) {
        CAPTURE(given);
        CHECK(normal(given) == expected);
        CHECK(normal(expected) == expected);
    }
}

TEST_CASE("What may be in a URL stays as it is") {
    auto const text = GENERATE(
        as<std::string>(), "http://h/", "http://h:1/", "http://h:65535/", "ws://h/chat",
        "http://127.0.0.1:8080/", "http://255.255.255.255/", "http://1.2.3.4.example/",
        "http://0xcafe.example/", "http://0xcafes/", "http://my_service/",
        "http://_dmarc.example.com/", "http://xn--bcher-kva.example/", "http://a-.-b/",
        "http://example.com./", "http://h//a///b", "http://h/a;b=1,2/c@d:e",
        "http://h/!$&'()*+,;=:@-._~", "http://h/?a=b?c/d:e@f", "http://h/%00%0d%0A%25",
        "http://h/?a+b%20c", "http://h/#a?b/c", "http://h/?", "http://h/#");
    CHECK(normal(text) == text);
}

TEST_CASE("What is no absolute URL of HTTP or WebSocket is refused") {
    auto const text = GENERATE(
        as<std::string>(), "", "/", "h", "h/x", "//h/", "://h/", "http", "http:", "http:/",
        "http://", "http:///x", "http:h", "http:/h/", "https//h", "\nhttp://h/", "\thttp://h/",
        "httpx://h/", "ftp://h/", "file:///etc/passwd", "javascript:alert(1)",
        "javascript://h/%0aalert(1)", "data:text/html,x", "http+unix://h/", "wsss://h/",
        "mailto:a@h", "http://?", "http://#", "http://:80/");
    CHECK(is_refused(text));
}

TEST_CASE("A host that programs may read differently is refused") {
    auto const text = GENERATE(
        as<std::string>(), "http://a@b@c/", "http://a@/", "http://u:p@:80/", "http://h%00/",
        "http://h%2fx/", "http://h%2Fevil/", "http://ex%61mple.com/", "http://h\\@evil/",
        "http://h\\evil/", "http://a b/", "http://h /", "http://h\t/", "http://a,b/", "http://a;b/",
        "http://a~b/", "http://a!b/", "http://*.h/", "http://a'b/", "http://a(b)/", "http://<h>/",
        "http://./", "http://../", "http://.h/", "http://a..b/", "http://h../");
    CHECK(is_refused(text));
    CHECK(is_refused("http://h\0/"s));
    CHECK(is_refused("http://" + std::string(256, 'a') + "/"));
    CHECK_FALSE(is_refused("http://" + std::string(255, 'a') + "/"));
}

TEST_CASE("A port is a number from 1 to 65535") {
    auto const port = GENERATE(
        as<std::string>(), "0", "00", "65536", "99999", "4294967376", "18446744073709551696", "-1",
        "+1", " 1", "0x50", "80:80", ":", ":80", "a", "8a", "%38", "80\\");
    CHECK(is_refused("http://h:" + port + "/"));
    CHECK(is_refused("http://[::1]:" + port));
}

TEST_CASE("An IPv4 address is four decimal numbers, and nothing else ends in a number") {
    auto const host = GENERATE(
        as<std::string>(), "0x7f.1", "2130706433", "0x7f000001", "0X7F000001", "0x", "127.1",
        "127.0.1", "0177.0.0.1", "127.0.0.01", "127.0.0.0x1", "256.0.0.1", "1.2.3.4.5",
        "127.0.0.1.", "h.1", "0", "1.2.3.");
    CHECK(is_refused("http://" + host + "/"));
}

TEST_CASE("What stands in brackets is an IPv6 address") {
    auto const host = GENERATE(
        as<std::string>(), "[]", "[", "[::1", "[:]", "[::1]x", "[::1]]", "[[::1]]", "x[::1]", "::1",
        "[::1%eth0]", "[fe80::1%25eth0]", "[v1.x]", "[127.0.0.1]", "[::127.0.0.01]", "[1::2::3]",
        "[12345::]", "[1:2:3:4:5:6:7:8:9]", "[::g]", "[ ::1]", "[h]");
    CHECK(is_refused("http://" + host + "/"));
    CHECK(is_refused("http://[::1\0]/"s));
}

TEST_CASE("An IPv6 address has brackets wherever a port may follow, and else none") {
    Url const url("http://[::1]/");
    CHECK(url.host() == "::1");
    CHECK(url.server_name() == "::1");
    CHECK(url.is_ip_address());
    CHECK(url.host_field() == "[::1]");
    CHECK(url.authority() == "[::1]:80");
    CHECK(url.origin() == "http://[::1]");
    CHECK(Url("https://[::1]:8443/").host_field() == "[::1]:8443");
    CHECK(Url("https://[::1]:8443/").port() == 8443);
    // Longer than it was given.
    CHECK(Url("http://[::ffff:ffff]/x").host() == "::255.255.255.255");
    CHECK(Url("http://[::ffff:ffff]/x").target() == "/x");
}

TEST_CASE("The host's field names the port unless it is the scheme's default") {
    CHECK(Url("http://h:80/").host_field() == "h");
    CHECK(Url("https://h/").host_field() == "h");
    CHECK(Url("http://h:443/").host_field() == "h:443");
    CHECK(Url("http://h/").authority() == "h:80");
    CHECK(Url("wss://h/").authority() == "h:443");
}

TEST_CASE("A certificate does not know the dot at the end of a name") {
    Url const url("https://example.com./");
    CHECK(url.host() == "example.com.");
    CHECK(url.server_name() == "example.com");
}

TEST_CASE("What a URL must not hold is refused behind the host") {
    auto const part = GENERATE(as<std::string>(), "/", "/?", "/#", "?", "#");
    for (char c = 0; c < ' '; ++c) {
        CAPTURE(static_cast<int>(c));
        CHECK(is_refused("http://h" + part + c));
    }
    CHECK(is_refused("http://h" + part + "\\"));
    CHECK(is_refused("http://h" + part + "\x7f"));
}

TEST_CASE("What people write behind the host is escaped") {
    Table const table = {
        {"/my file.txt", "/my%20file.txt"},
        {"/caf\xc3\xa9", "/caf%C3%A9"},
        {"/?q=\xe2\x82\xac", "/?q=%E2%82%AC"},
        {"/100%", "/100%25"},
        {"/%1", "/%251"},
        {"/%zz", "/%25zz"},
        {"/%1g#%", "/%251g#%25"},
        {"/%%20", "/%25%20"},
        {"/%\xc3\xbc", "/%25%C3%BC"},
        {"?\xff", "/?%FF"},
        {"/a b?c d#e f", "/a%20b?c%20d#e%20f"},
    };
    for (auto const& [given, expected] : table) {
        CAPTURE(given);
        CHECK(normal("http://h" + given) == "http://h" + expected);
        CHECK(normal("http://h" + expected) == "http://h" + expected);
    }
    CHECK(normal("  http://h/a  ") == "http://h/a");
    CHECK(normal("http://h ") == "http://h/");
}

TEST_CASE("A name that is not ASCII becomes the one that DNS knows") {
    if (!syncopate::http::detail::Libidn2::get()) {
        CHECK_THAT(message("http://b\xc3\xbc/"), Catch::Matchers::ContainsSubstring("libidn2"));
        return;
    }
    Table const table = {
        {"b\xc3\xbc"
         "cher.example",
         "xn--bcher-kva.example"},
        {"B\xc3\x9c"
         "CHER.Example",
         "xn--bcher-kva.example"},
        {"stra\xc3\x9f"
         "e.de",
         "xn--strae-oqa.de"},
        {"\xe4\xbe\x8b\xe3\x81\x88.\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88", "xn--r8jz45g.xn--zckzah"},
        {"_dmarc.b\xc3\xbc"
         "cher.example",
         "_dmarc.xn--bcher-kva.example"},
        {"ex\xc2\xad"
         "ample",
         "example"},
    };
    for (auto const& [given, expected] : table) {
        CAPTURE(given);
        CHECK(normal("http://u:p@" + given + ":8080/x") == "http://" + expected + ":8080/x");
        CHECK(Url("https://" + given).server_name() == expected);
        CHECK(resolved("//" + given) == "http://" + expected + "/");
    }
    // Of UTF-8 that is none, of characters that stand for "/", "@", ":" and digits, and with a percent sign.
    for (std::string const host :
         {"b\xfc"
          "cher.example",
          "\xe2\x84\x80.example",
          "a\xef\xbc\xa0"
          "b",
          "a\xef\xbc\x9a"
          "80",
          "\xef\xbc\x91.0x2", "b\xc3\xbc%41", "b\xc3\xbc b", "\xe2\x80\x8b"}) {
        CAPTURE(host);
        CHECK(is_refused("http://" + host + "/"));
    }
    Url const digits("http://\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1/");
    CHECK(digits.host() == "127.0.0.1");
    CHECK(digits.is_ip_address());
}

TEST_CASE("A text can be escaped for one segment of a path, or for a query") {
    using syncopate::http::escape_path_segment;
    using syncopate::http::escape_query;
    CHECK(escape_path_segment("a/b c?d#\xc3\xa9%-._~") == "a%2Fb%20c%3Fd%23%C3%A9%25-._~");
    CHECK(escape_path_segment("..") == "%2E%2E");
    CHECK(escape_path_segment(".") == "%2E");
    CHECK(escape_path_segment("...") == "...");
    CHECK(escape_path_segment("").empty());
    CHECK(escape_query("a&b=c+d e") == "a%26b%3Dc%2Bd%20e");
}

TEST_CASE("User and password are decoded, and are not in any part") {
    Url const url("http://us%40er%C3%BC:p%3Aa%2Fs:s@h:81/x?y#z");
    CHECK(url.user() == "us@er\xc3\xbc");
    CHECK(url.password() == "p:a/s:s");
    CHECK(url.text() == "http://h:81/x?y#z");
    CHECK(url.origin() == "http://h:81");
    CHECK(url.authority() == "h:81");
    CHECK(url.host_field() == "h:81");
    CHECK(url.fragment() == "z");
}

TEST_CASE("A user needs no password, and a password no user") {
    CHECK(Url("http://u@h/").has_user());
    CHECK(Url("http://u@h/").password().empty());
    CHECK(Url("http://:p@h/").has_user());
    CHECK(Url("http://:p@h/").password() == "p");
    CHECK_FALSE(Url("http://:@h/").has_user());
}

TEST_CASE("A user and a password that Basic authentication cannot carry are refused") {
    auto const userinfo = GENERATE(
        as<std::string>(), "a%3Ab:c", "a%0d%0a", "a:b%00", "a:%7f", "a:b%", "a%4:b", "a b", "a:[",
        "a\\", "a\n", "\xc3\xbc", "a\"b");
    CHECK(is_refused("http://" + userinfo + "@h/"));
}

TEST_CASE("A URL has 64 KiB at most, also when escaped") {
    std::string const longest = "http://h/" + std::string(64 * 1024 - 9, 'a');
    CHECK(normal(longest) == longest);
    CHECK(is_refused(longest + 'a'));
    CHECK(is_refused("http://h?" + longest.substr(9)));
    CHECK(is_refused("http://h/" + std::string(30'000, '[')));
}

TEST_CASE("The error shows the text on one line, shortened") {
    CHECK(message("ftp://h/") == "\"ftp://h/\": not an http, https, ws or wss URL: invalid URL");
    CHECK_THAT(message("http://h/\r\n\xff"), Catch::Matchers::StartsWith("\"http://h/???\""));
    CHECK(message("http://h:x/" + std::string(10'000, 'a')).size() < 200);
}

TEST_CASE("The error does not show what may be a password") {
    auto const text = GENERATE(
        as<std::string>(), "http://u:secret@h:99999/", "http://u:secret@h /", "http://u:se/cret@h/",
        "http://u:99999#secret@h/", "http://u:secret%@h/", "http://u:secret@x@h/",
        "http:/u:secret@h/", "u:secret@h/", "ftp://u:secret@h/", "http://u:secret\n@h/");
    CHECK_FALSE(message(text).empty());
    CHECK(message(text).find("cret") == std::string::npos);
    CHECK(message(text).find("h") != std::string::npos);
}

TEST_CASE("A URL is made in the memory of the text that it is given") {
    std::string text = "https://EXAMPLE.com:443/a?b=c#d";
    auto const* const memory = text.data();
    Url const url(std::move(text));
    CHECK(url.text() == "https://example.com/a?b=c#d");
    CHECK(static_cast<void const*>(url.text().data()) == memory);
}

TEST_CASE("A reference is resolved as RFC 3986 has it") {
    Table const table = {
        {"g", "http://a/b/c/g"},
        {"./g", "http://a/b/c/g"},
        {"g/", "http://a/b/c/g/"},
        {"/g", "http://a/g"},
        {"//g", "http://g/"},
        {"?y", "http://a/b/c/d;p?y"},
        {"g?y", "http://a/b/c/g?y"},
        {"#s", "http://a/b/c/d;p?q#s"},
        {"g#s", "http://a/b/c/g#s"},
        {"g?y#s", "http://a/b/c/g?y#s"},
        {";x", "http://a/b/c/;x"},
        {"g;x", "http://a/b/c/g;x"},
        {"g;x?y#s", "http://a/b/c/g;x?y#s"},
        {"", "http://a/b/c/d;p?q"},
        {".", "http://a/b/c/"},
        {"./", "http://a/b/c/"},
        {"..", "http://a/b/"},
        {"../", "http://a/b/"},
        {"../g", "http://a/b/g"},
        {"../..", "http://a/"},
        {"../../", "http://a/"},
        {"../../g", "http://a/g"},
        {"../../../g", "http://a/g"},
        {"../../../../g", "http://a/g"},
        {"/./g", "http://a/g"},
        {"/../g", "http://a/g"},
        {"g.", "http://a/b/c/g."},
        {".g", "http://a/b/c/.g"},
        {"g..", "http://a/b/c/g.."},
        {"..g", "http://a/b/c/..g"},
        {"./../g", "http://a/b/g"},
        {"./g/.", "http://a/b/c/g/"},
        {"g/./h", "http://a/b/c/g/h"},
        {"g/../h", "http://a/b/c/h"},
        {"g;x=1/./y", "http://a/b/c/g;x=1/y"},
        {"g;x=1/../y", "http://a/b/c/y"},
        {"g?y/./x", "http://a/b/c/g?y/./x"},
        {"g?y/../x", "http://a/b/c/g?y/../x"},
        {"g#s/./x", "http://a/b/c/g#s/./x"},
        {"g#s/../x", "http://a/b/c/g#s/../x"},
        {"g?h:/", "http://a/b/c/g?h:/"},
        {"1:2", "http://a/b/c/1:2"},
        {"./g:h", "http://a/b/c/g:h"},
        {"/..//g", "http://a//g"},
        {"https://B:443/x/../y", "https://b/y"},
        {"WS://b", "ws://b/"},
        {"//[::1]:8080/?x", "http://[::1]:8080/?x"},
    };
    for (auto const& [reference, expected] : table) {
        CAPTURE(reference);
        CHECK(resolved(reference) == expected);
    }
}

TEST_CASE("A Location that leads to no URL is refused") {
    auto const reference = GENERATE(
        as<std::string>(), "g:h", "http:g", "javascript:alert(1)", "data:,x", "file:///etc/passwd",
        "//", "///evil", "http://", "//h:99999/", "//h:-1/", "//a@b@c/", "//h%2f/", "//a b/",
        "\\\\evil", "/\\evil", "\\", "http:\\\\evil", "x?\\", "x#\\", "a\rb", "a\nb", "a\tb",
        "\x01", "\x7f");
    CHECK(is_refused_location(reference));
    CHECK(is_refused_location("a\0b"s));
    CHECK(is_refused_location(std::string(64 * 1024, 'a')));
}

TEST_CASE("What a Location must not hold is escaped") {
    CHECK(resolved("/a b?c d#e f") == "http://a/a%20b?c%20d#e%20f");
    CHECK(resolved("/b\xc3\xbc\xff?\xe2\x82\xac") == "http://a/b%C3%BC%FF?%E2%82%AC");
    CHECK(resolved("/100%?50%2") == "http://a/100%25?50%252");
    CHECK(resolved("/%c3%BC%20") == "http://a/%c3%BC%20");
    CHECK(resolved("http://b/ [x]") == "http://b/%20%5Bx%5D");
    CHECK(resolved(" ") == "http://a/b/c/d;p?q");
    CHECK(resolved("  g h ") == "http://a/b/c/g%20h");
}

TEST_CASE("A fragment is inherited unless the reference has one") {
    Url const base("http://a/b?c#top");
    CHECK(base.resolved("/x").text() == "http://a/x#top");
    CHECK(base.resolved("").text() == "http://a/b?c#top");
    CHECK(base.resolved("http://b/").text() == "http://b/#top");
    CHECK(base.resolved("//b?c").text() == "http://b/?c#top");
    CHECK(base.resolved("/x#y").text() == "http://a/x#y");
    CHECK(base.resolved("/x#").text() == "http://a/x#");
    CHECK(Url("http://a/#").resolved("/x").text() == "http://a/x#");
}

TEST_CASE("User and password stay unless the reference names a host") {
    Url const base("http://u:p@a/b");
    CHECK(base.resolved("/x").user() == "u");
    CHECK(base.resolved("?x").password() == "p");
    CHECK_FALSE(base.resolved("//a/x").has_user());
    CHECK_FALSE(base.resolved("http://a/x").has_user());
    CHECK(base.resolved("http://v@a/x").user() == "v");
}

TEST_CASE("A parameter is added at the end of the query, before the fragment") {
    Table const table = {
        {"http://h", "http://h/?n=v"},          {"http://h/a#f", "http://h/a?n=v#f"},
        {"http://h/?", "http://h/?n=v"},        {"http://h/?#f", "http://h/?n=v#f"},
        {"http://h/?a=b", "http://h/?a=b&n=v"}, {"http://h/?a=b&#f", "http://h/?a=b&n=v#f"},
    };
    for (auto const& [given, expected] : table) {
        CAPTURE(given);
        Url url(given);
        url.add_query("n", "v");
        CHECK(url.text() == expected);
        CHECK(url.fragment() == Url(given).fragment());
        CHECK(url.target() == Url(expected).target());
    }
}

TEST_CASE("A parameter is escaped") {
    Url url("http://h/");
    url.add_query("a b&c", "d=e+f#g%\xc3\xbc/?\r\n~-._");
    url.add_query("", "");
    CHECK(url.query() == "a%20b%26c=d%3De%2Bf%23g%25%C3%BC%2F%3F%0D%0A~-._&=");
    CHECK(url.text() == normal(url.text()));
}

TEST_CASE("A parameter that makes the URL too long is refused, and not added") {
    Url url("http://h/?a=b");
    std::string const text = url.text();
    CHECK(code_of([&] { url.add_query("n", std::string(64 * 1024, 'a')); }) == Errc::invalid_url);
    CHECK(url.text() == text);
    CHECK(url.query() == "a=b");
}

TEST_CASE("A form is written as browsers do") {
    using Pairs = std::vector<std::pair<std::string_view, std::string_view>>;
    CHECK(form_encoded(Pairs{}).empty());
    CHECK(form_encoded(Pairs{{"a b", "c&d=e"}, {"", ""}}) == "a+b=c%26d%3De&=");
    CHECK(form_encoded(Pairs{{"n", "*-._~+%\r\n\xc3\xbc"}}) == "n=*-._%7E%2B%25%0D%0A%C3%BC");
    CHECK(form_encoded(std::map<std::string, std::string>{{"a", "1"}, {"b", "2"}}) == "a=1&b=2");
}
