#!/usr/bin/env bash
# docs/clients/rust.md, executed.
. "$CONFORMANCE/lib/common.sh"
needs cargo cargo
needs xxd xxd
# Where the suite of the crate is built too.
export CARGO_TARGET_DIR=$CONFORMANCE/../target/conformance-cryptoki
execute_client_page rust '"$sign"'
