// ThreadHooks: the user's functions for the beginning and the end of a thread. HookedThread: calls them.
#pragma once

#include <syncopate/detail/error/report.hpp>

#include <exception>
#include <functional>
#include <string>

namespace syncopate::inline v0_1::detail {

struct ThreadHooks {
    std::function<void()> on_start;
    std::function<void()> on_stop;
    ErrorHandler on_error;  // takes what they throw
};

/// Made by a thread that begins, and destroyed by it when it ends, also by pthread_exit(). Where on_start has
/// thrown there is nothing for on_stop to undo.
class HookedThread {
public:
    HookedThread(std::string const& name, ThreadHooks const& hooks) noexcept
        : name_(name), hooks_(hooks), has_begun_(call(hooks.on_start)) {}
    HookedThread(HookedThread const&) = delete;
    HookedThread& operator=(HookedThread const&) = delete;
    ~HookedThread() {
        if (has_begun_)
            call(hooks_.on_stop);
    }

private:
    /// Returns false if the hook has thrown.
    bool call(std::function<void()> const& hook) const noexcept {
        try {
            if (hook)
                hook();
        } catch (...) {
            report(name_, hooks_.on_error, std::current_exception());
            return false;
        }
        return true;
    }

    std::string const& name_;
    ThreadHooks const& hooks_;
    bool const has_begun_;
};

}  // namespace syncopate::inline v0_1::detail
