#!/usr/bin/env python3
"""Alibaba Cloud's SDK, unmodified: the flow of its document on importing key material."""

import base64
import os
import time

import outside
import p11
import running
from alibabacloud_kms20160120 import models
from alibabacloud_kms20160120.client import Client
from alibabacloud_tea_openapi.models import Config
from kms import Kms
from specs import ALIBABA
from uses import Uses


def refused(code, call, request):
    try:
        call(request)
    except Exception as error:  # the SDK has no class for what a service answers
        assert getattr(error, "code", None) == code, error
        return
    raise AssertionError(f"answered instead of {code}")


def import_material(material, seconds=None):
    """Material that lives so many seconds from its import on; None is for ever."""
    got = kms.get_parameters_for_import(models.GetParametersForImportRequest(
        key_id=key, wrapping_algorithm="RSAES_OAEP_SHA_256", wrapping_key_spec="RSA_2048")).body
    blob = outside.oaep(base64.b64decode(got.public_key), material, "sha256")
    return kms.import_key_material(models.ImportKeyMaterialRequest(
        key_id=key, encrypted_key_material=base64.b64encode(blob).decode(), import_token=got.import_token,
        key_material_expire_unix=0 if seconds is None else int(time.time()) + seconds))


def state():
    return kms.describe_key(models.DescribeKeyRequest(key_id=key)).body.key_metadata.key_state


with running.front_end("alibaba-software") as address:
    kms = Client(Config(access_key_id="id", access_key_secret="secret", endpoint=address, protocol="http"))
    made = kms.create_key(models.CreateKeyRequest(origin="EXTERNAL", key_spec="Aliyun_AES_256")).body.key_metadata
    key, material = made.key_id, os.urandom(32)
    assert (made.key_state, made.origin) == ("PendingImport", "EXTERNAL")
    import_material(material, 3)
    sealed = kms.encrypt(models.EncryptRequest(key_id=key, plaintext="a secret")).body.ciphertext_blob
    opened = models.DecryptRequest(ciphertext_blob=sealed)
    assert kms.decrypt(opened).body.plaintext == "a secret"
    # Three real seconds, of the server's process.
    while state() == "Enabled":
        time.sleep(0.2)
    refused("Rejected.UnsupportedKeyState", kms.decrypt, opened)
    import_material(material)
    assert kms.decrypt(opened).body.plaintext == "a secret"
    refused("Rejected.WrongKeyMaterial", import_material, os.urandom(32))
    kms.delete_key_material(models.DeleteKeyMaterialRequest(key_id=key))
    assert state() == "PendingImport"
    import_material(material)
    kms.schedule_key_deletion(models.ScheduleKeyDeletionRequest(key_id=key, pending_window_in_days=7))
    assert state() == "PendingDeletion"
    kms.cancel_key_deletion(models.CancelKeyDeletionRequest(key_id=key))
    assert kms.decrypt(opened).body.plaintext == "a secret"
    # Mistakes of the caller's.
    for code, call, request in (
            ("InvalidParameter", kms.create_key, models.CreateKeyRequest(key_spec="Aliyun_AES_999")),
            ("InvalidParameter", kms.create_key, models.CreateKeyRequest(key_spec="EC_P256", key_usage="ENCRYPT/DECRYPT")),
            ("InvalidParameter", kms.encrypt, models.EncryptRequest(key_id=key)),
            ("InvalidParameter", kms.encrypt, models.EncryptRequest(plaintext="x")),
            ("Forbidden.KeyNotFound", kms.encrypt, models.EncryptRequest(key_id="none", plaintext="x")),
            ("InvalidParameter", kms.decrypt, models.DecryptRequest(ciphertext_blob="****")),
            ("InvalidCiphertext", kms.decrypt, models.DecryptRequest(ciphertext_blob="AAAA")),
            ("InvalidParameter", kms.schedule_key_deletion,
             models.ScheduleKeyDeletionRequest(key_id=key, pending_window_in_days=1))):
        refused(code, call, request)
    # What another client encrypted need not be text, which alone this service answers.
    front = Kms(p11.Module().user(), "alibaba-software", ALIBABA)
    for plain in (b"\xff", b"\0\xc3", os.urandom(30) + b"\x80"):
        blob = Uses(front).encrypt(front.key(key), plain)
        refused("UnsupportedOperation", kms.decrypt, models.DecryptRequest(ciphertext_blob=base64.b64encode(blob).decode()))
    # Members that ask for another result are not passed over.
    refused("UnsupportedOperation", kms.encrypt, models.EncryptRequest(key_id=key, plaintext="x", dry_run="true"))
    refused("UnsupportedOperation", kms.decrypt, models.DecryptRequest(ciphertext_blob=sealed, recipient="x"))
    refused("UnsupportedOperation", kms.create_key, models.CreateKeyRequest(protection_level="HSM"))
    signs = kms.create_key(models.CreateKeyRequest(key_spec="EC_P256", key_usage="SIGN/VERIFY")).body.key_metadata.key_id
    refused("UnsupportedOperation", kms.encrypt, models.EncryptRequest(key_id=signs, plaintext="x"))
