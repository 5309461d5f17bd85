// ForwardingExecutor: base of an executor that wraps another and passes its properties on.
#pragma once

#include <syncopate/asio.hpp>

#include SYNCOPATE_ASIO(prefer.hpp)
#include SYNCOPATE_ASIO(query.hpp)
#include SYNCOPATE_ASIO(require.hpp)

#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// Wrapper:    the template that derives from this. What require() and prefer() give is wrapped again.
/// Attachment: what the wrapper adds to the inner executor, and what copies of it share.
template <template <class> class Wrapper, class Inner, class Attachment>
class ForwardingExecutor {
public:
    ForwardingExecutor(Inner inner, Attachment attachment) noexcept
        : inner_(std::move(inner)), attachment_(std::move(attachment)) {}

    // An executor's copies must not throw. Boost's pointers do not throw either, but do not declare it.
    ForwardingExecutor(ForwardingExecutor const&) noexcept = default;
    ForwardingExecutor(ForwardingExecutor&&) noexcept = default;
    ForwardingExecutor& operator=(ForwardingExecutor const&) noexcept = default;
    ForwardingExecutor& operator=(ForwardingExecutor&&) noexcept = default;

    Inner const& inner() const noexcept { return inner_; }

    // any_io_executor allocates in these, and so may throw in them.

    template <class Property>
    auto query(Property const& property) const
        noexcept(asio::is_nothrow_query_v<Inner const&, Property const&>)
            -> decltype(asio::query(std::declval<Inner const&>(), property)) {
        return asio::query(inner_, property);
    }

    template <class Property>
    auto require(Property const& property) const noexcept(
        asio::is_nothrow_require_v<Inner const&, Property const&>)
        -> Wrapper<std::decay_t<decltype(asio::require(std::declval<Inner const&>(), property))>> {
        return {asio::require(inner_, property), attachment_};
    }

    template <class Property>
    auto prefer(Property const& property) const noexcept(
        asio::is_nothrow_prefer_v<Inner const&, Property const&>)
        -> Wrapper<std::decay_t<decltype(asio::prefer(std::declval<Inner const&>(), property))>> {
        return {asio::prefer(inner_, property), attachment_};
    }

    friend bool operator==(ForwardingExecutor const& a, ForwardingExecutor const& b) noexcept {
        return a.inner_ == b.inner_ && a.attachment_ == b.attachment_;
    }

protected:
    ~ForwardingExecutor() = default;

    Attachment const& attachment() const noexcept { return attachment_; }

private:
    Inner inner_;
    Attachment attachment_;
};

}  // namespace syncopate::inline v0_1::detail
