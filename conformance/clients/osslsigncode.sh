#!/usr/bin/env bash
# docs/clients/osslsigncode.md, executed.
. "$CONFORMANCE/lib/common.sh"
needs osslsigncode osslsigncode
needs_engine
execute_client_page osslsigncode 'rm signed.ps1 && sign hello.ps1 signed.ps1'
