#!/usr/bin/env bash
# One program on Linux as it would be on some POSIX system: Asio with select(), threads that sleep by mutexes and condition
# variables, and nothing of Linux. The whole suite with such threads: tests/suites.sh portable.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

. cmake/prepare.sh
prepare build tests compiler

mkdir -p build/posix
"${CXX:-$(newest_clang || echo g++)}" -std=c++20 -pthread -Wall -Wextra -Werror \
    -U__linux__ -U__linux -Ulinux -U__gnu_linux__ -Iinclude tests/systems/core.cpp -o build/posix/core
timeout 120 build/posix/core
