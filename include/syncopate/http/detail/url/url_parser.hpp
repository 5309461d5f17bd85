// UrlParser: checks a URL part by part, and brings it into its normal form.
#pragma once

#include <syncopate/http/detail/url/ascii_name.hpp>
#include <syncopate/http/detail/url/host_address.hpp>
#include <syncopate/http/detail/url/number.hpp>
#include <syncopate/http/detail/url/percent_encoding.hpp>
#include <syncopate/http/detail/url/refuse_url.hpp>
#include <syncopate/http/detail/url/url_parts.hpp>
#include <syncopate/http/detail/url/url_target.hpp>
#include <syncopate/http/headers.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace syncopate::inline v0_1::http::detail {

/// The characters of a host's name.
inline constexpr CharacterSet name_characters = alphanumeric_characters + "-_.";

inline constexpr std::size_t max_url_size = std::size_t{64} * 1024;

/// Changes the text in place, so that an ordinary URL needs no memory but its own.
class UrlParser {
public:
    explicit UrlParser(UrlParts& url) noexcept : url_(url) {}

    void run() {
        require(url_.text.size() <= max_url_size, "longer than 64 KiB");
        strip_spaces();
        read_scheme();
        auto const classes = read_authority();
        if (classes & char_class::at)
            take_userinfo();
        if (classes & char_class::escape)
            make_name_ascii();
        if (url_.authority().starts_with('['))
            read_ipv6_address();
        else
            read_name();
        read_port();
        read_target();
        require(url_.text.size() <= max_url_size, "longer than 64 KiB when escaped");
    }

private:
    void require(bool condition, char const* otherwise) const {
        if (!condition)
            refuse_url(url_.text, otherwise);
    }

    unsigned classes_at(std::size_t i) const noexcept {
        return char_classes[static_cast<unsigned char>(url_.text[i])];
    }

    void strip_spaces();
    void read_scheme();
    unsigned read_authority() noexcept;
    void take_userinfo();
    void make_name_ascii();
    void read_ipv6_address();
    void read_name();
    void read_port();
    void read_target();
    void escape_target();

    UrlParts& url_;
};

/// Spaces around a URL come from where it was copied. No other place of a URL can lose them.
inline void UrlParser::strip_spaces() {
    std::string& text = url_.text;
    if (text.starts_with(' ') || text.ends_with(' '))
        text = std::string(without_spaces_around(text));
}

inline void UrlParser::read_scheme() {
    std::string_view const text = url_.text;
    auto const is = [&](std::string_view prefix) {
        return text.starts_with(prefix) ||
               equals_ignoring_case(text.substr(0, prefix.size()), prefix);
    };
    auto const prefix = is("http://")    ? std::string_view("http://")
                        : is("https://") ? std::string_view("https://")
                        : is("ws://")    ? std::string_view("ws://")
                        : is("wss://")   ? std::string_view("wss://")
                                         : std::string_view();
    require(!prefix.empty(), "not an http, https, ws or wss URL");
    std::ranges::copy(prefix, url_.text.begin());
    url_.is_secure = prefix.ends_with("s://") && prefix != "ws://";
    url_.authority_begin = prefix.size();
}

/// Finds the end of the authority. Returns the classes of its characters.
inline unsigned UrlParser::read_authority() noexcept {
    unsigned classes = 0;
    auto i = url_.authority_begin;
    for (; i < url_.text.size() && !(classes_at(i) & char_class::ends_authority); ++i)
        classes |= classes_at(i);
    url_.authority_end = i;
    return classes;
}

inline void UrlParser::take_userinfo() {
    auto const authority = url_.authority();
    auto const at = authority.find('@');
    auto const userinfo = authority.substr(0, at);
    auto const colon = (std::min)(userinfo.find(':'), userinfo.size());
    auto user = unescaped(userinfo.substr(0, colon));
    auto password = unescaped(userinfo.substr((std::min)(colon + 1, userinfo.size())));
    auto const is_allowed = [](char c) { return c == '%' || userinfo_characters.contains(c); };
    require(
        user && password && std::ranges::all_of(userinfo, is_allowed),
        "a user's name and password must be percent-encoded");
    require(
        user->find(':') == user->npos && std::ranges::none_of(*user + *password, is_control),
        "Basic authentication cannot carry this user's name and password");
    url_.user = std::move(*user);
    url_.password = std::move(*password);
    url_.text.erase(url_.authority_begin, at + 1);
    url_.authority_end -= at + 1;
}

