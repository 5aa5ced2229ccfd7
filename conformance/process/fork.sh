#!/usr/bin/env bash
# Forks, and C_Initialize after C_Finalize.
. "$CONFORMANCE/lib/common.sh"

compile process/fork
./fork
