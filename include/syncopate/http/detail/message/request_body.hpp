// RequestBody, BodyStream: the body of a request, as bytes that can be sent again, or as a stream that cannot.
#pragma once

#include <syncopate/concepts.hpp>
#include <syncopate/detail/task/owned_or_ref.hpp>
#include <syncopate/http/body_iterable.hpp>

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::http::detail {

namespace asio = boost::asio;

/// A body that is produced while it is sent.
class BodyStream {
public:
    BodyStream() = default;
    BodyStream(BodyStream const&) = delete;
    BodyStream& operator=(BodyStream const&) = delete;
    virtual ~BodyStream() = default;

    /// The next piece; nothing at the end.
    virtual asio::awaitable<std::optional<std::string>> next() = 0;
    /// Ends a stream of which not all pieces have been taken.
    virtual asio::awaitable<void> close() = 0;

    /// Marks the stream as used. Returns false if it was used already.
    bool claim() noexcept { return !std::exchange(is_claimed_, true); }
    bool is_claimed() const noexcept { return is_claimed_; }

private:
    bool is_claimed_ = false;
};

/// An AsyncIterable as a BodyStream: an rvalue is owned, an lvalue referred to.
template <BodyIterable I>
class IterableBodyStream final : public BodyStream {
public:
    explicit IterableBodyStream(I&& iterable) : iterable_(std::forward<I>(iterable)) {}

    asio::awaitable<std::optional<std::string>> next() override { return iterable_.get().anext(); }

    asio::awaitable<void> close() override {
        if constexpr (ClosableIterable<I>)
            return iterable_.get().aclose();
        else
            return nothing();
    }

private:
    static asio::awaitable<void> nothing() { co_return; }

    ::syncopate::detail::OwnedOrRef<I> iterable_;
};

/// The copies of a request share its body, and so does a connection that is still sending it.
class RequestBody {
public:
    using Pieces = std::vector<std::string>;

    RequestBody() = default;
    explicit RequestBody(std::string bytes) {
        Pieces pieces;
        pieces.push_back(std::move(bytes));
        pieces_ = std::make_shared<Pieces const>(std::move(pieces));
    }
    explicit RequestBody(std::shared_ptr<Pieces const> pieces) noexcept
        : pieces_(std::move(pieces)) {}
    explicit RequestBody(std::shared_ptr<BodyStream> stream) noexcept
        : stream_(std::move(stream)) {}

    bool is_empty() const noexcept { return !pieces_ && !stream_; }

    std::shared_ptr<Pieces const> const& pieces() const noexcept { return pieces_; }
    std::shared_ptr<BodyStream> const& stream() const noexcept { return stream_; }

    /// In bytes; nothing for a stream.
    std::optional<std::uint64_t> size() const noexcept {
        if (stream_)
            return std::nullopt;
        std::uint64_t size = 0;
        if (pieces_)
            for (auto const& piece : *pieces_)
                size += piece.size();
        return size;
    }

    /// Whether it can be sent from its beginning: not so a stream that was used already.
    bool can_be_sent() const noexcept { return !stream_ || !stream_->is_claimed(); }

private:
    std::shared_ptr<Pieces const> pieces_;
    std::shared_ptr<BodyStream> stream_;
};

}  // namespace syncopate::inline v0_1::http::detail
