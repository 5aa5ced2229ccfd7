#!/usr/bin/env bash
# docs/clients/pkcs11-tool.md, executed.
. "$CONFORMANCE/lib/common.sh"
needs pkcs11-tool opensc
execute_client_page pkcs11-tool 'p11 --list-objects > list'
