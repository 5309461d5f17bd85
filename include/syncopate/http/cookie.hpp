// Cookie: one cookie of a CookieJar. CookieOrigin: where a cookie comes from, or is sent to.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace syncopate::inline v0_1::http {

/// The parts of a URL that decide which cookies are kept and sent.
struct CookieOrigin {
    /// Whether nobody can read or change what is sent: by https, or to this very machine. A session counts http to
    /// localhost, 127.0.0.0/8 and ::1 as secure.
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
    std::string site_;  // the domain that has one owner
    std::optional<std::chrono::system_clock::time_point> expires_;
    std::uint64_t last_use_ = 0;
    bool is_host_only_ = true;
    bool is_secure_ = false;
    bool is_http_only_ = false;
};

}  // namespace syncopate::inline v0_1::http
