// Features: what a session does only if it is asked for it, as pointers to the functions: only who asks has them compiled.
#pragma once

#include <syncopate/http/detail/connection/lease.hpp>
#include <syncopate/http/detail/connection/proxy.hpp>
#include <syncopate/http/detail/connection/socket.hpp>
#include <syncopate/http/detail/lookup/system_lookup.hpp>
#include <syncopate/http/detail/session/exchange.hpp>
#include <syncopate/http/detail/session/session_loop.hpp>
#include <syncopate/http/options.hpp>
#include <syncopate/http/url.hpp>

#include <boost/asio/awaitable.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace syncopate::inline v0_1::http {
class Request;
class Response;
}  // namespace syncopate::inline v0_1::http

namespace syncopate::inline v0_1::http::detail {

class ConnectFlow;
class ExchangeFlow;
class RequestWriter;
class SessionCore;
struct RedirectRewrite;
struct ResponseHead;

/// Nothing but all_features() has such pointers, and nothing names that but what takes the user's options or a user's
/// Request. So a program that is content with the defaults compiles none of these functions. Whoever calls one has seen
/// something that only they can have set up, or has looked whether there are any.
struct Features {
    /// Makes what the options name: proxies, fixed addresses, a netrc file; and a jar for cookies.
    void (SessionCore::*set_up)();
    Proxy const* (SessionCore::*find_proxy)(Url const& url) const;
    Addresses const* (SessionCore::*find_addresses)(
        std::string_view host, std::uint16_t port) const;

    /// To a Unix domain socket, or by a proxy.
    asio::awaitable<Socket> (ConnectFlow::*open_by_detour)();

    /// Sets up the request's own proxy, and its credentials.
    void (ExchangeFlow::*begin)();
    void (ExchangeFlow::*use_own_proxy)();
    std::string const* (ExchangeFlow::*prepare_authorization)(RedirectRewrite const& rewrite);
    bool (ExchangeFlow::*take_challenge)(ResponseHead const& head, RedirectRewrite const& rewrite);
    std::string (ExchangeFlow::*find_cookies)();
    void (ExchangeFlow::*keep_cookies)(ResponseHead const& head);

    /// Sends a body that is not sent with the head of its request.
    asio::awaitable<void> (*send_body)(
        Exchange& exchange, RequestWriter& writer, Exchange::Stage& stage);
    /// Sends a request until it succeeds.
    asio::awaitable<Response> (*send_by_policy)(std::shared_ptr<SessionCore> core, Request request);

    /// Whether requests can share connections here.
    bool (*can_share)();
    /// Has the connection of a lease shared, if the server agrees: the lease is then a share of it.
    void (*share)(
        Lease& lease, std::shared_ptr<SessionLoop> const& loop, SessionOptions const& options);
};

}  // namespace syncopate::inline v0_1::http::detail
