// report_unhandled: reports an exception that no caller is left to catch.
#pragma once

#include <syncopate/detail/error/report.hpp>
#include <syncopate/detail/loop/loop.hpp>

#include <exception>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// To the on_error of the runner whose loop this thread turns. On a loop without a runner it is logged.
inline void report_unhandled(std::exception_ptr error) noexcept {
    if (auto const* const loop = Loop::of_this_thread())
        loop->report(std::move(error));
    else
        report("event loop", {}, std::move(error));
}

}  // namespace syncopate::inline v0_1::detail
