// CookieJar, Cookie, CookieOrigin: the cookies that servers have set, and the requests that they are sent with.
#pragma once

#include <syncopate/http/detail/cookies/set_cookie.hpp>
#include <syncopate/http/headers.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#ifdef SYNCOPATE_HTTP_WITH_LIBPSL
#include <libpsl.h>
#endif

namespace syncopate::inline v0_1::http {

/// The parts of a URL that decide which cookies are kept and sent.
struct CookieOrigin {
    /// Whether it is https. Not even http to the loopback counts as secure.
    bool is_secure;
    /// The host, without a port.
    std::string_view host;
    /// Whether the host is an address, and no name.
    bool is_ip_address;
    /// The path, without the query.
    std::string_view path;
};

/// A cookie in a jar.
class Cookie {
public:
    /// As the server has written it.
    std::string const& name() const noexcept { return name_; }
    /// As the server has written it.
    std::string const& value() const noexcept { return value_; }
    /// The host to which it is sent, in lower case. Unless is_host_only(), hosts below it get it, too.
    std::string const& domain() const noexcept { return domain_; }
    /// Whether it is sent to that host only.
    bool is_host_only() const noexcept { return is_host_only_; }
    /// The path for which it is sent. Paths below it get it, too.
    std::string const& path() const noexcept { return path_; }
    /// Whether it is sent by https only.
    bool is_secure() const noexcept { return is_secure_; }
    /// Whether scripts of a page may not read it. It has no effect here.
    bool is_http_only() const noexcept { return is_http_only_; }
    /// The time at which it is removed; nothing if it lasts as long as the jar.
    std::optional<std::chrono::system_clock::time_point> expires() const noexcept {
        return expires_;
    }

private:
    friend class CookieJar;
    Cookie() = default;

    std::string name_;
    std::string value_;
    std::string domain_;
    std::string path_;
    std::optional<std::chrono::system_clock::time_point> expires_;
    std::uint64_t last_use_ = 0;
    bool is_host_only_ = true;
    bool is_secure_ = false;
    bool is_http_only_ = false;
};

namespace detail {

inline std::string lowered(std::string_view text) {
    std::string result(text);
    std::ranges::transform(result, result.begin(), to_lower);
    return result;
}

/// Whether hosts below that domain belong to different owners, as those below "co.uk" do. The list of such domains
/// is libpsl's. Without it, only a name without a dot counts as one.
inline bool is_public_suffix(std::string const& domain) {
#ifdef SYNCOPATE_HTTP_WITH_LIBPSL
    if (auto const* const list = ::psl_builtin())
        return ::psl_is_public_suffix(list, domain.c_str()) != 0;
#endif
    return domain.find('.') == domain.npos;
}

/// Whether the host is the domain or below it: RFC 6265, 5.1.3. The host is no address, and both are in lower
/// case.
inline bool domain_matches(std::string_view host, std::string_view domain) noexcept {
    if (!host.ends_with(domain))
        return false;
    host.remove_suffix(domain.size());
    return host.empty() || host.ends_with('.');
}

/// Whether the path is the prefix or below it: RFC 6265, 5.1.4.
inline bool path_matches(std::string_view path, std::string_view prefix) noexcept {
    if (!path.starts_with(prefix))
        return false;
    path.remove_prefix(prefix.size());
    return path.empty() || path.starts_with('/') || prefix.ends_with('/');
}

/// The path without its last segment: RFC 6265, 5.1.4.
inline std::string_view default_cookie_path(std::string_view path) noexcept {
    auto const end = path.rfind('/');
    return path.starts_with('/') && end > 0 ? path.substr(0, end) : "/";
}

}  // namespace detail

/// Keeps the cookies of a session, as a range of them, oldest first.
///
/// It is bounded: 4096 bytes a cookie, 50 cookies a domain, 3000 in all. A larger cookie is ignored. A cookie
/// beyond a number replaces the one that has not been used for longest, among those that are not Secure if there
/// are any. A cookie that is not Secure never replaces one that is: it is ignored.
///
/// Threads:   one at a time. An iterator is valid until the next store() or header_for().
/// Semantics: RFC 6265, sections 5.3 and 5.4. Of its revision, RFC 6265bis: a cookie of a host alone and one with a
///            Domain are two, though they have the same name and path; the prefixes `__Host-` and `__Secure-`; `Secure`
///            cookies come from https only, and are not overwritten by http; a control byte in a field makes
///            it ignored. SameSite is ignored: there are no pages here whose requests it would limit. Public
///            suffixes are known if the library was built with libpsl (SYNCOPATE_HTTP_WITH_LIBPSL).
class CookieJar {
public:
    /// A point in time, with which Expires and Max-Age are compared.
    using Time = std::chrono::system_clock::time_point;
    using const_iterator = std::vector<Cookie>::const_iterator;

