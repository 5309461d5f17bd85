// in_form(): a header that is written carelessly, as RFC 9112 has it: lines that end in LF alone, odd lists and names.
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

enum class TransferCoding { none, chunked, other };

/// The coding that a field Transfer-Encoding names, whatever empty elements stand around it. "identity" in front of it is
/// none.
constexpr TransferCoding transfer_coding_of(std::string_view list) noexcept {
    bool const has_parameters = list.find(';') != list.npos;
    auto coding = TransferCoding::none;
    while (!list.empty()) {
        auto const element = take_loose_element(list);
        if (element.empty())
            continue;
        if (coding != TransferCoding::none)
            return TransferCoding::other;
        if (equals_ignoring_case(element, "chunked"))
            coding = TransferCoding::chunked;
        else if (has_parameters || !equals_ignoring_case(element, "identity"))
            return TransferCoding::other;
    }
    return coding;
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

/// The name with `_` for each space, and for a name of no bytes. Unchanged if another reader, for whom a name ends at a
/// space, could see in it where the message ends.
inline std::string name_in_form(std::string_view name) {
    std::string text(name.empty() ? "_" : name);
    for (auto rest = name; !rest.empty();) {
        auto const word = take_element(rest, ' ');
        bool const is_harmless = is_token(word) && !name.ends_with(' ') &&
                                 !equals_ignoring_case(word, "Content-Length") &&
                                 !equals_ignoring_case(word, "Transfer-Encoding");
        if (!is_harmless)
            return std::string(name);
    }
    std::ranges::replace(text, ' ', '_');
    return text;
}

/// The field with a name as a token, and with a list that decides nothing about the end of the message as tokens.
///
/// line: without its end. A line without a colon is no field, and is not changed.
inline std::string field_in_form(std::string_view line) {
    auto const name = line.substr(0, line.find(':'));
    if (name.size() == line.size())
        return std::string(line);
    auto const value = line.substr(name.size() + 1);
    auto text = name_in_form(name);
    if ((equals_ignoring_case(name, "Connection") ||
         equals_ignoring_case(name, "Proxy-Connection")) &&
        is_field_value(value))
        text.append(": ").append(tokens_of(value));
    else if (
        equals_ignoring_case(name, "Transfer-Encoding") &&
        transfer_coding_of(value) == TransferCoding::chunked)
        text.append(": chunked");
    else
        text.append(line.substr(name.size()));
    return text;
}

/// The line with the space behind the status, and a question mark for each control byte behind that. Not for NUL and CR,
/// at which a line ends for some.
inline std::string status_line_in_form(std::string_view line) {
    constexpr auto status_size = std::string_view("HTTP/1.1 200").size();
    std::string text(line);
    if (text.size() == status_size)
        text += ' ';
    for (std::size_t i = status_size; i < text.size(); ++i)
        if (text[i] != '\0' && text[i] != '\r' && !is_field_value({&text[i], 1}))
            text[i] = '?';
    return text;
}

/// Each line with CRLF at its end, and brought into form. Nothing else is changed.
///
/// lines:         whole ones.
/// has_status:    the first of them is the status line.
inline std::string in_form(std::string_view lines, bool has_status) {
    std::string text;
    for (bool is_status = has_status; !lines.empty(); is_status = false) {
        auto const end = (std::min)(lines.find('\n'), lines.size() - 1);
        auto line = lines.substr(0, end);
        lines.remove_prefix(end + 1);
        if (line.ends_with('\r'))
            line.remove_suffix(1);
        auto const end_of_line = text.size() + line.size();
        text += is_status ? status_line_in_form(line) : field_in_form(line);
        // Beast remembers up to where there was no end of the header: that must not move to the front.
        text.resize((std::max)(text.size(), end_of_line), ' ');
        text.append("\r\n");
    }
    return text;
}

}  // namespace syncopate::inline v0_1::http::detail
