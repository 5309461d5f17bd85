// RangeBody: the strings of a range of synchronous code as a body.
#pragma once

#include <syncopate/detail/task/owned_or_ref.hpp>
#include <syncopate/http/body_iterable.hpp>
#include <syncopate/http/detail/message/request_body.hpp>

#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>

namespace syncopate::inline v0_1::http::detail {

/// An rvalue is owned, an lvalue referred to. It can be sent again if it can be iterated again.
template <BodyRange R>
class RangeBody final : public BodySource, public std::enable_shared_from_this<RangeBody<R>> {
public:
    explicit RangeBody(R&& range) : range_(std::forward<R>(range)) {}

    std::shared_ptr<BodyStream> open() override {
        if (is_used_ && !is_repeatable())
            return nullptr;
        is_used_ = true;
        return std::make_shared<Stream>(this->shared_from_this());
    }
    bool is_repeatable() const noexcept override { return std::ranges::forward_range<R>; }
    bool is_used() const noexcept override { return is_used_; }

private:
    class Stream final : public BlockingBodyStream {
    public:
        explicit Stream(std::shared_ptr<RangeBody> body) : body_(std::move(body)) {}

        std::optional<std::string> read() override {
            auto& range = body_->range_.get();
            if (!position_)
                position_.emplace(std::ranges::begin(range));
            else
                ++*position_;
            if (*position_ == std::ranges::end(range))
                return std::nullopt;
            return as_string(**position_);
        }

    private:
        template <class Piece>
        static std::string as_string(Piece&& piece) {
            if constexpr (std::convertible_to<Piece, std::string>)
                return std::forward<Piece>(piece);
            else
                return std::string(std::string_view(std::forward<Piece>(piece)));
        }

        std::shared_ptr<RangeBody> const body_;
        std::optional<std::ranges::iterator_t<R>> position_;
    };

    ::syncopate::detail::OwnedOrRef<R> range_;
    bool is_used_ = false;
};

}  // namespace syncopate::inline v0_1::http::detail
