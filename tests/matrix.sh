#!/usr/bin/env bash
# Compiles and runs the library with other compilers, libraries and processors: in roots of Debian that it makes once, by
# debootstrap, and keeps. Writes each result with its date into docs/results/matrix.md, and README's table from there.
#
#   tests/matrix.sh                               the rows that there are
#   tests/matrix.sh debian-13/gcc 'sid/*'         these rows; the others keep their results
#   SYNCOPATE_ROOTS=/somewhere tests/matrix.sh …  where the roots are; otherwise ~/.cache/syncopate-roots
#
# Needs root's rights, for chroot, and the machine's own apt tells from where packages come.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. cmake/prepare.sh

table=tests/matrix/rows.txt
roots=${SYNCOPATE_ROOTS:-$HOME/.cache/syncopate-roots}
page=docs/results/matrix.md
unit_tests=(runner thread_runner gather channel shield) # small, and of each kind
http_tests=(response body_decoder json websocket)       # what parses, where Beast has changed most
patience=${SYNCOPATE_MATRIX_SECONDS:-1800}               # for one program, to compile or to run

names=$(sed -n 's/^\([a-z0-9-]*\/[^ |]*\).*/\1/p' "$table")
if [ $# -eq 0 ]; then
    echo "$names"
    exit
fi
[ "$(id -u)" -eq 0 ] || stop "Only root may chroot."
prepare matrix

chosen=()
for pattern in "$@"; do
    found=no
    for name in $names; do
        # shellcheck disable=SC2053
        [[ $name != $pattern ]] || { chosen+=("$name"); found=yes; }
    done
    [ "$found" = yes ] || stop "No row is called $pattern. There are:" "$names"
done

# Debian's mirror, as this machine has it.
mirror() {
    apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep -m 1 '/debian/*$' \
        || stop "apt knows no mirror of Debian."
}

inside() { # inside ROOT COMMAND…
    local root=$1
    shift
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive HOME=/root \
        chroot "$roots/$root" "$@"
}

make_root() { # make_root ROOT
    local root=$1 suite
    suite=$(sed -n "s/^root $1 \([a-z]*\) .*/\1/p" "$table")
    [ -n "$suite" ] || stop "$table: there is no root $1"
    if [ ! -e "$roots/$root/made" ]; then
        echo "== $root: debootstrap"
        mkdir -p "$roots"
        rm -rf "${roots:?}/$root"
        debootstrap --variant=minbase "$suite" "$roots/$root" "$(mirror)" > "$roots/$root.log" \
            || stop "debootstrap failed: see $roots/$root.log"
        touch "$roots/$root/made"
    fi
    cp /etc/resolv.conf /etc/hosts "$roots/$root/etc/"
    # The tests ask there which threads and descriptors are left.
    if [ ! -e "$roots/$root/proc/self" ]; then
        mount -t proc proc "$roots/$root/proc"
        mounted+=("$roots/$root/proc")
    fi
}

install_packages() { # install_packages ROOT PACKAGE…
    local root=$1
    shift
    # shellcheck disable=SC2016
    if inside "$root" dpkg-query -W -f '${db:Status-Abbrev}\n' "$@" 2> /dev/null | grep -vq '^ii' \
        || ! inside "$root" dpkg-query -W "$@" > /dev/null 2>&1; then
        # A mirror may be a copy that is kept for longer than its list says.
        inside "$root" apt-get -q -o Acquire::Check-Valid-Until=no update \
            && inside "$root" apt-get -q -y install --no-install-recommends "$@"
    fi
}

# Tests of one folder as one program: each file in a namespace of its own.
write_tests() { # write_tests DIRECTORY FOLDER NAME…
    local name directory=$1 folder=$2 files=("${@:3}")
    files=("${files[@]/#/tests/$folder/}")
    {
        grep -h '^#include' "${files[@]/%/.cpp}" | sort -u
        for name in "${@:3}"; do
            printf 'namespace in_%s {\n' "$name"
            grep -v '^#include' "tests/$folder/$name.cpp"
            printf '}\n'
        done
    } > "$directory/tests/$folder.cpp"
}

# All that are run here, without Boost where there is none.
write_all_tests() { # write_all_tests DIRECTORY OPTIONS
    write_tests "$1" unit "${unit_tests[@]}"
    write_tests "$1" http "${http_tests[@]}"
    echo '#include <boost/json/src.hpp>' >> "$1/tests/http.cpp" # the library itself is not installed
    if [[ $2 == *SYNCOPATE_ASIO_STANDALONE* ]]; then
        find "$1/tests" -name '*.?pp' -exec sed -i 's/boost\([:/]*\)asio/asio/g; s/boost::system::\(error_code\|system_error\)/std::\1/g;
            s/<boost\/system\/[a-z_]*.hpp>/<system_error>/; s/^namespace asio = asio;//' {} +
    fi
}

# Prints nothing, or what went wrong.
run_part() { # run_part ROOT PART COMPILER EMULATOR
    local root=$1 part=$2 compiler=$3 emulator=$4 sources libraries=()
    local strict=(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror)
    case $part in
        core) sources=(tests/consume/program/every_way.cpp) ;;
        http)
            sources=(tests/consume/program/http_ways.cpp)
            libraries=(-lssl -lcrypto -lz -ldl)
            ;;
        unit | http-unit)
            sources=("tests/${part%-unit}.cpp" tests/support/catch_main.cpp tests/support/sanitizers.cpp)
            strict=(-w)
            [ "$part" = unit ] || libraries=(-lssl -lcrypto -lz -ldl)
            [ ! -e "$roots/$root/usr/include/catch2/catch_all.hpp" ] || libraries+=(-lCatch2)
            ;;
        *) stop "$table: there is no part $part" ;;
    esac
    # shellcheck disable=SC2086
    inside "$root" sh -c 'cd /src && exec timeout "$@"' - "$patience" $compiler "${strict[@]}" -pthread -Iinclude -Itests \
        -isystem /boost "${sources[@]}" "${libraries[@]}" -o "/src/$part" > "$log" 2>&1 \
        || { grep -m 1 'error' "$log" || echo "$part does not compile"; return; }
    inside "$root" timeout "$patience" ${emulator:+"$emulator"} "/src/$part" > "$log" 2>&1 \
        || { grep -m 1 'FAILED' "$log" || echo "$part fails, status $?"; return; }
}

