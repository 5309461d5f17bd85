// report: hands an exception that no caller is left to catch to an error handler, or logs it.
#pragma once

#include <syncopate/detail/error/exception_text.hpp>

#include <exception>
#include <functional>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>

namespace syncopate::inline v0_1::detail {

using ErrorHandler = std::function<void(std::exception_ptr)>;

/// One line, in one piece. The library's own errors begin with the name, which is not said twice.
inline void log(std::string_view name, std::string_view text) {
    std::string line = "syncopate: ";
    if (!text.starts_with(name) || !text.substr(name.size()).starts_with(": "))
        line.append(name).append(": ");
    line.append(text).append("\n");
    std::clog << line << std::flush;
}

/// name:    of the loop on which the exception came up.
/// handler: what it throws is swallowed. Empty: one line is written to std::clog.
inline void report(
    std::string_view name, ErrorHandler const& handler, std::exception_ptr error) noexcept {
    try {
        if (handler)
            handler(std::move(error));
        else
            log(name, exception_text(error));
    } catch (...) {
        // The handler's own failure has nowhere left to go.
    }
}

}  // namespace syncopate::inline v0_1::detail
