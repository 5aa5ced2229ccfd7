#!/usr/bin/env bash
# docs/clients/apache.md, executed.
. "$CONFORMANCE/lib/common.sh"
needs apache2 apache2-bin
needs_engine
execute_client_page apache 'server start; until [ -e pid ]; do sleep 0.1; done; server stop; until [ ! -e pid ]; do sleep 0.1; done; ! grep -E "emerg|crit|exit signal" error.log'
