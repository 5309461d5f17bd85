// Url: an absolute URL, checked once, in one normal form, and its parts.
#pragma once

#include <syncopate/http/detail/url/percent_encoding.hpp>
#include <syncopate/http/detail/url/refuse_url.hpp>
#include <syncopate/http/detail/url/url_parser.hpp>
#include <syncopate/http/detail/url/url_parts.hpp>
#include <syncopate/http/headers.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace syncopate::inline v0_1::http {

/// An absolute http, https, ws or wss URL.
///
/// It is read as browsers and curl read it: in the path, the query and the fragment, spaces, what is not ASCII, percent
/// signs without two hexadecimal digits, and other ASCII that has no place in a URL, such as `[` and `|`, are
/// escaped. The name of a host that is not ASCII becomes the one that DNS knows, `xn--bcher-kva.example`, by
/// libidn2, which must be installed then. Spaces around the URL are dropped.
///
/// It is stricter than RFC 3986 where programs are known to read a URL differently:
/// - A host is a name of letters, digits, hyphens and underscores between dots, an IPv4 address of four
///   decimal numbers, or an IPv6 address in brackets. Percent signs, zones, IPvFuture, and numbers that
///   inet_aton would take for an address (`0x7f.1`, `2130706433`) are refused. A dot at the end of a name
///   stays: such a name is looked up as it is.
/// - A port is a number from 1 to 65535.
/// - A user's name and password hold no control byte, and the name no colon, escaped or not: Basic
///   authentication cannot carry them.
/// - Backslashes and control bytes are refused.
/// - It has 64 KiB at most.
///
/// Its normal form has scheme and host in lower case, an IPv6 address as RFC 5952 writes it, no default or empty
/// port, a path of at least "/" and without dot segments, no user and no password. Escapes stay as they are.
///
/// Views into it last until it is changed or moved.
class Url {
public:
    /// Parses a URL.
    ///
    /// text:      moved in: its memory becomes that of the URL.
    /// Throws:    Errc::invalid_url; the message shows the text without what may be a password.
    explicit Url(std::string text) : parts_(detail::parse_url(std::move(text))) {}

    /// The whole URL, without user and password.
    std::string const& text() const noexcept { return parts_.text; }
    /// "http", "https", "ws" or "wss".
    std::string_view scheme() const noexcept { return parts_.part(0, parts_.authority_begin - 3); }
    /// Whether it is https or wss.
    bool is_secure() const noexcept { return parts_.is_secure; }
    /// "https://host", and the port unless it is the scheme's default.
    std::string_view origin() const noexcept { return parts_.part(0, parts_.authority_end); }

    /// The host, in lower case; an IPv6 address without its brackets.
    std::string_view host() const noexcept {
        auto const host = bracketed_host();
        return host.starts_with('[') ? host.substr(1, host.size() - 2) : host;
    }
    /// The host for certificates and SNI: without a dot at the end.
    std::string_view server_name() const noexcept {
        auto const name = host();
        return name.ends_with('.') ? name.substr(0, name.size() - 1) : name;
    }
    /// Whether the host is an address, and no name.
    bool is_ip_address() const noexcept { return parts_.is_ip_address; }
    /// The port of the URL, or else the default of its scheme.
    std::uint16_t port() const noexcept { return parts_.port; }
    /// The value of the field Host: the host, in brackets if it is an IPv6 address, and the port unless it is the
    /// scheme's default.
    std::string_view host_field() const noexcept { return parts_.authority(); }
    /// The target of a CONNECT request: host_field(), but always with the port.
    std::string authority() const {
        return std::string(bracketed_host()) + ':' + std::to_string(port());
    }

    /// The target of a request line: path and query.
    std::string_view target() const noexcept {
        return parts_.part(parts_.authority_end, parts_.query_end);
    }
    /// From the first slash on, without the query.
    std::string_view path() const noexcept { return parts_.path(); }
    /// The query, without the question mark.
    std::string_view query() const noexcept { return behind(parts_.path_end, parts_.query_end); }
    /// The fragment, without the number sign. It is never sent.
    std::string_view fragment() const noexcept { return behind(parts_.query_end, text().size()); }

    /// Whether user() or password() is not empty.
    bool has_user() const noexcept { return !user().empty() || !password().empty(); }
    /// The user's name, decoded.
    std::string const& user() const noexcept { return parts_.user; }
    /// The password, decoded.
    std::string const& password() const noexcept { return parts_.password; }

