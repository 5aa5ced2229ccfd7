#!/usr/bin/env python3
"""Eight processes create, find, change, use and destroy objects of one token at once."""

import subprocess
import sys

import p11

PROCESSES, ROUNDS = 8, 60


def work(worker):
    session = p11.Module().user()
    for turn in range(ROUNDS):
        label = f"object {worker} {turn}"
        key = session.generate_key(p11.CKM_AES_KEY_GEN, {
            p11.CKA_TOKEN: True, p11.CKA_PRIVATE: True, p11.CKA_LABEL: label,
            p11.CKA_VALUE_LEN: 16, p11.CKA_ENCRYPT: True})
        assert session.find({p11.CKA_LABEL: label}) == [key], "own object not found"
        session.encrypt(p11.Mechanism(p11.CKM_AES_ECB), key, bytes(16))
        session.set(key, {p11.CKA_LABEL: label + " changed"})
        assert session.find({p11.CKA_LABEL: label}) == []
        # Every second one stays, for the last count.
        if turn % 2:
            session.destroy(key)


if sys.argv[1:]:
    work(sys.argv[1])
    sys.exit()

module = p11.Module()
module.fresh_token()
workers = [subprocess.Popen([sys.executable, __file__, str(number)]) for number in range(PROCESSES)]
assert [worker.wait() for worker in workers] == [0] * PROCESSES

session = module.user()
kept = session.find({p11.CKA_CLASS: p11.CKO_SECRET_KEY})
assert len(kept) == PROCESSES * ROUNDS // 2, len(kept)
labels = {session.get(key, p11.CKA_LABEL).decode() for key in kept}
assert labels == {f"object {worker} {turn} changed" for worker in range(PROCESSES)
                  for turn in range(0, ROUNDS, 2)}
print(f"note: {PROCESSES * ROUNDS} objects")
