#!/usr/bin/env bash
# docs/clients/openssl.md, executed.
. "$CONFORMANCE/lib/common.sh"
needs openssl openssl
needs_engine
execute_client_page openssl 'engine dgst -sha256 -sign "$key;pin-value=$TENON_PIN" -out signature message'
