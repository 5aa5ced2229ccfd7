#!/usr/bin/env bash
# docs/clients/gnutls.md, executed.
. "$CONFORMANCE/lib/common.sh"
needs p11tool gnutls-bin
execute_client_page gnutls
