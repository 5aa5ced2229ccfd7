#!/usr/bin/env bash
# docs/clients/curl.md, executed.
. "$CONFORMANCE/lib/common.sh"
needs curl curl
needs_engine
execute_client_page curl 'fetch > page'
