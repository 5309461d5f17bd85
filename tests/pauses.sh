#!/usr/bin/env bash
# Runs the tests of units and HTTP while their threads pause at random around what they ask of the system: each thread meets
# others that were quicker than ever, or slower. Writes docs/results/pauses.md; fails if a test does.
#
#   tests/pauses.sh        three rounds, some four minutes each
#   tests/pauses.sh 10     more of them
#
# A test that fails here has taken for granted who comes first, or the library has.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. cmake/prepare.sh
prepare build tests compiler http fiber process peers

rounds=${1:-3}
page=docs/results/pauses.md
build=build/dev
library=$PWD/build/pauses.so
compiler=$(command -v "${CXX:-$(newest_clang || echo g++)}")

# They do one thing some ten thousand times, which takes minutes with pauses, or count what is done in so many milliseconds.
left_out="need no stack|needs no stack|hands? items|just after its anext|while its context is being destroyed|share the turns of the host"

export CCACHE_SLOPPINESS=${CCACHE_SLOPPINESS:-pch_defines,time_macros}
cmake --preset dev -D CMAKE_CXX_COMPILER="$compiler" > /dev/null
cmake --build --preset dev --parallel "$(nproc)" --target tests_unit tests_http
"$compiler" -std=c++20 -O2 -Wall -Wextra -Werror -shared -fPIC -o "$library" tests/pauses/pauses.cpp

version=$(git describe --always --dirty)
failed=()
log=$(mktemp)
trap 'rm -f "$log"' EXIT
count=0
for ((round = 1; round <= rounds; ++round)); do
    # Short ones at every turn, and long ones now and then.
    ((round % 2)) && kind=(16 3000) || kind=(64 20000)
    echo "== Round $round: one in ${kind[0]}, up to ${kind[1]} microseconds"
    LD_PRELOAD=$library SYNCOPATE_PAUSES_SEED=$RANDOM SYNCOPATE_PAUSES_ONE_IN=${kind[0]} SYNCOPATE_PAUSES_MICROSECONDS=${kind[1]} \
        ctest --test-dir "$build" --parallel $((5 * $(nproc))) --timeout 300 --output-on-failure --no-label-summary \
        -L '^(unit|http)$' -E "$left_out" > "$log" 2>&1 || true
    count=$(sed -n 's/.* tests failed out of \([0-9]*\)/\1/p' "$log")
    [ -n "$count" ] || stop "$(tail -n 5 "$log")"
    grep -A 40 '\*\*\*' "$log" | grep -v ' Start \|   Passed  ' || true
    while IFS= read -r name; do
        failed+=("$name")
    done < <(sed -n '/The following tests FAILED/,$s/^[[:space:]]*[0-9]* - //p' "$log")
done

{
    cat << END
# The tests, with pauses at random

Written by \`tests/pauses.sh\`: the tests of units and HTTP, while their threads pause at random around what they ask of the
system, one time in 16 for up to 3 ms, or one in 64 for up to 20 ms. Left out are a few that do one thing ten thousand times.

$(date -u +%Y-%m-%d), version $version, $("$compiler" --version | head -n 1), $(nproc) processors: $rounds rounds of $count tests.
END
    if [ "${#failed[@]}" -eq 0 ]; then
        printf '\nNone failed.\n'
    else
        printf '\nFailed:\n\n'
        printf '%s\n' "${failed[@]}" | sort | uniq -c | sed 's/^ *\([0-9]*\) \(.*\)/- \1 times: \2/'
    fi
} > "$page"
tail -n +7 "$page"
[ "${#failed[@]}" -eq 0 ]
