// The functions of StatusError.
#pragma once

#include <syncopate/detail/separate.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/headers.hpp>
#include <syncopate/http/url.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace syncopate::inline v0_1::http {

SYNCOPATE_DECL StatusError::StatusError(
    int status,
    std::string_view reason,
    Headers headers,
    std::string url,
    std::optional<Seconds> retry_after)
    : std::system_error(status, error_category(), describe(status, reason, url)),
      response_(std::make_shared<Response const>(
          status, std::move(headers), std::move(url), retry_after)) {}

SYNCOPATE_DECL std::string StatusError::describe(
    int status, std::string_view reason, std::string_view url) {
    std::string text(detail::origin_of(url));
    text.append(": ").append(std::to_string(status)).append(" ").append(reason);
    return detail::without_controls(text);
}

}  // namespace syncopate::inline v0_1::http
