#!/usr/bin/env bash
# docs/clients/stunnel.md, executed.
. "$CONFORMANCE/lib/common.sh"
needs stunnel stunnel4
needs_engine
execute_client_page stunnel 'serve && kill $! && wait $!'
