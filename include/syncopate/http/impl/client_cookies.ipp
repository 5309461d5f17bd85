// The functions of ClientCookies.
#pragma once

#include <syncopate/blocking_operations.hpp>
#include <syncopate/detail/separate.hpp>
#include <syncopate/http/cookies.hpp>
#include <syncopate/http/detail/client/client_core.hpp>
#include <syncopate/http/detail/session/cookie_origin.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/url.hpp>

#include <concepts>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1::http {

template <std::invocable<CookieJar&> F>
std::invoke_result_t<F&, CookieJar&> ClientCookies::on_loop(F f) {
    core_->require_open();
    return core_->runner().call([&]() -> std::invoke_result_t<F&, CookieJar&> {
        auto* const jar = core_->session().cookies();
        if (!jar)
            detail::throw_error(
                Errc::invalid_request, "the client keeps no cookies: SessionOptions::cookies");
        return f(*jar);
    });
}

SYNCOPATE_DECL void ClientCookies::store(std::string url, std::string_view set_cookie) {
    Url const from(std::move(url));
    on_loop([&](CookieJar& kept) { kept.store(detail::cookie_origin_of(from), set_cookie); });
}

SYNCOPATE_DECL std::string ClientCookies::header_for(std::string url) {
    Url const to(std::move(url));
    return on_loop([&](CookieJar& kept) { return kept.header_for(detail::cookie_origin_of(to)); });
}

SYNCOPATE_DECL CookieJar ClientCookies::jar() {
    return on_loop([](CookieJar& kept) { return kept; });
}

SYNCOPATE_DECL void ClientCookies::clear() {
    on_loop([](CookieJar& kept) { kept.clear(); });
}

SYNCOPATE_DECL std::size_t ClientCookies::size() {
    return on_loop([](CookieJar& kept) { return kept.size(); });
}

SYNCOPATE_DECL void ClientCookies::save(std::filesystem::path const& path) {
    jar().save(path);
}

SYNCOPATE_DECL void ClientCookies::load(std::filesystem::path const& path) {
    CookieJar loaded;
    loaded.load(path);
    on_loop([&](CookieJar& kept) { kept.add(loaded); });
}

SYNCOPATE_DECL ClientCookies::ClientCookies(std::shared_ptr<detail::ClientCore> core) noexcept
    : core_(std::move(core)) {}

SYNCOPATE_DECL ClientCookies::const_iterator ClientCookies::begin() {
    if (!seen_)
        seen_ = std::make_shared<CookieJar const>(jar());
    return seen_->begin();
}

SYNCOPATE_DECL ClientCookies::const_iterator ClientCookies::end() {
    if (!seen_)
        seen_ = std::make_shared<CookieJar const>(jar());
    return seen_->end();
}

}  // namespace syncopate::inline v0_1::http
