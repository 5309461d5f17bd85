// What a server answers, piece by piece: for synchronous code.
#pragma once

#include <syncopate/blocking_range.hpp>
#include <syncopate/context_guard.hpp>
#include <syncopate/http/detail/url/number.hpp>
#include <syncopate/http/headers.hpp>
#include <syncopate/http/response.hpp>
#include <syncopate/runner_base.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace syncopate::http {

/// A response whose body is read as it is asked for, in memory that does not grow with it. The end of the
/// scope ends the exchange, whether the body has been read or not.
///
/// ```cpp
/// auto stream = client.stream(url);
/// for (std::string const& line : stream.lines())
///     use(line);
/// ```
///
/// The body is given once, by lines() or by chunks(); a range that is left early has read ahead, and drops
/// the rest. The stream must be there as long as the range.
///
/// Blocks:    the ranges, until the next item is there; the destructor, until the exchange has ended: 50 ms
///            at most for a short rest of the body.
/// Throws:    the ranges: as Content, after the items before the failure; syncopate::Errc::runner_closed
///            once the client or its runner has been closed, and so does every other member.
/// Threads:   one at a time, any but the loop's own.
/// Semantics: `requests.get(url, stream=True)` with iter_lines and iter_content.
class [[nodiscard]] ClientStream {
public:
    /// The number that the server answered with, such as 200.
    int status() const { return response_->status(); }
    /// The words beside it, such as "OK"; they may be empty.
    std::string_view reason() const { return response_->reason(); }
    /// The fields of the response's header.
    Headers const& headers() const { return response_->headers(); }

    /// Where the response came from, after redirects; without a user's name and password.
    std::string const& url() const { return response_->url(); }

    /// The redirects that led here, oldest first. They have no body.
    std::vector<Response> const& history() const { return response_->history(); }

    /// Whether the status is below 400.
    bool is_ok() const { return response_->is_ok(); }

    /// Of the body as lines() and chunks() give it, if that can be known before it has come.
    std::optional<std::uint64_t> announced_size() const {
        if (headers().contains("Content-Encoding"))
            return std::nullopt;
        return detail::whole_number<std::uint64_t>(headers()["Content-Length"]);
    }

    /// Gives the response itself, unless its status is an error.
    ///
    /// Throws:    Errc::error_status for a status of 400 or above, naming it and the URL's server.
    ClientStream& raise_for_status() & {
        response_->raise_for_status();
        return *this;
    }
    ClientStream&& raise_for_status() && {
        response_->raise_for_status();
        return std::move(*this);
    }

    /// The lines, as of Content::lines(). What is read ahead takes 16 MiB at most.
    BlockingRange<std::string> lines() & {
        constexpr std::size_t memory = std::size_t{16} * 1024 * 1024;
        return runner_->wrap_iter(response_->content().lines(), as_many(memory, max_line_size_));
    }
    BlockingRange<std::string> lines() && = delete;  // they would outlive the stream

    /// Pieces of just that size, the last one excepted. What is read ahead takes 1 MiB at most, or one piece.
    ///
    /// size:      in bytes; 0 is taken for 1.
    BlockingRange<std::string> chunks(std::size_t size) & {
        constexpr std::size_t memory = std::size_t{1024} * 1024;
        return runner_->wrap_iter(response_->content().chunks(size), as_many(memory, size));
    }
    BlockingRange<std::string> chunks(std::size_t size) && = delete;

    /// Ends the exchange now. A second time: nothing.
    void close() { response_.close(); }

private:
    friend class Client;

    ClientStream(
        std::shared_ptr<RunnerBase> runner,
        ContextGuard<Response&> response,
        std::size_t max_line_size) noexcept
        : runner_(std::move(runner)), response_(std::move(response)),
          max_line_size_(max_line_size) {}

    /// As many items as the memory holds, should each be of the greatest size.
    static ReadAhead as_many(std::size_t memory, std::size_t size) noexcept {
        constexpr std::size_t most = 1024;
        return ReadAhead(
            std::clamp<std::size_t>(memory / (std::max<std::size_t>)(size, 1), 1, most));
    }

    std::shared_ptr<RunnerBase> runner_;
    ContextGuard<Response&> response_;
    std::size_t max_line_size_;
};

}  // namespace syncopate::http
