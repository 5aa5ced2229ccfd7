#!/usr/bin/env python3
"""What one process destroys, another that holds its handle cannot use any more."""

import subprocess
import sys

import p11

ECB = p11.Mechanism(p11.CKM_AES_ECB)

if sys.argv[1:]:
    other = p11.Module().user()
    (found,) = other.find({p11.CKA_LABEL: sys.argv[1]})
    other.destroy(found)
    sys.exit()

module = p11.Module()
module.fresh_token()
session = module.user()
for turn in range(10):
    label = f"shared {turn}"
    key = session.generate_key(p11.CKM_AES_KEY_GEN, {
        p11.CKA_TOKEN: True, p11.CKA_PRIVATE: True, p11.CKA_LABEL: label,
        p11.CKA_VALUE_LEN: 16, p11.CKA_ENCRYPT: True})
    session.encrypt(ECB, key, bytes(16))
    subprocess.run([sys.executable, __file__, label], check=True)
    p11.refused(p11.CKR_KEY_HANDLE_INVALID, session.begin, "Encrypt", ECB, key)
    p11.refused(p11.CKR_OBJECT_HANDLE_INVALID, session.get, key, p11.CKA_LABEL)
    assert session.find({p11.CKA_LABEL: label}) == []
