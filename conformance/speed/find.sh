#!/usr/bin/env bash
# Finding by label among 10,000 objects costs what it costs among 100.
. "$CONFORMANCE/lib/common.sh"

compile speed/find
./find "${TENON_FIND_OBJECTS:-10000}"
