#!/usr/bin/env bash
# Blobs made by openssl, unwrapped by pkcs11-tool and bound to their CKA_ID.
. "$CONFORMANCE/lib/common.sh"

fresh_token
hex() { od -An -vtx1 "$1" | tr -d ' \n'; }
openssl rand 32 >kek
openssl rand 32 >material
openssl rand 32 >other
head -c 4096 /dev/urandom >data
iv=000102030405060708090a0b0c0d0e0f
user --write-object kek --type secrkey --key-type AES:32 --id 01 --label wrapping --usage-wrap

wrap() { # cipher, initial value, material: writes blob
    openssl enc "-id-$1" -iv "$2" -K "$(hex kek)" -in "$3" -out blob
}

unwrap() { # mechanism, wrapping key, id
    user --unwrap --mechanism "$1" --id "$2" --input-file blob --key-type AES: \
        --application-id "$3" --application-label "imported-$3"
}

agrees() { # id
    user --encrypt --id "$1" --mechanism AES-CBC-PAD --iv "$iv" --input-file data --output-file sealed
    openssl enc -d -aes-256-cbc -K "$(hex material)" -iv "$iv" -in sealed -out out
    cmp data out
}

id=21
# CKM_AES_KEY_WRAP, CKM_AES_KEY_WRAP_PAD and CKM_AES_KEY_WRAP_KWP.
for row in 'aes256-wrap A6A6A6A6A6A6A6A6 0x2109' 'aes256-wrap-pad A65959A6 0x210A' \
    'aes256-wrap-pad A65959A6 0x210B'; do
    read -r cipher initial mechanism <<<"$row"
    wrap "$cipher" "$initial" material
    unwrap "$mechanism" 01 "$id"
    agrees "$id"
    refused CKR_ATTRIBUTE_SENSITIVE user --read-object --type secrkey --id "$id"

    # The same material comes in again, other material does not, and the old one still works.
    unwrap "$mechanism" 01 "$id"
    [[ $(user --list-objects --type secrkey | grep -c "imported-$id") == 1 ]] ||
        fail 'the second import made a second key'
    wrap "$cipher" "$initial" other
    refused 0x80544e01 unwrap "$mechanism" 01 "$id"
    agrees "$id"

    # Deleting the material does not free the name for another.
    user --delete-object --type secrkey --id "$id"
    silent_on "imported-$id" user --list-objects
    refused 0x80544e01 unwrap "$mechanism" 01 "$id"
    wrap "$cipher" "$initial" material
    unwrap "$mechanism" 01 "$id"
    agrees "$id"
    ((id += 1))
done
