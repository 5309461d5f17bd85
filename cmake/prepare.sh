# Sourced by the scripts that build: installs what a fresh Debian machine lacks, and nothing else.
#
#   . cmake/prepare.sh
#   prepare build tests     # groups: build, tests, compiler, examples, http, fiber, process, peers, packages, bench, matrix, valgrind, fuzz,
#                               # clang-<version>, format, tidy, reference, windows, npm
#
# shellcheck shell=bash

prepare() {
    missing_packages=()
    local group
    for group in "$@"; do
        case $group in
            build) look_for_build ;;
            tests) look_for_tests ;;
            compiler) look_for_compiler ;;
            examples) look_for_examples ;;
            http) look_for_http ;;
            fiber) has_library boost_context || missing libboost-context@-dev ;;
            process) has_library boost_serialization || missing libboost-serialization@-dev ;;
            peers) look_for_peers ;;
            bench) look_for_bench ;;
            matrix)
                has_command debootstrap || missing debootstrap
                has_command python3 || missing python3
                ;;
            valgrind) has_command valgrind || missing valgrind ;;
            npm) has_command npm || missing npm ;;
            fuzz) has_library boost_url || missing libboost-url@-dev ;; # the peer of our URLs
            clang-*) look_for_clang "${group#clang-}" ;;
            packages) look_for_packages ;;
            format) has_command clang-format-19 || missing clang-format-19 ;;
            tidy) has_command clang-tidy-19 || missing clang-tidy-19 ;;
            reference) look_for_reference ;;
            windows) look_for_windows ;;
            *) stop "prepare: there is no group '$group'" ;;
        esac
    done
    if [ "${#missing_packages[@]}" -gt 0 ]; then
        install_missing_packages
    fi
    refuse_old_tools
}

look_for_build() {
    has_command g++ || missing g++ # Clang uses its standard library, and it is asked which headers there are.
    has_command cmake || missing cmake
    has_command ninja || missing ninja-build
    has_boost || missing libboost@-dev
}

look_for_tests() {
    has_header catch2/catch.hpp || has_header catch2/catch_all.hpp || missing catch2
    # It takes the programs out of the pages.
    has_command python3 || missing python3
}

# What the tests are compiled with, unless CXX says otherwise: Clang takes 60 % of GCC's time for them. Who cannot
# install it takes GCC.
look_for_compiler() {
    [ -n "${CXX-}" ] || newest_clang > /dev/null || ! may_install || missing clang-19
}

# The newest Clang that will do.
newest_clang() {
    local version
    for version in {30..16}; do
        command -v "clang++-$version" && return
    done
    version=$(clang++ -dumpversion 2> /dev/null) && at_least 16 "$version" && command -v clang++
}

look_for_examples() {
    has_header sqlite3.h || missing libsqlite3-dev
    has_command sqlite3 || missing sqlite3
    has_header postgresql/libpq-fe.h || missing libpq-dev
    has_command pkg-config || missing pkg-config
    { has_command pkg-config && pkg-config --exists glib-2.0; } || missing libglib2.0-dev
    { has_command pkg-config && pkg-config --exists Qt5Widgets; } || missing qtbase5-dev
    has_header httplib.h || missing libcpp-httplib-dev
    has_command wrk || missing wrk
}

look_for_http() {
    has_header openssl/ssl.h || missing libssl-dev
    # What the demonstration verifies a real server against.
    [ -e /etc/ssl/certs/ca-certificates.crt ] || missing ca-certificates
    has_header zlib.h || missing zlib1g-dev
    has_header libpsl.h || missing libpsl-dev
    has_library boost_json || missing libboost-json@-dev
}

# Servers and proxies that the tests of http talk to, and other libraries' loops. Each test starts what it needs by itself.
look_for_peers() {
    has_command pkg-config || missing pkg-config
    has_header uv.h || missing libuv1-dev
    { has_command pkg-config && pkg-config --exists Qt5Core; } || missing qtbase5-dev
    [ -x /usr/sbin/nginx ] || missing nginx-light
    [ -x /usr/sbin/nghttpd ] || missing nghttp2-server
    [ -x /usr/sbin/haproxy ] || missing haproxy
    [ -x /usr/bin/tinyproxy ] || missing tinyproxy
    [ -x /usr/sbin/squid ] || missing squid
    [ -x /usr/bin/microsocks ] || missing microsocks
    [ -x /usr/sbin/apache2 ] || missing apache2-bin
    [ -x /usr/bin/gunicorn ] || missing gunicorn
    [ -d /usr/lib/python3/dist-packages/httpbin ] || missing python3-httpbin
    has_command openssl || missing openssl
}

# What the packages for other build systems are tried with.
look_for_packages() {
    has_command pkg-config || missing pkg-config
    has_command meson || missing meson
    has_command git || missing git
}

# Google Benchmark and the peers; valgrind and strace count.
look_for_bench() {
    has_header benchmark/benchmark.h || missing libbenchmark-dev
    has_header uv.h || missing libuv1-dev
    { has_command pkg-config && pkg-config --exists glib-2.0; } || missing libglib2.0-dev
    { has_command pkg-config && pkg-config --exists Qt5Core; } || missing qtbase5-dev
    has_header curl/curl.h || missing libcurl4-openssl-dev
    has_header httplib.h || missing libcpp-httplib-dev
    [ -x /usr/sbin/nginx ] || missing nginx-light
    has_command pkg-config || missing pkg-config
    has_command python3 || missing python3
    has_command python3 && python3 -c 'import anyio' 2> /dev/null || missing python3-anyio
    has_command valgrind || missing valgrind
    has_command strace || missing strace
}

