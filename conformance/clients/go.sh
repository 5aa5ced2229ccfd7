#!/usr/bin/env bash
# docs/clients/go.md, executed.
. "$CONFORMANCE/lib/common.sh"
needs_suites
needs go golang-go
[[ -d /usr/share/gocode/src/github.com/ThalesIgnite ]] ||
    skip "no crypto11 here (golang-github-thalesignite-crypto11-dev)"
export GOCACHE=$CONFORMANCE/../target/conformance-go
execute_client_page go './sign > answer'
