#!/bin/bash
# Sealed leaves a second and core; see seal.c. The segments are written to build/, as on a real disk.
cd "$(dirname "$0")/.." || exit 4
build=${TORIDE_BUILD:-$PWD/build}
mkdir -p build && exec "$build/bench-seal" build/bench-seal.d
