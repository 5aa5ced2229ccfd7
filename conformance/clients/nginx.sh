#!/usr/bin/env bash
# docs/clients/nginx.md, executed.
. "$CONFORMANCE/lib/common.sh"
needs nginx nginx
needs_engine
execute_client_page nginx 'server -t'
