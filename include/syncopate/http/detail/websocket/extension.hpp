// agreed_extension(): the compression that a server has agreed to, if its answer is one that it may give.
#pragma once

#include <syncopate/http/detail/message/list_syntax.hpp>
#include <syncopate/http/detail/url/number.hpp>
#include <syncopate/http/headers.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::http::detail {

/// Whether it is a parameter of permessage-deflate in a response: RFC 7692, 7.1.
inline bool is_deflate_parameter(std::string_view name, std::optional<std::string_view> value) {
    if (equals_ignoring_case(name, "server_no_context_takeover") ||
        equals_ignoring_case(name, "client_no_context_takeover"))
        return !value;
    if (!value || (!equals_ignoring_case(name, "server_max_window_bits") &&
                   !equals_ignoring_case(name, "client_max_window_bits")))
        return false;
    auto digits = *value;
    if (digits.size() >= 2 && digits.starts_with('"') && digits.ends_with('"'))
        digits = digits.substr(1, digits.size() - 2);
    auto const bits = whole_number<int>(digits);
    return bits && *bits >= 8 && *bits <= 15 && !digits.starts_with('0');
}

/// The one extension, permessage-deflate, in one form; empty if there is none. Nothing if there are others, or a
/// parameter that cannot be: RFC 6455, 4.1, has the client refuse such a server.
///
/// fields:    the values of Sec-WebSocket-Extensions.
inline std::optional<std::string> agreed_extension(std::vector<std::string_view> const& fields) {
    std::string agreed;
    for (std::string_view list : fields) {
        while (!list.empty()) {
            auto extension = take_element(list, ',');
            if (extension.empty())
                continue;
            auto const name = take_element(extension, ';');
            if (!agreed.empty() || !equals_ignoring_case(name, "permessage-deflate"))
                return std::nullopt;
            agreed = "permessage-deflate";
            std::vector<std::string> seen;
            while (!extension.empty()) {
                auto const parameter = take_element(extension, ';');
                auto const equals = parameter.find('=');
                std::string key(trimmed(parameter.substr(0, equals)));
                std::ranges::transform(key, key.begin(), to_lower);
                std::optional<std::string_view> value;
                if (equals != parameter.npos)
                    value = trimmed(parameter.substr(equals + 1));
                if (!is_deflate_parameter(key, value) || std::ranges::find(seen, key) != seen.end())
                    return std::nullopt;
                agreed.append("; ").append(parameter);
                seen.push_back(std::move(key));
            }
        }
    }
    return agreed;
}

}  // namespace syncopate::inline v0_1::http::detail
