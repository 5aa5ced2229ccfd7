#!/usr/bin/env bash
# SIGKILL at random points of each writing call: nothing acknowledged is lost, nothing is half done.
. "$CONFORMANCE/lib/common.sh"

compile kill/kill
kills=${TENON_KILLS:-200}

# Each call has a token of its own, so that two of them can run at once.
one() { # call
    local place=$PWD/$1
    mkdir -m 700 -p "$place/tokens"
    echo "directories.tokendir = $place/tokens" >"$place/softhsm2.conf"
    TENON_DIRECTORIES_TOKENDIR=$place/tokens SOFTHSM2_CONF=$place/softhsm2.conf \
        ./kill "$1" "$kills" || { echo "FAILED: $1"; return 1; }
}
export -f one
export kills

printf '%s\n' C_GenerateKey C_GenerateKeyPair C_UnwrapKey C_CreateObject C_SetAttributeValue \
    C_DestroyObject C_SetPIN C_InitToken |
    xargs -P 2 -I{} bash -c 'one {}'
echo "note: $((8 * kills)) kills"
