// What a session tells of its requests while they are under way.
#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace syncopate::http {

/// Functions that are called as a request goes on, each with what it is about; also as a WebSocket is opened.
/// Those that are not set are not called. They must not block; what they throw ends the request.
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
    /// What is asked for. The views last during the call.
    struct Request {
        std::string_view method;
        std::string_view url;              // without a user's name and password
        std::chrono::nanoseconds elapsed;  // since the start of the request
    };

    /// A request was handed to the session.
    Trace& on_request_start(std::function<void(Request const&)> function) {
        request_start = std::move(function);
        return *this;
    }
    /// It goes out on a connection that was there already.
    Trace& on_connection_reused(std::function<void(Request const&)> function) {
        connection_reused = std::move(function);
        return *this;
    }
    /// It goes out on a connection that was made for it.
    Trace& on_connection_created(std::function<void(Request const&)> function) {
        connection_created = std::move(function);
        return *this;
    }
    /// The response is a redirect, which is followed. status: of the redirect; location: where it leads.
    Trace& on_redirect(
        std::function<void(Request const&, int status, std::string_view location)> function) {
        redirect = std::move(function);
        return *this;
    }
    /// The header of the final response is there.
    Trace& on_request_end(std::function<void(Request const&, int status)> function) {
        request_end = std::move(function);
        return *this;
    }
    /// The request has failed. What this one throws is swallowed.
    Trace& on_request_error(std::function<void(Request const&, std::exception_ptr)> function) {
        request_error = std::move(function);
        return *this;
    }

    std::function<void(Request const&)> request_start;
    std::function<void(Request const&)> connection_reused;
    std::function<void(Request const&)> connection_created;
    std::function<void(Request const&, int, std::string_view)> redirect;
    std::function<void(Request const&, int)> request_end;
    std::function<void(Request const&, std::exception_ptr)> request_error;
};

namespace detail {

/// Calls one of the functions of a trace, if it is set.
template <class Function, class... Args>
void tell(
    Function const& function,
    std::string_view method,
    std::string_view url,
    std::chrono::steady_clock::time_point start,
    Args const&... args) {
    if (function)
        function(Trace::Request{method, url, std::chrono::steady_clock::now() - start}, args...);
}

inline void tell_error(
    Trace const& trace,
    std::string_view method,
    std::string_view url,
    std::chrono::steady_clock::time_point start,
    std::exception_ptr const& error) noexcept {
    try {
        tell(trace.request_error, method, url, start, error);
    } catch (...) {  // NOLINT(bugprone-empty-catch): the request's own failure is what counts
    }
}

}  // namespace detail

}  // namespace syncopate::http
