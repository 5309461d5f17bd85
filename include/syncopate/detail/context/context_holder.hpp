// ContextHolder: a context task with its source, the context made from that, and the context's value.
#pragma once

#include <syncopate/concepts.hpp>
#include <syncopate/detail/context/context_task.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/task/awaitable_of.hpp>
#include <syncopate/detail/task/labelled_task.hpp>
#include <syncopate/detail/task/object_slot.hpp>
#include <syncopate/detail/task/owned_or_ref.hpp>

#include <boost/asio/awaitable.hpp>

#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// S: the type of the source, as for OwnedOrRef.
template <ContextSource S>
class ContextHolder final : private LabelOf<S>, public ContextTask {
    using Context = context_t<S>;

public:
    /// The V of ContextGuard<V>.
    using Value = context_value_t<Context>;

    ContextHolder(Loop& loop, S&& source, AtClose at_close, std::source_location where)
        : LabelOf<S>(source), ContextTask(loop, at_close, where), source_(std::forward<S>(source)) {
        if constexpr (Labelled<S>)
            this->set_label(LabelOf<S>::label());
    }

    /// Refers to the value. After a successful enter(), also when close() is destroying the value: its
    /// address is written before enter() returns, and never again.
    std::remove_reference_t<Value>& value() noexcept { return *address_; }

private:
    using Entered = awaitable_result_t<decltype(std::declval<Context&>().aenter())>;

    boost::asio::awaitable<void> do_enter() override {
        if constexpr (AsyncContext<S>)
            context_.refer_to(source_.get());
        else if constexpr (Awaitable<S> || TaskFactory<S>)
            context_.emplace(co_await awaitable_of(source_));
        else
            make_into(context_, source_);

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

    boost::asio::awaitable<bool> do_exit() override {
        if constexpr (SuppressingContext<Context>) {
            co_return co_await call_aexit();
        } else {
            co_await call_aexit();
            co_return false;
        }
    }

    /// An aexit that there is no memory to call has not begun, and is called again.
    auto call_aexit() {
        for (int tries_left = 3;; --tries_left) {
            try {
                return require_valid((*context_).aexit(exit_error()));
            } catch (std::bad_alloc const&) {
                if (tries_left == 0)
                    throw;
            }
        }
    }

    void destroy_context() noexcept override {
        value_.reset();
        context_.reset();
        source_.release();
    }

    struct NoValue {};

    OwnedOrRef<S> source_;
    ObjectSlot<Context> context_;
    std::remove_reference_t<Value>* address_ = nullptr;
    std::optional<std::conditional_t<std::is_void_v<Entered>, NoValue, Entered>> value_;
};

}  // namespace syncopate::inline v0_1::detail
