#!/usr/bin/env bash
# Runs the unit tests under valgrind, and writes docs/results/valgrind.md: Memcheck looks for memory that is used wrongly,
# and for leaks; Helgrind for locks that are taken in two orders, or used wrongly. Fails on what either of them reports.
#
#   tests/valgrind.sh                      all files of tests/unit; takes half an hour of one core
#   tests/valgrind.sh gather task_group    the programs with these files only; writes no page
#   tests/valgrind.sh --page               writes the page of what has been examined so far
#
# It takes the programs that tests/run.sh has compiled. What was examined once is not examined again: a run that was ended
# goes on where it was. Tests about time may fail under it, which is no matter: they take ten to fifty times as long.
# Valgrind's report counts.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. cmake/prepare.sh
prepare build tests compiler valgrind

build=build/valgrind
patience=${SYNCOPATE_VALGRIND_SECONDS:-3600} # for one program
processor=$(taskset -cp $$ | sed 's/.*[^0-9]//') # the last that there is
compiler=$(command -v "${CXX:-$(newest_clang || echo g++)}")

if [ "${1-}" != --page ]; then
    export CCACHE_SLOPPINESS=${CCACHE_SLOPPINESS:-pch_defines,time_macros}
    cmake --preset dev -D CMAKE_CXX_COMPILER="$compiler" > /dev/null
    targets=(tests_unit)
    [ $# -eq 0 ] || targets=("${@/#/unit_}")
    cmake --build --preset dev --parallel "${SYNCOPATE_JOBS:-$(nproc)}" --target "${targets[@]}"
    mkdir -p "$build"
    for program in build/dev/tests/unit_*; do
        [ -x "$program" ] && [ ! -d "$program" ] || continue
        # What Clang writes for debuggers is too new for Debian's valgrind. The functions have their names all the same.
        copy=$build/$(basename "$program")
        objcopy --strip-debug "$program" "$copy.new"
        cmp -s "$copy.new" "$copy" && rm "$copy.new" || mv "$copy.new" "$copy"
    done
fi

programs=("$build"/unit_*)
if [ $# -gt 0 ] && [ "$1" != --page ]; then
    programs=()
    for file in "$@"; do
        # The group that the file is compiled with.
        group=$(grep -lE "in_$file " build/dev/tests/unit_group_*.cpp || echo "unit_$file.cpp")
        programs+=("$build/$(basename "$group" .cpp)")
    done
fi

declare -A options=(
    [memcheck]="--leak-check=full --show-leak-kinds=definite,indirect --errors-for-leak-kinds=definite,indirect"
    [helgrind]="--history-level=approx"
)
rows=()
failed=0
examine() { # examine TOOL PROGRAM
    local name report=$build/$1-$(basename "$2").txt status=0 errors
    name=$(basename "$2")
    if [ ! -e "$report" ] || [ "$2" -nt "$report" ] || ! grep -q 'ERROR SUMMARY' "$report"; then
        [ "${only_page-}" != yes ] || return 0
        # Valgrind runs one thread at a time: who spins for another only keeps it waiting. On one processor nobody spins.
        # shellcheck disable=SC2086
        timeout -k 10 "$patience" taskset -c "$processor" valgrind --tool="$1" ${options[$1]} --fair-sched=yes --num-callers=40 --child-silent-after-fork=yes \
            --suppressions=tests/valgrind.supp --log-file="$report" "$2" > "$report.tests" 2>&1 || status=$?
    fi
    errors=$(sed -n 's/.*ERROR SUMMARY: \([0-9,]*\) errors.*/\1/p' "$report" | tail -n 1)
    if [ "$errors" != 0 ]; then
        failed=1
        tail -n 50 "$report" >&2
    fi
    echo "$1 $name: ${errors:-no report, status $status}"
    rows+=("| $1 | $name | $(tests_of "$report.tests") | ${errors:-**no report**} |")
}

# How many test cases there were.
tests_of() { # tests_of OUTPUT
    sed -nE 's/^All tests passed .* in ([0-9]+) test cases?\).*/\1/p; s/^test cases: *([0-9]+).*/\1/p' "$1" | tail -n 1
}

[ "${1-}" != --page ] || only_page=yes
left=0
for tool in memcheck helgrind; do
    for program in "${programs[@]}"; do
        # It replaces operator new, as Memcheck does.
        [ -x "$program" ] && [[ $program != *out_of_memory* ]] || continue
        before=${#rows[@]}
        examine "$tool" "$program"
        [ "${#rows[@]}" -gt "$before" ] || left=$((left + 1))
    done
done

if [ $# -eq 0 ] || [ "${only_page-}" = yes ]; then
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

$(date -u +%Y-%m-%d), version $(git describe --always), $(valgrind --version), $("$compiler" --version | head -n 1), not optimised. A program is that of several files.

| tool | program | tests | errors |
| --- | --- | --- | --- |
END
        printf '%s\n' "${rows[@]}"
        [ "$left" -eq 0 ] || printf '\nNot examined yet: %s of %s.\n' "$left" "$((left + ${#rows[@]}))"
    } > docs/results/valgrind.md
fi
exit "$failed"
