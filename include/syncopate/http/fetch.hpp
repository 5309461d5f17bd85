// A request's way through a session: to a connection, there and back, and on to where it is redirected.
#pragma once

#include <syncopate/http/dial.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/exchange.hpp>
#include <syncopate/http/options.hpp>
#include <syncopate/http/outgoing.hpp>
#include <syncopate/http/perform.hpp>
#include <syncopate/http/pool.hpp>
#include <syncopate/http/proxy.hpp>
#include <syncopate/http/redirect.hpp>
#include <syncopate/http/request.hpp>
#include <syncopate/http/response.hpp>
#include <syncopate/http/session_core.hpp>
#include <syncopate/http/trace.hpp>
#include <syncopate/http/url.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/this_coro.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace syncopate::http::detail {

/// Lies in the frame of run().
class Fetch {
public:
    static asio::awaitable<Response> run(std::shared_ptr<SessionCore> core, Request request) {
        auto const executor = co_await asio::this_coro::executor;
        auto loop = core->enter(executor);
        Fetch fetch(std::move(core), std::move(loop), request);
        try {
            fetch.tell(fetch.trace().request_start);
            for (;;) {
                auto state = fetch.make_state();
                auto outgoing = fetch.make_outgoing();
                auto lease = fetch.lease();
                for (;;) {
                    if (!lease.has_connection())
                        co_await fetch.complete(lease);
                    fetch.tell_connection(lease);
                    bool const is_done =
                        co_await state->exchange.perform(outgoing, std::move(lease));
                    if (is_done)
                        break;
                    lease = state->exchange.take_lease();
                }
                fetch.take_cookies(state->head);
                auto redirect = fetch.next(state->head);
                if (!redirect) {
                    fetch.tell(fetch.trace().request_end, state->head.status);
                    state->history = std::move(fetch.history_);
                    co_return Response(std::move(state));
                }
                co_await state->exchange.drain();
                fetch.history_.push_back(Response(std::move(state)));
                fetch.url_ = std::move(redirect->url);
                fetch.detour_ = redirect->detour;
            }
        } catch (...) {
            fetch.tell_error(std::current_exception());
            throw;
        }
    }

private:
    using Clock = std::chrono::steady_clock;
    using StatePointer = std::unique_ptr<Response::State, Response::Leave>;

    Fetch(std::shared_ptr<SessionCore> core, SessionLoopPointer loop, Request& request)
        : core_(std::move(core)), loop_(std::move(loop)), request_(request),
          url_(request.take_url()), detour_{request.method()} {
        if (!url_.scheme().starts_with("http"))
            throw_error(Errc::invalid_url, "a request goes to http or https");
        for (auto const& [name, value] : request.query())
            url_.add_query(name, value);
        auto const timeout = request.timeout().value_or(core_->options().total_timeout());
        if (timeout.count() > 0)
            total_ = ::syncopate::detail::deadline_after(timeout);
    }

    Trace const& trace() const noexcept { return core_->options().trace(); }

    StatePointer make_state() {
        if (core_->is_closed())
            throw_error(Errc::session_closed, std::string(url_.origin()));
        return StatePointer(new Response::State(
            core_, loop_, total_, request_.on_progress(), url_.text(), url_.origin().size()));
    }

    Outgoing make_outgoing() {
        proxy_ = core_->proxy_for(url_);
        std::string cookies;
        if (auto* const jar = core_->cookies())
            cookies = jar->header_for(cookie_origin());
        auto const* const credentials =
            proxy_ && !url_.is_secure() ? &proxy_->authorization() : nullptr;
        return {request_, url_, core_->default_fields(), detour_, std::move(cookies), credentials};
    }

    /// An idle connection, if there is one.
    Lease lease() {
        auto const now = history_.empty() ? start_ : Clock::now();
        return loop_->pool.try_lease(url_.origin(), now);
    }

    /// Waits for what the lease lacks: the permit, and the connection.
    asio::awaitable<void> complete(Lease& lease) {
        if (!lease)
            lease =
                co_await loop_->pool.lease(std::string(url_.origin()), total_, *loop_->watchdog);
        if (lease.has_connection())
            co_return;
        Dial dial(core_, loop_, url_, proxy_);
        auto connection = co_await dial.run(total_);
        lease.set_connection(std::move(connection));
    }

    std::optional<Redirect> next(ResponseHead const& head) {
        auto const most = request_.max_redirects().value_or(core_->options().max_redirects());
        if (most == 0)
            return std::nullopt;
        auto redirect = redirect_of(head, url_, detour_, request_.body());
        if (!redirect)
            return redirect;
        if (history_.size() >= most)
            throw_error(
                Errc::too_many_redirects,
                std::string(url_.origin()) + ": more than " + std::to_string(most));
        tell(trace().redirect, head.status, std::string_view(redirect->url.text()));
        return redirect;
    }

    CookieOrigin cookie_origin() const noexcept {
        return {url_.is_secure(), url_.host(), url_.is_ip_address(), url_.path()};
    }

    void take_cookies(ResponseHead const& head) {
        if (auto* const jar = core_->cookies())
            for (auto const cookie : head.headers.get_all("Set-Cookie"))
                jar->store(cookie_origin(), cookie);
    }

    template <class Function, class... Args>
    void tell(Function const& function, Args... args) const {
        if (function)
            function(
                Trace::Request{
                    boost::beast::http::to_string(detour_.method), url_.text(),
                    Clock::now() - start_},
                args...);
    }

    void tell_connection(Lease const& lease) const {
        tell(lease.is_reused() ? trace().connection_reused : trace().connection_created);
    }

    void tell_error(std::exception_ptr error) const noexcept {
        try {
            tell(trace().request_error, std::move(error));
        } catch (...) {  // NOLINT(bugprone-empty-catch): the request's own failure is what counts
        }
    }

    std::shared_ptr<SessionCore> const core_;
    SessionLoopPointer const loop_;
    Request const& request_;
    Clock::time_point const start_ = Clock::now();
    Deadline total_ = Deadline::max();
    Url url_;
    Detour detour_;
    Proxy const* proxy_ = nullptr;
    std::vector<Response> history_;
};

}  // namespace syncopate::http::detail
