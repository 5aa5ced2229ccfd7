#!/usr/bin/env python3
"""boto3, unmodified, leads imported and generated keys through their lives."""

import os
import time
from datetime import datetime, timedelta, timezone

import boto3
import outside
import running
from botocore.config import Config
from botocore.exceptions import ClientError


def refused(name, call, says="", **request):
    try:
        call(**request)
    except ClientError as error:
        assert error.response["Error"]["Code"] == name and says in str(error), error
        return
    raise AssertionError(f"{call.__name__} was answered instead of {name}")


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
    kms.import_key_material(KeyId=key, ImportToken=got["ImportToken"], EncryptedKeyMaterial=blob, **life, **more)
    return ends


def an_imported_key(kms):
    made = kms.create_key(Origin="EXTERNAL", Description="of my own", Tags=[{"TagKey": "team", "TagValue": "pay"}])
    key, material = made["KeyMetadata"]["KeyId"], os.urandom(32)
    assert made["KeyMetadata"]["KeyState"] == "PendingImport"
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
    request["EncryptedKeyMaterial"] = os.urandom(256)
    refused("InvalidCiphertextException", kms.import_key_material, **request)
    request["ImportToken"] = os.urandom(64)
    refused("InvalidImportTokenException", kms.import_key_material, **request)
    imported(kms, key, material)


def its_end(kms, key, material, blob, context):
    kms.delete_imported_key_material(KeyId=key)
    assert state(kms, key) == "PendingImport"
    imported(kms, key, material)
    kms.disable_key(KeyId=key)
    refused("KMSInvalidStateException", kms.encrypt, KeyId=key, Plaintext=b"x")
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
    second = os.urandom(32)
    imported(kms, key, second, ImportType="NEW_KEY_MATERIAL")
    kms.rotate_key_on_demand(KeyId=key)
    newer = kms.encrypt(KeyId=key, Plaintext=b"newer")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=newer)["Plaintext"] == b"newer"
    assert kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)["Plaintext"] == b"secret"


def names_and_tags(kms, key):
    kms.create_alias(AliasName="alias/orders", TargetKeyId=key)
    assert [named["TargetKeyId"] for named in kms.list_aliases()["Aliases"]] == [key]
    assert kms.describe_key(KeyId="alias/orders")["KeyMetadata"]["KeyId"] == key
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    refused("AlreadyExistsException", kms.create_alias, AliasName="alias/orders", TargetKeyId=other)
    kms.tag_resource(KeyId=key, Tags=[{"TagKey": "stage", "TagValue": "live"}])
    kms.untag_resource(KeyId=key, TagKeys=["team"])
    assert kms.list_resource_tags(KeyId=key)["Tags"] == [{"TagKey": "stage", "TagValue": "live"}]
    kms.delete_alias(AliasName="alias/orders")
    refused("NotFoundException", kms.describe_key, KeyId="alias/orders")
    assert {item["KeyId"] for item in kms.list_keys()["Keys"]} == {key, other}


def data_keys(kms, key):
    made = kms.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext={"row": "1"})
    assert len(made["Plaintext"]) == 32
    opened = kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext={"row": "1"})
    assert opened["Plaintext"] == made["Plaintext"]
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    moved = kms.re_encrypt(CiphertextBlob=made["CiphertextBlob"], DestinationKeyId=other,
                           SourceEncryptionContext={"row": "1"})
    assert kms.decrypt(CiphertextBlob=moved["CiphertextBlob"], KeyId=other)["Plaintext"] == made["Plaintext"]
    refused("IncorrectKeyException", kms.decrypt, CiphertextBlob=moved["CiphertextBlob"], KeyId=key)


def generated_keys(kms):
    for spec, algorithm in (("RSA_2048", "RSASSA_PSS_SHA_256"), ("RSA_3072", "RSASSA_PKCS1_V1_5_SHA_512"),
                            ("ECC_NIST_P256", "ECDSA_SHA_256"), ("ECC_NIST_P521", "ECDSA_SHA_512"),
                            ("ECC_SECG_P256K1", "ECDSA_SHA_256"), ("ECC_NIST_EDWARDS25519", "ED25519_SHA_512")):
        key = kms.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
        made = kms.sign(KeyId=key, Message=b"text", SigningAlgorithm=algorithm)["Signature"]
        assert kms.verify(KeyId=key, Message=b"text", Signature=made, SigningAlgorithm=algorithm)["SignatureValid"]
        refused("KMSInvalidSignatureException", kms.verify, KeyId=key, Message=b"Text", Signature=made,
                SigningAlgorithm=algorithm)
        assert len(kms.get_public_key(KeyId=key)["PublicKey"]) > 40
    key = kms.create_key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")["KeyMetadata"]["KeyId"]
    way = {"KeyId": key, "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}
    blob = kms.encrypt(Plaintext=b"text", **way)["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=blob, **way)["Plaintext"] == b"text"
    key = kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["KeyId"]
    assert len(kms.generate_mac(KeyId=key, Message=b"text", MacAlgorithm="HMAC_SHA_256")["Mac"]) == 32
    refused("UnsupportedOperationException", kms.delete_imported_key_material, KeyId=key)


with running.front_end("aws") as address:
    client = boto3.client("kms", endpoint_url=f"http://{address}", region_name="local", aws_access_key_id="id",
                          aws_secret_access_key="secret", config=Config(retries={"total_max_attempts": 1}))
    first, bytes_of_it, sealed, of = an_imported_key(client)
    names_and_tags(client, first)
    other_material_and_tokens(client, first, bytes_of_it)
    its_end(client, first, bytes_of_it, sealed, of)
    data_keys(client, first)
    rotation(client, first, bytes_of_it, sealed, of)
    generated_keys(client)
