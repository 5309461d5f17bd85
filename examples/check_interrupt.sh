#!/usr/bin/env bash
# Presses Ctrl-C while the example runs: check_interrupt.sh <path of example_16_interrupt>
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

fail() {
    echo "FAILED: $1" >&2
    cat "$dir/out" "$dir/err" >&2
    exit 1
}

"$1" 100000 > "$dir/out" 2> "$dir/err" &
until grep -q loaded "$dir/err"; do
    kill -0 $! || fail "it has ended by itself"
    sleep 0.01
done
kill -INT $!
status=0
wait $! || status=$?

[ "$status" -eq 130 ] || fail "it ended with status $status"
[ "$(cat "$dir/out")" = "removed what was half loaded" ] || fail "the task has not cleaned up"
[ "$(tail -n 1 "$dir/err")" = "interrupted" ] || fail "it does not say that it was interrupted"
