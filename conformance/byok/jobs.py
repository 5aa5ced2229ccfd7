#!/usr/bin/env python3
"""python-pkcs11 and PyKCS11, which know nothing of external keys, bring material by import jobs.

They can name CKM_RSA_PKCS_OAEP and not CKM_RSA_AES_KEY_WRAP: on a job of the latter a longer blob
of the former opens as the job says.
"""

import os

import external
import p11
import pkcs11
import PyKCS11
import seal
import spec
from external import Way
from pkcs11 import MGF, KeyType, Mechanism, ObjectClass

PATH = os.environ["TENON_MODULE"]
session = p11.start()
rows = []
for number, kind, way in ((1, spec.AES_256, 2), (2, spec.AES_256, 5), (3, spec.EC_P256, 5),
                          (4, spec.RSA_2048, 6), (5, spec.HMAC_256, 2)):
    name, job_name, material = b"key-%d" % number, b"job-%d" % number, kind.material()
    key = external.create(session, "open", kind, CKA_ID=name)
    job = external.Job(session, key, Way(way, lambda public, data, way=way: seal.blob(
        way, public, data)), job_name)
    rows.append((kind, name, job_name, material, job.wrap(material), job.wrap(kind.other())))


def works():
    for kind, name, _, material, _, _ in rows:
        of_name = {p11.CKA_CLASS: kind.template()[p11.CKA_CLASS], p11.CKA_ID: name}
        (key,) = session.find(of_name)
        kind.use(session, key, material)
        session.destroy(key)
        assert session.find(of_name) == []


session.module.finalize()

# python-pkcs11
TYPES = {p11.CKK_AES: KeyType.AES, p11.CKK_EC: KeyType.EC, p11.CKK_RSA: KeyType.RSA,
         p11.CKK_GENERIC_SECRET: KeyType.GENERIC_SECRET}
token = pkcs11.lib(PATH).get_token(token_label=p11.LABEL)
with token.open(rw=True, user_pin=p11.PIN) as opened:
    for kind, name, job_name, _, blob, _ in rows:
        job = opened.get_key(object_class=ObjectClass.PRIVATE_KEY, id=job_name)
        job.unwrap_key(
            ObjectClass.SECRET_KEY if kind.secret else ObjectClass.PRIVATE_KEY,
            TYPES[kind.template()[p11.CKA_KEY_TYPE]], blob, id=name, label=name.decode(),
            mechanism=Mechanism.RSA_PKCS_OAEP, mechanism_param=(Mechanism.SHA256, MGF.SHA256, None),
            store=True)
pkcs11.unload(PATH)
session = p11.Module().user()
works()
session.module.finalize()

# PyKCS11, after the material was deleted; other material first.
library = PyKCS11.PyKCS11Lib()
library.load(PATH)
(slot,) = [slot for slot in library.getSlotList(tokenPresent=True)
           if library.getTokenInfo(slot).label.strip("\0 ") == p11.LABEL]
opened = library.openSession(slot, PyKCS11.CKF_SERIAL_SESSION | PyKCS11.CKF_RW_SESSION)
opened.login(p11.PIN)
for kind, name, job_name, _, blob, other in rows:
    (job,) = opened.findObjects([(PyKCS11.CKA_CLASS, PyKCS11.CKO_PRIVATE_KEY),
                                 (PyKCS11.CKA_ID, job_name)])
    template = [(PyKCS11.CKA_CLASS, kind.template()[p11.CKA_CLASS]),
                (PyKCS11.CKA_KEY_TYPE, kind.template()[p11.CKA_KEY_TYPE]),
                (PyKCS11.CKA_TOKEN, PyKCS11.CK_TRUE), (PyKCS11.CKA_ID, name)]
    oaep = PyKCS11.RSAOAEPMechanism(PyKCS11.CKM_SHA256, PyKCS11.CKG_MGF1_SHA256)
    try:
        opened.unwrapKey(job, other, template, mecha=oaep)
        raise AssertionError("other material is bound")
    except PyKCS11.PyKCS11Error:
        pass
    opened.unwrapKey(job, blob, template, mecha=oaep)
opened.logout()
library.lib.C_Finalize()
session = p11.Module().user()
works()
print(f"note: {len(rows)} keys")
