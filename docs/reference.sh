#!/usr/bin/env bash
# Makes the reference from the comments of the public headers: build/reference/html/index.html. Fails on every
# warning, and where something public has no comment.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. cmake/prepare.sh
prepare reference

export REFERENCE_OUTPUT=build/reference
SYNCOPATE_VERSION=$(sed -n 's/^#define SYNCOPATE_VERSION_[A-Z]* \([0-9]*\)$/\1/p' include/syncopate/version.hpp \
    | paste -sd .)
export SYNCOPATE_VERSION

rm -rf "$REFERENCE_OUTPUT"
mkdir -p "$REFERENCE_OUTPUT"

# What was the tab "modules" is called "topics" since Doxygen 1.9.8.
topics=modules
if at_least 1.9.8 "$(doxygen --version | cut -d ' ' -f 1)"; then
    topics=topics
fi
sed "s/type=\"modules\"/type=\"$topics\"/" docs/reference/layout.xml > "$REFERENCE_OUTPUT/layout.xml"

python3 docs/reference/prepare.py include "$REFERENCE_OUTPUT"
warnings=$REFERENCE_OUTPUT/warnings.txt
status=0
doxygen docs/reference/Doxyfile 2> "$REFERENCE_OUTPUT/errors.txt" || status=$?
cat "$REFERENCE_OUTPUT/errors.txt" >> "$warnings"

if [ "$status" -ne 0 ] || [ -s "$warnings" ]; then
    # A line of what was prepared is the same line of the header.
    sed "s#^.*/$REFERENCE_OUTPUT/\(include\|docs\)/#\1/#" "$warnings" >&2
    stop "The reference is not made without warnings: $(grep -c 'warning: ' "$warnings") of them."
fi

# A heading that Doxygen has not understood is in no page.
for heading in Returns Blocks Throws Cancel Threads Semantics; do
    grep -rqE "<dt[^>]*>$heading</dt>" "$REFERENCE_OUTPUT/html" \
        || stop "The heading $heading is in no page of the reference."
done
echo "$REFERENCE_OUTPUT/html/index.html"
