#!/usr/bin/env bash
# docs/clients/barbican.md, executed.
. "$CONFORMANCE/lib/common.sh"
needs_suites
needs curl curl
packages 'environment("barbican", suite.BARBICAN)'
export PATH=$installed/bin:$PATH
execute_client_page barbican 'barbican-manage hsm check_mkek --label mkek-2'