/// Puts the name that DNS knows in the place of one that is not ASCII.
inline void UrlParser::make_name_ascii() {
    auto const authority = url_.authority();
    std::string const name(authority.substr(0, authority.find(':')));
    auto const is_ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
    if (std::ranges::all_of(name, is_ascii))
        return;
    require(
        std::ranges::all_of(
            name, [&](char c) { return !is_ascii(c) || name_characters.contains(c); }),
        "a host's name has letters, digits, hyphens and underscores only");
    auto const* const library = Libidn2::get();
    require(library, "a host's name that is not ASCII needs libidn2, which is not installed");
    auto const found = library->to_ascii(name);
    // A colon in it would begin a port.
    require(
        found && std::ranges::all_of(*found, [](char c) { return name_characters.contains(c); }),
        "the host's name is not one of IDNA 2008");
    url_.text.replace(url_.authority_begin, name.size(), *found);
    url_.authority_end = url_.authority_end - name.size() + found->size();
}

inline void UrlParser::read_ipv6_address() {
    auto const authority = url_.authority();
    auto const closing = (std::min)(authority.find(']'), authority.size());
    auto const address = canonical_ipv6_address(authority.substr(1, closing - 1));
    require(
        closing < authority.size() && !address.empty(),
        "what stands in brackets is no IPv6 address");
    url_.text.replace(url_.authority_begin + 1, closing - 1, address);
    url_.host_end = url_.authority_begin + address.size() + 2;
    url_.authority_end = url_.authority_end - (closing - 1) + address.size();
    url_.is_ip_address = true;
}

inline void UrlParser::read_name() {
    // The most that SNI can carry. Further rules for names are left to the resolver.
    constexpr std::size_t longest = 255;
    char last = '.';
    auto i = url_.authority_begin;
    for (; i < url_.authority_end && url_.text[i] != ':'; ++i) {
        char& c = url_.text[i];
        require(
            name_characters.contains(c),
            "a host's name has letters, digits, hyphens and underscores only");
        require(c != '.' || last != '.', "a part of the host's name is empty");
        last = c = to_lower(c);
    }
    url_.host_end = i;
    auto const name = url_.part(url_.authority_begin, url_.host_end);
    require(!name.empty(), "the host's name is empty");
    require(name.size() <= longest, "the host's name is too long");
    url_.is_ip_address = ends_in_number(name);
    require(
        !url_.is_ip_address || is_ipv4_address(name),
        "a host that ends in a number must be an address of four decimal numbers");
}

inline void UrlParser::read_port() {
    std::uint16_t const default_port = url_.is_secure ? 443 : 80;
    auto const field = url_.part(url_.host_end, url_.authority_end);
    require(field.empty() || field[0] == ':', "only a port may follow an address in brackets");
    url_.port = default_port;
    if (field.size() > 1) {
        url_.port = whole_number<std::uint16_t>(field.substr(1)).value_or(0);
        require(url_.port != 0, "the port is no number from 1 to 65535");
    }
    bool const is_canonical = url_.port != default_port && field.size() > 1 && field[1] != '0';
    if (field.empty() || is_canonical)
        return;
    auto const port = url_.port == default_port ? std::string() : ':' + std::to_string(url_.port);
    url_.text.replace(url_.host_end, field.size(), port);
    url_.authority_end = url_.host_end + port.size();
}

inline void UrlParser::read_target() {
    std::string& text = url_.text;
    auto const begin = url_.authority_end;
    if (begin == text.size() || text[begin] != '/')
        text.insert(begin, 1, '/');
    unsigned classes = 0;
    for (auto i = begin; i < text.size(); ++i)
        classes |= classes_at(i);
    if (classes & char_class::escape)
        escape_target();
    auto const find_ends = [&] {
        auto const find = [&](unsigned wanted, char c, std::size_t otherwise) {
            return classes & wanted ? (std::min)(text.find(c, begin), otherwise) : otherwise;
        };
        url_.query_end = find(char_class::number_sign, '#', text.size());
        url_.path_end = find(char_class::question_mark, '?', url_.query_end);
    };
    find_ends();
    if (classes & char_class::dot && url_.path().find("/.") != std::string_view::npos) {
        text.replace(begin, url_.path().size(), without_dot_segments(url_.path()));
        find_ends();
    }
}

inline void UrlParser::escape_target() {
    auto const begin = url_.authority_end;
    auto const target = url_.part(begin, url_.text.size());
    std::string escaped;
    std::size_t done = 0;
    bool in_fragment = false;
    for (std::size_t i = 0; i < target.size(); ++i) {
        char const c = target[i];
        if (url_characters.contains(c) || starts_with_escape(target.substr(i)))
            continue;
        if (c == '#' && !std::exchange(in_fragment, true))
            continue;
        require(c != '\\' && !is_control(c), "a backslash or a control byte");
        escaped += target.substr(done, i - done);
        append_escape(escaped, c);
        done = i + 1;
    }
    if (done != 0)
        url_.text.replace(begin, target.size(), escaped.append(target.substr(done)));
}

/// Throws: Errc::invalid_url.
inline UrlParts parse_url(std::string text) {
    UrlParts url;
    url.text = std::move(text);
    UrlParser(url).run();
    return url;
}

}  // namespace syncopate::inline v0_1::http::detail
