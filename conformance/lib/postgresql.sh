# Sourced by the tests that need servers of PostgreSQL: each is started in a folder of the test and ends with it.

# A server, for the user tenon with the password `secret`: by the socket in $server without TLS and password, and by
# localhost:$1 with both. Its certificate is signed by $server/ca.pem.
start_server() { # port
    bin=$(find /usr/lib/postgresql/*/bin -maxdepth 0 2>/dev/null | sort -V | tail -1)
    [[ -n $bin ]] || skip 'initdb is not installed (Debian package postgresql)'
    # Where another user than root gets to.
    server=$(mktemp -d "${TMPDIR:-/tmp}/tenon-postgresql.XXXXXX")
    for name in ca other; do
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$name" \
            -keyout "$server/$name.key" -out "$server/$name.pem" 2>/dev/null
    done
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=server \
        -keyout "$server/server.key" -out "$server/server.csr" 2>/dev/null
    openssl x509 -req -in "$server/server.csr" -CA "$server/ca.pem" -CAkey "$server/ca.key" -days 2 \
        -extfile <(echo 'subjectAltName=DNS:localhost') -out "$server/server.pem" 2>/dev/null
    chmod 600 "$server/server.key"
    # The server refuses to run as root.
    as_server=()
    if ((EUID == 0)); then
        as_server=(runuser -u postgres --)
        chown -R postgres "$server"
    fi
    as_owner "$bin/initdb" -D "$server/data" -A trust -U tenon --no-sync >/dev/null
    cat >"$server/data/pg_hba.conf" <<TEXT
local all tenon trust
hostssl all tenon localhost scram-sha-256
TEXT
    # What is tested is the module, not the disk.
    cat >>"$server/data/postgresql.conf" <<TEXT
listen_addresses = 'localhost'
port = $1
unix_socket_directories = '$server'
max_connections = 300
fsync = off
ssl = on
ssl_cert_file = '$server/server.pem'
ssl_key_file = '$server/server.key'
TEXT
    run_server
    trap 'kill_server; rm -rf "$server"' EXIT
    # The name of the socket has the port that libpq takes by default.
    ln -s ".s.PGSQL.$1" "$server/.s.PGSQL.5432"
    sql postgres "ALTER USER tenon PASSWORD 'secret'"
}

# A database `fleet` on that server, which has the tokens from now on; the PIN is in the file `pin`.
use_database() {
    sql postgres 'CREATE DATABASE fleet'
    export TENON_STORE_URL=postgresql://tenon@/fleet?host=$server
    printf '%s' "$PIN" >pin
}

run_server() { as_owner "$bin/pg_ctl" -D "$server/data" -l "$server/log" -w start >/dev/null; }
kill_server() { as_owner "$bin/pg_ctl" -D "$server/data" -m immediate stop >/dev/null; }
as_owner() { (cd "$server" && exec "${as_server[@]}" "$@"); }

# SQL as the server's owner.
sql() { # database, statement
    psql -qXAt -v ON_ERROR_STOP=1 -h "$server" -U tenon -d "$1" -c "$2"
}
