#!/usr/bin/env bash
# docs/clients/gnutls.md, executed.
. "$CONFORMANCE/lib/common.sh"
needs p11tool gnutls-bin
execute_client_page gnutls 'p11tool --provider "$module" --login --list-all "pkcs11:token=mail" > list'
