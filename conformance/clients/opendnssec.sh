#!/usr/bin/env bash
# docs/clients/opendnssec.md, executed.
. "$CONFORMANCE/lib/common.sh"
needs ods-hsmutil libhsm-bin
execute_client_page opendnssec 'ods-hsmutil -c conf.xml list tenon > keys'
