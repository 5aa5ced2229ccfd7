#!/usr/bin/env bash
# docs/statements.md is what the checks of this folder say, and every statement has one.
. "$CONFORMANCE/lib/common.sh"

python3 "$CONFORMANCE/lib/statements.py" --check || fail 'the document and the checks differ'
