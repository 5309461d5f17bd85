// throw_nested(): throws the exception of a context's exit with the one of its body nested in it.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/error.hpp>

#include <exception>
#include <functional>
#include <future>
#include <ios>
#include <new>
#include <stdexcept>
#include <system_error>
#include <typeinfo>

namespace syncopate::inline v0_1::detail {

/// If the error is an E, and not of a derived type: throws it with the exception that is being handled nested
/// in it. Without type information nobody can tell, and the error is thrown as it is.
template <class E>
void throw_nested_if_exactly([[maybe_unused]] std::exception const& error) {
#if defined(__cpp_rtti)
    if (typeid(error) == typeid(E))
        std::throw_with_nested(static_cast<E const&>(error));
#endif
}

/// Throws `outer` with `inner` nested in it. std::throw_with_nested needs the type of `outer`, which an
/// exception_ptr hides. The standard exceptions, Boost's system_error and TaskGroupError are recognised. Any
/// other `outer` is thrown as it is, and `lost` is called with `inner`.
template <class Lost>
[[noreturn]] void throw_nested(std::exception_ptr outer, std::exception_ptr inner, Lost lost) {
    try {
        std::rethrow_exception(outer);
    } catch (std::exception const& error) {
        try {
            std::rethrow_exception(inner);
        } catch (...) {
            throw_nested_if_exactly<std::runtime_error>(error);
            throw_nested_if_exactly<std::system_error>(error);
            throw_nested_if_exactly<AsioSystemError>(error);
            throw_nested_if_exactly<TaskGroupError>(error);
            throw_nested_if_exactly<std::logic_error>(error);
            throw_nested_if_exactly<std::invalid_argument>(error);
            throw_nested_if_exactly<std::domain_error>(error);
            throw_nested_if_exactly<std::length_error>(error);
            throw_nested_if_exactly<std::out_of_range>(error);
            throw_nested_if_exactly<std::range_error>(error);
            throw_nested_if_exactly<std::overflow_error>(error);
            throw_nested_if_exactly<std::underflow_error>(error);
            throw_nested_if_exactly<std::bad_alloc>(error);
            throw_nested_if_exactly<std::bad_function_call>(error);
            throw_nested_if_exactly<std::future_error>(error);
            throw_nested_if_exactly<std::ios_base::failure>(error);
            throw_nested_if_exactly<std::exception>(error);
        }
    } catch (...) {
        // Not a std::exception: it is thrown as it is.
    }
    lost(std::move(inner));
    std::rethrow_exception(std::move(outer));
}

}  // namespace syncopate::inline v0_1::detail
