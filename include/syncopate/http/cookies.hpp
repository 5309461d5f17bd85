// CookieJar: the cookies that servers have set, and the requests that they are sent with.
#pragma once

#include <syncopate/http/cookie.hpp>
#include <syncopate/http/detail/cookies/cookie_file.hpp>
#include <syncopate/http/detail/cookies/cookie_match.hpp>
#include <syncopate/http/detail/cookies/set_cookie.hpp>
#include <syncopate/http/detail/url/host_address.hpp>
#include <syncopate/http/headers.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::http {

/// Keeps the cookies of a session, as a range of them, oldest first.
///
/// It is bounded: 4096 bytes a cookie, 50 cookies a domain, 3000 in all. A larger cookie is ignored. A cookie
/// beyond 50 replaces the one that has not been used for longest, among those that are not Secure if there
/// are any; one that is not Secure replaces none that is, but is ignored. A cookie beyond 3000 replaces one of the
/// site that has most of them, so that no site can push out the cookies of the others.
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
        if (cookie && (origin.is_secure || !hides_secure_cookie(*cookie)))
            put(std::move(*cookie), now);
    }

    /// Adds the cookies of another jar, in the place of those that have the same name, domain and path.
    void add(CookieJar const& other, Time now = std::chrono::system_clock::now()) {
        remove_expired(now);
        for (Cookie const& each : other)
            put(each, now);
    }

    /// Writes the cookies to a file, those of the session too, in the format of Netscape, which curl and others read.
    /// The file appears, or is replaced, when all has been written, and only its owner can read it.
    ///
    /// Throws:    std::system_error with the path. The file is then as it was.
    void save(std::filesystem::path const& path) const {
        std::string text = "# Netscape HTTP Cookie File\n\n";
        for (Cookie const& each : cookies_)
            detail::append_cookie_line(
                text, {each.domain_, each.is_host_only_, each.path_, each.is_secure_,
                       each.is_http_only_, each.expires_, each.name_, each.value_});
        detail::write_cookie_file(path, text);
    }

    /// Adds the cookies of a file in that format. Lines that hold no cookie are passed over.
    ///
    /// Throws:    std::system_error with the path.
    void load(std::filesystem::path const& path, Time now = std::chrono::system_clock::now()) {
        remove_expired(now);
        auto const text = detail::read_cookie_file(path);
        for (std::string_view left = text; !left.empty();) {
            auto const end = (std::min)(left.find('\n'), left.size());
            auto const line = detail::parse_cookie_line(left.substr(0, end));
            left.remove_prefix((std::min)(end + 1, left.size()));
            auto cookie = line ? admit(*line) : std::nullopt;
            if (cookie)
                put(std::move(*cookie), now);
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
        cookie.site_ = detail::site_of(cookie.domain_, origin.is_ip_address);
        cookie.name_ = text.name;
        cookie.value_ = text.value;
        cookie.path_ = path;
        cookie.expires_ = text.expires;
        cookie.is_secure_ = text.is_secure;
        cookie.is_http_only_ = text.is_http_only;
        return cookie;
    }

    /// The cookie of a file, if it can be one.
    static std::optional<Cookie> admit(detail::CookieLine const& line) {
        Cookie cookie;
        cookie.domain_ = detail::lowered(line.domain);
        bool const is_ip_address =
            detail::ends_in_number(cookie.domain_) || cookie.domain_.find(':') != std::string::npos;
        if (!line.is_host_only && (is_ip_address || detail::is_public_suffix(cookie.domain_)))
            return std::nullopt;
        if (line.name.size() + line.value.size() + line.domain.size() + line.path.size() >
            max_cookie_size)
            return std::nullopt;
        cookie.site_ = detail::site_of(cookie.domain_, is_ip_address);
        cookie.name_ = line.name;
        cookie.value_ = line.value;
        cookie.path_ = line.path;
        cookie.expires_ = line.expires;
        cookie.is_host_only_ = line.is_host_only;
        cookie.is_secure_ = line.is_secure;
        cookie.is_http_only_ = line.is_http_only;
        return cookie;
    }

    /// In the place of the same one, or as the newest.
    void put(Cookie cookie, Time now) {
        cookie.last_use_ = ++uses_;
        auto const same = std::ranges::find_if(cookies_, [&](Cookie const& each) {
            return each.name_ == cookie.name_ && each.domain_ == cookie.domain_ &&
                   each.path_ == cookie.path_ && each.is_host_only_ == cookie.is_host_only_;
        });
        bool const is_expired = cookie.expires_ && *cookie.expires_ <= now;
        if (same != cookies_.end() && is_expired)
            cookies_.erase(same);
        else if (same != cookies_.end())
            *same = std::move(cookie);
        else if (!is_expired && make_room(cookie))
            cookies_.push_back(std::move(cookie));
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
    bool make_room(Cookie const& cookie) {
        auto const is_in_domain = [&](Cookie const& each) {
            return each.domain_ == cookie.domain_;
        };
        auto const in_domain = std::ranges::count_if(cookies_, is_in_domain);
        if (static_cast<std::size_t>(in_domain) >= max_cookies_per_domain)
            return remove_one(is_in_domain, cookie.is_secure_);
        if (cookies_.size() < max_cookies)
            return true;
        auto const site = largest_site();
        return remove_one([&](Cookie const& each) { return each.site_ == site; }, true);
    }

    /// The site with most cookies; of several, the one with the cookie that has not been used for longest.
    std::string largest_site() const {
        struct Site {
            std::size_t cookies = 0;
            std::uint64_t last_use = (std::numeric_limits<std::uint64_t>::max)();
        };
        std::map<std::string_view, Site> sites;
        for (Cookie const& each : cookies_) {
            auto& site = sites[each.site_];
            ++site.cookies;
            site.last_use = (std::min)(site.last_use, each.last_use_);
        }
        auto const is_smaller = [](auto const& a, auto const& b) {
            return a.second.cookies != b.second.cookies ? a.second.cookies < b.second.cookies
                                                        : a.second.last_use > b.second.last_use;
        };
        return std::string(std::ranges::max_element(sites, is_smaller)->first);
    }

    /// Removes the candidate that may go first: one that is not Secure, and of these the least used. Returns false if
    /// that is Secure, and none that is may go.
    template <class Predicate>
    bool remove_one(Predicate is_candidate, bool may_be_secure) noexcept {
        auto const goes_before = [](Cookie const& a, Cookie const& b) {
            return a.is_secure_ != b.is_secure_ ? b.is_secure_ : a.last_use_ < b.last_use_;
        };
        auto found = cookies_.end();
        for (auto each = cookies_.begin(); each != cookies_.end(); ++each)
            if (is_candidate(*each) && (found == cookies_.end() || goes_before(*each, *found)))
                found = each;
        if (found == cookies_.end() || (found->is_secure_ && !may_be_secure))
            return false;
        cookies_.erase(found);
        return true;
    }

    std::vector<Cookie> cookies_;
    std::uint64_t uses_ = 0;
};

}  // namespace syncopate::inline v0_1::http
