// joined(): one string of several pieces, for messages.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace syncopate::inline v0_1::detail {

/// The pieces, one behind the other. A chain of + makes a string at each step, and code that destroys it: every program has
/// the texts of errors, few see one. Cold for the same reason, and with it the code that leads here.
[[gnu::cold, gnu::noinline]] inline std::string joined(
    std::initializer_list<std::string_view> pieces) {
    std::string text;
    for (auto const piece : pieces)
        text += piece;
    return text;
}

}  // namespace syncopate::inline v0_1::detail
