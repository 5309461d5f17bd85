// Where an exception goes that nobody is left to catch.
#pragma once

#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/options.hpp>

#include <exception>
#include <utility>

namespace syncopate::detail {

/// To the on_error of the runner whose loop this thread turns; on a loop without one, to where on_error
/// leads by default.
inline void report_unclaimed(std::exception_ptr error) noexcept {
    if (auto const* const loop = Bridge::served_here())
        loop->report(std::move(error));
    else
        Options().report(std::move(error));
}

}  // namespace syncopate::detail