    /// Keeps, replaces or removes a cookie, as a Set-Cookie field says, or ignores the field.
    ///
    /// origin:     of the response.
    /// set_cookie: the value of the field. Any bytes are safe.
    void store(
        CookieOrigin const& origin,
        std::string_view set_cookie,
        Time now = std::chrono::system_clock::now()) {
        remove_expired(now);
        auto const text = detail::parse_set_cookie(set_cookie, now);
        if (!text)
            return;
        auto cookie = admit(origin, *text);
        if (!cookie || (!origin.is_secure && hides_secure_cookie(*cookie)))
            return;
        cookie->last_use_ = ++uses_;
        auto const same = std::ranges::find_if(cookies_, [&](Cookie const& each) {
            return each.name_ == cookie->name_ && each.domain_ == cookie->domain_ &&
                   each.path_ == cookie->path_ && each.is_host_only_ == cookie->is_host_only_;
        });
        bool const is_expired = cookie->expires_ && *cookie->expires_ <= now;
        if (same != cookies_.end() && is_expired) {
            cookies_.erase(same);
        } else if (same != cookies_.end()) {
            *same = std::move(*cookie);
        } else if (!is_expired) {
            if (make_room(*cookie))
                cookies_.push_back(std::move(*cookie));
        }
    }

    /// The value of the Cookie field for a request; empty if there is none to send. Longer paths come first,
    /// then older cookies.
    ///
    /// origin:    of the request.
    std::string header_for(
        CookieOrigin const& origin, Time now = std::chrono::system_clock::now()) {
        remove_expired(now);
        auto const host = detail::lowered(origin.host);
        std::vector<Cookie const*> sent;
        ++uses_;
        for (Cookie& each : cookies_) {
            if (!is_for(each, origin, host))
                continue;
            each.last_use_ = uses_;
            sent.push_back(&each);
        }
        std::ranges::sort(sent, [](Cookie const* a, Cookie const* b) {
            auto const size = a->path_.size();
            auto const other = b->path_.size();
            return size != other ? size > other : a < b;
        });
        std::string header;
        for (Cookie const* const cookie : sent) {
            header += header.empty() ? "" : "; ";
            header += cookie->name_;
            header += '=';
            header += cookie->value_;
        }
        return header;
    }

    /// Removes all cookies.
    void clear() noexcept { cookies_.clear(); }
    std::size_t size() const noexcept { return cookies_.size(); }
    bool empty() const noexcept { return cookies_.empty(); }
    const_iterator begin() const noexcept { return cookies_.begin(); }
    const_iterator end() const noexcept { return cookies_.end(); }

private:
    static constexpr std::size_t max_cookie_size = 4096;
    static constexpr std::size_t max_cookies_per_domain = 50;
    static constexpr std::size_t max_cookies = 3000;

    static std::string_view path_of(CookieOrigin const& origin) noexcept {
        return origin.path.starts_with('/') ? origin.path : "/";
    }

