#!/usr/bin/env bash
# docs/clients/stunnel.md, executed.
. "$CONFORMANCE/lib/common.sh"
needs stunnel stunnel4
needs_engine
# Killed before it listens to signals, it ends by the signal: 143.
execute_client_page stunnel 'serve && kill $! && { wait $! || [[ $? == 143 ]]; }'
