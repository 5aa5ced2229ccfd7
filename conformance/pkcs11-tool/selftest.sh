#!/usr/bin/env bash
# pkcs11-tool's own tests: digests, signatures, wrapping, forks and threads.
. "$CONFORMANCE/lib/common.sh"

fresh_token
user --keypairgen --key-type rsa:2048 --id 01 --label rsa
user --keygen --key-type AES:16 --id 02 --label aes

says 'No errors' user --test --verbose
user --session-rw --test-ec --key-type EC:prime256v1
tool --test-fork
tool --test-threads IN --test-threads ININ --test-threads IN
