#!/usr/bin/env bash
# docs/clients/openvpn.md, executed.
. "$CONFORMANCE/lib/common.sh"
needs openvpn openvpn
needs script bsdutils
execute_client_page openvpn 'openvpn --show-pkcs11-ids "$(tenon client-config module)" > ids'
