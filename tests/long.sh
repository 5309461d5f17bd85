#!/usr/bin/env bash
# Everything at random, for long: stress_everything with 10,000,000 operations, and what came of it in
# docs/results/long-run.md. Takes an hour or more.
#
#   tests/long.sh                      10,000,000 operations, optimised
#   tests/long.sh 200000 clang-tsan    so many, with another preset; nothing is written then
#   tests/long.sh 1000 release SEED    the round with that seed once more
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. cmake/prepare.sh
prepare build tests

operations=${1:-10000000} preset=${2:-release}
export SYNCOPATE_CLANG=${SYNCOPATE_CLANG:-clang++-19}

echo "== Building (build/$preset)"
cmake --preset "$preset" > /dev/null
cmake --build --preset "$preset" --target stress_everything

echo "== Running"
said=build/$preset/long-run.txt
version=$(git describe --always --dirty)
begin=$SECONDS
status=0
"build/$preset/tests/stress_everything" "$operations" "${@:3}" 2>&1 | tee "$said" || status=$?
took=$((SECONDS - begin))
[ $# -eq 0 ] || exit "$status"

outcome=$([ "$status" -eq 0 ] && echo "Each result was right, and nothing was left." || echo "FAILED, with status $status.")
mkdir -p docs/results
cat > docs/results/long-run.md << END
# The long run

Written by \`tests/long.sh\`: \`stress_everything\`, the program of \`tests/stress/everything.cpp\`, which calls, cancels,
closes, forks, offloads, reads and enters at random from several threads, and checks each result.

| | |
| --- | --- |
| date | $(date -u +%Y-%m-%d) |
| version | $version |
| compiler | $(g++ --version | head -n 1) |
| processors | $(nproc) |
| operations | $operations |
| seed | $(sed -n 's/.*seed \([0-9]*\)$/\1/p' "$said" | head -n 1) |
| time | $((took / 60)) min $((took % 60)) s |

$outcome
END
echo "== docs/results/long-run.md: $outcome"
exit "$status"
