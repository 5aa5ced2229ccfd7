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

# Two threads that initialise the module beside the program's own, ask for slots and read the token,
# twice. The program waits half a minute for threads that outlive it: so the runs go side by side.
runs=12 started=()
for ((run = 1; run <= runs; run++)); do
    timeout --kill-after=5 90 pkcs11-tool --module "$TENON_MODULE" \
        --test-threads ILGISLT0ILGISLT0 --test-threads INGISLT0INGISLT0 &>"threads.$run" &
    started+=($!)
done
crashes=0 hangs=0 errors=0
for ((run = 1; run <= runs; run++)); do
    status=0
    wait "${started[run - 1]}" || status=$?
    case $status in
        0) ! grep -q 'all threads have ended with CKR_OK' "threads.$run" || continue
            ((errors += 1)) ;;
        124 | 137) ((hangs += 1)) ;;
        13? | 14? | 15?) ((crashes += 1)) ;;
        *) ((errors += 1)) ;;
    esac
    tail -20 "threads.$run"
done
((crashes + hangs + errors == 0)) || fail "$runs runs, $crashes crashes, $hangs hangs, $errors errors"
echo "note: --test-threads: $runs runs, $crashes crashes, $hangs hangs"
