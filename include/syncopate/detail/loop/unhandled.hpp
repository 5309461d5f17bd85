// Where an exception goes that nobody is left to catch.
#pragma once

#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/options.hpp>

#include <exception>
#include <utility>

namespace syncopate::detail {

/// To the on_error of the runner whose loop this thread turns; on a loop without one, to where on_error
/// leads by default.
inline void report_unhandled(std::exception_ptr error) noexcept {
    if (auto const* const loop = Loop::of_this_thread())
        loop->report(std::move(error));
    else
        Options().report(std::move(error));
}

}  // namespace syncopate::detail
