#!/usr/bin/env python3
"""A cluster of PostgreSQL loses its primary again and again while four hosts make, change, destroy and use keys and bring material.

Nothing that was answered is lost, nothing that was answered as failed was done, and no key gets a second material.
TENON_FAILOVERS (1): primaries that die, in turns the whole machine and the server's process; TENON_STALE (0): times that the
primary's Patroni stands still for 30 s, so that another takes over while the old one runs; TENON_PARTITIONS (0): times that the
primary, a standby and a host of clients are cut off, 15 s each.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time

import byok
import cluster
import p11
import seal

FAILOVERS = int(os.environ.get("TENON_FAILOVERS", "1"))
STALE = int(os.environ.get("TENON_STALE", "0"))
PARTITIONS = int(os.environ.get("TENON_PARTITIONS", "0"))
ECB, OAEP = p11.Mechanism(p11.CKM_AES_ECB), p11.oaep("sha256")
# Failed, or not known whether it was made: a line of the log says which.
UNKNOWN = "cannot be told"
KEPT = 8
LEASE_MS = 100


class Worker:
    """Makes calls of all kinds and notes what may be in the token after their answers."""

    def __init__(self, name):
        self.name, self.dice = name, random.Random(name)
        self.log, self.read = os.environ["TENON_LOG_TARGET"], 0
        # For each key that this worker made: the labels that it may have; None where it may not be there.
        self.keys, self.made, self.round = {}, 0, 0
        self.bound, self.answers, self.waits = {}, {}, []
        self.login()

    def login(self):
        self.module = p11.Module()
        self.session = self.module.user()
        (self.wrapping,) = self.session.find({p11.CKA_CLASS: p11.CKO_PRIVATE_KEY, p11.CKA_ID: b"wrapping"})
        (public,) = self.session.find({p11.CKA_CLASS: p11.CKO_PUBLIC_KEY, p11.CKA_ID: b"wrapping"})
        self.spki = self.session.get(public, p11.CKA_PUBLIC_KEY_INFO)
        (self.shared,) = self.session.find({p11.CKA_LABEL: "shared"})
        self.expected = self.session.encrypt(ECB, self.shared, bytes(16))

    def attempt(self, kind, call, *arguments):
        """True or False where the call was made or not, None where nobody knows; and what it returned."""
        begun, result, rv = time.monotonic(), None, 0
        try:
            result = call(*arguments)
        except p11.Refused as refusal:
            rv = refusal.rv
        took = time.monotonic() - begun
        if took > 1:
            self.waits.append((begun, took, kind, hex(rv)))
        done = True if rv == 0 else False
        if rv and os.path.exists(self.log):
            with open(self.log) as log:
                log.seek(self.read)
                lines = log.read()
                self.read = log.tell()
            if UNKNOWN in lines:
                done = None
        name = f"{kind}: " + {True: "done", False: f"refused {rv:#x}", None: "unknown"}[done]
        self.answers[name] = self.answers.get(name, 0) + 1
        return done, result

    def make(self):
        label = f"{self.name} {self.made}"
        self.made += 1
        done, handle = self.attempt("make", self.session.generate_key, p11.CKM_AES_KEY_GEN, {
            p11.CKA_TOKEN: True, p11.CKA_VALUE_LEN: 16, p11.CKA_LABEL: label, p11.CKA_ID: label.encode()})
        self.keys[label] = [handle, {True: {label}, False: {None}, None: {label, None}}[done]]

    def own(self):
        certain = [name for name, (handle, labels) in self.keys.items() if handle and len(labels) == 1 and None not in labels]
        return self.dice.choice(certain) if certain else None

    def change(self):
        name = self.own()
        if not name:
            return
        handle, labels = self.keys[name]
        new = f"{name} as {self.dice.randrange(1 << 40)}"
        done, _ = self.attempt("change", self.session.set, handle, {p11.CKA_LABEL: new})
        self.keys[name][1] = {True: {new}, False: labels, None: labels | {new}}[done]

    def destroy(self):
        certain = sum(handle is not None for handle, _ in self.keys.values())
        name = self.own()
        if not name or certain < KEPT:
            return
        handle, labels = self.keys[name]
        done, _ = self.attempt("destroy", self.session.destroy, handle)
        self.keys[name] = [None, {True: {None}, False: labels, None: labels | {None}}[done]]

    def bring(self, number):
        """Every worker brings its own material for the key of this round."""
        material, key = os.urandom(32), f"round {number}"
        blob = seal.blob(2, self.spki, material)
        done, _ = self.attempt("bring", self.session.unwrap, OAEP, self.wrapping, blob, byok.secret(key.encode()))
        if done is not False:
            self.bound[key] = [material.hex(), done is True]

    def use(self):
        done, output = self.attempt("use", self.session.encrypt, ECB, self.shared, bytes(16))
        assert not done or output == self.expected, "another material"

    def run(self):
        while True:
            with open("go") as file:
                word = file.read()
            if word == "stop":
                break
            if int(word) > self.round:
                self.round = int(word)
                self.bring(self.round)
            for call, times in ((self.make, 1), (self.change, 2), (self.destroy, 1), (self.use, 20)):
                for _ in range(times):
                    call()
        print(json.dumps({"keys": [[name, sorted(labels, key=str)] for name, (_, labels) in self.keys.items()],
                          "bound": self.bound, "answers": self.answers, "waits": self.waits}))


def spread(times):
    return f"{min(times):.1f} to {max(times):.1f} s ({sorted(times)[len(times) // 2]:.1f} s in the middle)"


def go(word):
    with open("go.new", "w") as file:
        file.write(str(word))
    os.rename("go.new", "go")


class Campaign:
    def __init__(self, servers):
        self.cluster, self.round, self.times, self.begun = servers, 0, {}, []

    def load(self, seconds=2):
        for _ in range(seconds):
            self.round += 1
            go(self.round)
            time.sleep(1)

    def note(self, what, seconds):
        """`seconds`: from the failure to a new primary whose standby is synchronous."""
        self.begun.append((time.monotonic() - seconds, seconds, what))
        self.times.setdefault(what, []).append(seconds)
        print(f"{what}: {seconds:.1f} s", flush=True)

    def kill(self, number):
        old, _ = self.cluster.wait()
        whole = number % 2 == 0
        if whole:
            old.kill()
        else:
            os.kill(old.postmaster(), signal.SIGKILL)
        _, seconds = self.cluster.wait(other_than=old, standbys=1)
        self.note("the primary's machine dies" if whole else "the primary's process dies", seconds)
        self.load()
        if whole:
            old.start()

    def stand_still(self):
        """The old primary goes on and takes itself for the primary, and is no server to be trusted."""
        old, _ = self.cluster.wait()
        watchers = old.watchers()
        assert watchers
        for pid in watchers:
            os.kill(pid, signal.SIGSTOP)
        begun = time.monotonic()
        _, seconds = self.wait_beside(old)
        self.note("the primary's Patroni stands still", seconds)
        while time.monotonic() < begun + 30:
            self.load(1)
        for pid in watchers:
            os.kill(pid, signal.SIGCONT)

    def wait_beside(self, old):
        begun = time.monotonic()
        while time.monotonic() < begun + 60:
            for server in self.cluster.servers:
                status = server.status() if server is not old else {}
                if status.get("role") in ("master", "primary") and status.get("state") == "running":
                    return server, time.monotonic() - begun
            time.sleep(0.1)
        raise AssertionError("nobody takes over")

    def cut_off(self):
        primary, _ = self.cluster.wait()
        primary.cut_off()
        begun = time.monotonic()
        _, seconds = self.wait_beside(primary)
        self.note("the primary is cut off", seconds)
        while time.monotonic() < begun + 15:
            self.load(1)
        primary.cut_off(False)
        self.load()
        primary, _ = self.cluster.wait()
        standby = next(server for server in self.cluster.servers if server.status().get("sync_standby"))
        begun = time.monotonic()
        standby.cut_off()
        while time.monotonic() < begun + 15:
            self.load(1)
        standby.cut_off(False)
        self.load()
        host = self.cluster.hosts[0]
        host.cut_off()
        self.load(15)
        host.cut_off(False)
        self.load()

    def run(self):
        self.load()
        for number in range(FAILOVERS):
            self.kill(number)
        for _ in range(STALE):
            self.stand_still()
        for _ in range(PARTITIONS):
            self.cut_off()
        self.cluster.wait()
        self.load()


def check(session, results):
    """Compares the token with what the workers were answered."""
    labels = {}
    for key in session.find({p11.CKA_CLASS: p11.CKO_SECRET_KEY}):
        labels.setdefault(session.get(key, p11.CKA_LABEL).decode(), []).append(key)
    assert all(len(keys) == 1 for keys in labels.values()), "two of a name"
    left = set(labels) - {"shared"}
    for result in results:
        for name, allowed in result["keys"]:
            there = [label for label in left if label == name or label.startswith(name + " as ")]
            assert len(there) <= 1, (name, there)
            assert (there or [None])[0] in allowed, f"{name}: {there}, and not {allowed}"
            left -= set(there)
    rounds = {label for label in left if label.startswith("round ")}
    assert left == rounds, left - rounds
    for name in rounds | {name for result in results for name in result["bound"]}:
        brought = [result["bound"][name] for result in results if name in result["bound"]]
        sure = [material for material, is_sure in brought if is_sure]
        assert len(set(sure)) <= 1, f"{name} took two materials"
        if name in labels:
            output = session.encrypt(ECB, labels[name][0], bytes(16))
            matching = [material for material, _ in brought if seal.ecb(bytes.fromhex(material), bytes(16), padded=False) == output]
            assert matching and (not sure or sure[0] in matching), name
        else:
            assert not sure, f"{name} is lost"
    return len(rounds)


def main():
    with cluster.Cluster() as servers:
        os.environ["TENON_STORE_URL"] = servers.url()
        _, session, _, _ = byok.start()
        session.generate_key(p11.CKM_AES_KEY_GEN, {
            p11.CKA_TOKEN: True, p11.CKA_VALUE_LEN: 16, p11.CKA_ENCRYPT: True, p11.CKA_LABEL: "shared"})
        servers.sql(f"UPDATE tenon.token SET lease = {LEASE_MS}")
        go(0)
        workers = []
        for host in servers.hosts:
            log = os.path.abspath(host.cable + ".log")
            environment = os.environ | {"TENON_LOG_TARGET": log, "TENON_LOG_LEVEL": "ERROR"}
            workers.append(subprocess.Popen(host.command(sys.executable, os.path.abspath(__file__), host.cable),
                                            stdout=subprocess.PIPE, text=True, env=environment))
        campaign = Campaign(servers)
        campaign.run()
        go("stop")
        results = []
        for worker in workers:
            results.append(json.loads(worker.communicate(timeout=120)[0]))
            assert worker.returncode == 0
        time.sleep(1)
        rounds = check(p11.Session(session.module), results)
        answers = {}
        for result in results:
            for name, count in result["answers"].items():
                answers[name] = answers.get(name, 0) + count
        for name, count in sorted(answers.items()):
            print(f"{count:8} {name}")
        waits = [wait for result in results for wait in result["waits"]]
        for what, times in campaign.times.items():
            # The longest that a call of any host took which was under way at the failure or began until soon after it.
            seen = [max([took for begun, took, _, _ in waits if begun < at + seconds + 2 and begun + took > at], default=0)
                    for at, seconds, kind in campaign.begun if kind == what]
            print(f"{what}: {len(times)} times; {spread(times)} to a primary with a synchronous standby; "
                  f"longest call {spread(seen)}")
        done = sum(count for name, count in answers.items() if name.endswith(": done"))
        unknown = sum(count for name, count in answers.items() if name.endswith(": unknown"))
        print(f"note: {sum(map(len, campaign.times.values()))} failures, {done} calls done, {unknown} of unknown outcome, "
              f"{rounds} keys with one material each, nothing lost")


if sys.argv[1:]:
    Worker(sys.argv[1]).run()
else:
    main()
