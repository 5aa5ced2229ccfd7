#!/usr/bin/env bash
# The tests of moves between files and a database, on a server.
. "$CONFORMANCE/lib/common.sh"
. "$CONFORMANCE/lib/postgresql.sh"

start_server 54325
TENON_TEST_SERVER=$server cargo test --manifest-path "$CONFORMANCE/../Cargo.toml" --release -q --test cli -- \
    --include-ignored moving:: | tee output
grep -q '^test result: ok. 3 passed' output || fail 'not every test ran'
