#!/usr/bin/env bash
# docs/clients/python.md, executed.
. "$CONFORMANCE/lib/common.sh"
needs python3 python3
execute_client_page python 'python3 sign.py "$module"'
