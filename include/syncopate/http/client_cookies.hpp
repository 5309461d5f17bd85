// ClientCookies: the cookies of a Client, for synchronous code.
#pragma once

#include <syncopate/http/cookies.hpp>
#include <syncopate/http/detail/client/client_core.hpp>
#include <syncopate/http/detail/session/cookie_origin.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/url.hpp>

#include <concepts>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1::http {

/// The cookies that a client keeps, as Client::cookies() gives them: a CookieJar on the client's loop, which each
/// member asks by one hop.
///
/// ```cpp
/// client.cookies().load("cookies.txt");
/// client.cookies().store("https://example.org/", "lang=en; Path=/");
/// for (http::Cookie const& cookie : client.cookies())
///     use(cookie.name(), cookie.value());
/// client.cookies().save("cookies.txt");
/// ```
///
/// As a range, it gives the cookies that there were when begin() was called first.
///
/// Blocks:    all members but end(), until the loop has answered.
/// Throws:    all members: without SessionOptions::cookies -> Errc::invalid_request; after Client::close() ->
///            syncopate::Errc::runner_closed.
/// Threads:   any; one object by one thread at a time.
class ClientCookies {
public:
    using const_iterator = CookieJar::const_iterator;

    /// Keeps, replaces or removes a cookie, as if a response from that URL had it in a Set-Cookie field.
    ///
    /// Throws:    Errc::invalid_url.
    void store(std::string url, std::string_view set_cookie) {
        Url const from(std::move(url));
        on_loop([&](CookieJar& kept) { kept.store(detail::cookie_origin_of(from), set_cookie); });
    }

    /// Gives the value of the Cookie field for a request to that URL; empty if there is none to send.
    ///
    /// Throws:    Errc::invalid_url.
    std::string header_for(std::string url) {
        Url const to(std::move(url));
        return on_loop(
            [&](CookieJar& kept) { return kept.header_for(detail::cookie_origin_of(to)); });
    }

    /// Gives a copy of the jar.
    CookieJar jar() {
        return on_loop([](CookieJar& kept) { return kept; });
    }
    /// Removes all cookies.
    void clear() {
        on_loop([](CookieJar& kept) { kept.clear(); });
    }
    std::size_t size() {
        return on_loop([](CookieJar& kept) { return kept.size(); });
    }
    bool empty() { return size() == 0; }

    /// Writes the cookies to a file, as CookieJar::save().
    void save(std::filesystem::path const& path) { jar().save(path); }
    /// Adds the cookies of a file, as CookieJar::load().
    void load(std::filesystem::path const& path) {
        CookieJar loaded;
        loaded.load(path);
        on_loop([&](CookieJar& kept) { kept.add(loaded); });
    }

    const_iterator begin() {
        if (!seen_)
            seen_ = jar();
        return seen_->begin();
    }
    const_iterator end() {
        if (!seen_)
            seen_ = jar();
        return seen_->end();
    }

private:
    friend class Client;

    explicit ClientCookies(std::shared_ptr<detail::ClientCore> core) noexcept
        : core_(std::move(core)) {}

    template <std::invocable<CookieJar&> F>
    std::invoke_result_t<F&, CookieJar&> on_loop(F f) {
        core_->require_open();
        return core_->runner().call([&]() -> std::invoke_result_t<F&, CookieJar&> {
            auto* const jar = core_->session().cookies();
            if (!jar)
                detail::throw_error(
                    Errc::invalid_request, "the client keeps no cookies: SessionOptions::cookies");
            return f(*jar);
        });
    }

    std::shared_ptr<detail::ClientCore> core_;
    std::optional<CookieJar> seen_;
};

}  // namespace syncopate::inline v0_1::http
