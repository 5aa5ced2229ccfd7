#!/usr/bin/env bash
# docs/clients/strongswan.md, executed.
. "$CONFORMANCE/lib/common.sh"
needs pki strongswan-pki
[[ -f /usr/lib/ipsec/plugins/libstrongswan-pkcs11.so ]] ||
    skip 'strongSwan has no PKCS#11 plugin here (Debian package libstrongswan-extra-plugins)'
[[ -f /usr/lib/ipsec/plugins/libstrongswan-openssl.so ]] ||
    skip 'strongSwan reads no EC certificates here (Debian package libstrongswan-standard-plugins)'
execute_client_page strongswan 'self_signed > authority.pem'
