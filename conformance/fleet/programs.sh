#!/usr/bin/env bash
# Programs that test tokens in files, run as they are on tokens in a database; each has a database of its own.
. "$CONFORMANCE/lib/common.sh"
. "$CONFORMANCE/lib/postgresql.sh"

start_server 54323
number=0
for name in process/destroyed.py process/fork.sh byok/aws.py byok/binding.py store/lockout.py \
    fleet/revocations.py fleet/trips.py fleet/model.py; do
    ((number += 1))
    sql postgres "CREATE DATABASE d$number"
    mkdir -m 700 "$number"
    cd "$number"
    mkdir -m 700 tokens
    export TENON_DIRECTORIES_TOKENDIR=$PWD/tokens TENON_STORE_URL=postgresql://tenon@/d$number?host=$server
    echo "== $name"
    case $name in *.py) run=(python3 "$CONFORMANCE/$name") ;; *) run=("$CONFORMANCE/$name") ;; esac
    "${run[@]}" >log 2>&1 || { tail -30 log; fail "$name"; }
    cd ..
done
echo "note: $number programs"
