// ChunkLine: the line in front of a chunk, with spaces or an odd extension behind the size, which Beast refuses.
#pragma once

#include <syncopate/http/detail/message/field_syntax.hpp>
#include <syncopate/http/detail/message/list_syntax.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace syncopate::inline v0_1::http::detail {

/// Views into the input in which it was found.
struct ChunkLine {
    std::string_view digits;     // of the chunk's size
    std::string_view extension;  // all else before the line end

    std::size_t size() const noexcept { return digits.size() + extension.size(); }
    bool is_last() const noexcept { return digits.find_first_not_of('0') == digits.npos; }
};

/// The first line of the input, behind the line end of the chunk before; nullopt while it is incomplete.
inline std::optional<ChunkLine> find_chunk_line(std::string_view input) noexcept {
    constexpr std::string_view line_end = "\r\n";
    if (input.starts_with(line_end))
        input.remove_prefix(line_end.size());
    auto const end = input.find(line_end);
    if (end == input.npos)
        return std::nullopt;
    auto const line = input.substr(0, end);
    auto const digits = line.substr(0, line.find_first_not_of("0123456789abcdefABCDEF"));
    return ChunkLine{digits, line.substr(digits.size())};
}

/// The beginning of the input that is no chunk's data, if the input begins with a chunk's line or the line end before
/// it: that line, and behind the last chunk's the trailers.
inline std::string_view chunk_framing(std::string_view input) noexcept {
    constexpr std::string_view line_end = "\r\n";
    auto const begin = input.starts_with(line_end) ? line_end.size() : 0;
    auto const line = find_chunk_line(input);
    if (!line)
        return input.substr(0, begin + input.substr(begin).find_first_of('\n', 0) + 1);
    auto const end = begin + line->size() + line_end.size();
    if (!line->is_last())
        return input.substr(0, end);
    auto const trailers_end = input.find("\r\n\r\n", end - line_end.size());
    return input.substr(0, trailers_end == input.npos ? input.npos : trailers_end + 4);
}

inline bool are_quotes_closed(std::string_view text) noexcept {
    bool is_quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '"')
            is_quoted = !is_quoted;
        else if (is_quoted && text[i] == '\\')
            ++i;
    }
    return !is_quoted;
}

/// Whether nobody can take a part of it for the end of the line, or for a part of the size.
inline bool is_harmless_extension(std::string_view text) noexcept {
    auto const name = trimmed(text);
    return (name.empty() || name.front() == ';') && is_field_value(text) && are_quotes_closed(text);
}

/// The input up to the end of the line, and up to that of the trailers if the chunk is the last: Beast parses them
/// together. Zeros in front of the size replace the extension: Beast remembers where the line ends.
///
/// line: from find_chunk_line(input).
inline std::string without_extension(std::string_view input, ChunkLine const& line) {
    constexpr std::string_view line_end = "\r\n";
    auto const begin = static_cast<std::size_t>(line.digits.data() - input.data());
    auto const end = begin + line.size();
    auto const trailers_end = line.is_last() ? input.find("\r\n\r\n", end) : input.npos;
    std::string text(
        input.substr(0, trailers_end != input.npos ? trailers_end + 4 : end + line_end.size()));
    text.replace(begin, line.size(), std::string(line.extension.size(), '0').append(line.digits));
    return text;
}

}  // namespace syncopate::inline v0_1::http::detail
