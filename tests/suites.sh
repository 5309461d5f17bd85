#!/usr/bin/env bash
# All tests that run, built in ways for which CI has no time, and what came of it in docs/results/suites.md.
#
#   tests/suites.sh                 says which ways there are
#   tests/suites.sh gcc portable    these; the others keep their results. Half an hour each, on two cores
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. cmake/prepare.sh

page=docs/results/suites.md
portable=-DSYNCOPATE_PORTABLE_WAIT
warnings="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror"

# What a way is, its preset, and what else CMake is told.
describe() {
    case $1 in
        gcc) way=("GCC, not optimised" gcc-debug -D SYNCOPATE_TEST_GROUP=15) ;; # one of 5 takes it longer
        portable) way=("Clang, threads sleep without a futex" clang -D "CMAKE_CXX_FLAGS=$warnings $portable") ;;
        portable-tsan)
            way=("Clang, ThreadSanitizer, threads sleep without a futex" clang-tsan
                -D SYNCOPATE_PRECOMPILE=ON -D "CMAKE_CXX_FLAGS=$warnings $portable")
            ;;
        *) stop "No way is called $1. There are: ${ways[*]}" ;;
    esac
}
ways=(gcc portable portable-tsan)

if [ $# -eq 0 ]; then
    for name in "${ways[@]}"; do
        describe "$name"
        echo "$name: ${way[0]}"
    done
    exit
fi
for name in "$@"; do
    describe "$name"
done
prepare build tests http fiber process peers clang-19
export SYNCOPATE_CLANG=clang++-19 CCACHE_SLOPPINESS=${CCACHE_SLOPPINESS:-pch_defines,time_macros}

# Stress programs and processes CI has by GCC, optimised.
run_way() {
    local folder=build/suite-$name kinds="unit model http process stress"
    [ "$name" != gcc ] || kinds="unit model http"
    cmake --preset "${way[1]}" -B "$folder" -D SYNCOPATE_BUILD_EXAMPLES=OFF -D SYNCOPATE_TEST_HEADERS=OFF "${way[@]:2}" > /dev/null \
        && cmake --build "$folder" --parallel "$(nproc)" --target $(printf 'tests_%s ' $kinds) \
        && ctest --test-dir "$folder" --parallel "$(nproc)" --output-on-failure --no-label-summary \
            -L "^(${kinds// /|})\$"
}

compiler_of() {
    "$(sed -n 's/^CMAKE_CXX_COMPILER:[A-Z]*=//p' "build/suite-$1/CMakeCache.txt")" --version | head -n 1
}

write_row() { # write_row NAME CELL
    [ -e "$page" ] || cat > "$page" << END
# The whole suite, built in other ways

Written by \`tests/suites.sh\`: all tests of \`tests/unit\`, \`tests/model\`, \`tests/http\`, \`tests/process\` and \`tests/stress\`, in ways
for which CI has no time; by GCC without the last two, which CI runs optimised. A row keeps its result, with its date and
version, until it is run again.

| | what | compiler | version | on | result |
| --- | --- | --- | --- | --- | --- |
END
    sed -i "/^| $1 |/d" "$page"
    echo "$2" >> "$page"
}

version=$(git describe --always --dirty)
failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for name in "$@"; do
    describe "$name"
    echo "== $name: ${way[0]}"
    if run_way 2>&1 | tee "$log"; then
        result=$(sed -n 's/.* tests failed out of \([0-9]*\)/all of \1 passed/p' "$log")
    else
        failed=1
        result="**failed**: $(grep -oE '[0-9]+ tests failed out of [0-9]+|[^ ]+: (fatal )?error: .*' "$log" | head -n 1 || echo 'see its output')"
    fi
    write_row "$name" "| $name | ${way[0]} | $(compiler_of "$name") | $version | $(date -u +%Y-%m-%d) | $result |"
done
exit "$failed"
