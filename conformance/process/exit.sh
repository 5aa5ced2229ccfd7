#!/usr/bin/env bash
# Twenty exits of each kind, all with status 0: neighbours whose destructors still call the module,
# sessions and operations left open, no C_Finalize, unloading.
. "$CONFORMANCE/lib/common.sh"

compile process/exit
for name in first last; do
    cc -std=gnu17 -O2 -Wall -Wextra -Werror -shared -fPIC -I"$CONFORMANCE/lib" -o "$name.so" \
        "$CONFORMANCE/process/neighbour.c" -ldl
done
# A neighbour that is there from the start leaves last of all.
cc -std=gnu17 -O2 -I"$CONFORMANCE/lib" -o linked "$CONFORMANCE/process/exit.c" -Wl,--no-as-needed \
    "$PWD/first.so" -ldl -Wl,-rpath,"$PWD"
./exit setup

twenty() { # command...
    local turn
    for turn in {1..20}; do
        timeout 20 "$@" >output 2>&1 || fail "exit $turn of $*: status $?: $(cat output)"
        [[ ! -s output ]] || fail "$* writes: $(cat output)"
    done
}

for way in plain finalized running dlclose finalize+dlclose; do
    twenty ./exit "$way"
done
for way in plain finalized running atexit; do
    twenty ./exit "$way" "before:$PWD/first.so"
    twenty ./exit "$way" "after:$PWD/last.so"
    twenty ./exit "$way" "before:$PWD/first.so" "after:$PWD/last.so"
    twenty ./linked "$way" "before:$PWD/first.so"
done
