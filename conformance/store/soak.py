#!/usr/bin/env python3
"""Sixteen clients use one token for a long time: they sign, import keys that expire and import them again, log in and out, change and
destroy objects. Four of them are killed by turns and start again, and the token is backed up. No call fails that should not, and
neither memory nor descriptors nor the log beside the token's file grow.

TENON_SOAK_SECONDS (20) says how long. Prints what a day of this would add to the files.
"""

import os
import pathlib
import subprocess
import sys
import time

import byok
import outside
import p11
import seal

CLIENTS, KILLED = 16, 4
SECONDS = float(os.environ.get("TENON_SOAK_SECONDS", "20"))
# Seconds from an import to the end of its material; between two kills; between two backups.
LIFE, KILL, BACKUP = 3, 3, 5
# Kibibytes that a client may grow by in the second half, and bytes that the log beside the file may have.
GROWTH, LOG = 2048, 64 << 20
tokens = pathlib.Path(os.environ["TENON_DIRECTORIES_TOKENDIR"])
OAEP, ECB, HMAC = p11.oaep("sha256"), p11.Mechanism(p11.CKM_AES_ECB), p11.Mechanism(p11.CKM_SHA256_HMAC)


class Client:
    """Does everything by turns; says how many calls were answered."""

    def __init__(self, number):
        self.number, self.calls, self.imports = number, 0, 0
        self.module = p11.Module()
        self.session = self.module.user()
        self.blob = outside.read(f"blob {number}")
        self.template = byok.secret(f"soak {number}".encode())

    def log_in_again(self):
        """A new login, and new handles of what was there before."""
        self.session.logout()
        self.session.login(p11.PIN)
        (self.wrapping,) = self.session.find({p11.CKA_CLASS: p11.CKO_PRIVATE_KEY, p11.CKA_ID: b"wrapping"})
        (self.hmac,) = self.session.find({p11.CKA_LABEL: "hmac"})
        self.bring()

    def bring(self):
        """Imports the key. A client that waits long for its turn comes too late, and tries again."""
        while True:
            self.ends = self.session.now() + LIFE
            expiring = self.template | {p11.CKA_TENON_EXPIRES_AT: byok.time(self.ends)}
            try:
                self.key = self.session.unwrap(OAEP, self.wrapping, self.blob, expiring)
                break
            except p11.Refused:
                assert self.session.now() >= self.ends, "an import was refused before the end that it asks for"
        self.imports += 1

    def use(self):
        """Uses the external key; where its time is over it is refused, and imported again."""
        while True:
            try:
                return self.session.encrypt(ECB, self.key, bytes(16))
            except p11.Refused:
                assert self.session.now() >= self.ends, "a key was refused before its end"
                self.bring()

    def turn(self, number):
        session = self.session
        session.sign(HMAC, self.hmac, b"text")
        self.use()
        made = session.create({p11.CKA_CLASS: p11.CKO_DATA, p11.CKA_TOKEN: True, p11.CKA_VALUE: b"value",
                               p11.CKA_LABEL: f"data {self.number}"})
        session.set(made, {p11.CKA_LABEL: f"changed {self.number}"})
        assert session.find({p11.CKA_LABEL: f"changed {self.number}"}), "own object not found"
        session.destroy(made)
        if number % 50 == self.number:
            self.log_in_again()
        self.calls += 7


def work(number, end):
    client = Client(number)
    # What a killed predecessor left.
    for old in client.session.find({p11.CKA_CLASS: p11.CKO_DATA, p11.CKA_LABEL: f"changed {number}"}):
        client.session.destroy(old)
    # glibc keeps the memory of the third login, 19 MiB, for those that follow.
    for _ in range(2):
        client.log_in_again()
    turn = 0
    while time.monotonic() < end:
        client.turn(turn)
        turn += 1
        time.sleep(0.05)
    client.module.finalize()
    print(client.calls, client.imports)


def start(number, end):
    return subprocess.Popen([sys.executable, __file__, str(number), str(end)], stdout=subprocess.PIPE, text=True)


def memory(client):
    """KiB of memory that is resident, and descriptors."""
    status = pathlib.Path(f"/proc/{client.pid}/status").read_text()
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(resident.split()[1]), len(os.listdir(f"/proc/{client.pid}/fd"))


def files():
    """Bytes of the token's files, and of the log among them."""
    sizes = {file.name: file.stat().st_size for file in tokens.iterdir()}
    return sum(sizes.values()), sizes.get("slot-0000.tenon-wal", 0)


def backup():
    subprocess.run([os.environ["TENON_PROGRAM"], "backup", "--replace", "copy"], check=True, capture_output=True)


def prepare():
    module, session, _, spki = byok.start()
    session.generate_key(p11.CKM_GENERIC_SECRET_KEY_GEN, {
        p11.CKA_TOKEN: True, p11.CKA_SIGN: True, p11.CKA_VALUE_LEN: 32, p11.CKA_LABEL: "hmac"})
    for number in range(CLIENTS):
        outside.write(f"blob {number}", seal.blob(2, spki, os.urandom(32)))
    module.finalize()


def main():
    prepare()
    begun = time.monotonic()
    half, end = begun + SECONDS / 2, begun + SECONDS
    clients = [start(number, end) for number in range(CLIENTS)]
    steady = clients[:CLIENTS - KILLED]
    kills = backups = 0
    before, first, most_log = None, None, 0
    # The last sample is taken before the first client ends.
    while time.monotonic() < end - 1.5:
        time.sleep(0.5)
        assert all(client.poll() is None for client in steady), "a client ended"
        now = time.monotonic() - begun
        if now > KILL * (kills + 1):
            number = CLIENTS - 1 - kills % KILLED
            clients[number].kill()
            clients[number].wait()
            clients[number].stdout.close()
            clients[number] = start(number, end)
            kills += 1
        if now > BACKUP * (backups + 1):
            backup()
            backups += 1
        size, log = files()
        most_log = max(most_log, log)
        if before is None and time.monotonic() > half:
            before, first, half = [memory(client) for client in steady], size, time.monotonic()
    after, last, seconds = [memory(client) for client in steady], files()[0], time.monotonic() - half
    answers = [[int(word) for word in client.communicate()[0].split()] for client in clients]
    assert [client.returncode for client in clients] == [0] * CLIENTS, [client.returncode for client in clients]
    growth = [now[0] - then[0] for then, now in zip(before, after)]
    print(f"KiB that each client grew by: {growth}")
    assert max(growth) < GROWTH, growth
    # A call may have a file of its own open at the moment.
    assert max(now[1] for now in after) <= max(then[1] for then in before) + 1, (before, after)
    assert most_log < LOG, most_log
    calls, imports = (sum(numbers) for numbers in zip(*answers))
    print(f"note: {SECONDS:.0f} s, {calls} calls, {imports} imports, {kills} kills, {backups} backups, 0 errors; "
          f"a client grew by at most {max(growth)} KiB, the log to {most_log >> 10} KiB, "
          f"the files by {(last - first) / seconds * 86400 / (1 << 20):.0f} MiB a day")


if sys.argv[1:]:
    work(int(sys.argv[1]), float(sys.argv[2]))
else:
    main()
