// fetch_whole(), fetch_all(): the tasks of a Client on its loop: one request with its whole response, or many.
#pragma once

#include <syncopate/detail/cancellation/cancellation.hpp>
#include <syncopate/detail/task/outcome.hpp>
#include <syncopate/gather.hpp>
#include <syncopate/http/client_response.hpp>
#include <syncopate/http/request.hpp>
#include <syncopate/http/session.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <exception>
#include <string>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::http::detail {

/// A function of a session that sends requests. It is handed down from where it is known what a request can need, since
/// tasks that name one have it compiled: see Features.
using SendingFunction = asio::awaitable<Response> (ClientSession::*)(Request request);

inline asio::awaitable<ClientResponse> fetch_whole(
    ClientSession& session, Request request, SendingFunction way) {
    auto sending = (session.*way)(std::move(request));
    auto response = co_await std::move(sending);
    auto body = co_await response.text();
    co_return ClientResponse(std::move(response), std::move(body));
}

/// Waits on the loop.
inline asio::awaitable<void> pause(std::chrono::nanoseconds time) {
    asio::steady_timer timer(co_await asio::this_coro::executor, time);
    co_await timer.async_wait(asio::deferred);
}

/// Whether further requests are made after one has failed.
enum class AfterFailure { stop, go_on };

/// Many requests, several at a time. Lies in the frame of fetch_all().
class Batch {
public:
    using Outcomes = std::vector<::syncopate::detail::Outcome<ClientResponse>>;

    Batch(
        ClientSession& session,
        std::vector<Request> requests,
        AfterFailure after_failure,
        SendingFunction way)
        : session_(session), requests_(std::move(requests)), after_failure_(after_failure),
          way_(way), outcomes_(requests_.size()) {}

    asio::awaitable<void> run(std::size_t max_concurrency) {
        auto const count =
            (std::min)((std::max<std::size_t>)(max_concurrency, 1), requests_.size());
        std::vector<asio::awaitable<void>> workers;
        workers.reserve(count);
        for (std::size_t i = 0; i < count; ++i)
            workers.push_back(work());
        return gather(std::move(workers));
    }

    Outcomes take_outcomes() noexcept { return std::move(outcomes_); }

private:
    asio::awaitable<void> work() {
        auto const cancellation = co_await asio::this_coro::cancellation_state;
        while (next_ < requests_.size()) {
            auto const index = next_++;
            try {
                auto response = co_await fetch_whole(session_, std::move(requests_[index]), way_);
                outcomes_[index].emplace(std::move(response));
            } catch (...) {
                bool const is_cancelled = cancellation.cancelled() != asio::cancellation_type::none;
                if (is_cancelled || after_failure_ == AfterFailure::stop)
                    stop();
                outcomes_[index].fail(std::current_exception());
            }
        }
    }

    /// In a handler: ends the batch. Only the first failure is thrown. A request that fails after it, before it
    /// is cancelled, has usually the same reason, and counts as cancelled.
    [[noreturn]] void stop() {
        if (std::exchange(has_stopped_, true))
            ::syncopate::detail::throw_cancellation();
        throw;
    }

    ClientSession& session_;
    std::vector<Request> requests_;
    AfterFailure const after_failure_;
    SendingFunction const way_;
    std::size_t next_ = 0;
    bool has_stopped_ = false;
    Outcomes outcomes_;  // in the order of the requests
};

inline asio::awaitable<Batch::Outcomes> fetch_all(
    ClientSession& session,
    std::vector<Request> requests,
    std::size_t max_concurrency,
    AfterFailure after_failure,
    SendingFunction way) {
    Batch batch(session, std::move(requests), after_failure, way);
    co_await batch.run(max_concurrency);
    co_return batch.take_outcomes();
}

}  // namespace syncopate::inline v0_1::http::detail
