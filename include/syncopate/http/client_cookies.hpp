// ClientCookies: the cookies of a Client, for synchronous code.
#pragma once

#include <syncopate/http/cookie.hpp>

#include <concepts>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace syncopate::inline v0_1::http {

class CookieJar;
namespace detail {
class ClientCore;
}

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
    using const_iterator = std::vector<Cookie>::const_iterator;

    // No moves: they would leave one behind that belongs to no client.
    ClientCookies(ClientCookies const&) = default;
    ClientCookies& operator=(ClientCookies const&) = default;
    ~ClientCookies() = default;

    /// Keeps, replaces or removes a cookie, as if a response from that URL had it in a Set-Cookie field.
    ///
    /// Throws:    Errc::invalid_url.
    void store(std::string url, std::string_view set_cookie);

    /// Gives the value of the Cookie field for a request to that URL; empty if there is none to send.
    ///
    /// Throws:    Errc::invalid_url.
    std::string header_for(std::string url);

    /// Gives a copy of the jar.
    CookieJar jar();
    /// Removes all cookies.
    void clear();
    std::size_t size();
    bool empty() { return size() == 0; }

    /// Writes the cookies to a file, as CookieJar::save().
    void save(std::filesystem::path const& path);
    /// Adds the cookies of a file, as CookieJar::load().
    void load(std::filesystem::path const& path);

    const_iterator begin();
    const_iterator end();

private:
    friend class Client;

    explicit ClientCookies(std::shared_ptr<detail::ClientCore> core) noexcept;

    template <std::invocable<CookieJar&> F>
    std::invoke_result_t<F&, CookieJar&> on_loop(F f);

    std::shared_ptr<detail::ClientCore> core_;
    std::shared_ptr<CookieJar const> seen_;
};

}  // namespace syncopate::inline v0_1::http

#ifndef SYNCOPATE_SEPARATE_COMPILATION
#include <syncopate/http/impl/client_cookies.ipp>
#endif
