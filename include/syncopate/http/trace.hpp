// Trace: functions that a session calls as its requests go on, for logs and measurements.
#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace syncopate::inline v0_1::http {

namespace detail {
class TraceReporter;
}

/// Functions that are called as a request goes on, and as a WebSocket is opened. Each is given the request. Those
/// that are not set are not called. They must not block; an exception that one throws ends the request.
///
/// ```cpp
/// Trace().on_request_end([](Trace::Request const& request, int status) {
///     std::clog << request.method << ' ' << request.url << ": " << status << '\n';
/// })
/// ```
///
/// Threads:   on the session's loop.
/// Semantics: aiohttp's TraceConfig.
class Trace {
public:
    /// The request that a function is called for. The views last during the call.
    struct Request {
        /// Such as "GET".
        std::string_view method;
        /// Without a user's name and password.
        std::string_view url;
        /// Since the start of the request.
        std::chrono::nanoseconds elapsed;
    };

    /// A request was handed to the session.
    Trace& on_request_start(std::function<void(Request const&)> function) {
        request_start_ = std::move(function);
        return *this;
    }
    /// The request goes out on a connection that was kept from an earlier one.
    Trace& on_connection_reused(std::function<void(Request const&)> function) {
        connection_reused_ = std::move(function);
        return *this;
    }
    /// The request goes out on a connection that was made for it.
    Trace& on_connection_created(std::function<void(Request const&)> function) {
        connection_created_ = std::move(function);
        return *this;
    }
    /// The response is a redirect, and is followed.
    ///
    /// status:    of the redirect.
    /// location:  the URL of the request that follows.
    Trace& on_redirect(
        std::function<void(Request const&, int status, std::string_view location)> function) {
        redirect_ = std::move(function);
        return *this;
    }
    /// The header of the final response is there.
    Trace& on_request_end(std::function<void(Request const&, int status)> function) {
        request_end_ = std::move(function);
        return *this;
    }
    /// The request has failed. An exception that this function throws is dropped.
    Trace& on_request_error(std::function<void(Request const&, std::exception_ptr)> function) {
        request_error_ = std::move(function);
        return *this;
    }

private:
    friend class detail::TraceReporter;

    std::function<void(Request const&)> request_start_;
    std::function<void(Request const&)> connection_reused_;
    std::function<void(Request const&)> connection_created_;
    std::function<void(Request const&, int, std::string_view)> redirect_;
    std::function<void(Request const&, int)> request_end_;
    std::function<void(Request const&, std::exception_ptr)> request_error_;
};

}  // namespace syncopate::inline v0_1::http
