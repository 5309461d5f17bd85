// joined(): one string of several pieces, for messages.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace syncopate::inline v0_1::detail {

/// Joins the pieces. A chain of + would make a string at each step, and code that destroys it. Every program contains
/// the texts of errors, and few ever need one; so this is cold, and with it the code that leads here.
[[gnu::cold, gnu::noinline]] inline std::string joined(
    std::initializer_list<std::string_view> pieces) {
    std::string text;
    for (auto const piece : pieces)
        text += piece;
    return text;
}

}  // namespace syncopate::inline v0_1::detail
