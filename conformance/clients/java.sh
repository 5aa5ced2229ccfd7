#!/usr/bin/env bash
# docs/clients/java.md, executed.
. "$CONFORMANCE/lib/common.sh"
needs jarsigner default-jdk-headless
[[ -f /usr/share/java/bcpkix.jar ]] || skip "no Bouncy Castle here (libbcpkix-java)"
execute_client_page java 'keytool -list > list'
