#!/usr/bin/env bash
# The tests of the store on a server of PostgreSQL, the same source as on files; and what only this engine has to stand.
. "$CONFORMANCE/lib/common.sh"
. "$CONFORMANCE/lib/postgresql.sh"

start_server 54321
# The other modules of these tests look into the files of SQLite.
TENON_TEST_SERVER=$server cargo test --manifest-path "$CONFORMANCE/../Cargo.toml" --release -q --test store -- \
    --include-ignored basics:: search:: server:: threads:: | tee output
echo "note: $(sed -n 's/^test result: ok. \([0-9]* passed\).*/\1/p' output)"
