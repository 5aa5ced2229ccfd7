#!/usr/bin/env python3
"""The system refuses one piece of memory that the module asks for, at every place where it asks. The call is refused and works
when it is repeated, or goes on; or the process ends, as a Rust program does (SIGABRT), and then the token is as after a kill:
what was answered is there, whole, and the next process goes on.

TENON_REFUSALS (25) says how many places are tried; 0 = all.
"""

import collections
import ctypes
import os
import pathlib
import shutil
import signal
import subprocess
import sys

import p11

MOST = int(os.environ.get("TENON_REFUSALS", "25"))
tokens = pathlib.Path(os.environ["TENON_DIRECTORIES_TOKENDIR"])
TEMPLATE = {p11.CKA_TOKEN: True, p11.CKA_VALUE_LEN: 16, p11.CKA_ENCRYPT: True}
ECB = p11.Mechanism(p11.CKM_AES_ECB)


def twice(name, call, *arguments, gone=()):
    """The call's answer; it may be refused once, and when it is repeated be refused as one that was done."""
    for last in (False, True):
        try:
            answer = call(*arguments)
        except p11.Refused as refusal:
            print(f"refused {refusal}", flush=True)
            if last and refusal.rv in gone:
                break
            if last:
                raise
        else:
            print(f"answered {name}", flush=True)
            return answer
    return None


def work(number):
    """A change of each kind. Says at its end how often memory was asked for."""
    memory = ctypes.CDLL(None)
    memory.asked.restype = ctypes.c_long
    library = ctypes.CDLL(os.environ["TENON_MODULE"])
    memory.refuse(ctypes.c_long(number))
    module = twice("initialize", p11.Module)
    session = twice("session", p11.Session, module)
    twice("login", session.login, p11.PIN)
    first = twice("first", session.generate_key, p11.CKM_AES_KEY_GEN, TEMPLATE | {p11.CKA_LABEL: "first"})
    second = twice("second", session.generate_key, p11.CKM_AES_KEY_GEN, TEMPLATE | {p11.CKA_LABEL: "second"})
    twice("changed", session.set, first, {p11.CKA_ID: b"changed"})
    assert twice("find", session.find, {p11.CKA_LABEL: "first"}) == [first]
    twice("encrypt", session.encrypt, ECB, first, bytes(16))
    twice("destroyed", session.destroy, second, gone=(p11.CKR_OBJECT_HANDLE_INVALID,))
    twice("pin", session.set_pin, p11.PIN, p11.PIN)
    twice("finalize", module.finalize)
    print(f"asked {memory.asked()}", flush=True)
    del library


def run(number):
    shutil.rmtree(tokens)
    shutil.copytree("before", tokens)
    return subprocess.run([sys.executable, __file__, str(number)], capture_output=True, text=True, timeout=120,
                          env={**os.environ, "LD_PRELOAD": os.path.abspath("memory.so")})


def check(where, done):
    """The token as the next process finds it."""
    said = done.stdout.splitlines()
    answered = {line.split()[1] for line in said if line.startswith("answered")}
    report = f"{where}: {done.returncode} {said} {done.stderr[-800:]}"
    assert done.returncode == -signal.SIGABRT or done.returncode == 0 and "finalize" in answered, report
    module = p11.Module()
    session = module.user()
    found = {label: session.find({p11.CKA_LABEL: label}) for label in ("first", "second")}
    assert all(len(keys) <= 1 for keys in found.values()), report
    assert found["first"] or "first" not in answered, report
    assert found["second"] or "second" not in answered or "changed" in answered, report
    assert not (found["second"] and "destroyed" in answered), report
    for (key,) in filter(None, found.values()):
        assert len(session.encrypt(ECB, key, bytes(16))) == 16, report
    if "changed" in answered:
        assert session.get(found["first"][0], p11.CKA_ID) == b"changed", report
    module.finalize()


def main():
    subprocess.run(["cc", "-std=gnu17", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", "memory.so",
                    f"{os.environ['CONFORMANCE']}/kill/memory.c"], check=True)
    p11.fresh_token()
    shutil.copytree(tokens, "before")
    done = run(0)
    check("nothing is refused", done)
    asked = int(done.stdout.split()[-1])
    assert asked > 100, f"{asked} allocations seen"
    step = max(1, asked // MOST) if MOST else 1
    ends = collections.Counter()
    for number in range(1, asked + 1, step):
        done = run(number)
        check(f"allocation {number} of {asked}", done)
        ends["ended" if done.returncode else "refused" if "refused" in done.stdout else "went on"] += 1
    print(f"note: {sum(ends.values())} of {asked} allocations refused, 0 lost: "
          f"{ends['refused']} calls were refused, {ends['went on']} went on, {ends['ended']} processes ended")


if sys.argv[1:]:
    work(int(sys.argv[1]))
else:
    main()
