#!/usr/bin/env bash
# docs/clients/openssh.md, executed.
. "$CONFORMANCE/lib/common.sh"
needs ssh-agent openssh-client
execute_client_page openssh 'ssh-keygen -D "$module" > login.pub'
