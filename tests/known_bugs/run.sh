#!/usr/bin/env bash
# Puts bugs back that there have been, one at a time, and sees that the test notices which is there for it.
#
#   tests/known_bugs/run.sh                     all of them; writes docs/results/known-bugs.md
#   tests/known_bugs/run.sh no_withdrawal ...   these only, by the names of their patches; writes no page
#   tests/known_bugs/run.sh --check             only whether each patch still applies
#
# A patch says in its first lines what the bug did, and which test fails when it is back:
#
#   Bug: a task that has not begun is not withdrawn
#   Test: A task whose time is up before it has begun is withdrawn (runner_base_cancellation)
#
# The test has ctest's name, without the number of the loop. That it passes without the bug is for tests/run.sh to see. A
# patch that does not apply or does not compile is a failure, too: who changes the line that it changes mends the patch,
# and who makes the bug impossible takes it away. What was tried with the same sources is not tried again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

here=tests/known_bugs
scratch=build/known_bugs
page=docs/results/known-bugs.md
version=$(git describe --always --dirty)
# A bug that hangs takes as long.
patience=${SYNCOPATE_BUG_SECONDS:-30}

field() { # field NAME PATCH
    sed -n "s/^$1: //p;/^diff /q" "$2"
}

check() {
    local patch failed=0
    for patch in "$here"/*.patch; do
        if [ -z "$(field Bug "$patch")" ] || [ -z "$(field Test "$patch")" ]; then
            echo "$patch does not say what the bug is, and which test finds it" >&2
            failed=1
        fi
        git apply --check "$patch" || failed=1
    done
    return "$failed"
}

# The program of a test, by the file that its name ends with; nothing if it is a test that compiles.
target_of() {
    case $1 in
        "plugin: two versions"*) echo syncopate_test_versions_host ;;
        "plugin: "*) echo syncopate_test_host ;;
        "macros: "* | "headers: "*) ;;
        "process: "* | "stress: "*) echo "${1/: /_}" ;;
        *"(http "*) sed -E 's/.*\(http (.*)\)$/http_\1/' <<< "$1" ;;
        *) sed -E 's/.*\((.*)\)$/unit_\1/' <<< "$1" ;;
    esac
}

# The sources as they are here, in a place where a bug does no harm.
copy_tree() {
    rm -rf "$scratch/tree"
    mkdir -p "$scratch/tree"
    git ls-files -z --cached --others --exclude-standard \
        | while IFS= read -r -d '' file; do [ ! -f "$file" ] || printf '%s\0' "$file"; done \
        | xargs -0 cp --parents --preserve=timestamps -t "$scratch/tree"
}

# Clang parses the headers of others once, without those of http, which need libraries.
parse_foreign_headers() {
    [[ $("$compiler" --version) == *clang* ]] || return 0
    local header=$scratch/foreign.hpp
    find include -name http -prune -o -name '*.hpp' ! -name 'http*' -exec sed -n 's/SYNCOPATE_ASIO(\(.*\))/<boost\/asio\/\1>/; /^#include <\(syncopate\|libpsl\)/!{/^#include </p}' {} + | sort -u > "$header"
    "$compiler" -std=c++20 -x c++-header -Xclang -fno-pch-timestamp "$header" -o "$header.pch" > "$log" 2>&1 \
        || return 0
    flags=(-std=c++20 -include-pch "$PWD/$header.pch")
}

# Once something has to be compiled.
configure() {
    is_configured=yes
    flags=()
    parse_foreign_headers
    cmake -S "$scratch/tree" -B "$scratch/build" -G Ninja -D CMAKE_CXX_COMPILER="$compiler" \
        -D CMAKE_BUILD_TYPE=Debug -D CMAKE_CXX_FLAGS_DEBUG=-O0 -D CMAKE_CXX_FLAGS="${flags[*]}" -D CMAKE_CXX_EXTENSIONS=OFF \
        -D SYNCOPATE_TEST_GROUP=1 -D SYNCOPATE_TEST_HEADERS=OFF -D SYNCOPATE_BUILD_EXAMPLES=OFF > "$log"
}

build() { # build TARGET
    [ -n "${is_configured-}" ] || configure
    [ -z "$1" ] || cmake --build "$scratch/build" --parallel 1 --target "$1" > "$log" 2>&1
}

# Behind the name of a test case for several loops comes the loop's.
run_program() { # run_program TEST
    local target name programs=$scratch/build/tests
    target=$(target_of "$1")
    case $1 in
        "macros: "* | "headers: "* | "plugin: "*)
            ctest --test-dir "$scratch/build" -R "^$1\$" --no-tests=error --output-on-failure
            ;;
        "process: "*) timeout -k 1 "$patience" "$programs/$target" ;;
        "stress: "*) timeout -k 1 "$patience" "$programs/$target" 5000 ;;
        *)
            name=$(sed -E 's/ \([^()]*\)$//; s/[][\\,"]/\\&/g' <<< "$1")
            timeout -k 1 "$patience" "$programs/$target" --abort --warn NoTests "$name*"
            ;;
    esac
}

# Says how the test ends. Returns 0 if it passes, 1 if it fails, 2 if it is not to be had.
run() { # run TEST
    local status=0
    run_program "$1" > "$log" 2>&1 || status=$?
    if [ "$status" -eq 77 ] || grep -qE 'No test(s were found| cases matched)' "$log"; then
        echo "did not run"
        return 2
    fi
    case $status in
        0) echo "passes" && return 0 ;;
        124 | 137) echo "hangs" ;;
        134) echo "ends the process" ;;
        139) echo "crashes" ;;
        *) echo "fails" ;;
    esac
    return 1
}

failures=0
failed() { # failed PATCH WHY
    echo "FAILED: $1: $2" >&2
    tail -n 30 "$log" >&2
    failures=$((failures + 1))
    rows+=("| $(field Bug "$1") | $(field Test "$1") | **not caught: $2** |")
}

try() { # try PATCH
    local how status=0
    local known
    known=$scratch/results/$sources-$(sha1sum < "$1" | cut -c 1-12)
    if [ -e "$known" ]; then
        rows+=("$(cat "$known")")
        return
    fi
    if ! git apply --check "$1" 2> "$log"; then
        failed "$1" "the patch does not apply"
        return
    fi
    git apply --directory="$scratch/tree" "$1"
    if build "$(target_of "$(field Test "$1")")"; then
        how=$(run "$(field Test "$1")") || status=$?
    else
        how="does not compile with it"
    fi
    git apply -R --directory="$scratch/tree" "$1"
    if [ "$status" -ne 1 ]; then
        failed "$1" "the test $how"
        return
    fi
    echo "caught: $(basename "$1" .patch): the test $how"
    rows+=("| $(field Bug "$1") | $(field Test "$1") | $how |")
    printf '%s\n' "${rows[-1]}" > "$known"
}

write_page() {
    mkdir -p "$(dirname "$page")"
    {
        cat << END
# Known bugs, put back

Each of these bugs was in the library once. \`tests/known_bugs/run.sh\`, which has written this page, puts them back one at
a time, compiles the program of one test, and sees that this test notices.

$(date -u +%Y-%m-%d), version $version, $("$compiler" --version | head -n 1), $(uname -sm): ${#rows[@]} bugs, $((${#rows[@]} - failures)) caught.

| the bug | the test | with the bug it |
| --- | --- | --- |
END
        printf '%s\n' "${rows[@]}"
    } > "$page"
    echo "$page"
}

if [ "${1-}" = --check ]; then
    check
    exit
fi

. cmake/prepare.sh
prepare build tests compiler http
compiler=$(command -v "${CXX:-$(newest_clang || echo g++)}")
# What was compiled here before, with a bug or without it, is not compiled again.
export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$PWD} CCACHE_NOHASHDIR=1 CCACHE_SLOPPINESS=pch_defines,time_macros
mkdir -p "$scratch/results"
log=$PWD/$scratch/log.txt
: > "$log"
rows=()

selected=("$here"/*.patch)
if [ $# -gt 0 ]; then
    selected=("${@/#/$here/}")
    selected=("${selected[@]/%/.patch}")
fi
copy_tree
sources=$(find "$scratch"/tree/{include,tests,cmake} -path '*/known_bugs' -prune -o -type f -print0 | sort -z \
    | xargs -0 sha1sum | sha1sum | cut -c 1-12)
for patch in "${selected[@]}"; do
    try "$patch"
done

printf '\n'
printf '%s\n' "${rows[@]}"
[ $# -gt 0 ] || write_page
printf '\n%s bugs, %s not caught\n' "${#rows[@]}" "$failures"
[ "$failures" -eq 0 ]
