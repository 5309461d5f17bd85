// throw_cancellation, cancellation_error, is_cancellation: how Asio's operations say that they were
// cancelled.
#pragma once

#include <boost/asio/error.hpp>
#include <boost/asio/experimental/channel_error.hpp>
#include <boost/system/system_error.hpp>

#include <exception>

namespace syncopate::inline v0_1::detail {

/// Whether the exception says that an operation was cancelled. error: not null.
inline bool is_cancellation(std::exception_ptr const& error) noexcept {
    try {
        std::rethrow_exception(error);
    } catch (boost::system::system_error const& e) {
        return e.code() == boost::asio::error::operation_aborted ||
               e.code() == boost::asio::experimental::error::channel_cancelled;
    } catch (...) {
        return false;
    }
}

/// Throws as Asio's operations do when they are cancelled.
[[noreturn]] inline void throw_cancellation() {
    throw boost::system::system_error(boost::asio::error::operation_aborted);
}

/// The same exception, not thrown.
inline std::exception_ptr cancellation_error() noexcept {
    return std::make_exception_ptr(
        boost::system::system_error(boost::asio::error::operation_aborted));
}

}  // namespace syncopate::inline v0_1::detail
