// ContinueWait: holds the body of a request back until the server asks for it, by 100 Continue.
#pragma once

#include <syncopate/http/detail/connection/deadline_timer.hpp>
#include <syncopate/http/detail/session/exchange.hpp>
#include <syncopate/http/detail/session/request_writer.hpp>
#include <syncopate/http/error.hpp>

#include <boost/asio/awaitable.hpp>

#include <algorithm>
#include <chrono>

namespace syncopate::inline v0_1::http::detail {

/// Lies in the frame of RequestFlow::run(), between the request's head and its body.
class ContinueWait {
public:
    using Stage = Exchange::Stage;

    ContinueWait(Exchange& exchange, RequestWriter& request)
        : exchange_(exchange), request_(request) {}
    ContinueWait(ContinueWait const&) = delete;
    ContinueWait& operator=(ContinueWait const&) = delete;

    /// Waits for a second at most, and then sends the body, unless that is a stream. If the final response comes first,
    /// the body is not sent.
    asio::awaitable<Stage> run() {
        constexpr std::chrono::seconds longest{1};
        auto const total = exchange_.total();
        auto const until = (std::min)(total, deadline_from(Deadline::clock::now(), longest));
        auto stage = exchange_.take_head(request_);
        while (stage == Stage::waiting && !exchange_.reader_.may_continue() &&
               Deadline::clock::now() < until) {
            co_await exchange_.wait_until(until);
            // It is no failure if the server says nothing.
            bool const is_over = exchange_.connection().park().end() == TimedPark::End::expired;
            if (is_over && until != total)
                break;
            exchange_.check_wait(Errc::response_header_timed_out);
            stage = exchange_.take_head(request_);
        }
        while (stage == Stage::waiting && exchange_.is_sending()) {
            co_await exchange_.wait();
            exchange_.check_head_wait();
            stage = exchange_.take_head(request_);
        }
        if (stage == Stage::answered)
            exchange_.is_sent_whole_ = false;
        if (stage == Stage::waiting)
            send_body();
        co_return stage;
    }

private:
    void send_body() {
        auto& connection = exchange_.connection();
        exchange_.holds_body_ = false;
        connection.output().clear();
        if (!request_.body().source())
            connection.start_write(request_.body().pieces());
    }

    Exchange& exchange_;
    RequestWriter& request_;
};

}  // namespace syncopate::inline v0_1::http::detail
