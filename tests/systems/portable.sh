#!/usr/bin/env bash
# The tests on Linux as they would be elsewhere.
#
#   tests/systems/portable.sh                   all tests, with threads that sleep in the table instead of on the futex
#   tests/systems/portable.sh clang-tsan -L unit    so with another preset, or a part, which ctest is told
#   tests/systems/portable.sh posix             one program, as on some POSIX system: select(), the table, and no Linux
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

. cmake/prepare.sh
prepare build tests compiler
export SYNCOPATE_CLANG=${SYNCOPATE_CLANG:-clang++-19}

if [ "${1-}" = posix ]; then
    mkdir -p build/posix
    "${CXX:-$SYNCOPATE_CLANG}" -std=c++20 -pthread -Wall -Wextra -Werror -U__linux__ -U__linux -Ulinux -U__gnu_linux__ \
        -Iinclude tests/systems/core.cpp -o build/posix/core
    exec timeout 120 build/posix/core
fi

preset=${1:-clang}
folder=build/portable-$preset
[ $# -eq 0 ] || shift
cmake --preset "$preset" -B "$folder" -D CMAKE_CXX_FLAGS=-DSYNCOPATE_PORTABLE_WAIT \
    -D SYNCOPATE_TEST_HEADERS=OFF -D SYNCOPATE_BUILD_EXAMPLES=OFF > /dev/null
cmake --build "$folder" --parallel "$(nproc)"
ctest --test-dir "$folder" --parallel "$(nproc)" --output-on-failure --no-label-summary \
    -LE 'headers|docs|consume|reference' "$@"
