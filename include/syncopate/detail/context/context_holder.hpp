// ContextHolder: a context task with its source, the context made from that, and the context's value.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/concepts.hpp>
#include <syncopate/detail/context/context_task.hpp>
#include <syncopate/detail/context/entered_context.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/task/labelled_task.hpp>
#include <syncopate/detail/task/owned_or_ref.hpp>

#include SYNCOPATE_ASIO(awaitable.hpp)

#include <memory>
#include <source_location>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// S: the type of the source, as for OwnedOrRef.
template <ContextSource S>
class ContextHolder final : private LabelOf<S>, public ContextTask {
public:
    /// The V of ContextGuard<V>.
    using Value = typename EnteredContext<S>::Value;

    ContextHolder(Loop& loop, S&& source, AtClose at_close, std::source_location where)
        : LabelOf<S>(source), ContextTask(loop, at_close, where),
          context_(OwnedOrRef<S>(std::forward<S>(source))) {
        if constexpr (Labelled<S>)
            this->set_label(LabelOf<S>::label());
    }

    /// Refers to the value. After a successful enter(), also when close() is destroying the value: its
    /// address is written before enter() returns, and never again.
    std::remove_reference_t<Value>& value() noexcept { return context_.value(); }

private:
    asio::awaitable<void> do_enter() override { return context_.enter(); }
    asio::awaitable<bool> do_exit() override { return context_.exit(exit_error()); }
    void destroy_context() noexcept override { context_.destroy(); }

    EnteredContext<S> context_;
};

}  // namespace syncopate::inline v0_1::detail
