#!/usr/bin/env python3
"""python-pkcs11 and PyKCS11, clients of other people, unwrap and use OAEP blobs."""

import os

import byok
import outside
import p11
import pkcs11
import PyKCS11
from pkcs11 import MGF, Attribute, KeyType, Mechanism, ObjectClass

module, session, wrapping, spki = byok.start()
module.finalize()
PATH = os.environ["TENON_MODULE"]
material = os.urandom(32)
blobs = {name: outside.oaep(spki, material, name) for name in ("sha1", "sha256")}

# python-pkcs11
token = pkcs11.lib(PATH).get_token(token_label=p11.LABEL)
with token.open(rw=True, user_pin=p11.PIN) as opened:
    private = opened.get_key(object_class=ObjectClass.PRIVATE_KEY, id=b"wrapping")
    for name, digest, mgf in (("sha1", Mechanism.SHA_1, MGF.SHA1),
                              ("sha256", Mechanism.SHA256, MGF.SHA256)):
        key = private.unwrap_key(
            ObjectClass.SECRET_KEY, KeyType.AES, blobs[name], id=name.encode(), label=name,
            mechanism=Mechanism.RSA_PKCS_OAEP, mechanism_param=(digest, mgf, None), store=True,
            template={Attribute.EXTRACTABLE: False})
        assert key.key_length == 256
        sealed = key.encrypt(bytes(16), mechanism=Mechanism.AES_ECB)
        assert sealed == outside.ecb(material, bytes(16))
        try:
            key[Attribute.VALUE]
            raise AssertionError("the value can be read")
        except pkcs11.exceptions.AttributeSensitive:
            pass
    assert len(list(opened.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY}))) == 2
pkcs11.unload()

# PyKCS11: the same names, so the same keys again.
library = PyKCS11.PyKCS11Lib()
library.load(PATH)
(slot,) = [slot for slot in library.getSlotList(tokenPresent=True)
           if library.getTokenInfo(slot).label.strip("\0 ") == p11.LABEL]
opened = library.openSession(slot, PyKCS11.CKF_SERIAL_SESSION | PyKCS11.CKF_RW_SESSION)
opened.login(p11.PIN)
(private,) = opened.findObjects([(PyKCS11.CKA_CLASS, PyKCS11.CKO_PRIVATE_KEY),
                                 (PyKCS11.CKA_ID, b"wrapping")])
for name, digest, mgf in (("sha1", PyKCS11.CKM_SHA_1, PyKCS11.CKG_MGF1_SHA1),
                          ("sha256", PyKCS11.CKM_SHA256, PyKCS11.CKG_MGF1_SHA256)):
    key = opened.unwrapKey(private, blobs[name], [
        (PyKCS11.CKA_CLASS, PyKCS11.CKO_SECRET_KEY), (PyKCS11.CKA_KEY_TYPE, PyKCS11.CKK_AES),
        (PyKCS11.CKA_TOKEN, PyKCS11.CK_TRUE), (PyKCS11.CKA_ID, name.encode()),
        (PyKCS11.CKA_ENCRYPT, PyKCS11.CK_TRUE), (PyKCS11.CKA_EXTRACTABLE, PyKCS11.CK_FALSE)],
        mecha=PyKCS11.RSAOAEPMechanism(digest, mgf))
    sealed = bytes(opened.encrypt(key, bytes(16), PyKCS11.Mechanism(PyKCS11.CKM_AES_ECB)))
    assert sealed == outside.ecb(material, bytes(16))
assert len(opened.findObjects([(PyKCS11.CKA_CLASS, PyKCS11.CKO_SECRET_KEY)])) == 2
opened.logout()
library.lib.C_Finalize()
