// The function report().
#pragma once

#include <syncopate/detail/error/exception_text.hpp>
#include <syncopate/detail/separate.hpp>

#include <exception>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// One line, in one piece. The library's own errors begin with the name, which is not said twice.
inline void log(std::string_view name, std::string_view text) {
    std::string line = "syncopate: ";
    if (!text.starts_with(name) || !text.substr(name.size()).starts_with(": "))
        line.append(name).append(": ");
    line.append(text).append("\n");
    std::clog << line << std::flush;
}

SYNCOPATE_DECL void report(
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
