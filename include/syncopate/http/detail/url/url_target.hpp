// char_classes, without_dot_segments(): what the parser of URLs has to know of paths and queries.
#pragma once

#include <syncopate/http/detail/url/percent_encoding.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace syncopate::inline v0_1::http::detail {

/// RFC 3986, section 5.2.4.
inline std::string without_dot_segments(std::string_view path) {
    std::string kept;
    // Each turn of the loop takes a slash and the segment behind it.
    while (!path.empty()) {
        auto const size = (std::min)(path.find('/', 1), path.size());
        auto const segment = path.substr(1, size - 1);
        bool const is_up = segment == "..";
        bool const is_dots = is_up || segment == ".";
        if (is_up)
            kept.erase((std::min)(kept.rfind('/'), kept.size()));
        if (!is_dots)
            kept += path.substr(0, size);
        else if (size == path.size())
            kept += '/';
        path.remove_prefix(size);
    }
    return kept;
}

/// The classes of characters that the parser distinguishes, a bit each. The classes of all characters of a part
/// tell which steps it needs: for most URLs, none but the checks.
namespace char_class {
enum : unsigned char {
    ends_authority = 1,
    at = 2,
    question_mark = 4,
    number_sign = 8,
    dot = 16,
    /// Has no place in a path or a query, or only at some positions.
    escape = 32,
};
}

inline constexpr auto char_classes = [] {
    std::array<unsigned char, 256> classes{};
    for (std::size_t i = 0; i < classes.size(); ++i)
        classes[i] = url_characters.contains(static_cast<char>(i)) ? 0 : char_class::escape;
    classes['/'] = char_class::ends_authority;
    classes['?'] = char_class::ends_authority | char_class::question_mark;
    classes['#'] = char_class::ends_authority | char_class::number_sign | char_class::escape;
    classes['@'] = char_class::at;
    classes['.'] = char_class::dot;
    return classes;
}();

}  // namespace syncopate::inline v0_1::http::detail
