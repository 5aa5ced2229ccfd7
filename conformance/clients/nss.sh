#!/usr/bin/env bash
# docs/clients/nss.md, executed.
. "$CONFORMANCE/lib/common.sh"
needs modutil libnss3-tools
execute_client_page nss
