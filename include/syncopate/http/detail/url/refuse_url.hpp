// refuse_url(), redacted_url(): a URL in the message of an error.
#pragma once

#include <syncopate/http/error.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace syncopate::inline v0_1::http::detail {

/// The URL for an error message: on one line, 100 characters at most, and without anything that may be a
/// password.
inline std::string redacted_url(std::string_view text) {
    constexpr std::size_t longest = 100;
    std::string shown;
    // A password with a slash or a number sign in it makes the authority seem to end early. So everything up to
    // the last "@" is left out.
    if (auto const at = text.rfind('@'); at != text.npos) {
        shown = "***";
        text.remove_prefix(at);
    }
    for (char const each : text.substr(0, longest))
        shown += each >= ' ' && each <= '~' ? each : '?';
    if (text.size() > longest)
        shown += "...";
    return shown;
}

[[noreturn]] inline void refuse_url(std::string_view text, std::string const& reason) {
    throw_error(Errc::invalid_url, '"' + redacted_url(text) + "\": " + reason);
}

}  // namespace syncopate::inline v0_1::http::detail
