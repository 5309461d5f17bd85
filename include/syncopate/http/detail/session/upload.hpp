// Upload: sends a request body that is produced while it is sent.
#pragma once

#include <syncopate/detail/cancellation/cancellation.hpp>
#include <syncopate/detail/group/nursery.hpp>
#include <syncopate/detail/group/result_child.hpp>
#include <syncopate/detail/task/caller_executor.hpp>
#include <syncopate/detail/task/caller_link.hpp>
#include <syncopate/detail/task/outcome.hpp>
#include <syncopate/http/detail/connection/connection.hpp>
#include <syncopate/http/detail/connection/deadline_timer.hpp>
#include <syncopate/http/detail/message/request_body.hpp>
#include <syncopate/http/detail/session/exchange.hpp>
#include <syncopate/http/detail/session/request_writer.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/to_calling_thread.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/this_coro.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace syncopate::inline v0_1::http::detail {

/// Lies in the frame of RequestFlow::run(). The response is watched for while the body is produced and sent, as
/// a server may answer before it has read all.
class Upload {
public:
    Upload(Exchange& exchange, RequestWriter& request)
        : exchange_(exchange), request_(request), stream_(request.take_stream()) {}
    Upload(Upload const&) = delete;
    Upload& operator=(Upload const&) = delete;

    /// Sends the pieces until the last one, the response, or a failure of the connection.
    asio::awaitable<void> run() {
        if (!stream_)
            exchange_.fail(Errc::body_not_replayable);
        auto& connection = exchange_.connection();
        exchange_.is_sent_whole_ = false;
        bool has_more = true;
        while (has_more) {
            std::optional<std::string> piece;
            bool const goes_on = co_await next_piece(piece);
            if (!goes_on)
                break;
            has_more = piece.has_value();
            connection.start_write(request_.framed(std::move(piece), connection.output()));
            while (connection.is_writing() && !exchange_.parse_head(request_)) {
                connection.start_read();
                co_await exchange_.wait();
                exchange_.check_wait(Errc::body_timed_out);
            }
            if (connection.is_writing())
                break;
            connection.output().clear();
            if (connection.write_error())
                break;
            exchange_.note_sent();
            // A server that has all that was announced may answer before the stream tells its end.
            exchange_.is_sent_whole_ = !has_more || request_.has_whole_body();
            if (exchange_.parse_head(request_))
                break;
        }
        if (has_more)
            co_await stream_->close();
    }

private:
    using Piece = std::optional<std::string>;

    /// Asks for the next piece, and watches for the response meanwhile: the piece may take long.
    ///
    /// Returns:   false if the response or the end of the connection came first.
    asio::awaitable<bool> next_piece(Piece& piece) {
        using namespace ::syncopate::detail;
        auto const executor = co_await asio::this_coro::executor;
        Nursery nursery(executor);
        ::syncopate::detail::Outcome<Piece> produced;
        ::syncopate::detail::Outcome<void> watched;
        is_produced_ = false;
        auto producing = produce();
        auto watching = watch(nursery);
        auto const begin = [&]() noexcept {
            start_task(nursery, std::move(producing), produced);
            if (!is_produced_)
                start_task(nursery, std::move(watching), watched);
        };
        co_await nursery.supervise(begin);

        nursery.throw_failure();
        exchange_.require_session();
        if (is_late_)
            exchange_.fail(Errc::total_timed_out);
        if (has_answer())
            co_return false;
        if (produced.empty())
            throw_cancellation();
        piece = produced.take();
        co_return true;
    }

    asio::awaitable<Piece> produce() {
        auto piece = co_await take_piece();
        is_produced_ = true;
        exchange_.connection().park().resume();
        co_return piece;
    }

    /// What may block is called on the thread that waits for the request, if there is one.
    asio::awaitable<Piece> take_piece() {
        auto* const blocking = stream_->blocking();
        return blocking ? read_piece(*blocking) : stream_->next();
    }
    static asio::awaitable<Piece> read_piece(BlockingBodyStream& stream) {
        auto const executor = co_await asio::this_coro::executor;
        auto const caller = ::syncopate::detail::caller_of(executor);
        if (!caller || !caller->serving_thread())
            co_return stream.read();
        auto const read = [&stream] { return stream.read(); };
        co_return co_await to_calling_thread(read);
    }

    /// Waits until the piece is there. If the response comes first, or the time is up, cancels its production.
    asio::awaitable<void> watch(::syncopate::detail::Nursery& nursery) {
        auto& connection = exchange_.connection();
        while (!is_late_ && !has_answer()) {
            connection.start_read();
            co_await exchange_.wait_until(exchange_.total());
            if (is_produced_)
                co_return;
            if (connection.park().end() == TimedPark::End::cancelled)
                ::syncopate::detail::throw_cancellation();
            is_late_ = connection.park().end() == TimedPark::End::expired;
        }
        nursery.cancel();
    }

    bool has_answer() {
        return exchange_.parse_head(request_) || exchange_.connection().read_error();
    }

    Exchange& exchange_;
    RequestWriter& request_;
    std::shared_ptr<BodyStream> const stream_;
    bool is_produced_ = false;
    bool is_late_ = false;
};

}  // namespace syncopate::inline v0_1::http::detail