# "GCC 14.2.0, Boost 1.88"
tools_of() { # tools_of ROOT COMPILER
    # shellcheck disable=SC2086
    inside "$1" sh -c 'cd /src && printf "%s\n" "#include <version>" "#include <syncopate/asio.hpp>" \
        "#ifdef SYNCOPATE_ASIO_STANDALONE" "asio ASIO_VERSION" "#else" "boost BOOST_LIB_VERSION" "#endif" \
        "library _LIBCPP_VERSION" "gcc __GNUC__ __GNUC_MINOR__" "clang __clang_major__ __clang_minor__" > tools.cpp && exec "$@"' \
        - $2 -Iinclude -isystem /boost -E -P tools.cpp | python3 tests/matrix/render.py tools
}

version=$(git describe --always --dirty)
log=$(mktemp)
mounted=()
clean_up() {
    rm -f "$log"
    [ ${#mounted[@]} -eq 0 ] || umount "${mounted[@]}"
}
trap clean_up EXIT
failed=0
for name in "${chosen[@]}"; do
    IFS='|' read -r _ packages compiler parts emulator < <(grep -F "$name " "$table")
    read -r compiler <<< "$compiler"
    read -r emulator <<< "$emulator" || true
    root=${name%%/*}
    make_root "$root"
    echo "== $name: $compiler"
    # shellcheck disable=SC2046,SC2086
    if ! install_packages "$root" $(sed -n "s/^root $root [a-z]* //p" "$table") $packages > "$log" 2>&1; then
        echo "   its packages cannot be installed, and it keeps its result:" "$(grep -m 1 '^E: ' "$log")"
        failed=1
        continue
    fi

    # What belongs to no architecture, for compilers that do not look into this one's folder.
    rm -rf "$roots/$root/src" "$roots/$root/boost"
    mkdir -p "$roots/$root/src/tests/consume" "$roots/$root/src/tests/differential" "$roots/$root/boost"
    ln -s /usr/include/boost "$roots/$root/boost/boost"
    cp -r include "$roots/$root/src/"
    cp -r tests/support "$roots/$root/src/tests/"
    cp tests/differential/*.hpp "$roots/$root/src/tests/differential/"
    cp -r tests/consume/program "$roots/$root/src/tests/consume/"
    write_all_tests "$roots/$root/src" "$compiler"

    tools=$(tools_of "$root" "$compiler") || tools="unknown"
    result=ok
    for part in $parts; do
        trouble=$(run_part "$root" "$part" "$compiler" "$emulator")
        if [ -n "$trouble" ]; then
            result="FAILED, $part: $trouble"
            failed=1
            break
        fi
    done
    echo "   $tools: $result"
    python3 tests/matrix/render.py row "$table" "$page" README.md "$name" "$tools" "$compiler" "$parts" "${emulator%% *}" "$result" \
        "$version"
done
exit "$failed"
