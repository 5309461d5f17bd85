#!/usr/bin/env bash
# Installs what is missing, builds the tests and runs all that are about the library. (What is about its sources, pages,
# examples and package: tests/project.sh.) Arguments go to ctest, and what they leave out is not
# built:
#   tests/run.sh -L unit               only the unit tests
#   tests/run.sh -R "A stop request"   only the tests whose names match
#   CXX=g++ tests/run.sh               with that compiler; otherwise the newest Clang, or else GCC
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. cmake/prepare.sh
prepare build tests compiler examples http fiber process peers

# Without it ccache, where that is installed, keeps nothing for which headers were parsed before.
export CCACHE_SLOPPINESS=${CCACHE_SLOPPINESS:-pch_defines,time_macros}
jobs=$(nproc)
project='^(headers|macros|compile_fail|consume|docs|example)$'

# The targets that "-L LABEL" or "-R NAME" needs, or all tests, one a line; nothing where that is not known.
targets_for() {
    if [ $# -eq 0 ]; then
        printf 'tests_%s\n' unit model http process stress
    elif [ $# -ne 2 ]; then
        return
    elif [ "$1" = -L ] && [[ $2 =~ ^(unit|model|http|process|stress)$ ]]; then
        echo "tests_$2"
    elif [ "$1" = -L ] && [ "$2" = example ]; then
        echo examples
    elif [ "$1" = -L ] && [[ $2 =~ ^(headers|macros|layers|compile_fail|consume|reference)$ ]]; then
        echo syncopate_test_support # They run no program of the build's.
    elif [ "$1" = -R ] && ! ctest --preset dev -N -R "$2" | grep -E ': (example |demo |docs:|macros:)' > /dev/null; then
        programs_that_say "$2"
    fi
}

# A test's name stands in its file, unless the name says in which file it is.
programs_that_say() {
    local source
    for source in tests/{unit,model,http,process,stress}/*.cpp; do
        if grep -qE -e "$1" <(basename "$source" .cpp; grep -A 2 "TEST_CASE(" "$source"); then
            source=${source#tests/}
            source=${source%.cpp}
            echo "${source/\//_}"
        fi
    done
}

compiler=$(command -v "${CXX:-$(newest_clang || echo g++)}") \
    || stop "CXX has to name one program, without arguments, and is: $CXX"
fresh=()
grep -qs "^CMAKE_CXX_COMPILER:.*=$compiler\$" build/dev/CMakeCache.txt || fresh=(--fresh)
echo "== Configuring (build/dev), with $compiler"
cmake --preset dev "${fresh[@]}" -D CMAKE_CXX_COMPILER="$compiler" > /dev/null

mapfile -t targets < <(targets_for "$@")
echo "== Building, $jobs at a time: ${targets[*]:-everything}"
cmake --build --preset dev --parallel "$jobs" ${targets:+--target "${targets[@]}"}

echo "== Running the tests"
[ $# -gt 0 ] || set -- -LE "$project"
ctest --preset dev --parallel "$jobs" --no-label-summary "$@"
