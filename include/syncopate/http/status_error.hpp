// StatusError: what raise_for_status() throws for an error status.
#pragma once

#include <syncopate/http/error.hpp>
#include <syncopate/http/headers.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace syncopate::inline v0_1::http {

/// Thrown by raise_for_status() and Client::download(). Its code compares equal to Errc::error_status, and has the
/// status as its value; `what()` names the server, the status and the reason.
///
/// ```cpp
/// try {
///     use(client.get(url).raise_for_status().text());
/// } catch (http::StatusError const& error) {
///     if (error.status() == 503 && error.retry_after())
///         try_again_in(*error.retry_after());
/// }
/// ```
///
/// Copies share what they tell. It needs neither client nor loop.
class [[gnu::visibility("default")]] StatusError : public std::system_error {
public:
    /// The type of the time that a server asks to wait.
    using Seconds = std::chrono::seconds;

    /// Tells of a response.
    ///
    /// status, reason, headers, url, retry_after: as the members of Response give them.
    StatusError(
        int status,
        std::string_view reason,
        Headers headers,
        std::string url,
        std::optional<Seconds> retry_after);

    // No moves: what was moved from would have nothing left to tell.
    StatusError(StatusError const&) = default;
    StatusError& operator=(StatusError const&) = default;
    ~StatusError() override = default;

    /// Gives the status, 400 or above.
    int status() const noexcept { return response_->status; }
    /// Gives the fields of the response's header.
    Headers const& headers() const noexcept { return response_->headers; }
    /// Gives the URL of the request that was answered, after redirects, without a user's name and password.
    std::string const& url() const noexcept { return response_->url; }
    /// Gives the time that the server asks to wait before the request is sent again; nothing if it does not say.
    std::optional<Seconds> retry_after() const noexcept { return response_->retry_after; }

private:
    struct Response {
        Response(
            int its_status,
            Headers its_headers,
            std::string its_url,
            std::optional<Seconds> its_retry_after)
            : status(its_status), headers(std::move(its_headers)), url(std::move(its_url)),
              retry_after(its_retry_after) {}

        int status;
        Headers headers;
        std::string url;
        std::optional<Seconds> retry_after;
    };

    static std::string describe(int status, std::string_view reason, std::string_view url);

    std::shared_ptr<Response const> response_;  // copying must not throw
};

}  // namespace syncopate::inline v0_1::http

#ifndef SYNCOPATE_SEPARATE_COMPILATION
#include <syncopate/http/impl/status_error.ipp>
#endif
