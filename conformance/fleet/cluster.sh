#!/usr/bin/env bash
# The commands of docs/cluster.md: a cluster whose primary dies, with a token in it.
. "$CONFORMANCE/lib/common.sh"

((EUID == 0)) || skip 'needs root'
needs patroni patroni
needs etcd etcd-server
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || skip 'initdb is not installed (Debian package postgresql)'
export TENON_SO_PIN=$SO_PIN TENON_PIN=$PIN
# Of the servers and their watchers nothing is left.
execute_document cluster.md '[[ $(tenon objects list --login) == *first*second* ]]
kill $(jobs -p); wait; for n in 1 2 3; do kill -9 "$(head -1 "$folder/db$n/data/postmaster.pid" 2>/dev/null)" 2>/dev/null || true; done; rm -rf "$folder"'
