// A request's way through a session: to a connection, there and back, and on to where it is redirected.
#pragma once

#include <syncopate/detail/task/outcome.hpp>
#include <syncopate/http/detail/connection/deadline_timer.hpp>
#include <syncopate/http/detail/connection/pool.hpp>
#include <syncopate/http/detail/connection/proxy.hpp>
#include <syncopate/http/detail/message/request_parts.hpp>
#include <syncopate/http/detail/session/connect_flow.hpp>
#include <syncopate/http/detail/session/exchange.hpp>
#include <syncopate/http/detail/session/redirect.hpp>
#include <syncopate/http/detail/session/request_writer.hpp>
#include <syncopate/http/detail/session/session_core.hpp>
#include <syncopate/http/detail/session/upload.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/options.hpp>
#include <syncopate/http/request.hpp>
#include <syncopate/http/response.hpp>
#include <syncopate/http/trace.hpp>
#include <syncopate/http/url.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/this_coro.hpp>

#include <chrono>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace syncopate::http::detail {

/// Lies in the frame of run().
class RequestFlow {
public:
    static asio::awaitable<Response> run(std::shared_ptr<SessionCore> core, Request request) {
        auto const executor = co_await asio::this_coro::executor;
        auto loop = core->enter(executor);
        RequestFlow flow(std::move(core), std::move(loop), request);
        try {
            flow.tell(flow.trace().request_start);
            for (;;) {
                Exchange& exchange = flow.exchange();
                Exchange::Guard guard(exchange);
                auto writer = flow.make_writer();
                auto lease = flow.lease();
                for (;;) {
                    if (!lease.has_connection())
                        co_await flow.complete(lease);
                    flow.tell_connection(lease);
                    // What has been cancelled is not sent. No wait before has told for certain.
                    auto const cancellation = co_await asio::this_coro::cancellation_state;
                    if (cancellation.cancelled() != asio::cancellation_type::none)
                        ::syncopate::detail::throw_cancellation();
                    auto stage = exchange.begin(writer, std::move(lease));
                    if (stage == Exchange::Stage::waiting) {
                        if (writer.body().stream()) {
                            Upload upload(exchange, writer);
                            co_await upload.run();
                        }
                        stage = exchange.take_answer(writer);
                    }
                    while (stage == Exchange::Stage::waiting) {
                        co_await exchange.wait();
                        exchange.check_wait();
                        stage = exchange.take_answer(writer);
                    }
                    if (stage == Exchange::Stage::answered)
                        break;
                    // On another connection: the first was a stale one.
                    lease = exchange.take_lease();
                }
                guard.dismiss();
                flow.take_cookies();
                auto next = flow.next();
                if (!next)
                    co_return flow.end();
                co_await exchange.drain();
                flow.follow(std::move(next));
            }
        } catch (...) {
            tell_error(
                flow.trace(), flow.method(), flow.url().text(), flow.start_,
                std::current_exception());
            throw;
        }
    }

private:
    using Clock = std::chrono::steady_clock;
    using StatePointer = std::unique_ptr<Response::State, Response::Leave>;

    RequestFlow(std::shared_ptr<SessionCore> core, SessionLoopPointer loop, Request& request)
        : core_(std::move(core)), loop_(std::move(loop)), request_(RequestAccess::parts(request)),
          rewrite_{request_.verb} {
        Url url(std::move(request_.url));
        if (!url.scheme().starts_with("http"))
            throw_error(Errc::invalid_url, "a request goes to http or https");
        for (auto const& [name, value] : request_.query)
            url.add_query(name, value);
        auto const timeout = request_.timeout.value_or(core_->options().total_timeout());
        if (timeout.count() > 0)
            total_ = deadline_from(start_, timeout);
        state_ = make_state(std::move(url));
    }

    StatePointer make_state(Url&& url) {
        if (core_->is_closed())
            throw_error(Errc::session_closed, std::string(url.origin()));
        return StatePointer(
            new Response::State(core_, loop_, total_, request_.on_progress, std::move(url)));
    }

    Trace const& trace() const noexcept { return core_->options().trace(); }
    Url const& url() const noexcept { return state_->url; }
    Exchange& exchange() const noexcept { return state_->exchange; }

    RequestWriter make_writer() {
        proxy_ = core_->proxy_for(url());
        std::string cookies;
        if (auto* const jar = core_->cookies())
            cookies = jar->header_for(cookie_origin());
        auto const* const credentials =
            proxy_ && !url().is_secure() ? &proxy_->authorization() : nullptr;
        return {request_,           url(),      core_->default_fields(), rewrite_,
                std::move(cookies), credentials};
    }

    /// An idle connection, if there is one.
    Lease lease() {
        auto const now = history_.empty() ? start_ : Clock::now();
        return loop_->pool.try_lease(url().origin(), now);
    }

    /// Waits for what the lease lacks: the permit, and the connection.
    asio::awaitable<void> complete(Lease& lease) {
        if (!lease)
            lease = co_await loop_->pool.lease(
                std::string(url().origin()), total_, *loop_->deadline_timer);
        if (lease.has_connection())
            co_return;
        ConnectFlow connecting(core_, loop_, url(), proxy_);
        auto connection = co_await connecting.run(total_);
        lease.set_connection(std::move(connection));
    }

    /// Of the request to which the response redirects; null if it does not.
    StatePointer next() {
        auto const& head = state_->head;
        auto const most = request_.max_redirects.value_or(core_->options().max_redirects());
        if (most == 0)
            return nullptr;
        auto redirect = redirect_of(head, url(), rewrite_, request_.body);
        if (!redirect)
            return nullptr;
        if (history_.size() >= most)
            throw_error(
                Errc::too_many_redirects,
                std::string(url().origin()) + ": more than " + std::to_string(most));
        tell(trace().redirect, head.status, std::string_view(redirect->url.text()));
        auto next = make_state(std::move(redirect->url));
        rewrite_ = redirect->rewrite;
        return next;
    }

    void follow(StatePointer next) {
        history_.push_back(Response(std::exchange(state_, std::move(next))));
    }

    Response end() {
        tell(trace().request_end, state_->head.status);
        state_->history = std::move(history_);
        return Response(std::move(state_));
    }

    CookieOrigin cookie_origin() const noexcept {
        return {url().is_secure(), url().host(), url().is_ip_address(), url().path()};
    }

    void take_cookies() {
        if (auto* const jar = core_->cookies())
            for (auto const cookie : state_->head.headers.get_all("Set-Cookie"))
                jar->store(cookie_origin(), cookie);
    }

    std::string_view method() const noexcept {
        return boost::beast::http::to_string(rewrite_.method);
    }
    template <class Function, class... Args>
    void tell(Function const& function, Args const&... args) const {
        detail::tell(function, method(), url().text(), start_, args...);
    }
    void tell_connection(Lease const& lease) const {
        tell(lease.is_reused() ? trace().connection_reused : trace().connection_created);
    }

    std::shared_ptr<SessionCore> const core_;
    SessionLoopPointer const loop_;
    RequestParts& request_;
    Clock::time_point const start_ = Clock::now();
    Deadline total_ = Deadline::max();
    RedirectRewrite rewrite_;
    /// Of the present request.
    StatePointer state_;
    Proxy const* proxy_ = nullptr;
    std::vector<Response> history_;
};

}  // namespace syncopate::http::detail
