#!/usr/bin/env bash
# Sends the server as much as it can answer, for a second: check_load.sh <path of wrk> <path of example_25_threaded_server>
set -euo pipefail

coproc server { "$2" serve; }
exec {input}>&"${server[1]}" {output}<&"${server[0]}"
pid=$!
read -r port <&"$output"

result=$("$1" --threads 1 --connections 16 --duration 1s "http://127.0.0.1:$port/tea+milk")
exec {input}>&- {server[1]}>&-
status=0
wait "$pid" || status=$?

fail() {
    printf 'FAILED: %s\n%s\n' "$1" "$result" >&2
    exit 1
}
[ "$status" -eq 0 ] || fail "the server ended with status $status"
! grep -E 'Socket errors|Non-2xx' <<< "$result" || fail "not all were answered"
requests=$(sed -n 's/^ *\([0-9]*\) requests in .*/\1/p' <<< "$result")
[ "$requests" -ge 100 ] || fail "hardly any were answered"
echo "$requests requests"
