#!/usr/bin/env bash
# A token in a database: by the socket, by TLS with a password, and through a pooler; clients in several processes.
. "$CONFORMANCE/lib/common.sh"
. "$CONFORMANCE/lib/postgresql.sh"

start_server 54322
use_database
"$TENON_PROGRAM" init --label "$LABEL" --so-pin-file pin --pin-file pin
says "$LABEL" "$TENON_PROGRAM" slots
[[ -z $(ls tokens) ]] || fail 'a file'

user --keypairgen --key-type EC:prime256v1 --id 01 --label first
echo message >message

# Each way signs with the same key, and the server's own tool does not.
signs() { # url
    TENON_STORE_URL=$1 user --sign --mechanism ECDSA-SHA256 --id 01 --signature-format openssl \
        --input-file message --output-file signature
    openssl dgst -sha256 -verify public.pem -signature signature message
}
user --read-object --type pubkey --id 01 --output-file public.der
openssl pkey -pubin -inform DER -in public.der -out public.pem
secure="postgresql://tenon:secret@localhost:54322/fleet?sslrootcert=$server/ca.pem"
signs "$TENON_STORE_URL"
signs "$secure"
signs "postgresql://tenon:secret@nobody.invalid:1,localhost:54322/fleet?sslrootcert=$server/ca.pem&connect_timeout=1"

# Whoever else answers is not believed, and the log says why without the password.
cannot() { # pattern, url
    local output
    output=$(TENON_STORE_BUSY_TIMEOUT_MS=1000 TENON_STORE_URL=$2 "$TENON_PROGRAM" slots 2>&1) &&
        fail "should be refused: $2: $output"
    grep -q -- "$1" <<<"$output" || fail "no $1: $output"
    if grep -q secret <<<"$output"; then fail "the password: $output"; fi
}
cannot 'UnknownIssuer' "postgresql://tenon:secret@localhost:54322/fleet?sslrootcert=$server/other.pem"
cannot 'not valid for name' "postgresql://tenon:secret@127.0.0.1:54322/fleet?sslrootcert=$server/ca.pem"
cannot 'password authentication failed' "${secure/secret/secre}"
cannot 'verify-full' "postgresql://tenon:secret@localhost/fleet?sslmode=require"

# Through a pooler that gives each transaction another connection.
if command -v pgbouncer >/dev/null; then
    cat >"$server/pgbouncer.ini" <<TEXT
[databases]
fleet = host=$server port=5432 user=tenon
[pgbouncer]
listen_addr =
unix_socket_dir = $server
listen_port = 6432
auth_type = any
pool_mode = transaction
default_pool_size = 3
pidfile = $server/pgbouncer.pid
TEXT
    chmod o+r "$server/pgbouncer.ini"
    as_owner pgbouncer -q "$server/pgbouncer.ini" >pooler 2>&1 &
    pooler=$!
    for _ in {1..50}; do [[ -S $server/.s.PGSQL.6432 ]] && break; sleep 0.1; done
    signs "postgresql://tenon@/fleet?host=$server&port=6432"
    TENON_STORE_URL="postgresql://tenon@/fleet?host=$server&port=6432" user --keygen --key-type AES:32 --id 02
    kill "$pooler"
fi

# What one process makes, changes and destroys, the others know.
says 'first' user --list-objects --type privkey
user --delete-object --type privkey --id 01
refused 'not found\|error' user --sign --mechanism ECDSA-SHA256 --id 01 --input-file message --output-file signature

# Wrong PINs are counted for all.
for _ in {1..3}; do refused CKR_PIN_INCORRECT token --login --pin wrong-pin --list-objects; done
says '7 left' "$TENON_PROGRAM" slots
user --list-objects >/dev/null
says '10 left' "$TENON_PROGRAM" slots

# Connections that the server ends while nobody uses them are made anew.
cat >idle.py <<'TEXT'
import os
import p11
module = p11.Module()
session = module.user()
for turn in range(3):
    os.system(f"psql -qXAt -h {os.environ['SERVER']} -U tenon -d fleet -c \"SELECT pg_terminate_backend(pid) "
              "FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = 'fleet'\" >/dev/null")
    session.generate_key(p11.CKM_AES_KEY_GEN, {p11.CKA_TOKEN: True, p11.CKA_VALUE_LEN: 16})
    assert session.find({p11.CKA_CLASS: 4})
TEXT
SERVER=$server python3 idle.py

# A copy of the token is a file, which opens without a server, and goes into another slot of a database.
"$TENON_PROGRAM" backup --pin-file pin copy.tenon
env -u TENON_STORE_URL "$TENON_PROGRAM" restore copy.tenon
env -u TENON_STORE_URL pkcs11-tool --module "$TENON_MODULE" --token-label "$LABEL" --login --pin "$PIN" \
    --list-objects --type secrkey >in-file
user --list-objects --type secrkey >in-database
cmp in-file in-database
"$TENON_PROGRAM" restore --slot 7 --force copy.tenon
says "^7  *$LABEL" "$TENON_PROGRAM" slots
"$TENON_PROGRAM" token delete --slot 7 --yes
"$TENON_PROGRAM" restore --slot 0 --force --yes copy.tenon
user --list-objects --type secrkey >restored
cmp in-database restored
"$TENON_PROGRAM" doctor
"$TENON_PROGRAM" audit verify --pin-file pin

# A process that has the token open and does nothing finds the one that took its place, and that there is none.
cat >replaced.py <<'TEXT'
import os
import subprocess
import p11
module = p11.Module()
session = module.user()
tenon = os.environ["TENON_PROGRAM"]
for command in (["token", "delete", "--slot", "0", "--yes"], ["restore", "--slot", "0", "copy.tenon"],
                ["restore", "--slot", "0", "--force", "--yes", "copy.tenon"]):
    subprocess.run([tenon, *command], check=True)
    p11.refused(p11.CKR_DEVICE_REMOVED, session.find, {})
    there = [slot for slot in module.slots() if module.token_info(slot).flags & p11.CKF_TOKEN_INITIALIZED]
    if command[0] == "token":
        assert there == []
    else:
        # The old session and a new one are open at once.
        new = p11.Session(module, there[0])
        p11.refused(p11.CKR_DEVICE_REMOVED, session.find, {})
        session.close()
        session = new
        session.login(p11.PIN)
        session.generate_key(p11.CKM_AES_KEY_GEN, {p11.CKA_VALUE_LEN: 16})
TEXT
python3 replaced.py

# Without its server a token is an error that names the server, and comes back with it.
kill_server
cannot '.s.PGSQL' "$TENON_STORE_URL"
run_server
says "$LABEL" "$TENON_PROGRAM" slots
