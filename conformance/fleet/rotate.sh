#!/usr/bin/env bash
# Two hosts on one database, each with its own file of numbered keys; rotations that are killed; and what an older copy
# of the database opens afterwards.
. "$CONFORMANCE/lib/common.sh"
. "$CONFORMANCE/lib/postgresql.sh"

start_server 54326
use_database
host() { # file, command…
    local file=$PWD/$1
    shift
    TENON_STORE_KEY_FILE=$file "$@"
}
make() { host "$1" "$TENON_PROGRAM" keys generate --type ec:P-256 --label "$2" --pin-file pin >/dev/null; }
# Signs with the key, as what `tenon csr` makes shows.
signs() { # file, label
    host "$1" "$TENON_PROGRAM" csr --label "$2" --subject "CN=$2" --pin-file pin --out "request.$1"
    openssl req -in "request.$1" -verify -noout
    rm "request.$1"
}

host one "$TENON_PROGRAM" init --label "$LABEL" --so-pin-file pin --pin-file pin
cp one two
for label in first second third; do make one "$label"; done
signs one first
pg_dump -h "$server" -U tenon -d fleet -f old.sql

# The next key reaches the other host before anything is sealed under it: nobody is refused at any moment.
host one "$TENON_PROGRAM" store rotate --prepare
cp one two
(while [[ ! -e ended ]]; do
    signs two first
    make two there
    touch used
done) &
other=$!
until [[ -e used ]]; do sleep 0.1; done
host one "$TENON_PROGRAM" store rotate
rm used
until [[ -e used ]]; do sleep 0.1; done
touch ended
wait "$other" || fail 'the other host was refused'
says 'Destroyed in .*: 1' host two "$TENON_PROGRAM" store rotate
grep -q '^2 ' two || fail 'the new key is not in the file'
if grep -q '^1 ' one two; then fail 'the old key is in a file'; fi

# Killed at any moment: every key is there, and the next run ends it.
for delay in 0.02 0.05 0.08 0.11 0.14 0.2 0.3; do
    host one timeout -s KILL "$delay" "$TENON_PROGRAM" store rotate || true
    host one "$TENON_PROGRAM" audit verify --pin-file pin
done
host one "$TENON_PROGRAM" store rotate
[[ $(grep -vc '^#' one) == 1 ]] || fail 'more than one key'
signs one first
# A host whose file was left behind is told so.
refused 'has no key' host two "$TENON_PROGRAM" audit verify --pin-file pin

# The database of before with the PIN and the file of today: labels, and no key.
sql postgres 'CREATE DATABASE old'
psql -qX -h "$server" -U tenon -d old -f old.sql >/dev/null
export TENON_STORE_URL=postgresql://tenon@/old?host=$server
refused 'has no key 1' host one "$TENON_PROGRAM" audit verify --pin-file pin
sql old "DELETE FROM tenon.meta WHERE name = 'key.number'"
says 'second' host one "$TENON_PROGRAM" objects list --pin-file pin
refused 'CKR_DEVICE_ERROR' signs one first
refused 'has no key 1' signs one second
