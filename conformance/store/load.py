#!/usr/bin/env python3
"""Eight processes load one token for some seconds: no error, and nobody waits long for the others.

Each call is timed. TENON_LOAD_SECONDS (5) says how long; from 30 on the longest call of each kind
that waits for other processes must take at most 20 times the mean of its kind. What a ninth process
says, which syncs a file of its own meanwhile, tells whether a long call was the disk's doing.
"""

import json
import os
import subprocess
import sys
import time

import p11

PROCESSES = 8
SECONDS = float(os.environ.get("TENON_LOAD_SECONDS", "5"))
LONG, MOST = 30, 20
# Calls that wait for other processes.
WAITING = ("create", "destroy", "login", "set")


def work(worker, end):
    session = p11.Module().user()
    hmac = session.generate_key(p11.CKM_GENERIC_SECRET_KEY_GEN, {
        p11.CKA_TOKEN: True, p11.CKA_SIGN: True, p11.CKA_VALUE_LEN: 32,
        p11.CKA_LABEL: f"key {worker}"})
    times, errors = {}, []

    def timed(name, call, *arguments):
        begun = time.monotonic()
        try:
            return call(*arguments)
        except p11.Refused as refusal:
            errors.append(f"{name}: {refusal}")
            return None
        finally:
            times.setdefault(name, []).append(time.monotonic() - begun)

    turn = 0
    while time.time() < end:
        label = f"object {worker} {turn}"
        template = {p11.CKA_CLASS: p11.CKO_DATA, p11.CKA_TOKEN: True, p11.CKA_LABEL: label,
                    p11.CKA_VALUE: b"value"}
        made = timed("create", session.create, template)
        found = timed("find", session.find, {p11.CKA_LABEL: label})
        timed("sign", session.sign, p11.Mechanism(p11.CKM_SHA256_HMAC), hmac, b"text")
        if made is not None:
            if found != [made]:
                errors.append(f"find: {found} instead of {[made]}")
            timed("set", session.set, made, {p11.CKA_LABEL: label + " changed"})
            timed("destroy", session.destroy, made)
        if turn % 10 == worker:
            session.logout()
            timed("login", session.login, p11.PIN)
            hmac, = session.find({p11.CKA_LABEL: f"key {worker}"})
        turn += 1
    print(json.dumps([times, errors]))


def sync(end):
    """Mean and longest time of a sync of 32 KiB in a file that does not grow."""
    times = []
    with open("disk", "wb") as file:
        file.write(bytes(1 << 22))
        while time.time() < end:
            file.seek(len(times) % 128 << 15)
            file.write(os.urandom(1 << 15))
            file.flush()
            begun = time.monotonic()
            os.fdatasync(file.fileno())
            times.append(time.monotonic() - begun)
            time.sleep(0.02)
    print(json.dumps([sum(times) / len(times), max(times)]))


if sys.argv[1:] == ["disk"]:
    sync(float(os.environ["END"]))
    sys.exit()
if sys.argv[1:]:
    work(int(sys.argv[1]), float(sys.argv[2]))
    sys.exit()

p11.Module().fresh_token()
end = str(time.time() + 1 + SECONDS)
disk = subprocess.Popen([sys.executable, __file__, "disk"], stdout=subprocess.PIPE,
                        env={**os.environ, "END": end})
workers = [subprocess.Popen([sys.executable, __file__, str(number), end], stdout=subprocess.PIPE)
           for number in range(PROCESSES)]
results = [json.loads(worker.communicate()[0]) for worker in workers]
disk_mean, disk_longest = json.loads(disk.communicate()[0])
disk = f"a sync by itself: mean {1e3 * disk_mean:.2f} ms, longest {1e3 * disk_longest:.2f} ms"
print(disk)
errors = [error for _, errors in results for error in errors]
operations, unfair = 0, []
for name in sorted({name for times, _ in results for name in times}):
    times = [time for of, _ in results for time in of.get(name, [])]
    mean, longest = sum(times) / len(times), max(times)
    operations += len(times)
    if longest > MOST * mean:
        unfair += [name] if name in WAITING else []
    print(f"{name:8} {len(times):7} calls, mean {1e3 * mean:7.2f} ms, "
          f"longest {1e3 * longest:8.2f} ms, {longest / mean:5.1f} times the mean")
print(f"note: {operations} calls, {len(errors)} errors")
assert not errors, errors[:10]
assert SECONDS < LONG or not unfair, (unfair, disk)
