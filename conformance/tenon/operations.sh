#!/usr/bin/env bash
# Every command of docs/operations.md: its `sh` blocks, one after another in one shell and an empty folder.
. "$CONFORMANCE/lib/common.sh"
execute_document operations.md
