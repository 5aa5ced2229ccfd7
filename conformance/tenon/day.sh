#!/usr/bin/env bash
# docs/day.md, executed.
. "$CONFORMANCE/lib/common.sh"
needs softhsm2-util softhsm2
export TENON_SO_PIN=$SO_PIN TENON_PIN=$PIN
execute_document day.md
