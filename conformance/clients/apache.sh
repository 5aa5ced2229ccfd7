#!/usr/bin/env bash
# docs/clients/apache.md, executed.
. "$CONFORMANCE/lib/common.sh"
needs apache2 apache2-bin
needs_engine
execute_client_page apache
