// Alarm: calls a function at a time, unless it has been destroyed by then.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/task/caller_executor.hpp>
#include <syncopate/detail/wait/deadline.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)
#include SYNCOPATE_ASIO(basic_waitable_timer.hpp)
#include SYNCOPATE_ASIO(steady_timer.hpp)

#include <concepts>
#include <memory>
#include <utility>
#include <variant>

namespace syncopate::inline v0_1::detail {

/// Belongs to one loop, which calls the function. A timer alone would not do: once the time has come, its
/// handler is called even if the timer is destroyed first.
template <std::invocable F>
class Alarm {
public:
    Alarm(asio::any_io_executor const& executor, Deadline deadline, F function)
        : function_(std::make_shared<F*>(nullptr)), called_(std::move(function)) {
        *function_ = &called_;
        // With the io_context's own executor the expiry takes no memory, which any_io_executor would need.
        if (auto const* io = io_executor(executor))
            wait(timer_.template emplace<IoTimer>(*io, deadline));
        else
            wait(timer_.template emplace<AnyTimer>(executor, deadline));
    }
    Alarm(Alarm const&) = delete;
    Alarm& operator=(Alarm const&) = delete;
    ~Alarm() { *function_ = nullptr; }

private:
    using Clock = Deadline::clock;
    using Traits = asio::wait_traits<Clock>;
    using IoTimer = asio::basic_waitable_timer<Clock, Traits, IoExecutor>;
    using AnyTimer = asio::steady_timer;

    template <class Timer>
    void wait(Timer& timer) {
        timer.async_wait([function = function_](AsioErrorCode error) {
            if (!error && *function)
                (**function)();
        });
    }

    std::shared_ptr<F*> function_;  // shared with what the timer calls
    F called_;
    std::variant<std::monostate, IoTimer, AnyTimer> timer_;
};

}  // namespace syncopate::inline v0_1::detail
