// thrown_by(), error_of(): exceptions that are made where nothing may be thrown.
#pragma once

#include <syncopate/error.hpp>

#include <concepts>
#include <exception>
#include <system_error>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// Calls a function, and gives what it throws. std::make_exception_ptr would not do: its argument is made
/// outside of it, and most exceptions allocate their text. Here std::bad_alloc comes out instead.
template <std::invocable F>
std::exception_ptr thrown_by(F&& throws) noexcept {
    try {
        std::forward<F>(throws)();
    } catch (...) {
        return std::current_exception();
    }
    return nullptr;
}

/// A std::system_error, or std::bad_alloc if there is no memory for that.
inline std::exception_ptr error_of(Errc code, char const* text = "") noexcept {
    return thrown_by([&] { throw std::system_error(make_error_code(code), text); });
}

}  // namespace syncopate::inline v0_1::detail
