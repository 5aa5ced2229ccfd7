#!/usr/bin/env bash
# pkcs11-tool's own tests: digests, signatures, wrapping, forks and threads.
. "$CONFORMANCE/lib/common.sh"

fresh_token
user --keypairgen --key-type rsa:2048 --id 01 --label rsa
user --keygen --key-type AES:16 --id 02 --label aes

says 'No errors' user --test --verbose
id=10
for curve in prime256v1 secp224r1 secp384r1 secp521r1 secp256k1 brainpoolP256r1 brainpoolP384r1; do
    user --session-rw --test-ec --id "$id" --key-type "EC:$curve"
    ((id += 1))
done
tool --test-fork
tool --test-threads IN --test-threads ININ --test-threads IN
