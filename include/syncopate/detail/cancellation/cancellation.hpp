// throw_cancellation, cancellation_error, is_cancellation: how operations say that they were cancelled.
#pragma once

#include <exception>

namespace syncopate::inline v0_1::detail {

/// Whether the exception says that an operation was cancelled: one of Asio's, with an error code of Boost or
/// of the standard library; one of ours; or the first of several that Asio's operators && and || have run
/// side by side. error: not null.
bool is_cancellation(std::exception_ptr const& error) noexcept;

/// Throws as Asio's operations do when they are cancelled.
[[noreturn]] void throw_cancellation();

/// The same exception, not thrown. std::bad_alloc if there is no memory for its text.
std::exception_ptr cancellation_error() noexcept;

}  // namespace syncopate::inline v0_1::detail

#ifndef SYNCOPATE_SEPARATE_COMPILATION
#include <syncopate/detail/cancellation/cancellation.ipp>
#endif
