#!/usr/bin/env bash
# Data objects, certificates and secret keys: written, found, read, used, deleted.
. "$CONFORMANCE/lib/common.sh"

fresh_token
head -c 3000 /dev/urandom >blob

user --write-object blob --type data --label notes --application-label conformance --private
silent_on notes token --list-objects
says notes user --list-objects
user --read-object --type data --label notes --output-file out
cmp blob out
user --delete-object --type data --label notes
silent_on notes user --list-objects

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem \
    -subj /CN=conformance -days 30 -outform DER -out certificate.der 2>/dev/null
user --write-object certificate.der --type cert --id 02 --label certificate
says certificate token --list-objects --type cert
token --read-object --type cert --id 02 --output-file out
cmp certificate.der out
openssl pkey -in key.pem -outform DER -out key.der
user --write-object key.der --type privkey --id 02 --label imported --usage-sign
openssl dgst -sha256 -binary blob >digest
user --sign --id 02 --mechanism ECDSA --signature-format openssl --input-file digest \
    --output-file signature
openssl x509 -inform DER -in certificate.der -noout -pubkey >public.pem
openssl pkeyutl -verify -pubin -inkey public.pem -in digest -sigfile signature

# A key made inside is used, and its value stays there.
user --keygen --key-type AES:32 --id 03 --label secret --sensitive
iv=000102030405060708090a0b0c0d0e0f
user --encrypt --id 03 --mechanism AES-CBC-PAD --iv "$iv" --input-file blob --output-file sealed
user --decrypt --id 03 --mechanism AES-CBC-PAD --iv "$iv" --input-file sealed --output-file out
cmp blob out
! cmp -s blob sealed || fail 'not encrypted'
refused CKR_ATTRIBUTE_SENSITIVE user --read-object --type secrkey --id 03

# A key written from outside agrees with openssl.
openssl rand 32 >value
user --write-object value --type secrkey --key-type AES:32 --id 04 --label given --usage-decrypt
user --encrypt --id 04 --mechanism AES-CBC-PAD --iv "$iv" --input-file blob --output-file sealed
openssl enc -d -aes-256-cbc -K "$(od -An -vtx1 value | tr -d ' \n')" -iv "$iv" -in sealed -out out
cmp blob out

for id in 03 04; do user --delete-object --type secrkey --id "$id"; done
silent_on 'Secret Key' user --list-objects
