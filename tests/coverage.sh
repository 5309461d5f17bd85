#!/usr/bin/env bash
# Which lines of include/ the tests reach, by Clang's source-based coverage: builds them with the preset "coverage", runs
# them all, and writes docs/results/coverage.md, a row for each room. Fails below the least share, and where a test fails.
# The lines that no test reaches are in build/coverage/unreached.txt.
#
#   tests/coverage.sh                    everything
#   tests/coverage.sh unit process       these kinds of tests only, and, without http, the lines of the core only; the
#                                        page says so
#
# Takes an hour on two cores. The headers are parsed once for all, but not by CMake, which says that such headers
# are the system's: those are not counted.
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
counting=(-O0 -g0 -fprofile-instr-generate -fcoverage-mapping)
parsed=$PWD/$build/parsed.hpp
mkdir -p "$build"
# A header that is newer than what was parsed of it would be an error.
if [ ! -e "$parsed.pch" ] || [ -n "$(find include -newer "$parsed.pch" -print -quit)" ]; then
    echo '#include <syncopate/syncopate.hpp>' > "$parsed"
    "$SYNCOPATE_CLANG" -std=c++20 -pthread "${counting[@]}" "-I$PWD/include" -x c++-header -fpch-instantiate-templates \
        -Xclang -fno-pch-timestamp "$parsed" -o "$parsed.pch"
fi
# A process that leaves by _exit, as those of a ProcessPool do, writes down what it has reached, too.
echo '
    #include <sys/syscall.h>
    #include <unistd.h>
    extern "C" int __llvm_profile_write_file(void);
    extern "C" void _exit(int status) {
        __llvm_profile_write_file();
        for (;;)
            ::syscall(SYS_exit_group, status);
    }' | "$SYNCOPATE_CLANG" -x c++ -c - -o "$build/exit.o"
cmake --preset coverage -D CMAKE_EXE_LINKER_FLAGS="$PWD/$build/exit.o" -D CMAKE_CXX_FLAGS="-std=c++20 -pthread -include-pch $parsed.pch" -D CMAKE_CXX_EXTENSIONS=OFF \
    > /dev/null
# To list its tests, each program is run once by the build.
LLVM_PROFILE_FILE=/dev/null cmake --build --preset coverage --parallel "${SYNCOPATE_JOBS:-$(nproc)}" \
    --target "${kinds[@]/#/tests_}"
# Programs of tests that are others by now.
ninja -C "$build" -t cleandead > /dev/null

# What no program uses is compiled, too: otherwise nothing would be known of its lines.
every=$build/every_header
{
    # The public headers come first: some rooms of http include each other in their order.
    echo '#include <syncopate/syncopate.hpp>'
    echo '#include <syncopate/http.hpp>'
    find include -name '*.hpp' ! -name 'src.hpp' ! -name 'in_source.hpp' ! -name 'system_posix.hpp' | sort \
        | sed 's#^include/\(.*\)#\#include <\1>#'
    echo 'int main() {}'
} > "$every.cpp"
"$SYNCOPATE_CLANG" -std=c++20 -pthread "${counting[@]}" "-I$PWD/include" -include-pch "$parsed.pch" "$every.cpp" -o "$every" \
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
# The first that has a function decides what is known of it, and that is nothing where none of its code is called.
objects=()
for program in "${programs[@]}" "$every"; do
    objects+=(${objects:+-object} "$program")
done
"llvm-cov-$version" export -format=lcov -skip-functions -instr-profile="$build/profile" "${objects[@]}" \
    > "$build/lines.lcov"

status=0
python3 tests/coverage.py "$build/lines.lcov" "$build/unreached.txt" "$least" "${kinds[@]}" > "$build/table.md" || status=$?
cat "$build/table.md"

what="all tests of \`tests/${kinds[0]}\`"
for kind in "${kinds[@]:1}"; do
    what+=", \`$kind\`"
done
[[ " ${kinds[*]} " == *" http "* ]] || what+=" (and not those of \`http\`, whose headers are left out here)"
mkdir -p docs/results
{
    cat << END
# What the tests reach

Written by \`tests/coverage.sh ${kinds[*]}\`, which runs $what on code that Clang
has told to count. A line counts if it has code; one of a template counts once there is an instance of it, and is reached
if it is in any. What a process has reached that ends by a signal is not counted.

$(date -u +%Y-%m-%d), version $(git describe --always), $("$SYNCOPATE_CLANG" --version | head -n 1).

END
    cat "$build/table.md"
} > docs/results/coverage.md
if [ "${#failed[@]}" -gt 0 ]; then
    echo "These programs have failed; what they print is in $build: ${failed[*]}" >&2
    exit 1
fi
exit "$status"
