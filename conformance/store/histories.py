#!/usr/bin/env python3
"""Eight processes use keys of one token, and note when each call began and was answered. For each key there is one order of all
calls, each between its beginning and its answer, in which every answer is right: the histories are linearizable.

Ordinary keys are created, found, changed, read, used and destroyed; external keys are imported, disabled, enabled and used.
TENON_HISTORIES (6) says how many keys of each kind.
"""

import json
import os
import random
import subprocess
import sys
import time

import byok
import p11
import seal

PROCESSES, TURNS = 8, 8
KEYS = int(os.environ.get("TENON_HISTORIES", "6"))
SEED = int(os.environ.get("TENON_SEED", "1"))
# All processes turn to the next key at the same time.
SECONDS_OF_A_KEY = 0.25
ECB = p11.Mechanism(p11.CKM_AES_ECB)
GONE = (p11.CKR_OBJECT_HANDLE_INVALID, p11.CKR_KEY_HANDLE_INVALID)


# The states of a key, as a client may see them: what a call in a state answers, and the state after it.

def life(state, call, argument):
    """An ordinary key; the state is its CKA_ID, or None where there is no key."""
    if call == "create":
        return True, ""
    if state is None:
        return {"find": 0, "get": None}.get(call, False), None
    if call == "find":
        return 1, state
    if call == "get":
        return state, state
    if call == "set":
        return True, argument
    return True, None if call == "destroy" else state


def switch(state, call, _):
    """An external key; the state is whether it is enabled."""
    return (state, state) if call == "use" else (True, call == "enable")


def linearizable(history, step, state):
    """Wing's and Gong's search. A call is (begun, answered, name, argument, answer)."""
    history = sorted(history)
    everything = (1 << len(history)) - 1
    seen, waiting = set(), [(0, state)]
    while waiting:
        done, state = waiting.pop()
        if done == everything:
            return True
        if (done, state) in seen:
            continue
        seen.add((done, state))
        left = [number for number in range(len(history)) if not done >> number & 1]
        # What began after the answer of another call that is not in its place yet comes after that.
        first_answer = min(history[number][1] for number in left)
        for number in left:
            begun, _, call, argument, answer = history[number]
            if begun > first_answer:
                break
            right, after = step(state, call, argument)
            if right == answer:
                waiting.append((done | 1 << number, after))
    return False


class Worker:
    def __init__(self, number):
        self.number, self.histories = number, {}
        self.dice = random.Random(SEED * 100 + number)
        self.session = p11.Module().user()

    def note(self, key, name, argument, call):
        begun = time.monotonic_ns()
        answer = call()
        self.histories.setdefault(key, []).append((begun, time.monotonic_ns(), name, argument, answer))
        return answer

    def done(self, call, *arguments, refusals=GONE):
        """Whether the call is answered, and not refused as it is where there is no such key."""
        rv = p11.answer(call, *arguments)
        assert rv in (0, *refusals), hex(rv)
        return rv == 0

    def use(self, handle, refusals=GONE):
        """Whether C_EncryptInit is answered. An operation that was begun may end either way."""
        return self.done(self.session.begin, "Encrypt", ECB, handle, refusals=refusals)

    def end_use(self):
        p11.answer(self.session.output, "C_Encrypt", bytes(16), p11.c_ulong(16))

    def life(self, number):
        key = label = f"life {number}"
        if number % PROCESSES == self.number:
            template = {p11.CKA_TOKEN: True, p11.CKA_VALUE_LEN: 16, p11.CKA_ENCRYPT: True, p11.CKA_LABEL: label}
            self.note(key, "create", None, lambda: bool(self.session.generate_key(p11.CKM_AES_KEY_GEN, template)))
        for turn in range(TURNS):
            found = []
            self.note(key, "find", None, lambda: found.extend(self.session.find({p11.CKA_LABEL: label})) or len(found))
            if not found:
                time.sleep(0.005)
                continue
            if turn > TURNS // 2 and (number + 3) % PROCESSES == self.number:
                self.note(key, "destroy", None, lambda: self.done(self.session.destroy, found[0]))
                continue
            call = self.dice.choice(("get", "set", "use"))
            if call == "get":
                self.note(key, call, None, lambda: self.id_of(found[0]))
            elif call == "set":
                value = f"{self.number} {turn}"
                self.note(key, call, value, lambda: self.done(self.session.set, found[0], {p11.CKA_ID: value}))
            elif self.note(key, call, None, lambda: self.use(found[0])):
                self.end_use()

    def id_of(self, handle):
        try:
            return self.session.get(handle, p11.CKA_ID).decode()
        except p11.Refused as refusal:
            assert refusal.rv in GONE, refusal
            return None

    def switch(self, number):
        key = f"switch {number}"
        (handle,) = self.session.find({p11.CKA_ID: key.encode(), p11.CKA_CLASS: p11.CKO_SECRET_KEY})
        disabled = (p11.CKR_KEY_FUNCTION_NOT_PERMITTED, p11.CKR_KEY_HANDLE_INVALID)
        for _ in range(TURNS):
            call = self.dice.choice(("disable", "enable", "use", "use"))
            if call != "use":
                wanted = {p11.CKA_TENON_DISABLED: call == "disable"}
                self.note(key, call, None, lambda: self.done(self.session.set, handle, wanted, refusals=()))
            elif self.note(key, call, None, lambda: self.use(handle, disabled)):
                self.end_use()


def work(number, start):
    worker = Worker(number)
    for key in range(KEYS):
        for kind, part in ((worker.life, 0), (worker.switch, 0.5)):
            time.sleep(max(0, start + (key + part) * 2 * SECONDS_OF_A_KEY - time.monotonic()))
            kind(key)
    print(json.dumps(worker.histories))


def main():
    module, session, wrapping, spki = byok.start()
    for number in range(KEYS):
        blob = seal.blob(2, spki, os.urandom(32))
        session.unwrap(p11.oaep("sha256"), wrapping, blob, byok.secret(f"switch {number}".encode()))
    start = str(time.monotonic() + 1)
    workers = [subprocess.Popen([sys.executable, __file__, str(number), start], stdout=subprocess.PIPE)
               for number in range(PROCESSES)]
    histories = {}
    for worker in workers:
        for key, calls in json.loads(worker.communicate()[0]).items():
            histories.setdefault(key, []).extend(tuple(call) for call in calls)
        assert worker.returncode == 0
    calls = overlaps = noticed = 0
    dice = random.Random(SEED)
    for key, history in histories.items():
        step, state = (life, None) if key.startswith("life") else (switch, True)
        assert linearizable(history, step, state), f"TENON_SEED={SEED} {key}: {sorted(history)}"
        calls += len(history)
        ordered = sorted(history)
        overlaps += sum(after[0] < before[1] for before, after in zip(ordered, ordered[1:]))
        # A history in which one call is answered otherwise is found out, or no answer would matter.
        at = dice.choice([at for at, call in enumerate(ordered) if call[2] in ("use", "find")])
        ordered[at] = (*ordered[at][:4], not ordered[at][4])
        noticed += not linearizable(ordered, step, state)
    assert overlaps > len(histories), f"{overlaps} calls at once: nothing was tested"
    assert noticed > len(histories) // 4, f"{noticed} false answers were found"
    print(f"note: {len(histories)} histories, {calls} calls, {overlaps} at once with another, all linearizable; of as many false ones {noticed} found out")


if sys.argv[1:]:
    work(int(sys.argv[1]), float(sys.argv[2]))
else:
    main()
