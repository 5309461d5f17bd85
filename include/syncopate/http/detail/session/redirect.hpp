// redirect_of(): the URL to which a response redirects, and the changes of the request that goes there.
#pragma once

#include <syncopate/http/detail/message/request_body.hpp>
#include <syncopate/http/detail/message/response_head.hpp>
#include <syncopate/http/detail/session/redirect_rewrite.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/options.hpp>
#include <syncopate/http/url.hpp>
#include <syncopate/http/verb.hpp>

#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace syncopate::inline v0_1::http::detail {

struct Redirect {
    Url url;
    RedirectRewrite rewrite;
};

inline bool is_redirect(ResponseHead const& head) noexcept {
    switch (head.status) {
    case 301:
    case 302:
    case 303:
    case 307:
    // An empty one names the page itself. Nobody follows it.
    case 308: return !head.headers["Location"].empty();
    default: return false;
    }
}

/// RFC 9110, 15.4, and the Fetch standard where that leaves a choice: POST becomes GET after 301 and 302, as
/// all clients have it.
inline RedirectRewrite rewrite_after(int status, RedirectRewrite rewrite) noexcept {
    bool const becomes_get =
        (status == 303 && rewrite.method != Verb::head && rewrite.method != Verb::get) ||
        ((status == 301 || status == 302) && rewrite.method == Verb::post);
    if (becomes_get) {
        rewrite.method = Verb::get;
        rewrite.keeps_body = false;
    }
    return rewrite;
}

/// Gives the redirect of a response; nothing if it is none.
///
/// url:       of the request that was answered.
/// rewrite:   of that request, by the redirects before.
/// body:      of that request.
/// options:   of the session.
/// Throws:    Errc::redirect_refused, Errc::body_not_replayable.
inline std::optional<Redirect> redirect_of(
    ResponseHead const& head,
    Url const& url,
    RedirectRewrite rewrite,
    RequestBody const& body,
    SessionOptions const& options) {
    if (!is_redirect(head))
        return std::nullopt;
    std::string const server(url.origin());
    std::optional<Url> next;
    try {
        next = url.resolved(head.headers["Location"]);
    } catch (std::system_error const& error) {
        throw_error(Errc::redirect_refused, server + ": " + error.what());
    }
    if (!next->scheme().starts_with("http"))
        throw_error(Errc::redirect_refused, server + ": to another protocol");
    if (url.is_secure() && !next->is_secure() && !options.allow_downgrade())
        throw_error(Errc::redirect_refused, server + ": from https to http");
    auto changed = rewrite_after(head.status, rewrite);
    if (next->origin() == url.origin()) {
        next->inherit_user(url);
    } else {
        // A server does not choose the credentials with which another one is asked: RFC 9110, 4.2.4.
        next->drop_user();
        changed.keeps_credentials = false;
    }
    if (changed.keeps_body && !body.can_be_sent())
        throw_error(Errc::body_not_replayable, server);
    return Redirect{*std::move(next), changed};
}

}  // namespace syncopate::inline v0_1::http::detail
