#!/usr/bin/env bash
# `tenon doctor` and `tenon metrics` on a database: all is well, and each thing that can be wrong is made so and told.
. "$CONFORMANCE/lib/common.sh"
. "$CONFORMANCE/lib/postgresql.sh"

start_server 54324
use_database
"$TENON_PROGRAM" init --label "$LABEL" --so-pin-file pin --pin-file pin

# The first check of that name in the report.
of() { # check, field
    python3 -c 'import json, sys
checks = (check for part in json.load(open("report")) for check in part["checks"])
print(next((check[sys.argv[2]] for check in checks if check["check"] == sys.argv[1]), "missing"))' "$@"
}
# What doctor says of a check, and its exit status.
is() { # check, state, exit status
    local status=0
    "$TENON_PROGRAM" doctor --json >report || status=$?
    [[ "$(of "$1" state) $status" == "$2 $3" ]] || fail "$1 is not $2, or $status not $3: $(cat report)"
}
metric() { # name
    "$TENON_PROGRAM" metrics | sed -n "s/^$1{.*} //p"
}

is database ok 0
for check in version TLS synchronous_commit "database's clock" 'round trip' connections rights lease; do is "$check" ok 0; done
is standby warning 0
[[ $(metric tenon_database_up) == 1 && $(metric tenon_database_lease_milliseconds) == 500 ]] || fail metrics
[[ $(metric tenon_database_synchronous_standby) == 0 && $(metric tenon_database_connections) -ge 1 ]] || fail metrics

sql fleet 'UPDATE tenon.token SET had_standby = true'
is standby failed 1
sql fleet 'UPDATE tenon.token SET had_standby = false'

sql fleet 'ALTER DATABASE fleet SET synchronous_commit = off'
is synchronous_commit failed 1
sql fleet 'ALTER DATABASE fleet RESET synchronous_commit'

for lease in 0 5000; do
    sql fleet "UPDATE tenon.token SET lease = $lease"
    is lease warning 0
done
sql fleet 'UPDATE tenon.token SET lease = 500'

sql fleet 'ALTER ROLE tenon CONNECTION LIMIT 2'
is connections warning 0
sql fleet 'ALTER ROLE tenon CONNECTION LIMIT -1'

# A host whose clock is wrong: its logins and changes do not move the token's time.
if command -v faketime >/dev/null; then
    late() { FAKETIME_DONT_FAKE_MONOTONIC=1 NO_FAKE_STAT=1 faketime -f +600s "$@"; }
    mark() { "$TENON_PROGRAM" clock show --json | sed -n 's/.*"mark": *\([0-9]*\).*/\1/p'; }
    before=$(mark)
    program=$TENON_PROGRAM TENON_PROGRAM=late_program
    late_program() { late "$program" "$@"; }
    for check in "database's clock" clock; do is "$check" failed 1; done
    TENON_PROGRAM=$program
    says 'seconds apart' late "$TENON_PROGRAM" keys generate --type aes:128 --label late --pin-file pin
    (($(mark) < before + 300)) || fail 'a wrong clock moved the mark'
    refused 'clock.skew' late "$TENON_PROGRAM" clock accept --yes --so-pin-file pin
    TENON_CLOCK_SKEW=3600 late "$TENON_PROGRAM" keys generate --type aes:128 --label later --pin-file pin
    (($(mark) > before + 500)) || fail 'a clock within clock.skew moves the mark'
fi

# By a network without TLS, and through what makes each answer late and the server an older one.
echo 'host all tenon 127.0.0.1/32 trust' | as_owner tee -a "$server/data/pg_hba.conf" >/dev/null
as_owner "$bin/pg_ctl" -D "$server/data" reload >/dev/null
cat >slow.py <<'TEXT'
import socket
import sys
import threading
import time

def pump(source, target, change):
    while data := source.recv(1 << 16):
        target.sendall(change(data))
    target.shutdown(socket.SHUT_WR)

def late(data):
    time.sleep(0.03)
    return data.replace(b"server_version\x0015", b"server_version\x0014")

listener = socket.create_server(("127.0.0.1", 54325))
print("ready", flush=True)
while True:
    client, _ = listener.accept()
    server = socket.create_connection(("127.0.0.1", 54324))
    threading.Thread(target=pump, args=(client, server, lambda data: data), daemon=True).start()
    threading.Thread(target=pump, args=(server, client, late), daemon=True).start()
TEXT
python3 slow.py >slow.log &
slow=$!
trap 'kill "$slow"; kill_server; rm -rf "$server"' EXIT
until grep -q ready slow.log; do sleep 0.1; done
TENON_STORE_URL='postgresql://tenon@127.0.0.1:54325/fleet?sslmode=disable'
for check in TLS version 'round trip'; do is "$check" warning 0; done
TENON_STORE_URL=postgresql://tenon:secret@localhost:54324/fleet?sslrootcert=$server/ca.pem
is TLS ok 0
says 'TLSv1.3' "$TENON_PROGRAM" doctor

# A role without a right.
sql fleet 'CREATE ROLE app LOGIN; GRANT USAGE ON SCHEMA tenon TO app; GRANT ALL ON ALL TABLES IN SCHEMA tenon TO app;
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA tenon TO app; REVOKE DELETE ON tenon.object FROM app'
echo 'local all app trust' | as_owner tee -a "$server/data/pg_hba.conf" >/dev/null
as_owner "$bin/pg_ctl" -D "$server/data" reload >/dev/null
sleep 0.3
TENON_STORE_URL=postgresql://app@/fleet?host=$server
is rights failed 1
says 'object (DELETE)' of rights found
sql fleet 'GRANT DELETE ON tenon.object TO app'
is rights ok 0

# A database that lost changes is refused, for this program too, until the security officer accepts that.
TENON_STORE_URL=postgresql://tenon@/fleet?host=$server
sql fleet 'UPDATE tenon.token SET lost = 3, known = generation + 2, noticed = 1800000000'
is opening failed 1
says '3 or more' of opening found
refused 'No slot\|CKR_' user --list-objects
says 'Refused.*lost changes' "$TENON_PROGRAM" anchor show
"$TENON_PROGRAM" anchor accept --yes --so-pin-file pin
is opening ok 0
user --list-objects >/dev/null
says 'anchor.accepted' "$TENON_PROGRAM" audit list
refused 'nothing to accept' "$TENON_PROGRAM" anchor accept --yes --so-pin-file pin

# Without a server.
kill_server
export TENON_STORE_BUSY_TIMEOUT_MS=500
is database failed 1
[[ $(metric tenon_database_up) == 0 ]] || fail 'the database is up'
run_server
is database ok 0
