// ExchangeFlow: the steps that lead to the head of a response, for requests and WebSocket handshakes alike.
#pragma once

#include <syncopate/http/cookies.hpp>
#include <syncopate/http/detail/connection/deadline_timer.hpp>
#include <syncopate/http/detail/connection/pool.hpp>
#include <syncopate/http/detail/connection/proxy.hpp>
#include <syncopate/http/detail/message/request_parts.hpp>
#include <syncopate/http/detail/message/response_parser.hpp>
#include <syncopate/http/detail/session/connect_flow.hpp>
#include <syncopate/http/detail/session/cookie_origin.hpp>
#include <syncopate/http/detail/session/credentials.hpp>
#include <syncopate/http/detail/session/exchange.hpp>
#include <syncopate/http/detail/session/redirect_rewrite.hpp>
#include <syncopate/http/detail/session/request_writer.hpp>
#include <syncopate/http/detail/session/session_core.hpp>
#include <syncopate/http/detail/session/trace_reporter.hpp>
#include <syncopate/http/url.hpp>

#include <boost/asio/awaitable.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace syncopate::inline v0_1::http::detail {

/// What RequestFlow and WebSocketHandshake are made of. Each step is a function that the coroutine of the flow
/// calls; only the wait for a connection is a coroutine, which idle connections spare.
class ExchangeFlow {
public:
    ExchangeFlow(ExchangeFlow const&) = delete;
    ExchangeFlow& operator=(ExchangeFlow const&) = delete;

protected:
    /// Whether an idle connection will do.
    enum class Connections { any, fresh_only };

    /// Starts the time of the request.
    ///
    /// request:   outlives this.
    ExchangeFlow(
        std::shared_ptr<SessionCore> core, SessionLoopPointer loop, RequestParts const& request)
        : core_(std::move(core)), loop_(std::move(loop)), request_(request),
          trace_(core_->options().trace()) {
        auto const limit = request.settings().timeout.value_or(core_->options().total_timeout());
        if (limit.count() > 0)
            total_ = deadline_from(trace_.start(), limit);
        if (auto const* const features = core_->features())
            (this->*features->begin)();
    }
    ~ExchangeFlow() = default;

    std::shared_ptr<SessionCore> const& core() const noexcept { return core_; }
    SessionOptions const& options() const noexcept { return core_->options(); }
    SessionLoopPointer const& loop() const noexcept { return loop_; }
    RequestParts const& request() const noexcept { return request_; }
    TraceReporter& trace() noexcept { return trace_; }
    Deadline total() const noexcept { return total_; }
    /// Whether nobody has set that.
    bool has_usual_total() const noexcept {
        return !request_.settings().timeout && !options().has_total_timeout();
    }
    Url const& url() const noexcept { return trace_.url(); }

    /// Whether the request is to be sent again, with an answer to what the server or the proxy asks.
    bool take_challenge(ResponseHead const& head, RedirectRewrite const& rewrite) {
        return credentials_ && (this->*core_->features()->take_challenge)(head, rewrite);
    }

    /// Adds the query parameters of the request.
    void add_query(Url& url) const {
        for (auto const& [name, value] : request_.query)
            url.add_query(name, value);
    }

    /// Sets the URL that the next steps lead to.
    ///
    /// url:       outlives this, or the next call.
    void set_target(Verb method, Url const& url) {
        trace_.set_target(request_.name_of(method), url);
        if (own_proxy_)
            return (this->*core_->features()->use_own_proxy)();
        proxy_ = core_->proxy_for(url);
    }

    /// The target's key in the pool.
    std::string_view pool_key() const noexcept {
        return own_proxy_ ? std::string_view(own_proxy_->key) : url().origin();
    }

    /// The request as it is sent to the target, with the cookies for it.
    RequestWriter make_writer(RedirectRewrite rewrite) {
        auto const* const features = core_->features();
        std::string const* proxy_authorization = nullptr;
        if (features && (proxy_ || credentials_))
            proxy_authorization = (this->*features->prepare_authorization)(rewrite);
        std::string cookies;
        if (core_->cookies())
            cookies = (this->*features->find_cookies)();
        return {
            request_,
            url(),
            core_->default_fields(),
            rewrite,
            std::move(cookies),
            proxy_authorization,
            credentials_ ? &credentials_->value() : nullptr};
    }

