#!/usr/bin/env bash
# Installs what is missing, builds the demonstration and runs it. Arguments go to the demonstration:
#   examples/run.sh                         against an HTTPS server in the same process
#   examples/run.sh https://example.org/    against that one
#
# Standard output is the demonstration's alone.
set -euo pipefail
root=$(cd -P "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$root/build/examples
log=$build/build.log

. "$root/cmake/prepare.sh"
prepare build http >&2

build_demo() {
    cmake -S "$root" -B "$build" -D CMAKE_BUILD_TYPE=Debug -D SYNCOPATE_BUILD_TESTS=OFF \
        && cmake --build "$build" --target demo --parallel "$(nproc)"
}

mkdir -p "$build"
export CMAKE_GENERATOR=${CMAKE_GENERATOR:-Ninja}
echo "== Building the demonstration (the first time, that takes a minute)" >&2
if ! build_demo > "$log" 2>&1; then
    cat "$log" >&2
    echo "examples/run.sh: the demonstration could not be built" >&2
    exit 1
fi
exec "$build/examples/demo" "$@"
