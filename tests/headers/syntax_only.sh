#!/bin/sh
# Runs a compiler that only checks, and leaves an empty object, so that the build knows what has been checked.
"$@" -fsyntax-only || exit
while [ "$1" != -o ]; do shift; done
: > "$2"