    /// The cookie, if that origin may set it.
    static std::optional<Cookie> admit(CookieOrigin const& origin, detail::SetCookie const& text) {
        if (text.is_secure && !origin.is_secure)
            return std::nullopt;
        Cookie cookie;
        cookie.domain_ = detail::lowered(origin.host);
        auto const domain = detail::lowered(text.domain);
        if (!domain.empty()) {
            // A dot at the end would hide from is_public_suffix() that a name has no other.
            if (!detail::domain_matches(cookie.domain_, domain) || domain.ends_with('.'))
                return std::nullopt;
            bool const is_alone = origin.is_ip_address || detail::is_public_suffix(domain);
            if (is_alone && domain != cookie.domain_)
                return std::nullopt;
            cookie.domain_ = domain;
            cookie.is_host_only_ = is_alone;
        }
        auto const path = text.path.empty() ? detail::default_cookie_path(origin.path) : text.path;
        auto const has_prefix = [&](std::string_view prefix) {
            return detail::equals_ignoring_case(text.name.substr(0, prefix.size()), prefix);
        };
        if (has_prefix("__Secure-") && !text.is_secure)
            return std::nullopt;
        if (has_prefix("__Host-") && !(text.is_secure && domain.empty() && text.path == "/"))
            return std::nullopt;
        if (text.name.size() + text.value.size() + domain.size() + path.size() > max_cookie_size)
            return std::nullopt;
        cookie.name_ = text.name;
        cookie.value_ = text.value;
        cookie.path_ = path;
        cookie.expires_ = text.expires;
        cookie.is_secure_ = text.is_secure;
        cookie.is_http_only_ = text.is_http_only;
        return cookie;
    }

    /// Whether a server could take it for a secure cookie of that name.
    bool hides_secure_cookie(Cookie const& cookie) const noexcept {
        return std::ranges::any_of(cookies_, [&](Cookie const& each) {
            return each.is_secure_ && each.name_ == cookie.name_ &&
                   (detail::domain_matches(each.domain_, cookie.domain_) ||
                    detail::domain_matches(cookie.domain_, each.domain_)) &&
                   detail::path_matches(cookie.path_, each.path_);
        });
    }

    static bool is_for(
        Cookie const& cookie, CookieOrigin const& origin, std::string_view host) noexcept {
        if (cookie.is_secure_ && !origin.is_secure)
            return false;
        bool const is_exact = cookie.is_host_only_ || origin.is_ip_address;
        return (is_exact ? host == cookie.domain_ : detail::domain_matches(host, cookie.domain_)) &&
               detail::path_matches(path_of(origin), cookie.path_);
    }

    void remove_expired(Time now) noexcept {
        std::erase_if(
            cookies_, [&](Cookie const& each) { return each.expires_ && *each.expires_ <= now; });
    }

    /// Removes what is one too many for another cookie. Returns false if there is nothing that it may replace.
    bool make_room(Cookie const& cookie) noexcept {
        auto const is_in_domain = [&](Cookie const& each) {
            return each.domain_ == cookie.domain_;
        };
        auto const in_domain = std::ranges::count_if(cookies_, is_in_domain);
        if (static_cast<std::size_t>(in_domain) >= max_cookies_per_domain)
            return remove_for(cookie, is_in_domain);
        if (cookies_.size() >= max_cookies)
            return remove_for(cookie, [](Cookie const&) { return true; });
        return true;
    }

    /// Removes the candidate that may go first: one that is not Secure, and of these the least used.
    template <class Predicate>
    bool remove_for(Cookie const& cookie, Predicate is_candidate) noexcept {
        auto const goes_before = [](Cookie const& a, Cookie const& b) {
            return a.is_secure_ != b.is_secure_ ? b.is_secure_ : a.last_use_ < b.last_use_;
        };
        auto found = cookies_.end();
        for (auto each = cookies_.begin(); each != cookies_.end(); ++each)
            if (is_candidate(*each) && (found == cookies_.end() || goes_before(*each, *found)))
                found = each;
        if (found == cookies_.end() || (found->is_secure_ && !cookie.is_secure_))
            return false;
        cookies_.erase(found);
        return true;
    }

    std::vector<Cookie> cookies_;
    std::uint64_t uses_ = 0;
};

}  // namespace syncopate::inline v0_1::http
