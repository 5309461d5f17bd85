// The functions by which operations say that they were cancelled.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/error/thrown_by.hpp>
#include <syncopate/detail/separate.hpp>
#include <syncopate/error.hpp>

#include SYNCOPATE_ASIO(error.hpp)
#include SYNCOPATE_ASIO(experimental/channel_error.hpp)
#include SYNCOPATE_ASIO(multiple_exceptions.hpp)

#include <exception>
#include <system_error>

namespace syncopate::inline v0_1::detail {

SYNCOPATE_DECL bool is_cancellation(std::exception_ptr const& error) noexcept {
    constexpr auto channel_cancelled = asio::experimental::error::channel_cancelled;
    try {
        std::rethrow_exception(error);
#if !defined(SYNCOPATE_ASIO_STANDALONE)
    } catch (boost::system::system_error const& e) {
        // operation_aborted is the system's ECANCELED, which is equivalent to this.
        return e.code() == boost::system::errc::operation_canceled || e.code() == channel_cancelled;
#endif
    } catch (std::system_error const& e) {
        // Asio without Boost has a category of its own, in which the system's ECANCELED is nobody else's.
        return e.code() == std::errc::operation_canceled || e.code() == Errc::cancelled ||
               e.code() == std::error_code(make_error_code(asio::error::operation_aborted)) ||
               e.code() == std::error_code(make_error_code(channel_cancelled));
    } catch (asio::multiple_exceptions const& e) {
        auto const first = e.first_exception();
        return first && is_cancellation(first);
    } catch (...) {
        return false;
    }
}

SYNCOPATE_DECL void throw_cancellation() {
    throw AsioSystemError(asio::error::operation_aborted);
}

SYNCOPATE_DECL std::exception_ptr cancellation_error() noexcept {
    return thrown_by(throw_cancellation);
}

}  // namespace syncopate::inline v0_1::detail
