#!/usr/bin/env bash
# Installs what is missing, builds the tests and runs them all. Arguments go to ctest:
#   tests/run.sh -L unit          only the unit tests
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. cmake/prepare.sh
prepare build tests examples http peers

export CMAKE_GENERATOR=${CMAKE_GENERATOR:-Ninja}
jobs=$(nproc)

echo "== Configuring (build/dev)"
cmake --preset dev > /dev/null

echo "== Building, $jobs at a time"
cmake --build --preset dev --parallel "$jobs"

echo "== Running the tests"
ctest --preset dev --parallel "$jobs" --no-label-summary "$@"
