#!/usr/bin/env bash
# `tenon import`, `export` and `keys`, with openssl and pkcs11-tool on the other side.
. "$CONFORMANCE/lib/common.sh"

export TENON_SO_PIN=$SO_PIN TENON_PIN=$PIN
tenon() { "$TENON_PROGRAM" "$@"; }
tenon init --label "$LABEL"
head -c 1000 /dev/urandom >data
openssl dgst -sha256 -binary data >digest

# A private key and a certificate of openssl, encrypted, used by pkcs11-tool.
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes256 -pass pass:sesame -out key.pem
openssl req -x509 -new -key key.pem -passin pass:sesame -subj /CN=conformance -days 30 -out certificate.pem
cat key.pem certificate.pem >bundle.pem
TENON_IMPORT_PASSWORD=sesame tenon import bundle.pem --label web --id 01
user --sign --id 01 --mechanism ECDSA --signature-format openssl --input-file digest \
    --output-file signature
openssl x509 -in certificate.pem -noout -pubkey >public.pem
openssl pkeyutl -verify -pubin -inkey public.pem -in digest -sigfile signature
token --read-object --type cert --id 01 --output-file read.der
tenon export --type cert --id 01 --der --output exported.der
cmp read.der exported.der
tenon export --type pubkey --id 01 | cmp - public.pem

# RSA in the old encoding; encrypted outside, decrypted inside.
openssl genrsa -traditional -out rsa.pem 2048
tenon import rsa.pem --label rsa --id 02
tenon export --label rsa --output rsa-public.pem
openssl pkeyutl -encrypt -pubin -inkey rsa-public.pem -in digest -out sealed
user --decrypt --id 02 --mechanism RSA-PKCS --input-file sealed --output-file opened
cmp digest opened

# The bytes of a secret key encrypt alike on both sides.
openssl rand 32 >value
iv=000102030405060708090a0b0c0d0e0f
tenon import value --type aes --label secret --id 03
user --encrypt --id 03 --mechanism AES-CBC-PAD --iv "$iv" --input-file data --output-file sealed
openssl enc -d -aes-256-cbc -K "$(od -An -vtx1 value | tr -d ' \n')" -iv "$iv" -in sealed -out opened
cmp data opened
refused 'not exported' tenon export --id 03

# Keys that are made here work there, and the other way round.
for kind in rsa:2048 ec:P-256; do
    tenon keys generate --type "$kind" --label "$kind"
    id=$(tenon objects list --label "$kind" --json | sed 's/.*"id":"\([0-9a-f]*\)".*/\1/')
    mechanism=ECDSA-SHA256
    [[ $kind == ec:* ]] || mechanism=SHA256-RSA-PKCS
    user --sign --id "$id" --mechanism "$mechanism" --signature-format openssl --input-file data \
        --output-file signature
    tenon export --label "$kind" --output "$kind.pem"
    openssl dgst -sha256 -verify "$kind.pem" -signature signature data
done
user --keypairgen --key-type EC:secp384r1 --id 04 --label theirs
says 'ec:secp384r1' tenon objects list --label theirs
tenon export --label theirs --output theirs.pem
openssl pkey -pubin -in theirs.pem -noout -text | grep -q P-384
tenon objects delete --label theirs --yes
silent_on theirs user --list-objects
