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

# The EC_POINT that pkcs11-tool lists.
point() { # id
    token --list-objects --type pubkey |
        awk -v id="$1" '$1 == "EC_POINT:" { point = $2 } $1 == "ID:" && $2 == id { print point }'
}

# pkcs11-tool 0.23 reads no P-384 and no Ed25519 public key, so the listed EC_POINT goes into an
# encoding by RFC 5480 or, without a curve, RFC 8410.
export_ec() { # id, curve
    local point type=ED25519
    [[ -z ${2-} ]] || type="id-ecPublicKey
curve=OID:$2"
    point=$(point "$1")
    # The header of an OCTET STRING; its length takes two bytes from 128 on.
    if [[ $point == 0481* ]]; then point=${point#0481??}; else point=${point#04??}; fi
    cat >public.conf <<CONF
asn1=SEQUENCE:key
[key]
algorithm=SEQUENCE:algorithm
point=FORMAT:HEX,BITSTRING:$point
[algorithm]
type=OID:$type
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
user --sign --id 01 --mechanism RSA-PKCS-PSS --hash-algorithm SHA256 --mgf MGF1-SHA256 \
    --salt-len 32 --input-file digest --output-file signature
openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 \
    -verify public.pem -signature signature data
# A changed message does not verify, so the checks above can fail.
echo >>data
! openssl dgst -sha256 -sigopt rsa_padding_mode:pss -verify public.pem -signature signature data ||
    fail 'a changed message verifies'

id=10
for curve in prime256v1 secp224r1 secp384r1 secp521r1 secp256k1 brainpoolP384r1; do
    user --keypairgen --key-type "EC:$curve" --id "$id" --label "$curve"
    export_ec "$id" "$curve"
    user --sign --id "$id" --mechanism ECDSA --signature-format openssl \
        --input-file digest --output-file signature
    openssl pkeyutl -verify -pubin -inkey public.pem -in digest -sigfile signature
    user --verify --id "$id" --mechanism ECDSA --signature-format openssl \
        --input-file digest --signature-file signature
    ((id += 1))
done

user --keypairgen --key-type EC:edwards25519 --id 20 --label edwards25519
export_ec 20
# The setting for clients that read the bare bytes changes what is read of the same key.
bare=$(TENON_COMPAT_EDWARDS_POINT=raw point 20)
[[ ${#bare} == 64 && $(point 20) == 0420$bare ]] || fail "EC_POINT by compat.edwards_point: $bare"
user --sign --id 20 --mechanism EDDSA --input-file data --output-file signature
openssl pkeyutl -verify -pubin -inkey public.pem -rawin -in data -sigfile signature

# Both parties of a key agreement find the same secret.
user --keypairgen --key-type EC:prime256v1 --id 21 --label agreement --usage-derive
export_ec 21 prime256v1
openssl ecparam -name prime256v1 -genkey -noout -out peer.pem
openssl ec -in peer.pem -pubout -outform DER -out peer.der 2>/dev/null
user --derive --id 21 --mechanism ECDH1-DERIVE --input-file peer.der --output-file secret
openssl pkeyutl -derive -inkey peer.pem -peerkey public.pem -out expected
cmp expected secret

# Both halves go, and nothing else.
user --delete-object --type privkey --id 01
user --delete-object --type pubkey --id 01
silent_on RSA user --list-objects
says secp384r1 user --list-objects
