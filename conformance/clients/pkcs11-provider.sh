#!/usr/bin/env bash
# docs/clients/pkcs11-provider.md, executed. Where Debian has no package of it, OPENSSL_MODULES may name the folder of one that was built.
. "$CONFORMANCE/lib/common.sh"
needs openssl openssl
modules=${OPENSSL_MODULES:-$(openssl version -m | sed 's/.*"\(.*\)"/\1/')}
[[ -f $modules/pkcs11.so ]] || skip "no pkcs11-provider in $modules (Debian package pkcs11-provider, from release 13 on)"
execute_client_page pkcs11-provider 'openssl pkeyutl -sign -rawin -digest sha256 -inkey "$key" -in message -out signature'
