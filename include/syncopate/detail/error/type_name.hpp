// type_name(): a type as the compiler spells it.
#pragma once

#include <string_view>

namespace syncopate::inline v0_1::detail {

/// Without type information at run time, which a program may have switched off.
template <class Named>
constexpr std::string_view type_name() noexcept {
#if defined(__GNUC__) || defined(__clang__)
    constexpr std::string_view function = __PRETTY_FUNCTION__;
    constexpr auto begin = function.find("Named = ") + 8;
    constexpr auto semicolon = function.find(';', begin);
    return function.substr(
        begin, (semicolon == function.npos ? function.rfind(']') : semicolon) - begin);
#else
    return "of another library";
#endif
}

}  // namespace syncopate::inline v0_1::detail
