#!/usr/bin/env bash
# The OpenSSL engine (libp11): a certificate request, a TLS server and a TLS client on token keys;
# every program leaves with its status.
. "$CONFORMANCE/lib/common.sh"

needs_engine

fresh_token
user --keypairgen --key-type rsa:2048 --id 01 --label rsa --usage-sign
user --keypairgen --key-type EC:prime256v1 --id 02 --label ec --usage-sign

cat >engine.conf <<CONF
openssl_conf = begin
[begin]
engines = engines
[engines]
pkcs11 = pkcs11
[pkcs11]
engine_id = pkcs11
MODULE_PATH = $TENON_MODULE
PIN = $PIN
init = 0
[req]
distinguished_name = name
[name]
CONF

on_token() { OPENSSL_CONF=$PWD/engine.conf openssl "$@"; }
plain() { openssl "$@"; }

# The key of an option, as the engine names it.
token_key() { # label
    echo "-engine pkcs11 -keyform engine -key pkcs11:token=$LABEL;object=$1;type=private"
}

# Standard input that never ends: at its end the server would close the connection.
mkfifo silence
exec 3<>silence

# A server that takes one connection on a port of the system's choice, which goes to $port.
serve() { # on_token or plain, arguments...
    : >served
    "$1" s_server -accept 127.0.0.1:0 -naccept 1 "${@:2}" <&3 >served 2>server-errors &
    server=$!
    for _ in {1..200}; do
        port=$(sed -n 's/^ACCEPT .*:\([0-9]*\)$/\1/p' served)
        [[ -z $port ]] || return 0
        kill -0 "$server" 2>/dev/null || break
        sleep 0.05
    done
    fail "the server does not begin: $(cat server-errors)"
}

# Connects, and wants both programs to end well.
connect() { # on_token or plain, arguments...
    "$1" s_client -connect "127.0.0.1:$port" -CAfile certificate.pem -verify_return_error \
        "${@:2}" </dev/null >connected 2>&1 || fail "client: $(cat connected)"
    grep -q 'Verify return code: 0 (ok)' connected || fail "not verified: $(cat connected)"
    wait "$server" || fail "server, status $?: $(cat served server-errors)"
}

for key in ec rsa; do
    # The words of the option are meant to be split.
    # shellcheck disable=SC2046
    {
        on_token req -new $(token_key "$key") -subj "/CN=$key" -out request.pem
        openssl req -in request.pem -verify -noout
        on_token req -x509 $(token_key "$key") -subj "/CN=$key" -days 30 -out certificate.pem
        openssl verify -CAfile certificate.pem certificate.pem
        for version in -tls1_2 -tls1_3; do
            serve on_token $(token_key "$key") -cert certificate.pem "$version"
            connect plain
        done
        # The client shows a certificate, and signs with the token's key; so does the server.
        serve on_token $(token_key "$key") -cert certificate.pem -CAfile certificate.pem \
            -Verify 1 -verify_return_error
        connect on_token $(token_key "$key") -cert certificate.pem
        grep -q "subject=CN = $key" served || fail "the server saw no certificate: $(cat served)"
    }
done

# A wrong PIN fails, and says so.
sed -i 's/^PIN = .*/PIN = wrong-pin/' engine.conf
# shellcheck disable=SC2046
! on_token req -new $(token_key ec) -subj /CN=wrong -out wrong.pem >refused 2>&1 ||
    fail 'signs with a wrong PIN'
grep -qi pin refused || fail "$(cat refused)"
