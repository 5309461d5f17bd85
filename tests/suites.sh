#!/usr/bin/env bash
# Tests that run, built in ways for which CI has no time, and what came of it in docs/results/suites.md.
#
#   tests/suites.sh                 says which ways there are
#   tests/suites.sh gcc portable    these; the others keep their results. Half an hour each, on two cores
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. cmake/prepare.sh

page=docs/results/suites.md
portable=-DSYNCOPATE_PORTABLE_WAIT
warnings="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror"

# What a way is, which tests of it, its preset, and what else CMake is told.
describe() {
    case $1 in
        gcc) # Processes and races CI has by GCC, optimised. Programs of 5 files take it longer.
            way=("GCC, not optimised" "unit model http" gcc-debug -D SYNCOPATE_TEST_GROUP=15)
            ;;
        portable)
            way=("Clang, threads sleep without a futex" "unit http process stress" clang
                -D SYNCOPATE_PRECOMPILE=ON -D "CMAKE_CXX_FLAGS=$warnings $portable")
            ;;
        portable-tsan)
            way=("Clang, ThreadSanitizer, threads sleep without a futex" "unit http process stress" clang-tsan
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

run_way() {
    local folder=build/suite-$name kinds
    read -ra kinds <<< "${way[1]}"
    cmake --preset "${way[2]}" -B "$folder" -D SYNCOPATE_BUILD_EXAMPLES=OFF -D SYNCOPATE_TEST_HEADERS=OFF "${way[@]:3}" > /dev/null \
        && cmake --build "$folder" --parallel "$(nproc)" --target "${kinds[@]/#/tests_}" \
        && ctest --test-dir "$folder" --parallel "$(nproc)" --output-on-failure --no-label-summary -L "^(${way[1]// /|})\$"
}

compiler_of() {
    "$(sed -n 's/^set(CMAKE_CXX_COMPILER "\(.*\)")/\1/p' "build/suite-$1"/CMakeFiles/*/CMakeCXXCompiler.cmake)" --version | head -n 1
}

write_row() { # write_row NAME CELL
    [ -e "$page" ] || cat > "$page" << END
# The suite, built in other ways

Written by \`tests/suites.sh\`: tests of these folders of \`tests/\`, in ways for which CI has no time. A row keeps its result,
with its date and version, until it is run again.

| | what | folders | compiler | version | on | result |
| --- | --- | --- | --- | --- | --- | --- |
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
    write_row "$name" "| $name | ${way[0]} | ${way[1]// /, } | $(compiler_of "$name") | $version | $(date -u +%Y-%m-%d) | $result |"
done
exit "$failed"
