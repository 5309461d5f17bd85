// report: hands an exception that no caller is left to catch to an error handler, or logs it.
#pragma once

#include <syncopate/detail/separate.hpp>

#include <exception>
#include <functional>
#include <string_view>

namespace syncopate::inline v0_1::detail {

using ErrorHandler = std::function<void(std::exception_ptr)>;

/// name:    of the loop on which the exception came up.
/// handler: what it throws is swallowed. Empty: one line is written to std::clog.
SYNCOPATE_DECL void report(
    std::string_view name, ErrorHandler const& handler, std::exception_ptr error) noexcept;

}  // namespace syncopate::inline v0_1::detail

#ifndef SYNCOPATE_SEPARATE_COMPILATION
#include <syncopate/detail/error/report.ipp>
#endif
