// How tests look at errors: the one that a call throws, and those that are reported to on_error.
#pragma once

#include <concepts>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace support {

/// The code of the std::system_error that the function throws; no code if it returns. Every other
/// exception passes, and fails the test.
template <std::invocable F>
std::error_code code_of(F&& function) {
    try {
        static_cast<void>(std::forward<F>(function)());
    } catch (std::system_error const& error) {
        return error.code();
    }
    return {};
}

/// The message of the `Error` that the function throws; empty if it returns.
template <class Error, std::invocable F>
std::string message_of(F&& function) {
    try {
        static_cast<void>(std::forward<F>(function)());
    } catch (Error const& error) {
        return error.what();
    }
    return {};
}

inline std::error_code code_of(std::exception_ptr const& error) {
    return code_of([&] { std::rethrow_exception(error); });
}
inline std::string message_of(std::exception_ptr const& error) {
    return message_of<std::exception>([&] { std::rethrow_exception(error); });
}

/// What was reported to on_error: `Options().on_error(log.handler())`. It outlives the runner.
class ErrorLog {
public:
    std::function<void(std::exception_ptr)> handler() {
        return [this](std::exception_ptr error) {
            std::lock_guard lock(mutex_);
            errors_.push_back(std::move(error));
            changed_.notify_all();
        };
    }

    /// Blocks until that many have been reported.
    void wait_for(std::size_t count) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return errors_.size() >= count; });
    }

    std::vector<std::exception_ptr> errors() const {
        std::lock_guard lock(mutex_);
        return errors_;
    }

    std::vector<std::string> messages() const {
        std::vector<std::string> messages;
        for (auto const& error : errors())
            messages.push_back(message_of(error));
        return messages;
    }

private:
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::exception_ptr> errors_;
};

}  // namespace support
