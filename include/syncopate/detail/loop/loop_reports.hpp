// LoopReports: the name and the options of a loop, the errors that speak of it, and who is told of its events.
#pragma once

#include <syncopate/detail/error/joined.hpp>
#include <syncopate/detail/task/event_sink.hpp>
#include <syncopate/error.hpp>
#include <syncopate/options.hpp>

#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// Base of Loop. From any thread.
class LoopReports {
public:
    Options const& options() const noexcept { return options_; }

    void report(std::exception_ptr error) const noexcept { options_.report(std::move(error)); }

    /// Null if nobody is told of events.
    std::shared_ptr<EventSink> const& events() const noexcept { return events_; }

    [[noreturn]] void throw_error(Errc code) const {
        throw std::system_error(make_error_code(code), options_.name());
    }
    std::exception_ptr error(Errc code) const noexcept {
        try {
            throw_error(code);
        } catch (...) {
            return std::current_exception();  // there may be no memory for the name
        }
    }

    [[noreturn]] void throw_blocks_itself() const {
        throw DeadlockError(joined({"\"", options_.name(), "\" waits for itself; use co_await"}));
    }

protected:
    /// kind: names the loop where the options do not.
    LoopReports(Options options, char const* kind)
        : options_(with_name(std::move(options), kind)) {}
    ~LoopReports() = default;

    /// Throws the error that close() ends with when its time is up.
    /// obstacle: why the loop does not begin to close, in words; or nothing.
    /// running:  what still runs, in words.
    [[noreturn]] void throw_close_timed_out(
        std::string const& obstacle, std::string const& running) const {
        bool const is_told = obstacle.empty() || !running.empty();
        auto const text = joined(
            {options_.name(), ": close(): ", obstacle,
             !is_told           ? ""
             : obstacle.empty() ? "still running: "
                                : "; still running: ",
             !is_told          ? ""
             : running.empty() ? "a handler that blocks the loop"
                               : std::string_view(running)});
        throw std::system_error(make_error_code(Errc::timed_out), text);
    }

private:
    static Options with_name(Options options, char const* kind) {
        if (options.name().empty())
            options.name(kind);
        return options;
    }

    Options const options_;
    std::shared_ptr<EventSink> const events_ = EventSink::of(options_);
};

}  // namespace syncopate::inline v0_1::detail
