#!/usr/bin/env bash
# RSA-OAEP blobs made by openssl, SHA-1 and SHA-256, unwrapped by pkcs11-tool; the key is used, and
# keeps its one material.
. "$CONFORMANCE/lib/common.sh"
. "$CONFORMANCE/lib/opensc.sh"

tool=$(new_pkcs11_tool "$(dirname "$TENON_PROGRAM")/../opensc") ||
    skip 'no pkcs11-tool 0.27 can be had here'
fresh_token
user --keypairgen --key-type rsa:2048 --id 01 --label wrapping --usage-wrap
token --read-object --type pubkey --id 01 --output-file public.der
head -c 4096 /dev/urandom >data
iv=000102030405060708090a0b0c0d0e0f

wrap() { # hash, material: writes blob
    openssl pkeyutl -encrypt -pubin -keyform DER -inkey public.der -in "$2" -out blob \
        -pkeyopt rsa_padding_mode:oaep -pkeyopt "rsa_oaep_md:$1" -pkeyopt "rsa_mgf1_md:$1"
}

unwrap() { # hash, id
    local hash=SHA256 mgf=MGF1-SHA256
    if [[ $1 == sha1 ]]; then hash=SHA-1 mgf=MGF1-SHA1; fi
    "$tool" --module "$TENON_MODULE" --login --pin "$PIN" --unwrap --mechanism RSA-PKCS-OAEP \
        --hash-algorithm "$hash" --mgf "$mgf" --id 01 --input-file blob --key-type AES: \
        --application-id "$2" --application-label "imported-$1"
}

for row in 'sha1 0a' 'sha256 0b'; do
    read -r hash id <<<"$row"
    openssl rand 32 >material
    openssl rand 32 >other
    wrap "$hash" material
    unwrap "$hash" "$id"
    user --encrypt --id "$id" --mechanism AES-CBC-PAD --iv "$iv" --input-file data --output-file sealed
    openssl enc -d -aes-256-cbc -K "$(od -An -vtx1 material | tr -d ' \n')" -iv "$iv" -in sealed -out out
    cmp data out
    unwrap "$hash" "$id"
    [[ $(user --list-objects --type secrkey | grep -c "imported-$hash") == 1 ]] ||
        fail 'the second import made a second key'
    wrap "$hash" other
    refused 0x80544e01 unwrap "$hash" "$id"
    user --delete-object --type secrkey --id "$id"
    silent_on "imported-$hash" user --list-objects
    refused 0x80544e01 unwrap "$hash" "$id"
    wrap "$hash" material
    unwrap "$hash" "$id"
    says "imported-$hash" user --list-objects --type secrkey
done
