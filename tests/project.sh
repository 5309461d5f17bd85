#!/usr/bin/env bash
# Whether the project is in order, which users have no need to ask: each public header compiles alone, and beside other
# people's macros; what must not compile does not; the examples and the pages' programs print what they say; the package can
# be consumed. Most of these tests compile something by themselves. Works in the build directory of tests/run.sh, and needs
# nothing built there. (The headers of detail/ take as long as all of that: tests/detail_headers.sh.)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. cmake/prepare.sh
prepare build tests compiler examples http fiber process peers packages

compiler=$(command -v "${CXX:-$(newest_clang || echo g++)}")
cmake --preset dev -D CMAKE_CXX_COMPILER="$compiler" -D SYNCOPATE_TEST_HEADERS=ON -D SYNCOPATE_TEST_DETAIL_HEADERS=OFF > /dev/null
cmake --build --preset dev --parallel "$(nproc)" --target examples
ctest --preset dev --parallel "$(nproc)" --no-label-summary -L '^(headers|macros|compile_fail|consume|docs|example)$'
