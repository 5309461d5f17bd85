// Catch2, in whichever of its two shapes is installed.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>

#include <string>

// The name that Catch2 3 has for it.
namespace Catch::Matchers {

inline auto ContainsSubstring(std::string const& part) {
    return Contains(part);
}

}  // namespace Catch::Matchers
#endif
