#!/usr/bin/env bash
# Whether each header of detail/ compiles alone, as each public one does in tests/project.sh: then its includes are those
# that it needs, in whatever order headers come. Writes docs/results/detail-headers.md. Takes five minutes on two cores, and
# compiles only what has changed if it is run again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. cmake/prepare.sh
prepare build tests compiler http fiber process

compiler=$(command -v "${CXX:-$(newest_clang || echo g++)}")
version=$(git describe --always --dirty)
cmake --preset dev -D CMAKE_CXX_COMPILER="$compiler" -D SYNCOPATE_TEST_DETAIL_HEADERS=ON > /dev/null
status=0
ctest --preset dev --no-label-summary --no-tests=error -R '^headers: every header of detail compiles alone$' || status=$?

mkdir -p docs/results
cat > docs/results/detail-headers.md << END
# The headers of detail/, each alone

Written by \`tests/detail_headers.sh\`, which compiles a file for each that includes nothing else.

$(date -u +%Y-%m-%d), version $version, $("$compiler" --version | head -n 1): $(find include -path '*/detail/*.hpp' | wc -l) headers. $(
    [ "$status" -eq 0 ] && echo "Each compiles." || echo "**Some do not.**"
)
END
exit "$status"
