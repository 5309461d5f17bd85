// in_form(): a header that is written carelessly, as RFC 9112 has it: lines that end in LF alone, odd lists.
#pragma once

#include <syncopate/http/detail/message/field_syntax.hpp>
#include <syncopate/http/detail/message/list_syntax.hpp>
#include <syncopate/http/headers.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace syncopate::inline v0_1::http::detail {

/// Whether an LF has no CR in front of it. The text begins where a line does.
inline bool has_bare_line_feed(std::string_view text) noexcept {
    for (auto at = text.find('\n'); at != text.npos; at = text.find('\n', at + 1))
        if (at == 0 || text[at - 1] != '\r')
            return true;
    return false;
}

/// Whether there is such an LF, or a CR without LF behind it. One at the end may still get it.
inline bool has_bare_line_end(std::string_view text) noexcept {
    for (auto at = text.find('\r'); at != text.npos; at = text.find('\r', at + 1))
        if (at + 1 < text.size() && text[at + 1] != '\n')
            return true;
    return has_bare_line_feed(text);
}

/// The size of a header up to its empty line and with it, wherever lines end in CRLF or LF; npos while it is incomplete.
inline std::size_t find_header_end(std::string_view text) noexcept {
    for (std::size_t line = 0; line < text.size();) {
        auto const rest = text.substr(line);
        if (rest.starts_with('\n'))
            return line + 1;
        if (rest.starts_with("\r\n"))
            return line + 2;
        line = text.find('\n', line);
        line = line == text.npos ? line : line + 1;
    }
    return text.npos;
}

/// Takes the first element of a list with commas or semicolons, and returns it trimmed.
constexpr std::string_view take_loose_element(std::string_view& list) noexcept {
    auto const end = (std::min)(list.find_first_of(",;"), list.size());
    auto const element = list.substr(0, end);
    list.remove_prefix((std::min)(end + 1, list.size()));
    return trimmed(element);
}

/// Whether the list has that element, and else empty ones only.
constexpr bool is_list_of(std::string_view list, std::string_view wanted) noexcept {
    bool is_found = false;
    while (!list.empty()) {
        auto const element = take_loose_element(list);
        if (element.empty())
            continue;
        if (is_found || !equals_ignoring_case(element, wanted))
            return false;
        is_found = true;
    }
    return is_found;
}

/// The tokens of a field Connection. What else stands there has no meaning for anybody.
inline std::string tokens_of(std::string_view list) {
    std::string tokens;
    while (!list.empty()) {
        auto const element = take_loose_element(list);
        if (is_token(element))
            tokens.append(tokens.empty() ? "" : ", ").append(element);
    }
    return tokens;
}

/// Each line with CRLF at its end, the status line with the space behind the status, and lists that decide nothing about
/// the end of the message as tokens. Nothing else is changed.
///
/// lines:         whole ones.
/// has_status:    the first of them is the status line.
inline std::string in_form(std::string_view lines, bool has_status) {
    constexpr auto status_size = std::string_view("HTTP/1.1 200").size();
    std::string text;
    for (bool is_status = has_status; !lines.empty(); is_status = false) {
        auto const end = (std::min)(lines.find('\n'), lines.size() - 1);
        auto line = lines.substr(0, end);
        lines.remove_prefix(end + 1);
        if (line.ends_with('\r'))
            line.remove_suffix(1);
        auto const name = line.substr(0, line.find(':'));
        bool const is_list = equals_ignoring_case(name, "Connection") ||
                             equals_ignoring_case(name, "Proxy-Connection");
        auto const end_of_line = text.size() + line.size();
        if (is_list && name.size() < line.size() && is_field_value(line))
            text.append(name).append(": ").append(tokens_of(line.substr(name.size() + 1)));
        else
            text.append(line).append(is_status && line.size() == status_size ? " " : "");
        // Beast remembers up to where there was no end of the header: that must not move to the front.
        text.resize((std::max)(text.size(), end_of_line), ' ');
        text.append("\r\n");
    }
    return text;
}

}  // namespace syncopate::inline v0_1::http::detail
