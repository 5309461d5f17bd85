// default_runner: one ThreadRunner for the whole process.
#pragma once

#include <syncopate/detail/error/report.hpp>
#include <syncopate/detail/loop/library.hpp>
#include <syncopate/error.hpp>
#include <syncopate/options.hpp>
#include <syncopate/thread_runner.hpp>

#include <atomic>
#include <cstdlib>
#include <exception>
#include <memory>
#include <new>
#include <system_error>

namespace syncopate::inline v0_1 {

namespace detail {

/// Not made by the initialisation of a static object: the child that another thread forks meanwhile would wait for
/// its end, and that never comes there.
class [[gnu::visibility("default")]] DefaultRunner {
public:
    static ThreadRunner& get() {
        auto* const runner = runner_.load(std::memory_order_acquire);
        return runner ? *runner : make();
    }

private:
    static ThreadRunner& make() {
        Library::keep_loaded();  // the others use the code of the first
        auto made = std::make_unique<ThreadRunner>(Options().name("default_runner"));
        ThreadRunner* first = nullptr;
        if (!runner_.compare_exchange_strong(
                first, made.get(), std::memory_order_acq_rel, std::memory_order_acquire))
            return *first;
        if (std::atexit(&close) != 0)
            report("default_runner", {}, std::make_exception_ptr(std::bad_alloc()));
        // The object is never destroyed, so that a later destructor that still calls it gets an error.
        return *made.release();
    }

    static void close() {
        try {
            runner_.load(std::memory_order_acquire)->close();
        } catch (std::system_error const& error) {
            if (error.code() != Errc::forked)
                report("default_runner", {}, std::current_exception());
        } catch (...) {
            report("default_runner", {}, std::current_exception());
        }
    }

    inline static constinit std::atomic<ThreadRunner*> runner_{nullptr};
};

}  // namespace detail

/// The process-wide ThreadRunner. It is made, and its thread started, on first use.
///
/// Throws:    from its operations Errc::runner_closed once main has ended: it is closed among the
///            objects with static storage, and may be named even after that.
/// Threads:   any. A child that is forked after the first use goes on after
///            default_runner().restart_after_fork().
[[gnu::visibility("default")]] inline ThreadRunner& default_runner() {
    return detail::DefaultRunner::get();
}

}  // namespace syncopate::inline v0_1
