#!/usr/bin/env bash
# Key pairs and signatures, verified by the openssl program with the exported public key.
. "$CONFORMANCE/lib/common.sh"

fresh_token
head -c 1000 /dev/urandom >data
openssl dgst -sha256 -binary data >digest
# DigestInfo of SHA-256 (RFC 8017 section 9.2, note 1).
printf '\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20' | cat - digest >info

export_rsa() { # id
    token --read-object --type pubkey --id "$1" --output-file public.der
    openssl pkey -pubin -inform DER -in public.der -out public.pem
}

# pkcs11-tool 0.23 reads no P-384 public key, so the listed EC_POINT goes into an RFC 5480 encoding.
export_ec() { # id, curve
    local point
    point=$(token --list-objects --type pubkey |
        awk -v id="$1" '$1 == "EC_POINT:" { point = $2 } $1 == "ID:" && $2 == id { print point }')
    cat >public.conf <<CONF
asn1=SEQUENCE:key
[key]
algorithm=SEQUENCE:algorithm
point=FORMAT:HEX,BITSTRING:${point#04??}
[algorithm]
type=OID:id-ecPublicKey
curve=OID:$2
CONF
    openssl asn1parse -genconf public.conf -noout -out public.der
    openssl pkey -pubin -inform DER -in public.der -out public.pem
}

user --keypairgen --key-type rsa:2048 --id 01 --label rsa
export_rsa 01
openssl rsa -pubin -in public.pem -noout -text | grep -q 'Public-Key: (2048 bit)'
user --sign --id 01 --mechanism SHA256-RSA-PKCS --input-file data --output-file signature
openssl dgst -sha256 -verify public.pem -signature signature data
user --sign --id 01 --mechanism RSA-PKCS --input-file info --output-file signature
openssl dgst -sha256 -verify public.pem -signature signature data
# A changed message does not verify, so the checks above can fail.
echo >>data
! openssl dgst -sha256 -verify public.pem -signature signature data ||
    fail 'a changed message verifies'

id=10
for curve in prime256v1 secp384r1 secp256k1; do
    user --keypairgen --key-type "EC:$curve" --id "$id" --label "$curve"
    export_ec "$id" "$curve"
    user --sign --id "$id" --mechanism ECDSA --signature-format openssl \
        --input-file digest --output-file signature
    openssl pkeyutl -verify -pubin -inkey public.pem -in digest -sigfile signature
    user --verify --id "$id" --mechanism ECDSA --signature-format openssl \
        --input-file digest --signature-file signature
    ((id += 1))
done

# Both halves go, and nothing else.
user --delete-object --type privkey --id 01
user --delete-object --type pubkey --id 01
silent_on RSA user --list-objects
says secp384r1 user --list-objects
