#!/usr/bin/env bash
# The second signature with a token key asks nothing of the kernel.
. "$CONFORMANCE/lib/common.sh"

compile process/quiet
strace -f -o trace true 2>/dev/null || skip 'strace may not trace here'
strace -f -o trace ./quiet
[[ $(grep -c 'write(-1, "begin"' trace) == 3 ]] || fail 'no marks in the trace'
awk '/write\(-1, "end"/ { inside = 0 } inside { print } /write\(-1, "begin"/ { inside = 1 }' \
    trace >calls
[[ ! -s calls ]] || fail "$(wc -l <calls) system calls: $(head -20 calls)"
