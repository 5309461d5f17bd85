// keep_alive_timeout(): how long a server promises to keep an idle connection.
#pragma once

#include <syncopate/http/detail/message/careless_header.hpp>
#include <syncopate/http/detail/url/number.hpp>
#include <syncopate/http/headers.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace syncopate::inline v0_1::http::detail {

/// The seconds of `Keep-Alive: timeout=N`; nothing if the server does not say. Text behind the number is
/// passed over, since servers write it: `timeout=5; max=100`.
inline std::optional<std::chrono::seconds> keep_alive_timeout(Headers const& headers) noexcept {
    constexpr std::string_view name = "timeout=";
    std::string_view parameters = headers["Keep-Alive"];
    while (!parameters.empty()) {
        auto parameter = take_loose_element(parameters);
        if (!equals_ignoring_case(parameter.substr(0, name.size()), name))
            continue;
        parameter.remove_prefix(name.size());
        if (auto const seconds = take_number<std::uint32_t>(parameter))
            return std::chrono::seconds(*seconds);
    }
    return std::nullopt;
}

}  // namespace syncopate::inline v0_1::http::detail
