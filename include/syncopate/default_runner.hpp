// default_runner: one ThreadRunner for the whole process.
#pragma once

#include <syncopate/detail/error/report.hpp>
#include <syncopate/detail/loop/library.hpp>
#include <syncopate/options.hpp>
#include <syncopate/thread_runner.hpp>

#include <exception>

namespace syncopate::inline v0_1 {

namespace detail {

/// The library that is the first to use it stays loaded: the others use its code.
inline ThreadRunner& make_default_runner() {
    Library::keep_loaded();
    return *new ThreadRunner(Options().name("default_runner"));
}

}  // namespace detail

/// The process-wide ThreadRunner. It is made, and its thread started, on first use.
///
/// Throws:    from its operations Errc::runner_closed once main has ended: it is closed among the
///            objects with static storage, and may be named even after that.
/// Threads:   any.
[[gnu::visibility("default")]] inline ThreadRunner& default_runner() {
    // The object is never destroyed, so that a later destructor that still calls it gets an error.
    static ThreadRunner& runner = detail::make_default_runner();
    struct CloseAtExit {
        ~CloseAtExit() {
            try {
                runner.close();
            } catch (...) {
                detail::report("default_runner", {}, std::current_exception());
            }
        }
    };
    static CloseAtExit const close_at_exit;
    return runner;
}

}  // namespace syncopate::inline v0_1
