// RequestBody, BodySource, BodyStream: the body of a request, as bytes, or as what is produced while it is sent.
#pragma once

#include <syncopate/detail/asio_names.hpp>
#include <syncopate/detail/task/owned_or_ref.hpp>
#include <syncopate/http/body_iterable.hpp>

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::http::detail {

using ::syncopate::detail::AwaitableOf;

class BlockingBodyStream;

/// A body that is produced while it is sent, once.
class BodyStream {
public:
    BodyStream() = default;
    BodyStream(BodyStream const&) = delete;
    BodyStream& operator=(BodyStream const&) = delete;
    virtual ~BodyStream() = default;

    /// The next piece; nothing at the end.
    virtual AwaitableOf<std::optional<std::string>> next() = 0;
    /// Ends a stream of which not all pieces have been taken.
    virtual AwaitableOf<void> close() = 0;
    /// In bytes, if that is known.
    virtual std::optional<std::uint64_t> size() const { return std::nullopt; }
    /// This, if it can be read without a coroutine.
    virtual BlockingBodyStream* blocking() noexcept { return nullptr; }
};

/// A body whose pieces come from code that may block: a file, a range of synchronous code.
class BlockingBodyStream : public BodyStream {
public:
    /// The next piece; nothing at the end. On any thread, one call at a time.
    virtual std::optional<std::string> read() = 0;

    AwaitableOf<std::optional<std::string>> next() override;
    AwaitableOf<void> close() override;
    BlockingBodyStream* blocking() noexcept override { return this; }
};

/// What makes the stream of a body.
class BodySource {
public:
    BodySource() = default;
    BodySource(BodySource const&) = delete;
    BodySource& operator=(BodySource const&) = delete;
    virtual ~BodySource() = default;

    /// A stream from the beginning of the body; null if it was made before, and can be made only once.
    virtual std::shared_ptr<BodyStream> open() = 0;
    /// Whether it can be made any number of times.
    virtual bool is_repeatable() const noexcept = 0;
    virtual bool is_used() const noexcept = 0;
};

/// An awaitable whose type is complete where the template is instantiated.
template <class I, class T>
struct AwaitableIn {
    using type = AwaitableOf<T>;
};

/// An AsyncIterable as a body that is sent once: an rvalue is owned, an lvalue referred to.
template <BodyIterable I>
class IterableBody final : public BodySource,
                           public BodyStream,
                           public std::enable_shared_from_this<IterableBody<I>> {
    template <class T>
    using Result = typename AwaitableIn<I, T>::type;

public:
    explicit IterableBody(I&& iterable) : iterable_(std::forward<I>(iterable)) {}

    std::shared_ptr<BodyStream> open() override {
        return std::exchange(is_used_, true) ? nullptr : this->shared_from_this();
    }
    bool is_repeatable() const noexcept override { return false; }
    bool is_used() const noexcept override { return is_used_; }

    Result<std::optional<std::string>> next() override { return iterable_.get().anext(); }

    Result<void> close() override {
        if constexpr (requires {
                          { iterable_.get().aclose() } -> std::same_as<AwaitableOf<void>>;
                      })
            return iterable_.get().aclose();
        else
            return nothing();
    }

private:
    static Result<void> nothing() { co_return; }

    ::syncopate::detail::OwnedOrRef<I> iterable_;
    bool is_used_ = false;
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
    explicit RequestBody(std::shared_ptr<BodySource> source) noexcept
        : source_(std::move(source)) {}

    bool is_empty() const noexcept { return !pieces_ && !source_; }

    std::shared_ptr<Pieces const> const& pieces() const noexcept { return pieces_; }
    /// Null unless the body is a stream.
    std::shared_ptr<BodySource> const& source() const noexcept { return source_; }

    /// In bytes; nothing for a stream.
    std::optional<std::uint64_t> size() const noexcept {
        if (source_)
            return std::nullopt;
        std::uint64_t size = 0;
        if (pieces_)
            for (auto const& piece : *pieces_)
                size += piece.size();
        return size;
    }

    /// Whether it can be sent twice.
    bool is_repeatable() const noexcept { return !source_ || source_->is_repeatable(); }
    /// Whether it can be sent from its beginning: not so a stream that was used already.
    bool can_be_sent() const noexcept { return is_repeatable() || !source_->is_used(); }

private:
    std::shared_ptr<Pieces const> pieces_;
    std::shared_ptr<BodySource> source_;
};

}  // namespace syncopate::inline v0_1::http::detail
