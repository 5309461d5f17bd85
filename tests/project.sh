#!/usr/bin/env bash
# Whether the project is in order, which users have no need to ask: each header compiles alone, and beside other people's
# macros; what must not compile does not; the pages' programs print what they say; the package can be consumed. Each of
# these tests compiles something by itself. Works in the build directory of tests/run.sh, and needs nothing built there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. cmake/prepare.sh
prepare build tests compiler examples http peers packages

compiler=$(command -v "${CXX:-$(newest_clang || echo g++)}")
cmake --preset dev -D CMAKE_CXX_COMPILER="$compiler" -D SYNCOPATE_TEST_HEADERS=ON -D SYNCOPATE_TEST_DETAIL_HEADERS=ON > /dev/null
ctest --preset dev --parallel "$(nproc)" --no-label-summary -L '^(headers|macros|compile_fail|consume|docs)$'