    /// The URL to which a Location leads, in a response from this URL.
    ///
    /// reference: relative or absolute, escaped and read as a URL is.
    /// Throws:    Errc::invalid_url.
    /// Semantics: RFC 3986, section 5.2, and RFC 9110, section 10.2.2: without a fragment of its own, it
    ///            gets this one's. User and password stay unless the reference names a host. A session that
    ///            is redirected keeps them within an origin, see inherit_user().
    Url resolved(std::string_view reference) const;

    /// Takes over the user and the password of another URL, unless this one has its own.
    void inherit_user(Url const& other) {
        if (has_user())
            return;
        parts_.user = other.user();
        parts_.password = other.password();
    }

    /// Removes the user and the password.
    void drop_user() noexcept {
        parts_.user.clear();
        parts_.password.clear();
    }

    /// Adds a parameter at the end of the query. All but letters, digits and `-._~` is escaped.
    ///
    /// Throws:    the URL would have more than 64 KiB -> Errc::invalid_url. It then stays as it was.
    void add_query(std::string_view name, std::string_view value);

private:
    std::string_view bracketed_host() const noexcept {
        return parts_.part(parts_.authority_begin, parts_.host_end);
    }
    std::string_view behind(std::size_t delimiter, std::size_t end) const noexcept {
        return delimiter == end ? std::string_view() : parts_.part(delimiter + 1, end);
    }
    std::size_t size_inherited_by(std::string_view reference) const noexcept;

    detail::UrlParts parts_;
};

namespace detail {

/// The origin() of a URL whose text() this is.
inline std::string_view origin_of(std::string_view url) noexcept {
    return url.substr(0, url.find('/', url.find("://") + 3));
}

inline bool starts_with_scheme(std::string_view reference) noexcept {
    static constexpr CharacterSet characters = alphanumeric_characters + "+-.";
    auto const end =
        std::ranges::find_if_not(reference, [&](char c) { return characters.contains(c); });
    if (end == reference.begin() || end == reference.end() || *end != ':')
        return false;
    char const first = to_lower(reference.front());
    return first >= 'a' && first <= 'z';
}

}  // namespace detail

inline Url Url::resolved(std::string_view reference) const {
    reference = detail::without_spaces_around(reference);
    std::string text(parts_.part(0, size_inherited_by(reference)));
    text += reference;
    if (reference.find('#') == reference.npos)
        text += parts_.part(parts_.query_end, this->text().size());

    Url result(std::move(text));
    if (!detail::starts_with_scheme(reference) && !reference.starts_with("//")) {
        result.parts_.user = user();
        result.parts_.password = password();
    }
    return result;
}

/// The size of the part of this URL that a reference is appended to.
inline std::size_t Url::size_inherited_by(std::string_view reference) const noexcept {
    if (detail::starts_with_scheme(reference))
        return 0;
    if (reference.starts_with("//"))
        return scheme().size() + 1;
    if (reference.starts_with('/'))
        return parts_.authority_end;
    if (reference.starts_with('?'))
        return parts_.path_end;
    if (reference.empty() || reference.starts_with('#'))
        return parts_.query_end;
    return parts_.authority_end + path().rfind('/') + 1;
}

inline void Url::add_query(std::string_view name, std::string_view value) {
    std::string added;
    if (parts_.path_end == parts_.query_end)
        added = '?';
    else if (!query().empty() && !query().ends_with('&'))
        added = '&';
    detail::append_escaped(added, name);
    added += '=';
    detail::append_escaped(added, value);
    if (text().size() + added.size() > detail::max_url_size)
        detail::refuse_url(text(), "longer than 64 KiB with a parameter added");
    parts_.text.insert(parts_.query_end, added);
    parts_.query_end += added.size();
}

/// Escapes a text that is to be one segment of a URL's path, a file's name, for example: all but letters, digits and
/// `-._~`. The segments "." and "..", which would lead elsewhere, become "%2E" and "%2E%2E".
inline std::string escape_path_segment(std::string_view text) {
    if (text == ".")
        return "%2E";
    if (text == "..")
        return "%2E%2E";
    std::string escaped;
    detail::append_escaped(escaped, text);
    return escaped;
}

/// Escapes a name or a value that is to stand in a URL's query: all but letters, digits and `-._~`. Request::query()
/// and Url::add_query() do so themselves.
inline std::string escape_query(std::string_view text) {
    std::string escaped;
    detail::append_escaped(escaped, text);
    return escaped;
}

}  // namespace syncopate::inline v0_1::http