    /// Waits for what the lease lacks: the permit, and the connection to the target.
    ///
    /// key:       the target's in the pool.
    /// hop:       the redirects that led to the target.
    /// Returns:   the deadline for the connection to be ready, if it was made here.
    asio::awaitable<Deadline> complete(
        Lease& lease, std::string_view key, Connections wanted, std::size_t hop = 0) {
        bool const is_whole = wanted == Connections::fresh_only;
        auto const use = is_whole ? Pool::Use::whole : Pool::Use::exchange;
        if (!lease)
            lease =
                co_await loop_->pool.lease(std::string(key), total_, *loop_->deadline_timer, use);
        if (is_whole)
            lease.close_connection();
        if (lease.has_connection())
            co_return total_;
        auto const deadline = connect_deadline();
        bool const may_share = loop_->pool.allows_sharing() && url().is_secure() && !is_whole;
        ConnectFlow connecting(core_, loop_, url(), proxy_, hop, may_share);
        auto connection = co_await connecting.run(deadline, total_);
        lease.set_connection(std::move(connection));
        if (may_share)
            (*core_->features()->share)(lease, loop_, options());
        co_return deadline;
    }

    void store_cookies(ResponseHead const& head) {
        if (core_->cookies())
            (this->*core_->features()->keep_cookies)(head);
    }

private:
    friend class AllFeatures;

    /// The request's own choice.
    struct OwnProxy {
        explicit OwnProxy(std::string const& url) {
            if (!url.empty())
                proxy.emplace(url);
        }
        std::optional<Proxy> proxy;
        std::string key;  // of the target in the pool
    };

    void begin() {
        if (Credentials::are_needed(*core_, request_))
            credentials_ = std::make_unique<Credentials>(*core_, request_);
        if (request_.settings().proxy)
            own_proxy_ = std::make_unique<OwnProxy>(*request_.settings().proxy);
    }

    /// Whether a proxy is asked for the URL itself.
    bool is_asked_of_proxy() const noexcept { return proxy_ && !needs_tunnel(url(), *proxy_); }

    bool take_asked_challenge(ResponseHead const& head, RedirectRewrite const& rewrite) {
        return credentials_->take_challenge(
            head, url(), rewrite, is_asked_of_proxy() ? proxy_ : nullptr);
    }

    /// Prepares what is sent of the user. Gives the value of Proxy-Authorization, or empty; null: no proxy is asked.
    std::string const* prepare_authorization(RedirectRewrite const& rewrite) {
        auto const* const of_proxy = prepare_proxy_authorization(rewrite);
        if (credentials_)
            credentials_->prepare(url(), rewrite);
        return of_proxy;
    }
    std::string const* prepare_proxy_authorization(RedirectRewrite const& rewrite) {
        if (!is_asked_of_proxy())
            return nullptr;
        if (proxy_->authorization().empty())
            return &proxy_->authorization();
        if (!credentials_)
            credentials_ = std::make_unique<Credentials>(*core_, request_);
        credentials_->prepare(*proxy_, url(), rewrite);
        return &credentials_->proxy_value();
    }

    CookieOrigin cookie_origin() const noexcept { return cookie_origin_of(url()); }

    std::string find_cookies() { return core_->cookies()->header_for(cookie_origin()); }
    void keep_cookies(ResponseHead const& head) {
        for (auto const cookie : head.headers.get_all("Set-Cookie"))
            core_->cookies()->store(cookie_origin(), cookie);
    }

    /// The connection is for requests that name the same proxy, and for no others.
    void use_own_proxy() {
        auto& own = *own_proxy_;
        bool const is_used = own.proxy && options().unix_socket().empty();
        proxy_ = is_used ? &*own.proxy : nullptr;
        own.key = std::string(url().origin()).append(" ");
        if (is_used)
            own.key += *request_.settings().proxy;
    }

    Deadline connect_deadline() const noexcept {
        auto const limit =
            request_.settings().connect_timeout.value_or(options().connect_timeout());
        return limit.count() > 0 ? (std::min)(total_, deadline_from(Deadline::clock::now(), limit))
                                 : total_;
    }

    std::shared_ptr<SessionCore> const core_;
    SessionLoopPointer const loop_;
    RequestParts const& request_;
    TraceReporter trace_;
    Deadline total_ = no_deadline;
    Proxy const* proxy_ = nullptr;
    std::unique_ptr<OwnProxy> own_proxy_;       // null: the session's choice
    std::unique_ptr<Credentials> credentials_;  // null: the request has its own, or none
};

}  // namespace syncopate::inline v0_1::http::detail
