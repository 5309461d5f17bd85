// EnteredContext: a source of a context, the context made from it, and the value of that: made, entered and left
// by one coroutine.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/concepts.hpp>
#include <syncopate/detail/foreign/foreign_task.hpp>
#include <syncopate/detail/task/awaitable_of.hpp>
#include <syncopate/detail/task/object_slot.hpp>
#include <syncopate/detail/task/owned_or_ref.hpp>

#include SYNCOPATE_ASIO(awaitable.hpp)

#include <exception>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// S: the type of the source, as for OwnedOrRef.
template <ContextSource S>
class EnteredContext {
    using Context = context_t<S>;

public:
    /// The V of ContextGuard<V>.
    using Value = context_value_t<Context>;

    explicit EnteredContext(OwnedOrRef<S> source) : source_(std::move(source)) {}

    /// Makes the context, and enters it. Once.
    asio::awaitable<void> enter() {
        if constexpr (AsyncContext<S>)
            context_.refer_to(source_.get());
        else if constexpr (PlainFactory<S>)
            make_into(context_, source_);
        else
            context_.emplace(co_await awaitable_of(source_));

        if constexpr (std::is_void_v<Entered>) {
            co_await require_valid((*context_).aenter());
            address_ = &*context_;
        } else {
            value_.emplace(co_await require_valid((*context_).aenter()));
            if constexpr (std::is_reference_v<Value>)
                address_ = &value_->get();
            else
                address_ = &*value_;
        }
    }

    /// Leaves the context. Returns whether the exception is suppressed. Its frame can be made before the context
    /// is entered, so that there is memory to leave it.
    ///
    /// error: read when the coroutine begins.
    asio::awaitable<bool> exit(std::exception_ptr const& error) {
        if constexpr (SuppressingContext<Context>) {
            co_return co_await call_aexit(error);
        } else {
            co_await call_aexit(error);
            co_return false;
        }
    }

    /// Refers to the value. After enter(), also once the value has been destroyed.
    std::remove_reference_t<Value>& value() noexcept { return *address_; }

    /// Destroys what enter() has made.
    void destroy() noexcept {
        value_.reset();
        context_.reset();
        source_.release();
    }

private:
    using Entered = awaitable_result_t<decltype(std::declval<Context&>().aenter())>;
    struct NoValue {};

    /// An aexit that there is no memory to call has not begun, and is called again.
    auto call_aexit(std::exception_ptr const& error) {
        for (int tries_left = 3;; --tries_left) {
            try {
                return require_valid((*context_).aexit(error));
            } catch (std::bad_alloc const&) {
                if (tries_left == 0)
                    throw;
            }
        }
    }

    OwnedOrRef<S> source_;
    ObjectSlot<Context> context_;
    std::remove_reference_t<Value>* address_ = nullptr;
    std::optional<std::conditional_t<std::is_void_v<Entered>, NoValue, Entered>> value_;
};

}  // namespace syncopate::inline v0_1::detail
