#!/usr/bin/env bash
# docs/clients/apache.md, executed.
. "$CONFORMANCE/lib/common.sh"
needs apache2 apache2-bin
needs_engine
# Its process ends after its file is gone, and keeps the port until then.
execute_client_page apache 'server start && until [ -e pid ]; do sleep 0.1; done && process=$(<pid) && server stop &&
    while kill -0 "$process" 2>/dev/null; do sleep 0.1; done && ! grep -E "emerg|crit|exit signal" error.log'