# The symbolizer turns the addresses in a sanitizer's report into names.
look_for_clang() {
    has_command "clang++-$1" || missing "clang-$1"
    has_command "llvm-symbolizer-$1" || missing "llvm-$1"
    compgen -G "/usr/lib/llvm-$1/lib/clang/*/lib/linux/libclang_rt.tsan*" > /dev/null \
        || missing "libclang-rt-$1-dev"
}

look_for_reference() {
    has_command doxygen || missing doxygen
    has_command python3 || missing python3
}

# Clang compiles for mingw-w64, with GCC's library, and Wine runs the programs.
look_for_windows() {
    has_command clang++-19 || missing clang-19
    has_command ld.lld-19 || missing lld-19
    has_command llvm-nm-19 || missing llvm-19
    has_command x86_64-w64-mingw32-g++-posix || missing g++-mingw-w64-x86-64-posix
    [ -e /usr/x86_64-w64-mingw32/include/zlib.h ] || missing libz-mingw-w64-dev
    has_command wine || missing wine
    [ -x /usr/lib/wine/wine64 ] || missing wine64
}

missing() {
    missing_packages+=("$1")
}

has_command() {
    command -v "$1" > /dev/null
}

compiles() {
    has_command g++ && printf '%b' "$1" | g++ -x c++ -E - > /dev/null 2>&1
}

has_header() {
    compiles "#include <$1>\n"
}

has_boost() {
    compiles '#include <boost/version.hpp>\n#if BOOST_VERSION < 108100\n#error\n#endif\n'
}

has_library() {
    has_command g++ && echo 'int main() {}' | g++ -x c++ - "-l$1" -o /dev/null 2> /dev/null
}

# Packages of Boost carry its version in their names. The headers that are there decide, since the
# libraries have to fit them; otherwise the oldest that will do.
boost_version() {
    if has_boost; then
        printf '#include <boost/version.hpp>\nBOOST_LIB_VERSION\n' | g++ -x c++ -E - \
            | sed -n 's/^"\([0-9]*\)_\([0-9]*\).*"$/\1.\2/p'
        return
    fi
    local version
    for version in $(apt-cache pkgnames libboost1. | sed -n 's/^libboost\([0-9.]*\)-dev$/\1/p' | sort -V); do
        if at_least 1.81 "$version" && has_candidate "libboost$version-dev"; then
            echo "$version"
            return
        fi
    done
    echo 1.81
}

# apt knows names that it cannot install: other packages mention them.
has_candidate() {
    LC_ALL=C apt-cache policy "$1" | grep '^  Candidate: [^(]' > /dev/null
}

install_missing_packages() {
    has_command apt-get \
        || stop "These Debian packages, or what they hold, are missing: ${missing_packages[*]//@/1.81}"

    local as_root=() version
    if ! may_install; then
        version=$(boost_version)
        stop "These packages are missing, and only root may install them:" \
            "  apt-get install ${missing_packages[*]//@/$version}"
    fi
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)

    echo "== Reading the list of packages"
    # A stale list may do; if it does not, the installation says so.
    "${as_root[@]}" apt-get -q -o DPkg::Lock::Timeout=300 update > /dev/null || true

    local packages
    version=$(boost_version)
    packages=("${missing_packages[@]//@/$version}")
    echo "== Installing: ${packages[*]}"
    # --no-remove: another Boost that is installed may be needed by somebody else.
    without_services "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 \
        install --no-install-recommends --no-remove "${packages[@]}" > /dev/null \
        || stop "apt-get could not install: ${packages[*]}" \
            "If another version of a package is in the way, nothing is removed for you: choose."
}

may_install() {
    has_command apt-get \
        && { [ "$(id -u)" -eq 0 ] || { has_command sudo && { [ -t 0 ] || sudo -n true 2> /dev/null; }; }; }
}

# Runs "[sudo] COMMAND…": packages of servers that it installs are not started. That is Debian's way to say so.
without_services() {
    local as_root=() policy=/usr/sbin/policy-rc.d status=0
    [ "$1" != sudo ] || as_root=(sudo)
    if [ -e "$policy" ]; then
        "$@"
        return
    fi
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" > /dev/null
    "${as_root[@]}" chmod +x "$policy"
    "$@" || status=$?
    "${as_root[@]}" rm -f "$policy"
    return "$status"
}

refuse_old_tools() {
    has_command g++ || return 0
    local gcc cmake
    gcc=$(g++ -dumpversion)
    cmake=$(cmake --version | sed -n '1s/.* //p')
    at_least 12 "$gcc" || stop "GCC 12.2 or newer is needed, and g++ is $gcc."
    at_least 3.25 "$cmake" || stop "CMake 3.25 or newer is needed, and cmake is $cmake."
}

at_least() {
    [ "$(printf '%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]
}

stop() {
    printf '%s\n' "$@" >&2
    exit 1
}
