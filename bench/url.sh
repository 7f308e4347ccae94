#!/bin/bash
# The URL index at ten million entries; see url.c. Lists and index lie in memory: no disk is measured.
cd "$(dirname "$0")/.." || exit 4
build=${TORIDE_BUILD:-$PWD/build}
work=$(mktemp -d /dev/shm/toride-bench-url.XXXXXX) || exit 4
trap 'rm -rf "$work"' EXIT
"$build/bench-url" "$work" "${BENCH_URL_ENTRIES:-10000000}"
