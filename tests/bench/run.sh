#!/usr/bin/env bash
# Installs what is missing, builds the benchmarks, runs them beside their peers, and renders the results.
#
#   tests/bench/run.sh             into build/bench/results.json, .md and .svg; some 12 minutes
#   tests/bench/run.sh --publish   also into docs/costs.md, docs/speed.svg and docs/results/process-pool.md
#   tests/bench/run.sh --quick     each once and briefly, to see that all of them work
#
# Nothing else should run on the machine meanwhile.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

. cmake/prepare.sh
prepare build fiber process bench

repetitions=7 min_time=0.05 processes=3 busy=10 publish=() page=build/bench/process-pool.md
case ${1-} in
    --quick)
        repetitions=1 min_time=0.001 processes=1 busy=1
        export SYNCOPATE_BENCH_LONG=16777216 SYNCOPATE_BENCH_TASKS=20000 SYNCOPATE_BENCH_RUNNERS=50
        ;;
    --publish) publish=(--publish) page=docs/results/process-pool.md ;;
    "") ;;
    *) stop "usage: tests/bench/run.sh [--quick | --publish]" ;;
esac

echo "== Building (build/bench)"
cmake --preset bench > /dev/null
cmake --build --preset bench --parallel "$(nproc)"

results=build/bench/results
rm -rf "$results"
mkdir -p "$results"

# run SUBJECT FILTER NAME: all peers in one process, in random order, so that a slow minute meets all of them.
run() {
    local server=()
    [ "$1" != http ] || server=(python3 tests/bench/with_nginx.py)
    "${server[@]}" "build/bench/tests/bench/bench_$1" --benchmark_filter="$2" \
        --benchmark_repetitions="$repetitions" --benchmark_min_time="$min_time" \
        --benchmark_enable_random_interleaving=true \
        --benchmark_out="$results/$3.json" --benchmark_out_format=json > /dev/null 2> "$results/$3.log" \
        || stop "$(cat "$results/$3.log")"
}

for subject in call variants callers busy_io stream tasks structured offload channel guest; do
    echo "== Running: $subject"
    run "$subject" -busy_call "$subject"
done
echo "== Running: call, with all cores busy"
repetitions=$busy run call busy_call busy_call
echo "== Running: http"
run http -in_rounds http
# Here clients are close to each other, and how a process happens to lie in memory counts.
for ((process = 1; process <= processes; ++process)); do
    run http in_rounds "http_in_rounds_$process"
done
echo "== Running: the Python peers"
python3 tests/bench/python_peers.py "$repetitions" > "$results/python.json"
echo "== Running: ProcessPool beside Python's"
python3 tests/bench/process_pool.py build/bench/tests/bench/bench_process_pool "$repetitions" "$page"

python3 tests/bench/render.py "${publish[@]}" "$results"
