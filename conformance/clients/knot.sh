#!/usr/bin/env bash
# docs/clients/knot.md, executed.
. "$CONFORMANCE/lib/common.sh"
needs keymgr knot
needs kzonesign knot-dnssecutils
needs kzonecheck knot-dnsutils
execute_client_page knot 'kzonesign -c knot.conf -o signed example.org'
