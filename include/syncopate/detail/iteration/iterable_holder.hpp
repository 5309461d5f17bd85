// IterableHolder: an iterable with the source that it is made from, when it is first needed.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/concepts.hpp>
#include <syncopate/detail/foreign/foreign_task.hpp>
#include <syncopate/detail/task/awaitable_of.hpp>
#include <syncopate/detail/task/object_slot.hpp>
#include <syncopate/detail/task/owned_or_ref.hpp>

#include SYNCOPATE_ASIO(awaitable.hpp)

#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1::detail {

template <class S>
struct GivesReference : std::false_type {};
template <PlainFactory S>
struct GivesReference<S>
    : std::is_lvalue_reference<std::invoke_result_t<std::remove_reference_t<S>&>> {};

/// S: the type of the source, as for OwnedOrRef. A factory is kept until the iterable has been destroyed: a
/// coroutine lambda's captures are the factory's.
template <IterableSource S>
class IterableHolder {
public:
    /// Whether the iterable belongs to the user.
    static constexpr bool is_borrowed = GivesReference<S>::value;

    explicit IterableHolder(S&& source) : source_(std::forward<S>(source)) {}

    bool is_made() const noexcept { return !iterable_.is_empty(); }

    /// On the loop, once.
    asio::awaitable<void> make() {
        if constexpr (PlainFactory<S>)
            make_into(iterable_, source_);
        else
            iterable_.emplace(co_await awaitable_of(source_));
        co_return;
    }

    iterable_t<S>& get() noexcept { return *iterable_; }

private:
    OwnedOrRef<S> source_;
    ObjectSlot<iterable_t<S>> iterable_;
};

template <IterableSource I>
    requires AsyncIterable<I>
class IterableHolder<I> : public OwnedOrRef<I> {
public:
    static constexpr bool is_borrowed = std::is_lvalue_reference_v<I>;

    using OwnedOrRef<I>::OwnedOrRef;

    static constexpr bool is_made() noexcept { return true; }
};

}  // namespace syncopate::inline v0_1::detail
