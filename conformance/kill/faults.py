#!/usr/bin/env python3
"""One write, sync or change of length of the token's files fails, at every place where there is one, by strace. The call is refused or
goes on, nothing is there by half, nothing that was answered is lost, and the same call works when it is repeated."""

import os
import pathlib
import shutil
import subprocess
import sys

import outside
import p11

# At most so many places of each kind of system call; 0 = all.
MOST = int(os.environ.get("TENON_FAULTS", "6"))
tokens = pathlib.Path(os.environ["TENON_DIRECTORIES_TOKENDIR"])
KINDS = {"pwrite64": ("EIO", "ENOSPC"), "fsync": ("EIO",), "ftruncate": ("EIO",)}
TEMPLATE = {p11.CKA_TOKEN: True, p11.CKA_VALUE_LEN: 16, p11.CKA_ENCRYPT: True}


def twice(call, *arguments):
    """The call's answer; it may be refused once."""
    try:
        return call(*arguments)
    except p11.Refused as refusal:
        print(f"refused: {refusal}")
        return call(*arguments)


def start():
    """A session of the user. A module that was initialized before a refusal stays so."""
    start.module = start.module or p11.Module()
    return start.module.user()


start.module = None


def work():
    """A change of each kind; the failure comes where it comes."""
    session = twice(start)
    first = twice(session.generate_key, p11.CKM_AES_KEY_GEN, TEMPLATE | {p11.CKA_LABEL: "first"})
    second = twice(session.generate_key, p11.CKM_AES_KEY_GEN, TEMPLATE | {p11.CKA_LABEL: "second"})
    twice(session.set, first, {p11.CKA_ID: b"changed"})
    if p11.answer(session.destroy, second) and p11.answer(session.destroy, second) not in (0, p11.CKR_OBJECT_HANDLE_INVALID):
        raise AssertionError("the second key cannot be destroyed")
    twice(session.set_pin, p11.PIN, p11.PIN)
    session.module.finalize()
    print("end")



def run(*injection):
    """The worker on a copy of the token, with this failure; what strace saw."""
    shutil.rmtree(tokens)
    shutil.copytree("before", tokens)
    paths = [part for file in ("", "-wal") for part in ("-P", str(tokens / f"slot-0000.tenon{file}"))]
    done = subprocess.run(["strace", "-f", "-o", "trace", "-e", f"trace={','.join(KINDS)}", *paths, *injection,
                           sys.executable, __file__, "work"], capture_output=True, text=True, timeout=120)
    return done, open("trace", encoding="utf-8", errors="replace").read()


def check(where, done):
    """The token as the next process finds it."""
    assert done.returncode == 0 and "end" in done.stdout, f"{where}: {done.returncode} {done.stdout} {done.stderr[-800:]}"
    module = p11.Module()
    session = module.user()
    found = [len(session.find({p11.CKA_LABEL: label})) for label in ("first", "second")]
    assert found == [1, 0], f"{where}: {found} keys\n{done.stdout}"
    (first,) = session.find({p11.CKA_LABEL: "first"})
    assert session.get(first, p11.CKA_ID) == b"changed", where
    assert len(session.encrypt(p11.Mechanism(p11.CKM_AES_ECB), first, bytes(16))) == 16, where
    module.finalize()


def main():
    if not shutil.which("strace"):
        outside.skip("no strace here")
    p11.fresh_token()
    shutil.copytree(tokens, "before")
    done, trace = run()
    check("without a failure", done)
    places = refused = 0
    for call, errors in KINDS.items():
        count = trace.count(f"{call}(")
        step = max(1, count // MOST) if MOST else 1
        for number in range(1, count + 1, step):
            for error in errors:
                done, _ = run("-e", f"inject={call}:error={error}:when={number}")
                check(f"{call} {number} of {count}: {error}", done)
                places += 1
                refused += "refused" in done.stdout
    assert refused, "no failure was noticed: none was injected"
    print(f"note: {places} failures, {refused} of them refused a call that worked when it was repeated")


if len(sys.argv) > 1:
    work()
else:
    main()
