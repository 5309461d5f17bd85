// RequestFlow: one request from the session to its response: sent, sent again on a stale connection, redirected.
#pragma once

#include <syncopate/detail/cancellation/cancellation.hpp>
#include <syncopate/detail/task/outcome.hpp>
#include <syncopate/http/detail/connection/pool.hpp>
#include <syncopate/http/detail/message/request_parts.hpp>
#include <syncopate/http/detail/session/continue_wait.hpp>
#include <syncopate/http/detail/session/exchange.hpp>
#include <syncopate/http/detail/session/exchange_flow.hpp>
#include <syncopate/http/detail/session/redirect.hpp>
#include <syncopate/http/detail/session/redirect_rewrite.hpp>
#include <syncopate/http/detail/session/request_writer.hpp>
#include <syncopate/http/detail/session/session_core.hpp>
#include <syncopate/http/detail/session/upload.hpp>
#include <syncopate/http/detail/url/refuse_url.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/options.hpp>
#include <syncopate/http/request.hpp>
#include <syncopate/http/response.hpp>
#include <syncopate/http/url.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/this_coro.hpp>

#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// clang-format off: after the class whose part it is. Where functions are compiled once, nobody else includes it.
#include <syncopate/http/impl/response_state.ipp>
// clang-format on

namespace syncopate::inline v0_1::http::detail {

/// Lies in the frame of run().
class RequestFlow final : public ExchangeFlow {
public:
    static asio::awaitable<Response> run(std::shared_ptr<SessionCore> core, Request request) {
        auto const executor = co_await asio::this_coro::executor;
        auto loop = core->enter(executor, RequestAccess::parts(request).url);
        RequestFlow flow(std::move(core), std::move(loop), request);
        try {
            flow.trace().request_started();
            for (;;) {
                Exchange& exchange = flow.exchange();
                Exchange::Guard guard(exchange);
                auto writer = flow.make_writer(flow.rewrite_);
                auto lease = flow.try_lease();
                for (;;) {
                    if (!lease.has_connection())
                        co_await flow.complete(
                            lease, flow.pool_key(), Connections::any, flow.history_.size());
                    flow.report_connection(lease);
                    // A cancellation that came while nothing was awaited is noticed here: nothing is sent.
                    auto const cancellation = co_await asio::this_coro::cancellation_state;
                    if (cancellation.cancelled() != asio::cancellation_type::none)
                        ::syncopate::detail::throw_cancellation();
                    flow.note_sent();
                    auto stage = exchange.begin(writer, std::move(lease));
                    if (stage == Exchange::Stage::waiting) {
                        if (exchange.holds_body() || writer.body().source())
                            co_await flow.core()->features()->send_body(exchange, writer, stage);
                        if (stage == Exchange::Stage::waiting)
                            stage = exchange.take_head(writer);
                    }
                    while (stage == Exchange::Stage::waiting) {
                        co_await exchange.wait();
                        exchange.check_head_wait();
                        stage = exchange.take_head(writer);
                    }
                    if (stage == Exchange::Stage::answered)
                        break;
                    // Stale: the permit is kept for another connection.
                    lease = exchange.take_lease();
                }
                exchange.begin_body();
                guard.dismiss();
                flow.store_cookies(flow.state_->head);
                auto next = flow.next();
                if (!next)
                    co_return flow.end();
                co_await exchange.drain();
                flow.follow(std::move(next));
            }
        } catch (...) {
            flow.trace().request_failed(std::current_exception());
            throw;
        }
    }

private:
    friend class AllFeatures;

    using StatePointer = std::unique_ptr<Response::State, Response::Leave>;

    RequestFlow(std::shared_ptr<SessionCore> core, SessionLoopPointer loop, Request& request)
        : ExchangeFlow(std::move(core), std::move(loop), RequestAccess::parts(request)),
          rewrite_{request.method()} {
        Url url(std::move(RequestAccess::parts(request).url));
        if (!url.scheme().starts_with("http"))
            refuse_url(url.text(), "a request goes to http or https");
        add_query(url);
        state_ = make_state(std::move(url));
        set_target(rewrite_.method, state_->url);
    }

    StatePointer make_state(Url&& url) {
        if (core()->is_closed())
            throw_error(Errc::session_closed, std::string(url.origin()));
        return StatePointer(new Response::State(
            core(), loop(), total(), has_usual_total(), request(), std::move(url)));
    }

    Exchange& exchange() const noexcept { return state_->exchange; }

    /// An idle connection, or the permit for a new one; empty if it takes waiting.
    Lease try_lease() {
        auto const now = history_.empty() ? trace().start() : Deadline::clock::now();
        return loop()->pool.try_lease(pool_key(), now);
    }

    void report_connection(Lease const& lease) {
        if (lease.is_reused())
            trace().connection_reused();
        else
            trace().connection_created();
    }

    void note_sent() const noexcept {
        if (auto* const was_sent = request().settings().was_sent)
            *was_sent = true;
    }

    /// Whether the server does not know the expectation of the request, whose body it has not been sent.
    bool is_expectation_refused() const noexcept {
        return exchange().holds_body() && state_->head.status == 417;
    }
    /// The state of the same request without the expectation: RFC 9110, 10.1.1.
    StatePointer without_expectation() {
        rewrite_.keeps_expect = false;
        return same_request();
    }
    StatePointer same_request() {
        is_same_request_ = true;
        return make_state(Url(state_->url));
    }

    /// The state of the request to which the response leads, mostly by a redirect; null if it does not.
    StatePointer next() {
        if (is_expectation_refused())
            return without_expectation();
        auto const& head = state_->head;
        if (take_challenge(head, rewrite_))
            return same_request();
        auto const most = request().settings().max_redirects.value_or(options().max_redirects());
        if (most == 0)
            return nullptr;
        auto redirect = redirect_of(head, url(), rewrite_, request().body, options());
        if (!redirect)
            return nullptr;
        if (history_.size() >= most)
            throw_error(
                Errc::too_many_redirects,
                std::string(url().origin()) + ": more than " + std::to_string(most));
        trace().redirected(head.status, redirect->url.text());
        auto next = make_state(std::move(redirect->url));
        rewrite_ = redirect->rewrite;
        return next;
    }

    void follow(StatePointer next) {
        set_target(rewrite_.method, next->url);
        auto before = std::exchange(state_, std::move(next));
        if (std::exchange(is_same_request_, false))
            return;
        history_.push_back(Response(std::move(before)));
    }

    Response end() {
        trace().request_ended(state_->head.status);
        state_->history = std::move(history_);
        return Response(std::move(state_));
    }

    /// What comes between the head of a request and that of its response, if the body is not sent with the head. It is a
    /// coroutine of its own, so that the frame of run() stays small enough for Asio to keep it for the next request.
    static asio::awaitable<void> send_body(
        Exchange& exchange, RequestWriter& writer, Exchange::Stage& stage) {
        if (exchange.holds_body()) {
            ContinueWait wait(exchange, writer);
            stage = co_await wait.run();
        }
        if (stage == Exchange::Stage::waiting && writer.body().source()) {
            Upload upload(exchange, writer);
            co_await upload.run();
        }
    }

    RedirectRewrite rewrite_;
    bool is_same_request_ = false;   // to which the response leads
    StatePointer state_;             // of the present request
    std::vector<Response> history_;  // the redirects before it, oldest first
};

}  // namespace syncopate::inline v0_1::http::detail
