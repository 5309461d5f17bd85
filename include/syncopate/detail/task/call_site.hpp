// description(): a place in the source, in words.
#pragma once

#include <syncopate/detail/error/joined.hpp>

#include <source_location>
#include <string>
#include <string_view>

namespace syncopate::inline v0_1::detail {

/// Such as "file.cpp:12 in main()".
inline std::string description(std::source_location where) {
    std::string_view file = where.file_name();
    file.remove_prefix(file.rfind('/') + 1);
    return joined({file, ":", std::to_string(where.line()), " in ", where.function_name()});
}

}  // namespace syncopate::inline v0_1::detail
