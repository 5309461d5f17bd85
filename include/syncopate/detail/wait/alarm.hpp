// Alarm: calls a function at a time, unless it has been destroyed by then.
#pragma once

#include <syncopate/detail/wait/deadline.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>

#include <concepts>
#include <memory>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// Belongs to one loop, which calls the function. A timer alone would not do: once the time has come, its
/// handler is called even if the timer is destroyed first.
template <std::invocable F>
class Alarm {
public:
    Alarm(boost::asio::any_io_executor const& executor, Deadline deadline, F function)
        : function_(std::make_shared<F*>(nullptr)), called_(std::move(function)),
          timer_(executor, deadline) {
        *function_ = &called_;
        timer_.async_wait([function = function_](boost::system::error_code error) {
            if (!error && *function)
                (**function)();
        });
    }
    Alarm(Alarm const&) = delete;
    Alarm& operator=(Alarm const&) = delete;
    ~Alarm() { *function_ = nullptr; }

private:
    std::shared_ptr<F*> function_;  // shared with what the timer calls
    F called_;
    boost::asio::steady_timer timer_;
};

}  // namespace syncopate::inline v0_1::detail
