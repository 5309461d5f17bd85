// Any text is refused, or is a URL in its one form, and so is where any Location leads from there. The
// first line of the input is the URL; what follows is the Location, and a parameter's name and value.

#include <syncopate/http/detail/url/percent_encoding.hpp>
#include <syncopate/http/detail/url/url_parser.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/url.hpp>

#if __has_include(<boost/url.hpp>)
#include <boost/url.hpp>
#endif

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace {

using syncopate::http::Errc;
using syncopate::http::Url;

void expect(bool condition, char const* what, std::string_view text) {
    if (condition)
        return;
    std::cerr << what << ": " << text << '\n';
    std::abort();
}

bool is_printable(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~' && c != '\\'; });
}

#if __has_include(<boost/url.hpp>)
void compare_with_boost(Url const& url) {
    auto const parsed = boost::urls::parse_uri(url.text());
    expect(parsed.has_value(), "Boost.URL refuses it", url.text());
    // Boost.URL 1.81 reads "1.2.3.4.example" as an address and a path.
    bool const is_address = parsed->host_type() != boost::urls::host_type::name;
    if (is_address && !url.is_ip_address())
        return;
    expect(is_address == url.is_ip_address(), "kind of host", url.text());
    expect(parsed->scheme() == url.scheme(), "scheme", url.text());
    expect(!parsed->has_userinfo(), "userinfo", url.text());
    expect(parsed->encoded_host_and_port() == url.host_field(), "host and port", url.text());
    expect(parsed->encoded_host_address() == url.host(), "host", url.text());
    expect(!parsed->has_port() || parsed->port_number() == url.port(), "port", url.text());
    expect(parsed->encoded_path() == url.path(), "path", url.text());
    expect(parsed->encoded_query() == url.query(), "query", url.text());
    expect(parsed->encoded_fragment() == url.fragment(), "fragment", url.text());
}
#else
void compare_with_boost(Url const&) {}
#endif

void check(Url const& url) {
    std::string const& text = url.text();
    expect(is_printable(text), "a byte that no URL holds", text);
    expect(text.size() <= syncopate::http::detail::max_url_size, "too long", text);
    expect(text.starts_with(url.origin()), "origin", text);
    expect(
        url.origin() == std::string(url.scheme()) + "://" + std::string(url.host_field()),
        "host's field", text);
    expect(!url.host().empty(), "no host", text);
    expect(
        std::ranges::none_of(url.host(), [](char c) { return c >= 'A' && c <= 'Z'; }),
        "host in upper case", text);
    expect(url.port() != 0, "no port", text);
    expect(url.target().starts_with('/'), "target", text);
    expect(url.target().find('#') == std::string_view::npos, "fragment in the target", text);
    expect((std::string(url.path()) + '/').find("/../") == std::string::npos, "up", text);
    expect(Url(text).text() == text, "another form", text);
    compare_with_boost(url);
}

/// What the function gives, unless it refuses.
template <class F>
std::optional<Url> accepted(F function) {
    try {
        return function();
    } catch (std::system_error const& error) {
        expect(error.code() == Errc::invalid_url, "another error", error.what());
        std::string_view const what = error.what();
        expect(std::ranges::none_of(what, syncopate::http::detail::is_control), "message", what);
        return std::nullopt;
    }
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's
extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    std::string_view const input(reinterpret_cast<char const*>(data), size);
    auto const end = std::min(input.find('\n'), size);
    std::string_view const reference = input.substr(std::min(end + 1, size));

    auto url = accepted([&] { return Url(std::string(input.substr(0, end))); });
    if (!url)
        return 0;
    check(*url);
    expect(url->resolved("").text() == url->text(), "resolved to another", url->text());

    auto const location = accepted([&] { return url->resolved(reference); });
    if (location) {
        check(*location);
        expect(
            url->resolved(location->text()).target() == location->target(), "target",
            location->text());
    }

    std::string const before(url->target());
    std::string const fragment(url->fragment());
    auto const half = reference.size() / 2;
    auto const longer = accepted([&] {
        url->add_query(reference.substr(0, half), reference.substr(half));
        return *url;
    });
    if (longer) {
        check(*longer);
        expect(longer->target().starts_with(before), "lost by a parameter", longer->text());
        expect(longer->fragment() == fragment, "fragment", longer->text());
    }
    return 0;
}
