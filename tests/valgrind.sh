#!/usr/bin/env bash
# Runs the unit tests under valgrind, and writes docs/results/valgrind.md: Memcheck looks for memory that is used wrongly,
# and for leaks; Helgrind for locks that are taken in two orders, or used wrongly. Fails on what either of them reports.
#
#   tests/valgrind.sh                      all files of tests/unit; takes hours
#   tests/valgrind.sh gather task_group    these files only; writes no page
#
# Tests about time may fail under it, which is no matter: they take ten to fifty times as long. Valgrind's report counts.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. cmake/prepare.sh
prepare build tests valgrind

build=build/valgrind
patience=${SYNCOPATE_VALGRIND_SECONDS:-3600} # for one program

# GCC: what Clang writes for debuggers is too new for Debian's valgrind. Several files as one: less to compile, fewer starts.
cmake -S . -B "$build" -G Ninja -D CMAKE_CXX_COMPILER=g++ -D CMAKE_BUILD_TYPE=Valgrind \
    -D CMAKE_CXX_FLAGS_VALGRIND='-O1 -g1 -DNDEBUG' -D SYNCOPATE_TEST_RUNTIME_ONLY=ON -D SYNCOPATE_BUILD_EXAMPLES=OFF \
    -D SYNCOPATE_HTTP=OFF ${1:+-D SYNCOPATE_TEST_GROUP=1} > /dev/null
targets=(tests_unit)
[ $# -eq 0 ] || targets=("${@/#/unit_}")
cmake --build "$build" --parallel "${SYNCOPATE_JOBS:-$(nproc)}" --target "${targets[@]}"

programs=("$build"/tests/unit_*)
[ $# -eq 0 ] || programs=("${@/#/$build/tests/unit_}")

declare -A options=(
    [memcheck]="--leak-check=full --show-leak-kinds=definite,indirect --errors-for-leak-kinds=definite,indirect"
    [helgrind]="--history-level=approx"
)
rows=()
failed=0
examine() { # examine TOOL PROGRAM
    local name report=$build/$1-$(basename "$2").txt status=0 errors
    name=$(basename "$2")
    # shellcheck disable=SC2086
    timeout -k 10 "$patience" valgrind --tool="$1" ${options[$1]} --fair-sched=yes --num-callers=40 --child-silent-after-fork=yes \
        --suppressions=tests/valgrind.supp --log-file="$report" "$2" > "$report.tests" 2>&1 || status=$?
    errors=$(sed -n 's/.*ERROR SUMMARY: \([0-9,]*\) errors.*/\1/p' "$report" | tail -n 1)
    if [ "$errors" != 0 ]; then
        failed=1
        tail -n 50 "$report" >&2
    fi
    echo "$1 $name: ${errors:-no report, status $status}"
    rows+=("| $1 | $name | ${errors:-**no report**} |")
}

for tool in memcheck helgrind; do
    for program in "${programs[@]}"; do
        # It replaces operator new, as Memcheck does.
        [ -x "$program" ] && [ ! -d "$program" ] && [[ $program != *out_of_memory* ]] || continue
        examine "$tool" "$program"
    done
done

if [ $# -eq 0 ]; then
    mkdir -p docs/results
    {
        cat << END
# Under valgrind

Written by \`tests/valgrind.sh\`: what Memcheck and Helgrind report of the unit tests.

Memcheck sees what is read before it is written or after it was freed, and what is leaked. Helgrind is asked about locks
only. It knows mutexes and condition variables; what one thread hands to another by an atomic variable or a futex, it takes
for a race, as DRD does, since to valgrind these are plain instructions. So races are left to ThreadSanitizer, which knows
atomic variables and runs the same tests in CI, and to \`tests/model\`, which tries every interleaving of the lock-free
parts. Neither tool sees a race that happens only when two threads run at the same instant: valgrind runs one at a time.
Suppressions: \`tests/valgrind.supp\`.

$(date -u +%Y-%m-%d), $(valgrind --version), $(g++ --version | head -n 1).

| tool | program | errors |
| --- | --- | --- |
END
        printf '%s\n' "${rows[@]}"
    } > docs/results/valgrind.md
fi
exit "$failed"
