#!/usr/bin/env bash
# docs/clients/openssl.md, executed.
. "$CONFORMANCE/lib/common.sh"
needs openssl openssl
needs_engine
execute_client_page openssl
