#!/usr/bin/env bash
# docs/clients/node.md, executed.
. "$CONFORMANCE/lib/common.sh"
needs_suites
needs npm npm
packages 'node(suite.NODE)'
export NODE_PATH=$installed/node_modules
execute_client_page node 'node sign.js > answer'
