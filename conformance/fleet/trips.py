#!/usr/bin/env python3
"""How often each call asks the database: the table of docs/fleet.md is what is counted between module and server.

TENON_STORE_URL names the database, by a socket. `--write` puts the table into the document.
"""

import os
import re
import socket
import subprocess
import sys
import threading
import time

import byok
import p11
import seal

ECB = p11.Mechanism(p11.CKM_AES_ECB)
SYNC = b"S\0\0\0\4"
BEGIN, END = "<!-- trips -->\n", "<!-- end -->\n"


class Proxy:
    """Counts what the module sends: each message of PostgreSQL's that asks for an answer."""

    def __init__(self, url):
        place, folder = url.split("?host=")
        self.server, self.count = folder + "/.s.PGSQL.5432", 0
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(".s.PGSQL.5432")
        listener.listen()
        self.url = f"{place}?host={os.getcwd()}"
        threading.Thread(target=self.accept, args=(listener,), daemon=True).start()

    def accept(self, listener):
        while True:
            client, server = listener.accept()[0], socket.socket(socket.AF_UNIX)
            server.connect(self.server)
            for source, target, counts in ((client, server, True), (server, client, False)):
                threading.Thread(target=self.pump, args=(source, target, counts), daemon=True).start()

    def pump(self, source, target, counts):
        while data := source.recv(1 << 20):
            self.count += counts and data.endswith(SYNC)
            target.sendall(data)


def measure(proxy, rows, name, call):
    before = proxy.count
    result = call()
    time.sleep(0.01)
    rows.append((name, proxy.count - before))
    return result


def main():
    proxy = Proxy(os.environ["TENON_STORE_URL"])
    os.environ["TENON_STORE_URL"] = proxy.url
    module, session, wrapping, spki = byok.start()
    subprocess.run(["psql", "-qX", proxy.url, "-c", "UPDATE tenon.token SET lease = 5000"], check=True)
    made = {p11.CKA_TOKEN: True, p11.CKA_VALUE_LEN: 16, p11.CKA_ENCRYPT: True}
    keys = [session.generate_key(p11.CKM_AES_KEY_GEN, made | {p11.CKA_LABEL: f"key {number}"}) for number in range(3)]
    blob = seal.blob(2, spki, os.urandom(32))
    module.finalize()
    module = p11.Module()
    session, rows = p11.Session(module), []

    def each(name, call):
        return measure(proxy, rows, name, call)

    session.login(p11.PIN)
    session.logout()
    each("C_OpenSession, C_CloseSession", lambda: p11.Session(module, session.slot).close())
    each("C_Login", lambda: session.login(p11.PIN))
    (wrapping,) = session.find({p11.CKA_CLASS: p11.CKO_PRIVATE_KEY, p11.CKA_ID: b"wrapping"})
    (key,) = each("C_FindObjectsInit, C_FindObjects, C_FindObjectsFinal", lambda: session.find({p11.CKA_LABEL: "key 1"}))
    each("first use of a key: C_EncryptInit, C_Encrypt", lambda: session.encrypt(ECB, key, bytes(16)))
    each("next uses, within a lease", lambda: [session.encrypt(ECB, key, bytes(16)) for _ in range(100)])
    subprocess.run(["psql", "-qX", proxy.url, "-c", "UPDATE tenon.token SET lease = 50"], check=True)
    time.sleep(5.1)
    session.encrypt(ECB, key, bytes(16))
    time.sleep(0.1)
    each("next use, after a lease", lambda: session.encrypt(ECB, key, bytes(16)))
    subprocess.run(["psql", "-qX", proxy.url, "-c", "UPDATE tenon.token SET lease = 5000"], check=True)
    time.sleep(0.1)
    session.encrypt(ECB, key, bytes(16))
    each("C_GetAttributeValue of an object in memory", lambda: session.get(key, p11.CKA_LABEL))
    new = each("C_GenerateKey, of a token object", lambda: session.generate_key(p11.CKM_AES_KEY_GEN, made))
    each("C_SetAttributeValue", lambda: session.set(new, {p11.CKA_LABEL: "renamed"}))
    each("C_DestroyObject", lambda: session.destroy(new))
    each("C_UnwrapKey, an external key's material", lambda: session.unwrap(p11.oaep("sha256"), wrapping, blob, byok.secret(b"bound")))
    table = "| call | messages |\n|---|---|\n" + "".join(f"| {name} | {count} |\n" for name, count in rows)
    print(table)
    path = os.path.join(os.environ["CONFORMANCE"], "../docs/fleet.md")
    with open(path) as file:
        text = file.read()
    if sys.argv[1:] == ["--write"]:
        with open(path, "w") as file:
            file.write(re.sub(f"{BEGIN}.*{END}", lambda _: f"{BEGIN}{table}{END}", text, flags=re.DOTALL))
        return
    said = dict(re.findall(r"^\| (.+) \| (\d+) \|$", text[text.index(BEGIN):text.index(END)], flags=re.MULTILINE))
    assert set(said) == {name for name, _ in rows}
    for name, count in rows:
        # Waits in line, and leases that are over, make some more.
        assert abs(int(said[name]) - count) <= 4, f"{name}: {count} messages; docs/fleet.md says {said[name]}: run this with --write"


main()
