#!/usr/bin/env bash
# The library exports the calls of the standard and nothing else, and gathers no jitter entropy.
. "$CONFORMANCE/lib/common.sh"

nm --dynamic --defined-only "$TENON_MODULE" | awk '{ print $NF }' | sed 's/@.*//' >exported
grep -q '^C_GetFunctionList$' exported || fail 'no C_GetFunctionList'
grep -v '^C_' exported >strange || true
[[ ! -s strange ]] || fail "exported: $(head -5 strange)"
nm "$TENON_MODULE" >all 2>/dev/null || fail 'no symbol table to search'
! grep -q ' jent_' all || fail 'CPU-jitter entropy is built in'
echo "note: $(wc -l <exported) exported symbols"
