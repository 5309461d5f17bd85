// throw_cancellation, cancellation_error, is_cancellation: how operations say that they were cancelled.
#pragma once

#include <syncopate/detail/error/thrown_by.hpp>
#include <syncopate/error.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/experimental/channel_error.hpp>
#include <boost/asio/multiple_exceptions.hpp>
#include <boost/system/errc.hpp>
#include <boost/system/system_error.hpp>

#include <exception>
#include <system_error>

namespace syncopate::inline v0_1::detail {

/// Whether the exception says that an operation was cancelled: one of Asio's, with an error code of Boost or
/// of the standard library; one of ours; or the first of several that Asio's operators && and || have run
/// side by side. error: not null.
inline bool is_cancellation(std::exception_ptr const& error) noexcept {
    namespace asio = boost::asio;
    constexpr auto channel_cancelled = asio::experimental::error::channel_cancelled;
    try {
        std::rethrow_exception(error);
    } catch (boost::system::system_error const& e) {
        // operation_aborted is the system's ECANCELED, which is equivalent to this.
        return e.code() == boost::system::errc::operation_canceled || e.code() == channel_cancelled;
    } catch (std::system_error const& e) {
        return e.code() == std::errc::operation_canceled || e.code() == Errc::cancelled ||
               e.code() == std::error_code(make_error_code(channel_cancelled));
    } catch (asio::multiple_exceptions const& e) {
        auto const first = e.first_exception();
        return first && is_cancellation(first);
    } catch (...) {
        return false;
    }
}

/// Throws as Asio's operations do when they are cancelled.
[[noreturn]] inline void throw_cancellation() {
    throw boost::system::system_error(boost::asio::error::operation_aborted);
}

/// The same exception, not thrown. std::bad_alloc if there is no memory for its text.
inline std::exception_ptr cancellation_error() noexcept {
    return thrown_by(throw_cancellation);
}

}  // namespace syncopate::inline v0_1::detail
