// TraceReporter: calls the functions of a session's Trace for one request.
#pragma once

#include <syncopate/http/request.hpp>
#include <syncopate/http/trace.hpp>
#include <syncopate/http/url.hpp>

#include <chrono>
#include <exception>
#include <string_view>

namespace syncopate::inline v0_1::http::detail {

/// What a function of the trace throws comes out of the call, except from request_failed().
class TraceReporter {
public:
    using Clock = std::chrono::steady_clock;

    /// Starts the time of the request.
    explicit TraceReporter(Trace const& trace) noexcept : trace_(trace) {}

    Clock::time_point start() const noexcept { return start_; }

    /// Before the first report. Both outlive this, or the next call.
    void set_target(std::string_view method, Url const& url) noexcept {
        method_ = method;
        url_ = &url;
    }
    Url const& url() const noexcept { return *url_; }

    void request_started() const { report(trace_.request_start_); }
    void connection_reused() const { report(trace_.connection_reused_); }
    void connection_created() const { report(trace_.connection_created_); }
    void redirected(int status, std::string_view location) const {
        report(trace_.redirect_, status, location);
    }
    void request_ended(int status) const { report(trace_.request_end_, status); }
    void request_failed(std::exception_ptr const& error) const noexcept {
        try {
            report(trace_.request_error_, error);
        } catch (...) {  // NOLINT(bugprone-empty-catch): the request's own failure is what counts
        }
    }

private:
    template <class Function, class... Args>
    void report(Function const& function, Args const&... args) const {
        if (function)
            function(Trace::Request{method_, url_->text(), Clock::now() - start_}, args...);
    }

    Trace const& trace_;
    Clock::time_point const start_ = Clock::now();
    std::string_view method_;
    Url const* url_ = nullptr;
};

}  // namespace syncopate::inline v0_1::http::detail
