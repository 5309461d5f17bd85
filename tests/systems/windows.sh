#!/usr/bin/env bash
# The library on Windows, as far as it can be tried on Debian: compiled by Clang for mingw-w64, run by Wine.
#
#   tests/systems/windows.sh                            the core, HTTP and a part of the unit tests, and docs/results/windows.md
#   tests/systems/windows.sh all                        so with all unit tests that have a meaning there, which takes an hour
#   tests/systems/windows.sh systems/core unit/gather   these of tests/, and nothing is written
#
# Debian has no OpenSSL for Windows. Its headers are used, and each of its functions is replaced by one that does nothing:
# so HTTPS is compiled, and not tried.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

. cmake/prepare.sh
prepare build tests http windows

place=build/windows
mkdir -p "$place/include/openssl"
ln -sfn "$(dirname "$(echo '#include <boost/version.hpp>' | g++ -x c++ -M - | tr ' ' '\n' | grep version.hpp)")" "$place/include/boost"
for folder in /usr/include/catch2; do
    [ ! -e "$folder" ] || ln -sfn "$folder" "$place/include/"
done
for folder in /usr/include/openssl "/usr/include/$(g++ -print-multiarch)/openssl"; do
    [ ! -e "$folder" ] || ln -sf "$folder"/*.h "$place/include/openssl/"
done

export WINEPREFIX=$PWD/$place/wine WINEDEBUG=-all
# The thread-local objects are those of GCC's library.
compiler=(clang++-19 --target=x86_64-w64-mingw32 -femulated-tls -std=c++20 -Iinclude -Itests -isystem "$place/include")
linker=(-fuse-ld=lld-19 -static -pthread)
libraries=(-lsynchronization -lws2_32 -lmswsock -lcrypt32)

# Whether something is to be made anew: from these, or from the headers.
is_older() {
    [ ! -e "$1" ] || [ -n "$(find include tests/support "${@:2}" -newer "$1" -print -quit)" ]
}

# What the unit tests share, parsed once.
write_precompiled() {
    is_older "$place/unit.pch" || return 0
    printf '#include <syncopate/syncopate.hpp>\n' > "$place/unit.hpp"
    for header in catch audit contexts errors events groups iterables loops tasks; do
        echo "#include \"support/$header.hpp\"" >> "$place/unit.hpp"
    done
    "${compiler[@]}" -x c++-header "$place/unit.hpp" -o "$place/unit.pch"
}

# The functions of OpenSSL that the objects name and nobody has.
write_stubs() {
    local known
    known=$(mktemp)
    for library in ssl crypto; do
        nm -D --defined-only "$(g++ -print-file-name=lib$library.so)" | awk '{ print $3 }' | sed 's/@.*//'
    done | sort -u > "$known"
    llvm-nm-19 -u "$@" | awk '/ U / { print $2 }' | sort -u | comm -12 - "$known" \
        | awk '{ print "long " $1 "(void) { return 0; }" }'
    rm "$known"
}

build() {
    local name=$1 objects=("$place/${1//\//_}.o") extra=()
    if is_older "${objects[0]}" "tests/$name.cpp"; then
        [[ $name != unit/* ]] || extra=(-include-pch "$place/unit.pch")
        "${compiler[@]}" "${extra[@]}" -Wall -Wextra -Werror -c "tests/$name.cpp" -o "${objects[0]}" || return
        extra=()
    fi
    case $name in
        unit/*)
            [ -e "$place/catch_main.o" ] \
                || "${compiler[@]}" -c tests/support/catch_main.cpp -o "$place/catch_main.o" || return
            objects+=("$place/catch_main.o")
            ;;
        systems/http)
            echo '#include <boost/json/src.hpp>' > "$place/json.cpp"
            [ -e "$place/json.o" ] || "${compiler[@]}" -w -c "$place/json.cpp" -o "$place/json.o" || return
            objects+=("$place/json.o")
            write_stubs "${objects[@]}" > "$place/stubs.c"
            clang-19 --target=x86_64-w64-mingw32 -w -c "$place/stubs.c" -o "$place/stubs.o"
            objects+=("$place/stubs.o")
            extra=(-lz)
            ;;
    esac
    "${compiler[@]}" "${objects[@]}" "${linker[@]}" "${extra[@]}" "${libraries[@]}" -o "$place/${name//\//_}.exe"
}

programs=("$@")
if [ $# -eq 0 ]; then
    programs=(
        systems/core systems/http unit/wait_table unit/gather unit/channel unit/read_ahead unit/blocking_portal
        unit/context_guard unit/from_thread unit/race unit/task_group unit/timeout unit/to_thread
    )
elif [ "$*" = all ]; then
    programs=(systems/core systems/http)
    # What has no meaning there is left out: processes, signals, and what looks at /proc. So is what needs std::latch: that
    # of GCC 12's library loses wake-ups there.
    for source in tests/unit/*.cpp; do
        if ! grep -qE '::kill|<unistd|<sys/|/proc/|child_process|thread_limit|failing_allocations|<latch>' "$source"; then
            programs+=("unit/$(basename "$source" .cpp)")
        fi
    done
fi

write_page() {
    mkdir -p docs/results
    cat > docs/results/windows.md << END
# Windows, by mingw-w64 and Wine

Written by \`tests/systems/windows.sh\`. HTTP without TLS: there is no OpenSSL for Windows in Debian, and its functions are
replaced by such as do nothing.

| | |
| --- | --- |
| date | $(date -u +%Y-%m-%d) |
| version | $version |
| compiler | $("${compiler[0]}" --version | head -n 1), for x86_64-w64-mingw32, with the library of GCC $(x86_64-w64-mingw32-g++-posix -dumpversion | sed 's/-posix//') |
| run by | $(wine --version) |

| program of tests/ | outcome |
| --- | --- |$rows
END
}

[[ ${programs[*]} != *unit/* ]] || write_precompiled
version=$(git describe --always --dirty)
failed=0
rows=""
for name in "${programs[@]}"; do
    said=$place/${name//\//_}.txt
    echo "== $name"
    if ! build "$name" > "$said" 2>&1; then
        outcome="not compiled"
    elif timeout 300 wine "$place/${name//\//_}.exe" > "$said" 2>&1; then
        # Wine says that all is well also of a program that has crashed.
        outcome=$(grep -hE '^ok|^All tests passed' "$said" | tail -n 1 | tr -d '\r') || outcome="FAILED"
    else
        outcome="FAILED"
    fi
    case $outcome in
        "not compiled" | FAILED) failed=1 && tail -n 30 "$said" ;;
    esac
    echo "   $outcome"
    rows+=$'\n'"| $name | $outcome |"
    # After each: this takes long.
    if [ $# -eq 0 ] || [ "$*" = all ]; then
        write_page
    fi
done
exit "$failed"
