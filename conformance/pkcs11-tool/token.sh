#!/usr/bin/env bash
# Slots, mechanisms, initialisation and PINs as pkcs11-tool drives them.
. "$CONFORMANCE/lib/common.sh"

says uninitialized tool --list-slots
fresh_token
says "$LABEL" tool --list-slots
says "$LABEL" tool --list-token-slots
says uninitialized tool --list-slots
for mechanism in RSA-PKCS-OAEP RSA-PKCS-KEY-PAIR-GEN ECDSA AES-KEY-GEN AES-CBC-PAD SHA256; do
    says "^ *$mechanism[, ]*" token --list-mechanisms
done
user --list-objects

refused CKR_PIN_INCORRECT token --login --pin wrong-pin --list-objects
says 'PIN count low' tool --list-token-slots
user --list-objects
silent_on 'PIN count low' tool --list-token-slots

user --change-pin --new-pin changed-1
refused CKR_PIN_INCORRECT user --list-objects
token --login --pin changed-1 --list-objects
refused CKR_PIN_ token --login --pin changed-1 --change-pin --new-pin abc

refused CKR_PIN_INCORRECT token --login --login-type so --so-pin wrong-so --init-pin --pin 999999
token --login --login-type so --so-pin "$SO_PIN" --init-pin --pin "$PIN"
user --list-objects
[[ $(token --generate-random 32 | wc -c) == 32 ]] || fail 'not 32 random bytes'

# Twenty programs, one after the other, leave with status 0.
for _ in {1..20}; do user --list-objects; done
