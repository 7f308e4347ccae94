#!/bin/bash
# Correlation over ten million groups. Peer: see correlate.c.
here=$(cd "$(dirname "$0")" && pwd)
"${TORIDE_BUILD:-$here/../build}/bench-correlate" "${CORRELATE_GROUPS:-10000000}" "${SECONDS_EACH:-5}"
