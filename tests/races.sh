#!/usr/bin/env bash
# Every stress program with 100,000 iterations under ThreadSanitizer, and under AddressSanitizer with UBSan, and what came
# of it in docs/results/races.md. CI runs the same programs with 5,000 and 10,000. Takes an hour or two of one core.
#
#   tests/races.sh                    all of tests/stress
#   tests/races.sh fibers guests      these; nothing is written then
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. cmake/prepare.sh
prepare build tests http fiber process clang-19

iterations=${SYNCOPATE_STRESS_ITERATIONS:-100000}
patience=${SYNCOPATE_STRESS_SECONDS:-3600} # for one program
export SYNCOPATE_CLANG=clang++-19

programs=("$@")
if [ $# -eq 0 ]; then
    for source in tests/stress/*.cpp; do
        programs+=("$(basename "$source" .cpp)")
    done
fi

version=$(git describe --always --dirty)
failed=0
declare -A cells
for preset in clang-tsan clang-asan; do
    echo "== Building (build/$preset)"
    cmake --preset "$preset" -D SYNCOPATE_PRECOMPILE=ON > /dev/null
    cmake --build --preset "$preset" --parallel "${SYNCOPATE_JOBS:-$(nproc)}" --target "${programs[@]/#/stress_}"
    for program in "${programs[@]}"; do
        begin=$SECONDS status=0
        timeout -k 10 "$patience" "build/$preset/tests/stress_$program" "$iterations" \
            > "build/$preset/races-$program.txt" 2>&1 || status=$?
        if [ "$status" -eq 0 ]; then
            cells[$preset,$program]="$((SECONDS - begin)) s"
        else
            failed=1
            cells[$preset,$program]="**failed**, status $status"
            tail -n 100 "build/$preset/races-$program.txt" >&2
        fi
        echo "$preset $program: ${cells[$preset,$program]}"
    done
done
[ $# -eq 0 ] || exit "$failed"

mkdir -p docs/results
{
    cat << END
# Races, at length

Written by \`tests/races.sh\`: the programs of \`tests/stress\`, each with $iterations iterations under the sanitizers, which
must have nothing to report. Each program checks its own results as well. The times are those of a machine with other work.

$(date -u +%Y-%m-%d), version $version, $(clang++-19 --version | head -n 1), $(nproc) processors.

| program | ThreadSanitizer | AddressSanitizer and UBSan |
| --- | ---: | ---: |
END
    for program in "${programs[@]}"; do
        echo "| $program | ${cells[clang-tsan,$program]} | ${cells[clang-asan,$program]} |"
    done
} > docs/results/races.md
exit "$failed"
