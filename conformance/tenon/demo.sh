#!/usr/bin/env bash
# `tenon demo` ends well and leaves nothing, also when it is interrupted.
. "$CONFORMANCE/lib/common.sh"

mkdir temporary
export TMPDIR=$PWD/temporary
demo() { "$TENON_PROGRAM" demo --module "$TENON_MODULE" "$@"; }
left() { ls -A temporary; }

demo
[[ -z $(left) ]] || fail "left behind: $(left)"
demo --keep kept
[[ -n $(ls -A kept) ]] || fail 'nothing is kept'
! demo --keep kept || fail 'a directory in use is taken'
! "$TENON_PROGRAM" demo --module /no/such/library || fail 'works without a library'
[[ -z $(left) ]] || fail "left behind: $(left)"

# Killed in the middle: the child sees it and cleans up.
"$TENON_PROGRAM" demo --module "$TENON_MODULE" >/dev/null &
for _ in {1..100}; do [[ -n $(left) ]] && break; sleep 0.02; done
[[ -n $(left) ]] || fail 'never began'
sleep 0.1
kill -KILL $!
for _ in {1..100}; do [[ -z $(left) ]] && exit; sleep 0.05; done
fail "left behind: $(left)"
