// exception_text: an exception in words, for messages.
#pragma once

#include <exception>
#include <string>

namespace syncopate::inline v0_1::detail {

/// error: not null.
inline std::string exception_text(std::exception_ptr const& error) {
    try {
        std::rethrow_exception(error);
    } catch (std::exception const& e) {
        return e.what();
    } catch (...) {
        return "an exception that is not a std::exception";
    }
}

}  // namespace syncopate::inline v0_1::detail
