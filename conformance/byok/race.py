#!/usr/bin/env python3
"""Several processes bring material to one external key at the same moment: one material is bound, ever.

By import jobs, and by CKA_ID through a plain wrapping key; TENON_RACES (100) says how often each, TENON_RACERS (2) how many
processes. In every tenth race all bring the same.
"""

import mmap
import os
import subprocess
import sys
import time

import byok
import external
import outside
import p11
import seal
import spec
from external import Way

RACES = int(os.environ.get("TENON_RACES", "100"))
RACERS = int(os.environ.get("TENON_RACERS", "2"))
MISMATCH = p11.CKR_TENON_MATERIAL_MISMATCH
ECB = p11.Mechanism(p11.CKM_AES_ECB)
# Words of the shared page: the round that has started, and the one each process is ready for.
START, READY = 0, range(1, RACERS + 1)


def page():
    with open("page", "r+b") as file:
        return memoryview(mmap.mmap(file.fileno(), 8 * (RACERS + 1))).cast("Q")


def until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "the other process is gone"
        time.sleep(0)


def attempt(session, way, turn):
    """A function blob -> answer, which has nothing left to look up."""
    name = f"{way}-{turn}".encode()
    if way == "job":
        wrapping, mechanism = b"parameters-%d" % turn, p11.Mechanism(p11.CKM_RSA_PKCS_OAEP)
        template = {p11.CKA_CLASS: p11.CKO_SECRET_KEY, p11.CKA_KEY_TYPE: p11.CKK_AES}
    else:
        wrapping, mechanism, template = b"wrapping", p11.oaep("sha256"), byok.secret(name)
    (key,) = session.find({p11.CKA_CLASS: p11.CKO_PRIVATE_KEY, p11.CKA_ID: wrapping})
    return lambda blob: p11.answer(session.unwrap, mechanism, key, blob, template)


def contend(number):
    session, shared = p11.Module().user(), page()
    for line in sys.stdin:
        way, turn, blob = line.split()
        turn, blob = int(turn), bytes.fromhex(blob)
        bring = attempt(session, way, turn)
        shared[READY[number]] = turn
        until(lambda: shared[START] == turn)
        print(bring(blob), flush=True)


def race(session, way, prepare):
    """The winners' names and materials. `prepare(turn)` gives the public key of a round."""
    outside.write("page", bytes(8 * (RACERS + 1)))
    shared, bound = page(), {}
    workers = [subprocess.Popen([sys.executable, __file__, str(number)], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, text=True) for number in range(RACERS)]
    for turn in range(1, RACES + 1):
        public, same = prepare(turn), turn % 10 == 0
        materials = [os.urandom(32)] * RACERS if same else [os.urandom(32) for _ in range(RACERS)]
        blobs = [seal.blob(2, public, material) for material in materials]
        for worker, blob in zip(workers, blobs):
            print(way, turn, blob.hex(), file=worker.stdin, flush=True)
        until(lambda: all(shared[ready] == turn for ready in READY))
        shared[START] = turn
        answers = [int(worker.stdout.readline()) for worker in workers]
        assert sorted(answers) == ([0] * RACERS if same else [0] + [MISMATCH] * (RACERS - 1)), (turn, answers)
        # The loser stays out, the winner may come again.
        bring = attempt(session, way, turn)
        assert [bring(blob) for blob in blobs] == answers, turn
        bound[f"{way}-{turn}".encode()] = materials[answers.index(0)]
        if not same:
            wins[answers.index(0)] += 1
    for worker in workers:
        worker.stdin.close()
        assert worker.wait() == 0
    return bound


def check(session, bound):
    for name, material in bound.items():
        (key,) = session.find({p11.CKA_CLASS: p11.CKO_SECRET_KEY, p11.CKA_ID: name})
        assert session.encrypt(ECB, key, bytes(16)) == seal.ecb(material, bytes(16), padded=False)


if sys.argv[1:]:
    contend(int(sys.argv[1]))
    sys.exit()

wins = [0] * RACERS
module, session, _, spki = byok.start()


def order(turn):
    key = external.create(session, "open", spec.AES_256, CKA_ID=b"job-%d" % turn)
    return external.Job(session, key, Way(2, None), b"parameters-%d" % turn).public


bound = race(session, "job", order) | race(session, "id", lambda turn: spki)
check(session, bound)
module.finalize()
check(p11.Module().user(), bound)
print(f"note: {len(bound)} races, won {' and '.join(map(str, wins))} times")
