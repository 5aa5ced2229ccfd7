#!/usr/bin/env bash
# `tenon init`: PINs from files and the environment, exit statuses, and no token ever erased.
. "$CONFORMANCE/lib/common.sh"

init() { "$TENON_PROGRAM" init "$@"; }
status() { # expected, command...
    local expected=$1 got=0
    shift
    "$@" >output 2>&1 || got=$?
    [[ $got == "$expected" ]] || fail "status $got, not $expected: $*: $(cat output)"
}
printf '%s\nnot the PIN\n' "$SO_PIN" >so-pin
printf '%s' "$PIN" >pin

status 0 init --label "$LABEL" --so-pin-file so-pin --pin-file pin --json
python3 -c 'import json, sys; answer = json.load(open("output")); sys.exit(not answer["created"])'
user --list-objects
refused CKR_PIN_INCORRECT token --login --pin other-pin --list-objects

status 1 init --label "$LABEL" --so-pin-file so-pin --pin-file pin
status 0 init --label "$LABEL" --if-missing --json
grep -q '"created":false' output
slot=$(sed 's/.*"slot":\([0-9]*\).*/\1/' output)
status 1 init --label other --slot "$slot" --so-pin-file so-pin --pin-file pin
status 1 init --label other --slot 987654 --so-pin-file so-pin --pin-file pin
status 1 init --label other --so-pin-file missing --pin-file pin
status 2 init
status 2 init --label 'a label of more than thirty-two bytes'
status 2 init --label other --slot 1 --free
user --list-objects

TENON_SO_PIN=$SO_PIN TENON_PIN=$PIN status 0 init --label second
tool --token-label second --login --pin "$PIN" --list-objects
token --login --pin "$PIN" --list-objects
