#!/usr/bin/env bash
# Which lines of include/ the tests reach, by Clang's source-based coverage: builds them with the preset "coverage", runs
# them all, and writes docs/results/coverage.md, a row for each room. Fails below the least share, and where a test fails.
# The lines that no test reaches are in build/coverage/unreached.txt.
#
#   tests/coverage.sh                    everything
#   tests/coverage.sh unit process       these kinds of tests only; writes no page
#
# Takes longer than tests/run.sh: no header is parsed before.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

least=${SYNCOPATE_COVERAGE:-95}
version=19
kinds=("$@")
[ $# -gt 0 ] || kinds=(unit http process stress)

. cmake/prepare.sh
prepare build tests http peers "clang-$version" # llvm-cov is in the package of the symbolizer

build=build/coverage
export CCACHE_SLOPPINESS=${CCACHE_SLOPPINESS:-pch_defines,time_macros} SYNCOPATE_CLANG=clang++-$version
cmake --preset coverage > /dev/null
# To list its tests, each program is run once by the build.
LLVM_PROFILE_FILE=/dev/null cmake --build --preset coverage --parallel "${SYNCOPATE_JOBS:-$(nproc)}" \
    --target "${kinds[@]/#/tests_}"

# What no program uses is compiled, too: otherwise nothing would be known of its lines.
every=$build/every_header
{
    find include -name '*.hpp' | sort | sed 's#^include/\(.*\)#\#include <\1>#'
    echo 'int main() {}'
} > "$every.cpp"
"$SYNCOPATE_CLANG" -std=c++20 -O0 -fprofile-instr-generate -fcoverage-mapping "-I$PWD/include" "$every.cpp" -o "$every" \
    -lssl -lcrypto -lz -ldl

rm -rf "$build/profiles"
mkdir "$build/profiles"
programs=()
for kind in "${kinds[@]}"; do
    for program in "$build/tests/${kind}"_*; do
        [ -x "$program" ] && [ ! -d "$program" ] && programs+=("$program")
    done
done

failed=()
for program in "${programs[@]}"; do
    name=$(basename "$program")
    arguments=()
    [[ $name != stress_* ]] || arguments=(1000)
    # What a test forks writes into the same file.
    status=0
    LLVM_PROFILE_FILE="$build/profiles/$name-%m.profraw" timeout -k 5 900 "$program" "${arguments[@]}" \
        > "$build/$name.txt" 2>&1 || status=$?
    [ "$status" -eq 0 ] || [ "$status" -eq 77 ] || failed+=("$name")
done

"llvm-profdata-$version" merge -sparse "$build"/profiles/*.profraw -o "$build/profile"
objects=("$every")
for program in "${programs[@]}"; do
    objects+=(-object "$program")
done
"llvm-cov-$version" export -format=lcov -skip-functions -instr-profile="$build/profile" "${objects[@]}" \
    > "$build/lines.lcov"

status=0
python3 tests/coverage.py "$build/lines.lcov" "$build/unreached.txt" "$least" > "$build/table.md" || status=$?
cat "$build/table.md"

if [ $# -eq 0 ]; then
    mkdir -p docs/results
    {
        cat << END
# What the tests reach

Written by \`tests/coverage.sh\`, which runs all tests of \`tests/unit\`, \`http\`, \`process\` and \`stress\` on code that Clang
has told to count. A line counts if it has code; one of a template counts once there is an instance of it, and is reached
if it is in any. What a process leaves by a signal or by \`_exit\` is not counted as reached.

$(date -u +%Y-%m-%d), $("$SYNCOPATE_CLANG" --version | head -n 1).

END
        cat "$build/table.md"
    } > docs/results/coverage.md
fi
if [ "${#failed[@]}" -gt 0 ]; then
    echo "These programs have failed; what they print is in $build: ${failed[*]}" >&2
    exit 1
fi
exit "$status"
