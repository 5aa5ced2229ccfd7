#!/usr/bin/env python3
"""A loss of power at every sync of every writing call: strace records what the module writes, and every state that a
disk may then be in is made and opened. What was not synced is there, or not, or by halves, in sectors of 512 bytes.
Whatever was answered must be there, whole, and nothing that was destroyed; the last PIN, or the one that was being set, logs in."""

import os
import pathlib
import random
import re
import shutil
import subprocess
import sys

import outside
import p11

SECTOR = 512
CHANGES = int(os.environ.get("TENON_POWER_CHANGES", "12"))
# States for each crash: nothing of what was not synced, all of it, and so many mixtures.
MIXTURES = int(os.environ.get("TENON_POWER_MIXTURES", "1"))
tokens = pathlib.Path(os.environ["TENON_DIRECTORIES_TOKENDIR"])
PINS = ["user-1234"] + [f"user-{number:06}" for number in range(CHANGES)]


def note(text):
    os.write(note.file, f"{text}\n".encode())


def name(number):
    return f"key {number}"


def work():
    """The changes, each noted before it begins and after it was answered."""
    note.file = os.open("notes", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    session = p11.Module().user()
    kept, pin = {}, 0
    template = {p11.CKA_TOKEN: True, p11.CKA_VALUE_LEN: 16, p11.CKA_ENCRYPT: True, p11.CKA_DECRYPT: True}
    for number in range(CHANGES):
        note(f"begin create {number}")
        kept[number] = session.generate_key(p11.CKM_AES_KEY_GEN, template | {p11.CKA_LABEL: name(number)})
        note(f"end create {number}")
        if number % 3 == 2:
            note(f"begin destroy {number - 1}")
            session.destroy(kept.pop(number - 1))
            note(f"end destroy {number - 1}")
        if number % 4 == 3:
            note(f"begin pin {pin + 1}")
            session.set_pin(PINS[pin], PINS[pin + 1])
            pin += 1
            note(f"end pin {pin}")
        if number % 5 == 4:
            note(f"begin label {number}")
            session.set(kept[number], {p11.CKA_ID: b"changed"})
            note(f"end label {number}")


LINE = re.compile(r"^(?:\[pid +\d+\] |\d+ +)?(\w+)\((.*)\) += (-?\d+)")
TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')


def text_of(match):
    assert match and not match[2], "strace cut a string"
    return bytes.fromhex(match[1].replace("\\x", ""))


def events(trace):
    """What was done to files of the token, in order: (kind, file, more)."""
    for line in open(trace, encoding="ascii", errors="surrogateescape"):
        found = LINE.match(line)
        if not found or int(found[3]) < 0:
            assert "resumed" not in line or "futex" in line, line
            continue
        call, arguments, answer = found[1], found[2], int(found[3])
        path = re.match(r"(?:AT_FDCWD|\d+)<([^>]*)>", arguments)
        path = bytes.fromhex(path[1].replace("\\x", "")).decode() if path and "\\x" in path[1] else path and path[1]
        if call == "write" and path and path.endswith("/notes"):
            yield "note", None, text_of(TEXT.search(arguments)).decode().split()
        elif call == "write" and inside(path):
            raise AssertionError(f"a write without a place, which this test does not know: {path}")
        elif call == "pwrite64" and inside(path):
            data = text_of(TEXT.search(arguments))[:answer]
            offset = int(arguments.rsplit(", ", 1)[1], 0)
            yield "write", pathlib.Path(path).name, (offset, data)
        elif call in ("fsync", "fdatasync") and path and (inside(path) or pathlib.Path(path) == tokens):
            yield ("sync" if inside(path) else "folder"), pathlib.Path(path).name, None
        elif call == "ftruncate" and inside(path):
            yield "length", pathlib.Path(path).name, int(arguments.rsplit(", ", 1)[1], 0)
        elif call in ("rename", "renameat", "renameat2"):
            old, new = (pathlib.Path(os.fsdecode(bytes.fromhex(t[0].replace("\\x", "")))) for t in TEXT.findall(arguments)[:2])
            yield "rename", old.name, new.name
        elif call in ("unlink", "unlinkat"):
            gone = pathlib.Path(os.fsdecode(text_of(TEXT.search(arguments))))
            yield "unlink", gone.name, None
        elif call == "openat" and "O_CREAT" in arguments:
            made = pathlib.Path(os.fsdecode(text_of(TEXT.search(arguments))))
            if inside(str(made)):
                yield "create", made.name, None


def inside(path):
    return path is not None and pathlib.Path(path).parent == tokens


class Disk:
    """What is safe on the disk, and what is not yet: names of files, and their contents, which are apart."""

    def __init__(self, files):
        self.names = {file: number for number, file in enumerate(files)}
        self.contents = dict(enumerate(files.values()))
        self.now, self.made = dict(self.names), len(files)
        self.waiting = []

    def does(self, kind, file, more):
        if kind == "sync":
            self.settle(lambda event: event[0] in ("write", "length") and event[1] == self.now.get(file))
        elif kind == "folder":
            self.settle(lambda event: event[0] in ("name", "gone"))
        elif kind == "create" and file not in self.now:
            self.now[file] = self.made
            self.waiting.append(("name", file, self.made))
            self.made += 1
        elif kind == "rename":
            self.now[more] = self.now.pop(file)
            self.waiting += [("name", more, self.now[more]), ("gone", file, None)]
        elif kind == "unlink":
            self.now.pop(file, None)
            self.waiting.append(("gone", file, None))
        elif kind in ("write", "length") and file in self.now:
            self.waiting.append((kind, self.now[file], more))

    def settle(self, chosen):
        for event in self.waiting:
            if chosen(event):
                apply(self.names, self.contents, event)
        self.waiting = [event for event in self.waiting if not chosen(event)]

    def after(self, dice, share):
        """The files after a loss of power. `share`: how much of what waits is there; writes by halves where it is mixed."""
        names, contents = dict(self.names), dict(self.contents)
        for event in self.waiting:
            kind, what, more = event
            if kind == "write" and 0 < share < 1:
                offset, data = more
                for at in range(0, len(data), SECTOR):
                    if dice.random() < share:
                        apply(names, contents, ("write", what, (offset + at, data[at:at + SECTOR])))
            elif dice.random() < share:
                apply(names, contents, event)
        return {file: contents.get(number, b"") for file, number in names.items()}


def apply(names, contents, event):
    kind, what, more = event
    if kind == "name":
        names[what] = more
    elif kind == "gone":
        names.pop(what, None)
    elif kind == "write":
        offset, data = more
        content = contents.get(what, b"")
        contents[what] = content[:offset].ljust(offset, b"\0") + data + content[offset + len(data):]
    elif kind == "length":
        contents[what] = contents.get(what, b"")[:more].ljust(more, b"\0")


def check(files, notes, where):
    """Opens the token that these files are."""
    shutil.rmtree(tokens)
    tokens.mkdir(mode=0o700)
    for file, content in files.items():
        # Never synced, and made anew from the log.
        if not file.endswith("-shm"):
            (tokens / file).write_bytes(content)
            (tokens / file).chmod(0o600)
    begun = {tuple(words[1:]) for words in notes if words[0] == "begin"}
    ended = {tuple(words[1:]) for words in notes if words[0] == "end"}
    module = p11.Module()
    try:
        session = p11.Session(module)
        last = max([int(number) for what, number in ended if what == "pin"], default=0)
        possible = {last} | {int(number) for what, number in begun if what == "pin"} - set(range(last))
        right = [pin for pin in sorted(possible) if p11.answer(session.login, PINS[pin]) == 0]
        assert right, f"{where}: no PIN of {possible} logs in"
        for number in range(CHANGES):
            keys = session.find({p11.CKA_LABEL: name(number)})
            made, gone = ("create", str(number)), ("destroy", str(number))
            assert len(keys) <= 1, f"{where}: {len(keys)} of {name(number)}"
            if made in ended and gone not in begun:
                assert keys, f"{where}: {name(number)} was answered and is lost"
            if gone in ended or made not in begun:
                assert not keys, f"{where}: {name(number)} is there"
            if keys:
                assert len(session.encrypt(p11.Mechanism(p11.CKM_AES_ECB), keys[0], bytes(16))) == 16
                if ("label", str(number)) in ended:
                    assert session.get(keys[0], p11.CKA_ID) == b"changed", f"{where}: a change is lost"
        # The token goes on.
        extra = session.generate_key(p11.CKM_AES_KEY_GEN, {p11.CKA_TOKEN: True, p11.CKA_VALUE_LEN: 16})
        session.destroy(extra)
    finally:
        module.finalize()


def main():
    if not shutil.which("strace"):
        outside.skip("no strace here")
    p11.fresh_token(pin=PINS[0])
    before = {file.name: file.read_bytes() for file in tokens.iterdir() if not file.name.endswith("-shm")}
    calls = "write,pwrite64,fsync,fdatasync,ftruncate,rename,renameat,renameat2,unlink,unlinkat,openat"
    subprocess.run(["strace", "-f", "-y", "-xx", "-s", "10000000", "-e", f"trace={calls}", "-o", "trace",
                    sys.executable, __file__, "work"], check=True)
    all_events = list(events("trace"))
    syncs = sum(event[0] in ("sync", "folder") for event in all_events)
    assert syncs > CHANGES, f"{syncs} syncs for {CHANGES} changes: the writes were not recorded"
    seed = int(os.environ.get("TENON_SEED", "1"))
    dice = random.Random(seed)
    disk, notes, states = Disk(before), [], 0
    for number, (kind, file, more) in enumerate(all_events):
        if kind == "note":
            notes.append(more)
        if kind in ("sync", "folder") or kind == "note" and more[0] == "end":
            for share in [0, 1] + [0.5] * MIXTURES:
                check(disk.after(dice, share), notes, f"event {number} ({kind} {file}), share {share}, TENON_SEED={seed}")
                states += 1
        disk.does(kind, file, more)
    print(f"note: {syncs} syncs, {states} states after a loss of power")


if len(sys.argv) > 1:
    work()
else:
    main()
