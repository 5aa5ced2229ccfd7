#!/usr/bin/env python3
"""SIGKILL at random points while the shares of a key are imported.

A worker brings three shares of a key's material and says so after each. It is killed in between. Then each share
that it acknowledged waits, or all three have made the key; none is there by half; and the shares that are missing
complete the key. TENON_KILLS (200) says how often: a quarter of it, since each kill needs a new process.
"""

import os
import random
import subprocess
import sys
import time

import outside
import p11
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

KILLS = max(int(os.environ.get("TENON_KILLS", "200")) // 4, 1)
OAEP, ECB = p11.oaep("sha256"), p11.Mechanism(p11.CKM_AES_ECB)
RSAES_OAEP_SHA_256 = 2


def named(session, unique_id):
    (found,) = session.find({p11.CKA_UNIQUE_ID: unique_id})
    return found


def bring(session, job, number, blob):
    session.unwrap(OAEP, job, blob, {p11.CKA_CLASS: p11.CKO_SECRET_KEY, p11.CKA_KEY_TYPE: p11.CKK_AES,
                                     p11.CKA_TENON_SHARE: bytes([number])})


def worker():
    """Reads a job and three blobs, waits for the word to begin, and brings one after the other."""
    session = p11.Module().user()
    job, *blobs = map(bytes.fromhex, sys.stdin.readline().split())
    job = named(session, job)
    print("ready", flush=True)
    sys.stdin.readline()
    for number, blob in enumerate(blobs, 1):
        bring(session, job, number, blob)
        print(number, flush=True)


class Round:
    """A key in three shares, all of which are needed, and the blobs of its shares."""

    def __init__(self, session):
        self.session, self.material = session, os.urandom(32)
        key = session.generate_key(p11.CKM_TENON_EXTERNAL_KEY_GEN, {
            p11.CKA_CLASS: p11.CKO_SECRET_KEY, p11.CKA_KEY_TYPE: p11.CKK_AES, p11.CKA_VALUE_LEN: 32,
            p11.CKA_TOKEN: True, p11.CKA_ENCRYPT: True, p11.CKA_TENON_SHARES: bytes([3, 3])})
        self.name = session.get(key, p11.CKA_UNIQUE_ID)
        public, self.job = session.generate_pair(
            p11.CKM_RSA_PKCS_KEY_PAIR_GEN, {p11.CKA_TOKEN: True, p11.CKA_MODULUS_BITS: 2048},
            {p11.CKA_TENON_IMPORT_TARGET: self.name, p11.CKA_TENON_WRAP_ALGORITHM: RSAES_OAEP_SHA_256})
        first, second = os.urandom(32), os.urandom(32)
        third = bytes(a ^ b ^ c for a, b, c in zip(self.material, first, second))
        spki = session.get(public, p11.CKA_PUBLIC_KEY_INFO)
        self.blobs = [outside.oaep(spki, share, "sha256") for share in (first, second, third)]

    def worked(self):
        """A worker that has been told to begin."""
        process = subprocess.Popen([sys.executable, __file__, "worker"], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True)
        job = self.session.get(self.job, p11.CKA_UNIQUE_ID)
        process.stdin.write(" ".join(data.hex() for data in [job, *self.blobs]) + "\n")
        process.stdin.flush()
        assert process.stdout.readline() == "ready\n"
        process.stdin.write("\n")
        process.stdin.flush()
        return process

    def timed(self):
        """How many seconds each share takes until it is acknowledged."""
        process, moments = self.worked(), [time.monotonic()]
        for number in range(1, 4):
            assert process.stdout.readline() == f"{number}\n"
            moments.append(time.monotonic())
        process.wait()
        return [later - earlier for earlier, later in zip(moments, moments[1:])]

    def killed(self, share, after):
        """How many shares a worker acknowledged that was killed so many seconds after it began with `share`."""
        process = self.worked()
        for number in range(1, share):
            assert process.stdout.readline() == f"{number}\n"
        time.sleep(after)
        process.kill()
        acknowledged = share - 1 + len(process.stdout.read().split())
        process.wait()
        return acknowledged

    def check(self, acknowledged):
        """Returns how many shares were there."""
        key = named(self.session, self.name)
        waiting = list(self.session.get(key, p11.CKA_TENON_SHARE))
        if self.session.number(key, p11.CKA_TENON_KEY_STATE) == p11.STATE_ENABLED:
            assert acknowledged >= 2 and waiting == [], (acknowledged, waiting)
            there = 3
        else:
            there = len(waiting)
            assert waiting == list(range(1, there + 1)), waiting
            assert acknowledged <= there <= min(acknowledged + 1, 2), (acknowledged, waiting)
            for number in range(there + 1, 4):
                bring(self.session, self.job, number, self.blobs[number - 1])
        cipher = Cipher(algorithms.AES(self.material), modes.ECB()).encryptor()
        assert self.session.encrypt(ECB, key, bytes(16)) == cipher.update(bytes(16)), "the shares made another key"
        return there


def main():
    module = p11.Module()
    module.fresh_token()
    session = module.user()
    took = Round(session).timed()
    seen = [0] * 4
    for _ in range(KILLS):
        turn, share = Round(session), random.randint(1, 3)
        seen[turn.check(turn.killed(share, random.uniform(0, took[share - 1])))] += 1
    assert KILLS < 10 or sum(times > 0 for times in seen) > 1, f"every kill came at one point: {seen}"
    print(f"note: {KILLS} kills; shares that were there afterwards: "
          + ", ".join(f"{number} in {times}" for number, times in enumerate(seen)))


if sys.argv[1:]:
    worker()
else:
    main()
