#!/usr/bin/env bash
# docs/clients/nss.md, executed.
. "$CONFORMANCE/lib/common.sh"
needs modutil libnss3-tools
execute_client_page nss 'certutil -K -d sql:database -h browser -f pin > keys'
