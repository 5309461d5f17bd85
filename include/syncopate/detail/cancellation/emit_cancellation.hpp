// emit_cancellation(): the one place that calls a cancellation_signal.
#pragma once

#include <syncopate/asio.hpp>

#include SYNCOPATE_ASIO(cancellation_signal.hpp)
#include SYNCOPATE_ASIO(cancellation_type.hpp)

#include <new>

// Qt defines `emit` as a macro. Asio's header puts that aside, but only while it is read itself.
#pragma push_macro("emit")
#undef emit

namespace syncopate::inline v0_1::detail {

/// Delivers every kind of cancellation to whoever waits at the signal's slot.
/// Throws: std::bad_alloc, if there is no memory at the second try either, and what a user's cancellation
///         handler throws.
inline void emit_cancellation(asio::cancellation_signal& signal) {
    try {
        signal.emit(asio::cancellation_type::all);
    } catch (std::bad_alloc const&) {
        // co_spawn's handler hands the cancellation on by dispatch(), which allocates.
        signal.emit(asio::cancellation_type::all);
    }
}

}  // namespace syncopate::inline v0_1::detail

#pragma pop_macro("emit")
