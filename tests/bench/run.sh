#!/usr/bin/env bash
# Installs what is missing, builds the benchmarks, runs them beside their peers, and renders the results.
#
#   tests/bench/run.sh             into build/bench/results.json, .md and .svg; some 10 minutes
#   tests/bench/run.sh --publish   also into README.md and docs/speed.svg
#   tests/bench/run.sh --quick     each once and briefly, to see that all of them work
#
# Nothing else should run on the machine meanwhile.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

. cmake/prepare.sh
prepare build bench

repetitions=7 min_time=0.05 publish=()
case ${1-} in
    --quick)
        repetitions=1 min_time=0.001
        export SYNCOPATE_BENCH_LONG=16777216
        ;;
    --publish) publish=(--publish) ;;
    "") ;;
    *) stop "usage: tests/bench/run.sh [--quick | --publish]" ;;
esac

export CMAKE_GENERATOR=${CMAKE_GENERATOR:-Ninja}
echo "== Building (build/bench)"
cmake --preset bench > /dev/null
cmake --build --preset bench --parallel "$(nproc)"

results=build/bench/results
mkdir -p "$results"
for subject in call callers stream tasks structured offload http; do
    echo "== Running: $subject"
    server=()
    [ "$subject" != http ] || server=(python3 tests/bench/with_nginx.py)
    # Of one subject, all peers in one process, in random order: a slow minute meets all of them.
    "${server[@]}" "build/bench/tests/bench/bench_$subject" \
        --benchmark_repetitions="$repetitions" --benchmark_min_time="$min_time" \
        --benchmark_enable_random_interleaving=true \
        --benchmark_out="$results/$subject.json" --benchmark_out_format=json > /dev/null 2> "$results/$subject.log" \
        || stop "$(cat "$results/$subject.log")"
done
echo "== Running: the Python peers"
python3 tests/bench/python_peers.py "$repetitions" > "$results/python.json"

python3 tests/bench/render.py "${publish[@]}" "$results"
