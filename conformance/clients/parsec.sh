#!/usr/bin/env bash
# docs/clients/parsec.md, executed.
. "$CONFORMANCE/lib/common.sh"
needs_suites
packages 'programs("parsec", ["parsec-service@1.5.0 --features pkcs11-provider", "parsec-tool@0.7.0"])'
export PATH=$installed/bin:$PATH
execute_client_page parsec 'serve; parsec-tool sign --key-name signing "a message" > signature; end'
