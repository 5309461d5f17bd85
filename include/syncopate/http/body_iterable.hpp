// BodyIterable: a body of a request that is produced while it is sent.
#pragma once

#include <syncopate/concepts.hpp>

#include <concepts>
#include <string>

namespace syncopate::inline v0_1::http {

/// Requires an AsyncIterable of std::string, such as an AsyncGenerator<std::string>: the pieces of a body, in
/// their order, of any size. An empty piece is passed over.
template <class I>
concept BodyIterable = AsyncIterable<I> && std::same_as<iterable_value_t<I>, std::string>;

}  // namespace syncopate::inline v0_1::http
