#!/usr/bin/env python3
"""boto3, unmodified, leads imported and generated keys through their lives."""

import json
import os
import subprocess
import time
from datetime import datetime, timedelta, timezone

import outside
import p11
import running
from running import refused


def state(kms, key):
    return kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"]


def imported(kms, key, material, seconds=None, **more):
    """Material that lives so many seconds from its import on; None is for ever. Its end."""
    got = kms.get_parameters_for_import(
        KeyId=key, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_3072")
    blob, ends = outside.oaep(got["PublicKey"], material, "sha256"), None
    life = {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
    if seconds is not None:
        ends = datetime.now(timezone.utc) + timedelta(seconds=seconds)
        life = {"ExpirationModel": "KEY_MATERIAL_EXPIRES", "ValidTo": ends}
    told = kms.import_key_material(KeyId=key, ImportToken=got["ImportToken"], EncryptedKeyMaterial=blob, **life, **more)
    listed = kms.list_key_rotations(KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
    assert told["KeyMaterialId"] in [rotation["KeyMaterialId"] for rotation in listed if "KeyMaterialId" in rotation]
    return ends


def an_imported_key(kms):
    made = kms.create_key(Origin="EXTERNAL", Description="of my own", Tags=[{"TagKey": "team", "TagValue": "pay"}])
    key, material = made["KeyMetadata"]["KeyId"], os.urandom(32)
    assert made["KeyMetadata"]["KeyState"] == "PendingImport"
    # Existing material, where none ever came.
    refused("IncorrectKeyMaterialException", imported, kms=kms, key=key, material=material, ImportType="EXISTING_KEY_MATERIAL")
    refused("IncorrectKeyMaterialException", imported, kms=kms, key=key, material=material, KeyMaterialId="0" * 64)
    assert state(kms, key) == "PendingImport"
    refused("KMSInvalidStateException", kms.encrypt, KeyId=key, Plaintext=b"early")
    soon = imported(kms, key, material, 3)
    told = kms.describe_key(KeyId=key)["KeyMetadata"]
    assert told["ExpirationModel"] == "KEY_MATERIAL_EXPIRES" and told["ValidTo"].timestamp() == int(soon.timestamp())
    context = {"order": "17", "shop": "4"}
    blob = kms.encrypt(KeyId=key, Plaintext=b"secret", EncryptionContext=context)["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)["Plaintext"] == b"secret"
    refused("InvalidCiphertextException", kms.decrypt, CiphertextBlob=blob, EncryptionContext={"order": "18"})
    # The three seconds that the material lives are real ones, of the server's process.
    while state(kms, key) == "Enabled":
        time.sleep(0.2)
    # What the token's clock tells of the session's last error.
    refused("KMSInvalidStateException", kms.decrypt, "C_DecryptInit: CKR_KEY_FUNCTION_NOT_PERMITTED: ",
            CiphertextBlob=blob, EncryptionContext=context)
    imported(kms, key, material)
    assert kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)["Plaintext"] == b"secret"
    return key, material, blob, context


def other_material_and_tokens(kms, key, material):
    got = kms.get_parameters_for_import(KeyId=key, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048")
    request = {"KeyId": key, "ImportToken": got["ImportToken"], "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
               "EncryptedKeyMaterial": outside.oaep(got["PublicKey"], os.urandom(32), "sha256")}
    refused("IncorrectKeyMaterialException", kms.import_key_material, **request)
    refused("IncorrectKeyMaterialException", kms.import_key_material, ImportType="EXISTING_KEY_MATERIAL", **request)
    request["EncryptedKeyMaterial"] = os.urandom(256)
    refused("InvalidCiphertextException", kms.import_key_material, **request)
    request["ImportToken"] = os.urandom(64)
    refused("InvalidImportTokenException", kms.import_key_material, **request)
    imported(kms, key, material)
    # The material's id is known, and is of existing material alone.
    mine = {"kms": kms, "key": key, "material": material}
    current = kms.describe_key(KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"]
    refused("IncorrectKeyMaterialException", imported, KeyMaterialId="0" * 64, **mine)
    refused("ValidationException", imported, KeyMaterialId=current, ImportType="NEW_KEY_MATERIAL", **mine)
    refused("IncorrectKeyMaterialException", imported, ImportType="NEW_KEY_MATERIAL", **mine)
    refused("IncorrectKeyMaterialException", imported, KeyMaterialId=current, **(mine | {"material": os.urandom(32)}))
    imported(KeyMaterialId=current, **mine)
    hmac = kms.create_key(Origin="EXTERNAL", KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["KeyId"]
    refused("ValidationException", imported, kms=kms, key=hmac, material=material, ImportType="NEW_KEY_MATERIAL")


def its_end(kms, key, material, blob, context):
    kms.delete_imported_key_material(KeyId=key)
    assert state(kms, key) == "PendingImport"
    imported(kms, key, material)
    kms.disable_key(KeyId=key)
    refused("DisabledException", kms.encrypt, KeyId=key, Plaintext=b"x")
    kms.enable_key(KeyId=key)
    refused("ValidationException", kms.schedule_key_deletion, KeyId=key, PendingWindowInDays=6)
    told = kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert told["KeyState"] == "PendingDeletion" and 6.9 < (told["DeletionDate"].timestamp() - time.time()) / 86400 < 7.1
    refused("KMSInvalidStateException", kms.decrypt, CiphertextBlob=blob, EncryptionContext=context)
    kms.cancel_key_deletion(KeyId=key)
    assert state(kms, key) == "Disabled"
    kms.enable_key(KeyId=key)
    assert kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)["Plaintext"] == b"secret"


def rotation(kms, key, material, blob, context):
    first = kms.describe_key(KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"]
    second = os.urandom(32)
    imported(kms, key, second, ImportType="NEW_KEY_MATERIAL")
    (there, waits) = kms.list_key_rotations(KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
    assert (there["KeyMaterialId"], there["KeyMaterialState"], there["ImportState"]) == (first, "CURRENT", "IMPORTED")
    assert waits["KeyMaterialState"] == "PENDING_ROTATION" and waits["ImportState"] == "IMPORTED"
    assert kms.list_key_rotations(KeyId=key)["Rotations"] == []
    kms.disable_key(KeyId=key)
    refused("DisabledException", kms.rotate_key_on_demand, KeyId=key)
    kms.enable_key(KeyId=key)
    kms.rotate_key_on_demand(KeyId=key)
    current = kms.describe_key(KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"]
    assert len(first) == len(current) == 64 and first != current
    (rotated,) = kms.list_key_rotations(KeyId=key)["Rotations"]
    assert rotated["KeyMaterialId"] == current and rotated["RotationType"] == "ON_DEMAND"
    pages = kms.get_paginator("list_key_rotations").paginate(
        KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL", PaginationConfig={"PageSize": 1})
    assert [page["Rotations"][0]["KeyMaterialId"] for page in pages] == [first, current]
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is False
    newer = kms.encrypt(KeyId=key, Plaintext=b"newer")["CiphertextBlob"]
    opened = kms.decrypt(CiphertextBlob=newer)
    assert (opened["Plaintext"], opened["KeyMaterialId"]) == (b"newer", current)
    opened = kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)
    assert (opened["Plaintext"], opened["KeyMaterialId"]) == (b"secret", first)
    moved = kms.re_encrypt(CiphertextBlob=blob, SourceEncryptionContext=context, DestinationKeyId=key)
    assert (moved["SourceKeyMaterialId"], moved["DestinationKeyMaterialId"]) == (first, current)
    # Of two materials no call says with which alone a blob's is to be compared.
    refused("UnsupportedOperationException", imported, kms=kms, key=key, material=material, KeyMaterialId=first)
    # The material of one version alone; the key needs that of each.
    refused("NotFoundException", kms.delete_imported_key_material, KeyId=key, KeyMaterialId="0" * 64)
    assert kms.delete_imported_key_material(KeyId=key, KeyMaterialId=first)["KeyMaterialId"] == first
    assert state(kms, key) == "PendingImport"
    imported(kms, key, material)
    assert state(kms, key) == "Enabled"
    assert kms.decrypt(CiphertextBlob=newer)["Plaintext"] == b"newer"
    assert kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)["Plaintext"] == b"secret"


def tags(kms, key):
    kms.tag_resource(KeyId=key, Tags=[{"TagKey": "stage", "TagValue": "live"}])
    kms.untag_resource(KeyId=key, TagKeys=["team"])
    assert kms.list_resource_tags(KeyId=key)["Tags"] == [{"TagKey": "stage", "TagValue": "live"}]
    kms.update_key_description(KeyId=key, Description="of all of us")
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["Description"] == "of all of us"


def data_keys(kms, key):
    made = kms.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext={"row": "1"})
    assert len(made["Plaintext"]) == 32
    assert made["KeyMaterialId"] == kms.describe_key(KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"]
    opened = kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext={"row": "1"})
    assert opened["Plaintext"] == made["Plaintext"]
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    moved = kms.re_encrypt(CiphertextBlob=made["CiphertextBlob"], DestinationKeyId=other,
                           SourceEncryptionContext={"row": "1"})
    assert kms.decrypt(CiphertextBlob=moved["CiphertextBlob"], KeyId=other)["Plaintext"] == made["Plaintext"]
    refused("IncorrectKeyException", kms.decrypt, CiphertextBlob=moved["CiphertextBlob"], KeyId=key)
    hidden = kms.generate_data_key_without_plaintext(KeyId=key, NumberOfBytes=1024)
    assert "Plaintext" not in hidden and len(kms.decrypt(CiphertextBlob=hidden["CiphertextBlob"])["Plaintext"]) == 1024
    drawn = [kms.generate_random(NumberOfBytes=size)["Plaintext"] for size in (1, 1024, 1024)]
    assert [len(some) for some in drawn] == [1, 1024, 1024] and drawn[1] != drawn[2]


def data_key_pairs(kms, key):
    for spec in ("RSA_2048", "ECC_NIST_P384", "ECC_NIST_EDWARDS25519"):
        pair = kms.generate_data_key_pair(KeyId=key, KeyPairSpec=spec, EncryptionContext={"row": "2"})
        private = pair["PrivateKeyPlaintext"]
        assert outside.public_key(private) == pair["PublicKey"]
        opened = kms.decrypt(CiphertextBlob=pair["PrivateKeyCiphertextBlob"], EncryptionContext={"row": "2"})
        assert opened["Plaintext"] == private
    hidden = kms.generate_data_key_pair_without_plaintext(KeyId=key, KeyPairSpec="ECC_NIST_P256")
    private = kms.decrypt(CiphertextBlob=hidden["PrivateKeyCiphertextBlob"])["Plaintext"]
    assert "PrivateKeyPlaintext" not in hidden and outside.public_key(private) == hidden["PublicKey"]


def keys_of_another_client(kms):
    """The service has its own name for a key that was made without one of its."""
    for spec, name, usage in (("AES_256", "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"), ("EC_P256", "ECC_NIST_P256", "SIGN_VERIFY"),
                              ("RSA_2048", "RSA_2048", "SIGN_VERIFY"), ("HMAC_384", "HMAC_384", "GENERATE_VERIFY_MAC")):
        for origin in ("external", "generated"):
            made = subprocess.run(
                [os.environ["TENON_PROGRAM"], "byok", "create", "--profile", "aws", "--spec", spec, "--origin", origin, "--json"],
                env=os.environ | {"TENON_PIN": p11.PIN}, capture_output=True, text=True, check=True)
            told = kms.describe_key(KeyId=json.loads(made.stdout)["KeyMetadata"]["KeyId"])["KeyMetadata"]
            assert (told["KeySpec"], told["KeyUsage"]) == (name, usage), told


def verified_outside(spki, algorithm, signature):
    """openssl takes the public key and the signature as the service gives them."""
    outside.write("spki", spki), outside.write("signature", signature), outside.write("text", b"text")
    known = ["-verify", "-pubin", "-keyform", "DER", "-inkey", "spki", "-sigfile", "signature"]
    if algorithm.startswith("ED25519"):
        return outside.openssl("pkeyutl", *known, "-rawin", "-in", "text")
    digest = "sha" + algorithm[-3:]
    outside.write("digest", outside.openssl("dgst", f"-{digest}", "-binary", "text"))
    padding = ["-pkeyopt", "rsa_padding_mode:pss", "-pkeyopt", "rsa_pss_saltlen:digest"] if "PSS" in algorithm else []
    return outside.openssl("pkeyutl", *known, "-in", "digest", "-pkeyopt", f"digest:{digest}", *padding)


def generated_keys(kms):
    for spec, algorithm in (("RSA_2048", "RSASSA_PSS_SHA_256"), ("RSA_3072", "RSASSA_PKCS1_V1_5_SHA_512"),
                            ("ECC_NIST_P256", "ECDSA_SHA_256"), ("ECC_NIST_P521", "ECDSA_SHA_512"),
                            ("ECC_SECG_P256K1", "ECDSA_SHA_256"), ("ECC_NIST_EDWARDS25519", "ED25519_SHA_512")):
        key = kms.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
        made = kms.sign(KeyId=key, Message=b"text", SigningAlgorithm=algorithm)["Signature"]
        assert kms.verify(KeyId=key, Message=b"text", Signature=made, SigningAlgorithm=algorithm)["SignatureValid"]
        refused("KMSInvalidSignatureException", kms.verify, KeyId=key, Message=b"Text", Signature=made,
                SigningAlgorithm=algorithm)
        told = kms.get_public_key(KeyId=key)
        assert told["KeySpec"] == spec and algorithm in told["SigningAlgorithms"]
        assert algorithm in kms.describe_key(KeyId=key)["KeyMetadata"]["SigningAlgorithms"]
        verified_outside(told["PublicKey"], algorithm, made)
    key = kms.create_key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")["KeyMetadata"]["KeyId"]
    way = {"KeyId": key, "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}
    blob = kms.encrypt(Plaintext=b"text", **way)["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=blob, **way)["Plaintext"] == b"text"
    key = kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["KeyId"]
    way = {"KeyId": key, "MacAlgorithm": "HMAC_SHA_256"}
    mac = kms.generate_mac(Message=b"text", **way)["Mac"]
    assert len(mac) == 32 and kms.verify_mac(Message=b"text", Mac=mac, **way)["MacValid"]
    refused("KMSInvalidMacException", kms.verify_mac, Message=b"Text", Mac=mac, **way)
    refused("KMSInvalidMacException", kms.verify_mac, Message=b"text", Mac=mac[1:], **way)
    refused("UnsupportedOperationException", kms.delete_imported_key_material, KeyId=key)


with running.front_end("aws") as address:
    client = running.aws_client(address)
    first, bytes_of_it, sealed, of = an_imported_key(client)
    tags(client, first)
    other_material_and_tokens(client, first, bytes_of_it)
    its_end(client, first, bytes_of_it, sealed, of)
    data_keys(client, first)
    data_key_pairs(client, first)
    rotation(client, first, bytes_of_it, sealed, of)
    generated_keys(client)
    keys_of_another_client(client)
