// BodyIterable, BodyRange: bodies of a request that are produced while they are sent.
#pragma once

#include <syncopate/detail/asio_names.hpp>

#include <concepts>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <type_traits>

namespace syncopate::inline v0_1::http {

/// Requires an AsyncIterable of std::string, such as an AsyncGenerator<std::string>: the pieces of a body, in
/// their order, of any size. An empty piece is passed over.
template <class I>
concept BodyIterable = requires(std::remove_reference_t<I>& iterable) {
    {
        iterable.anext()
    } -> std::same_as<::syncopate::detail::AwaitableOf<std::optional<std::string>>>;
};

/// Requires a range of strings, of std::string, std::string_view or what converts to them: the pieces of a body, in
/// their order, of any size.
template <class R>
concept BodyRange = std::ranges::input_range<R> &&
                    (std::convertible_to<std::ranges::range_reference_t<R>, std::string> ||
                     std::convertible_to<std::ranges::range_reference_t<R>, std::string_view>);

}  // namespace syncopate::inline v0_1::http
