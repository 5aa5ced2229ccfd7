#!/usr/bin/env python3
"""Callers' mistakes: each is answered with the code that AWS KMS documents, and never as a failure of the service.

boto3 sends what its own checks let through; the rest goes by plain HTTP.
"""

import http.client
import inspect
import json
import time

import running
from aws import Aws
from botocore import xform_name
from running import refused

ARN = "arn:aws:kms:local:000000000000:key/"
NO_KEY = "00000000-0000-4000-8000-000000000000"
GENERAL = {"SIGN_VERIFY": ("RSA_2048", "ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521", "ECC_SECG_P256K1",
                           "ECC_NIST_EDWARDS25519"),
           "GENERATE_VERIFY_MAC": ("HMAC_224", "HMAC_256", "HMAC_384", "HMAC_512"), "ENCRYPT_DECRYPT": ("RSA_2048",)}


def post(action, body):
    """Status and code of the answer to a request that no SDK would send."""
    connection = http.client.HTTPConnection(address)
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    connection.request("POST", "/", data, {"X-Amz-Target": f"TrentService.{action}"})
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read()).get("__type")


def said(code, action, **body):
    assert post(action, body) == (400, code), (action, body, post(action, body))


def new_key(spec="SYMMETRIC_DEFAULT", usage="ENCRYPT_DECRYPT", **more):
    return kms.create_key(KeySpec=spec, KeyUsage=usage, **more)["KeyMetadata"]["KeyId"]


def signatures():
    algorithms = {name: spec for spec in GENERAL["SIGN_VERIFY"] for name in own[spec]["SigningAlgorithms"]}
    assert len(algorithms) == 10, algorithms
    for spec in GENERAL["SIGN_VERIFY"]:
        key = {"KeyId": own[spec]["KeyId"], "Message": b"text"}
        for name in algorithms:
            if name in own[spec]["SigningAlgorithms"]:
                signature = kms.sign(SigningAlgorithm=name, **key)["Signature"]
                assert kms.verify(SigningAlgorithm=name, Signature=signature, **key)["SignatureValid"]
            else:
                refused("InvalidKeyUsageException", kms.sign, SigningAlgorithm=name, **key)
                refused("InvalidKeyUsageException", kms.verify, SigningAlgorithm=name, Signature=b"x", **key)
        refused("ValidationException", kms.sign, SigningAlgorithm="ECDSA_SHA_1", **key)
        refused("InvalidKeyUsageException", kms.encrypt, KeyId=key["KeyId"], Plaintext=b"x")
        refused("InvalidKeyUsageException", kms.generate_mac, MacAlgorithm="HMAC_SHA_256", **key)
    p256 = {"KeyId": own["ECC_NIST_P256"]["KeyId"], "SigningAlgorithm": "ECDSA_SHA_256", "MessageType": "DIGEST"}
    assert kms.sign(Message=bytes(32), **p256)["Signature"]
    for size in (31, 33, 48):
        refused("ValidationException", kms.sign, Message=bytes(size), **p256)
    edwards = p256 | {"KeyId": own["ECC_NIST_EDWARDS25519"]["KeyId"], "SigningAlgorithm": "ED25519_SHA_512"}
    refused("ValidationException", kms.sign, Message=bytes(64), **edwards)
    refused("ValidationException", kms.sign, Message=bytes(4097), **(p256 | {"MessageType": "RAW"}))
    for signature in (b"x", b"\x30\x06\x02\x01\x01\x02\x01\x01", bytes(64), b"\x30\x80"):
        refused("KMSInvalidSignatureException", kms.verify, Message=bytes(32), Signature=signature, **p256)
    other = own["RSA_2048"]["KeyId"]
    for signature in (b"x", bytes(256), bytes(257)):
        refused("KMSInvalidSignatureException", kms.verify, KeyId=other, Message=b"text", Signature=signature,
                SigningAlgorithm="RSASSA_PSS_SHA_256")


def macs():
    for spec in GENERAL["GENERATE_VERIFY_MAC"]:
        for digest in ("224", "256", "384", "512"):
            way = {"KeyId": own[spec]["KeyId"], "MacAlgorithm": f"HMAC_SHA_{digest}", "Message": b"text"}
            if way["MacAlgorithm"] in own[spec]["MacAlgorithms"]:
                assert kms.verify_mac(Mac=kms.generate_mac(**way)["Mac"], **way)["MacValid"]
            else:
                refused("InvalidKeyUsageException", kms.generate_mac, **way)
                refused("InvalidKeyUsageException", kms.verify_mac, Mac=b"x", **way)
        refused("InvalidKeyUsageException", kms.sign, KeyId=own[spec]["KeyId"], Message=b"x",
                SigningAlgorithm="RSASSA_PSS_SHA_256")
        refused("UnsupportedOperationException", kms.get_public_key, KeyId=own[spec]["KeyId"])


def encryption():
    refused("ValidationException", kms.encrypt, KeyId=symmetric, Plaintext=bytes(4097))
    assert kms.decrypt(CiphertextBlob=kms.encrypt(KeyId=symmetric, Plaintext=bytes(4096))["CiphertextBlob"])
    for blob in (b"x", bytes(17), bytes(60), bytes(6144)):
        refused("InvalidCiphertextException", kms.decrypt, CiphertextBlob=blob)
    refused("ValidationException", kms.decrypt, CiphertextBlob=bytes(6145))
    blob = kms.encrypt(KeyId=symmetric, Plaintext=b"text")["CiphertextBlob"]
    for place in (0, 20, len(blob) - 1):
        changed = bytearray(blob)
        changed[place] ^= 1
        refused("InvalidCiphertextException", kms.decrypt, CiphertextBlob=bytes(changed))
    rsa = {"KeyId": own["ENCRYPT_DECRYPT"]["KeyId"]}
    refused("InvalidKeyUsageException", kms.encrypt, Plaintext=b"x", **rsa)
    for name, most in (("RSAES_OAEP_SHA_1", 214), ("RSAES_OAEP_SHA_256", 190)):
        way = {"EncryptionAlgorithm": name}
        sealed = kms.encrypt(Plaintext=bytes(most), **rsa, **way)["CiphertextBlob"]
        assert kms.decrypt(CiphertextBlob=sealed, **rsa, **way)["Plaintext"] == bytes(most)
        refused("ValidationException", kms.encrypt, Plaintext=bytes(most + 1), **rsa, **way)
        refused("ValidationException", kms.encrypt, Plaintext=b"x", EncryptionContext={"a": "b"}, **rsa, **way)
        refused("ValidationException", kms.decrypt, CiphertextBlob=sealed, **way)
        for bad in (b"x", bytes(255), bytes(256), sealed[::-1], bytes(257)):
            refused("InvalidCiphertextException", kms.decrypt, CiphertextBlob=bad, **rsa, **way)
    refused("InvalidKeyUsageException", kms.generate_data_key, KeySpec="AES_256", **rsa)
    for name in ("SM2PKE", "RSAES_OAEP_SHA_1"):
        refused("InvalidKeyUsageException", kms.encrypt, KeyId=symmetric, Plaintext=b"x", EncryptionAlgorithm=name)


def data_keys():
    for request in ({"NumberOfBytes": 1025}, {"NumberOfBytes": 65536}, {}, {"NumberOfBytes": 16, "KeySpec": "AES_128"},
                    {"KeySpec": "AES_192"}):
        refused("ValidationException", kms.generate_data_key, KeyId=symmetric, **request)
        refused("ValidationException", kms.generate_data_key_without_plaintext, KeyId=symmetric, **request)
    said("ValidationException", "GenerateDataKey", KeyId=symmetric, NumberOfBytes=0)
    said("ValidationException", "GenerateRandom", NumberOfBytes=0)
    said("ValidationException", "GenerateRandom", NumberOfBytes=1025)
    said("ValidationException", "GenerateRandom")
    refused("ValidationException", kms.generate_data_key_pair, KeyId=symmetric, KeyPairSpec="RSA_1024")
    refused("UnsupportedOperationException", kms.generate_data_key_pair, KeyId=symmetric, KeyPairSpec="SM2")
    refused("InvalidKeyUsageException", kms.generate_data_key_pair, KeyId=own["RSA_2048"]["KeyId"], KeyPairSpec="RSA_2048")


def creation():
    for spec, usage in (("SYMMETRIC_DEFAULT", "SIGN_VERIFY"), ("HMAC_256", "ENCRYPT_DECRYPT"), ("ECC_NIST_P256", "ENCRYPT_DECRYPT"),
                        ("RSA_2048", "GENERATE_VERIFY_MAC"), ("RSA_2047", "SIGN_VERIFY"), ("RSA_2048", "SIGN")):
        for origin in ("AWS_KMS", "EXTERNAL"):
            refused("ValidationException", kms.create_key, KeySpec=spec, KeyUsage=usage, Origin=origin)
    refused("ValidationException", kms.create_key, KeySpec="RSA_2048")
    refused("ValidationException", kms.create_key, Origin="ELSEWHERE")
    for more in ({"KeySpec": "ECC_NIST_P256", "KeyUsage": "KEY_AGREEMENT"}, {"KeySpec": "SM2", "KeyUsage": "SIGN_VERIFY"},
                 {"KeySpec": "ML_DSA_65", "KeyUsage": "SIGN_VERIFY"}, {"Origin": "AWS_CLOUDHSM"}, {"MultiRegion": True}):
        refused("UnsupportedOperationException", kms.create_key, **more)
    refused("InvalidKeyUsageException", kms.derive_shared_secret, KeyId=own["ECC_NIST_P256"]["KeyId"],
            KeyAgreementAlgorithm="ECDH", PublicKey=bytes(91))
    for tag in ({"TagKey": "aws:x", "TagValue": ""}, {"TagKey": "a" * 129, "TagValue": ""}, {"TagKey": "a", "TagValue": "a" * 257}):
        refused("TagException", kms.create_key, Tags=[tag])
        refused("TagException", kms.tag_resource, KeyId=symmetric, Tags=[tag])
    twice = [{"TagKey": "a", "TagValue": value} for value in "bc"]
    refused("TagException", kms.tag_resource, KeyId=symmetric, Tags=twice)
    for half in ("a", "b"):
        many = [{"TagKey": f"{half}{number}", "TagValue": ""} for number in range(25)]
        kms.tag_resource(KeyId=symmetric, Tags=many)
    refused("LimitExceededException", kms.tag_resource, KeyId=symmetric, Tags=twice[:1])
    refused("ValidationException", kms.update_key_description, KeyId=symmetric, Description="x" * 8193)


def names():
    for name in (NO_KEY, ARN + NO_KEY, "alias/none", "no-key", "é", ARN.replace("local", "elsewhere") + symmetric,
                 ARN.replace("000000000000", "111111111111") + symmetric):
        refused("NotFoundException", kms.describe_key, KeyId=name)
        refused("NotFoundException", kms.encrypt, KeyId=name, Plaintext=b"x")
        refused("NotFoundException", kms.enable_key, KeyId=name)
    for name in ("arn:aws:s3:::bucket", "arn:aws:kms", f"arn:aws:kms:local:000000000000:grant/{symmetric}", "arn:" + symmetric):
        refused("InvalidArnException", kms.describe_key, KeyId=name)
    assert kms.describe_key(KeyId=ARN + symmetric)["KeyMetadata"]["KeyId"] == symmetric
    said("ValidationException", "DescribeKey", KeyId="")
    said("ValidationException", "DescribeKey", KeyId="a" * 2049)
    kms.create_alias(AliasName="alias/a", TargetKeyId=symmetric)
    for call in (kms.enable_key, kms.disable_key, kms.schedule_key_deletion, kms.get_key_rotation_status):
        refused("NotFoundException", call, KeyId="alias/a")


def imports():
    waits = new_key(Origin="EXTERNAL")
    way = {"KeyId": waits, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}
    for member, value, code in (("WrappingAlgorithm", "RSAES_OAEP_SHA_384", "ValidationException"),
                                ("WrappingAlgorithm", "RSAES_PKCS1_V1_5", "UnsupportedOperationException"),
                                ("WrappingKeySpec", "RSA_1024", "ValidationException"),
                                ("WrappingKeySpec", "SM2", "UnsupportedOperationException"),
                                ("KeyId", symmetric, "UnsupportedOperationException"), ("KeyId", NO_KEY, "NotFoundException")):
        refused(code, kms.get_parameters_for_import, **(way | {member: value}))
    got = kms.get_parameters_for_import(**way)
    blob = {"KeyId": waits, "ImportToken": got["ImportToken"], "EncryptedKeyMaterial": bytes(256)}
    for life in ({}, {"ExpirationModel": "KEY_MATERIAL_EXPIRES"}, {"ValidTo": 1}, {"ExpirationModel": "SOMETIMES"},
                 {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE", "ValidTo": 4102444800},
                 {"ValidTo": int(time.time()) + 366 * 86400}):
        refused("ValidationException", kms.import_key_material, **blob, **life)
    for_ever = {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
    refused("InvalidCiphertextException", kms.import_key_material, **blob, **for_ever)
    refused("InvalidCiphertextException", kms.import_key_material, **(blob | {"EncryptedKeyMaterial": b"x"}), **for_ever)
    refused("InvalidImportTokenException", kms.import_key_material, **(blob | {"ImportToken": b"x"}), **for_ever)
    refused("InvalidImportTokenException", kms.import_key_material, **(blob | {"KeyId": new_key(Origin="EXTERNAL")}), **for_ever)
    for call in (kms.get_public_key, kms.sign):
        external = new_key("RSA_2048", "SIGN_VERIFY", Origin="EXTERNAL")
        more = {"Message": b"x", "SigningAlgorithm": "RSASSA_PSS_SHA_256"} if call == kms.sign else {}
        refused("KMSInvalidStateException", call, KeyId=external, **more)
    refused("UnsupportedOperationException", kms.delete_imported_key_material, KeyId=symmetric)


def states():
    """The public half of a key that is switched off or to be deleted is not used either."""
    keys = {usage: new_key("RSA_2048", usage) for usage in ("SIGN_VERIFY", "ENCRYPT_DECRYPT")}
    sign = {"KeyId": keys["SIGN_VERIFY"], "Message": b"x", "SigningAlgorithm": "RSASSA_PSS_SHA_256"}
    seal = {"KeyId": keys["ENCRYPT_DECRYPT"], "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}
    signature, sealed = kms.sign(**sign)["Signature"], kms.encrypt(Plaintext=b"x", **seal)["CiphertextBlob"]

    def off(code):
        refused(code, kms.sign, **sign)
        refused(code, kms.verify, Signature=signature, **sign)
        refused(code, kms.encrypt, Plaintext=b"x", **seal)
        refused(code, kms.decrypt, CiphertextBlob=sealed, **seal)
        refused(code, kms.get_public_key, KeyId=seal["KeyId"])
    for key in keys.values():
        kms.disable_key(KeyId=key)
    off("DisabledException")
    for key in keys.values():
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
        refused("KMSInvalidStateException", kms.enable_key, KeyId=key)
        refused("KMSInvalidStateException", kms.schedule_key_deletion, KeyId=key, PendingWindowInDays=7)
    off("KMSInvalidStateException")
    for days in (6, 31):
        refused("ValidationException", kms.schedule_key_deletion, KeyId=symmetric, PendingWindowInDays=days)
    refused("KMSInvalidStateException", kms.cancel_key_deletion, KeyId=symmetric)


def rotation():
    for call in (kms.rotate_key_on_demand, kms.list_key_rotations, kms.get_key_rotation_status, kms.enable_key_rotation):
        refused("UnsupportedOperationException", call, KeyId=own["RSA_2048"]["KeyId"])
    refused("UnsupportedOperationException", kms.rotate_key_on_demand, KeyId=symmetric)
    waits = new_key(Origin="EXTERNAL")
    refused("KMSInvalidStateException", kms.rotate_key_on_demand, KeyId=waits)
    assert kms.get_key_rotation_status(KeyId=symmetric)["KeyRotationEnabled"] is False
    assert kms.list_key_rotations(KeyId=symmetric)["Rotations"] == []


def pages():
    every = {key["KeyId"] for key in kms.list_keys(Limit=1000)["Keys"]}
    for size in (1, 3, 1000):
        answers = list(kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": size}))
        listed = [key["KeyId"] for answer in answers for key in answer["Keys"]]
        assert set(listed) == every and len(listed) == len(every) and len(answers) == -(-len(every) // size)
        assert [answer["Truncated"] for answer in answers] == [True] * (len(answers) - 1) + [False]
    tags = kms.get_paginator("list_resource_tags").paginate(KeyId=symmetric, PaginationConfig={"PageSize": 7})
    assert len({tag["TagKey"] for answer in tags for tag in answer["Tags"]}) == 50
    for call, most in ((kms.list_keys, 1000), (kms.list_aliases, 100)):
        refused("ValidationException", call, Limit=most + 1)
        refused("InvalidMarkerException", call, Marker="no marker")
    said("ValidationException", "ListKeys", Limit=0)


def shapes():
    """What is missing, of another type, or no JSON at all."""
    needed = {"Encrypt": {"KeyId": symmetric, "Plaintext": "eA=="}, "Decrypt": {"CiphertextBlob": "eA=="},
              "Sign": {"KeyId": symmetric, "Message": "eA==", "SigningAlgorithm": "ECDSA_SHA_256"},
              "CreateAlias": {"AliasName": "alias/b", "TargetKeyId": symmetric}, "DescribeKey": {"KeyId": symmetric},
              "TagResource": {"KeyId": symmetric, "Tags": []}, "UntagResource": {"KeyId": symmetric, "TagKeys": []},
              "ReEncrypt": {"CiphertextBlob": "eA==", "DestinationKeyId": symmetric}, "GenerateRandom": {"NumberOfBytes": 1},
              "ImportKeyMaterial": {"KeyId": symmetric, "ImportToken": "eA==", "EncryptedKeyMaterial": "eA=="}}
    for action, members in needed.items():
        for member, value in members.items():
            said("ValidationException", action, **{name: other for name, other in members.items() if name != member})
            said("ValidationException", action, **(members | {member: None}))
            for wrong in ([1], {"a": {}}, True, 1.5, "x" if isinstance(value, (int, list)) else 7):
                said("SerializationException", action, **(members | {member: wrong}))
    for text in ("x", "eA=", "****", "eA==\n", "é"):
        said("SerializationException", "Encrypt", KeyId=symmetric, Plaintext=text)
    said("ValidationException", "Encrypt", KeyId=symmetric, Plaintext="")
    for context in ("x", [], {"a": 1}, {"a": None}):
        said("SerializationException", "Encrypt", KeyId=symmetric, Plaintext="eA==", EncryptionContext=context)
    said("SerializationException", "CreateKey", Description="\ud800")
    said("SerializationException", "CreateKey", Tags=[{"\ud800": "a"}])
    waits = new_key(Origin="EXTERNAL")
    for end in (b"NaN", b"Infinity", b"-1", b"1e300"):
        body = b'{"KeyId": "%s", "ImportToken": "eA==", "EncryptedKeyMaterial": "eA==", "ValidTo": %s}'
        assert post("ImportKeyMaterial", body % (waits.encode(), end)) == (400, "ValidationException"), end
    for body in (b"", b"[]", b"7", b"{", b"\xff", b'{"KeyId":', b"[" * 100000):
        status, code = post("DescribeKey", body)
        assert (status, code) in ((400, "SerializationException"), (400, "ValidationException")), (body[:9], status, code)
    for action in ("", "Nothing", "fault", "metadata", "__init__", "uses", "kms"):
        assert post(action, {}) == (400, "UnsupportedOperationException"), action
    assert post("DescribeKey", {"KeyId": symmetric, "Future": None})[0] == 200
    said("UnsupportedOperationException", "DescribeKey", KeyId=symmetric, Future=1)


def every_member():
    """Each member that the service's own model gives to an operation is one that the operation knows, asks for nothing
    else, or is refused: none is passed over."""
    model = kms.meta.service_model
    operations, refused_members = [name for name in model.operation_names if hasattr(Aws, name)], set()
    for name in operations:
        known = inspect.signature(getattr(Aws, name)).parameters
        for member in model.operation_model(name).input_shape.members:
            if member not in known and member not in Aws.harmless:
                said("UnsupportedOperationException", name, **{member: "x"})
                refused_members.add(member)
    assert len(operations) > 30 and {"Policy", "Recipient", "KeyMaterialDescription"} <= refused_members, refused_members
    assert kms.encrypt(KeyId=symmetric, Plaintext=b"x", GrantTokens=["x"])["CiphertextBlob"]


def trials():
    """DryRun: refused as the request would be, else as a trial."""
    sealed = kms.encrypt(KeyId=symmetric, Plaintext=b"x")["CiphertextBlob"]
    sign, mac = own["ECC_NIST_P256"]["KeyId"], own["HMAC_256"]["KeyId"]
    signs, macs = {"KeyId": sign, "SigningAlgorithm": "ECDSA_SHA_256"}, {"KeyId": mac, "MacAlgorithm": "HMAC_SHA_256"}
    made = {"Signature": kms.sign(Message=b"x", **signs)["Signature"], "Mac": kms.generate_mac(Message=b"x", **macs)["Mac"]}
    calls = {"Encrypt": {"KeyId": symmetric, "Plaintext": b"x"}, "Decrypt": {"CiphertextBlob": sealed},
             "ReEncrypt": {"CiphertextBlob": sealed, "DestinationKeyId": symmetric},
             "GenerateDataKey": {"KeyId": symmetric, "KeySpec": "AES_256"},
             "GenerateDataKeyWithoutPlaintext": {"KeyId": symmetric, "KeySpec": "AES_256"},
             "GenerateDataKeyPair": {"KeyId": symmetric, "KeyPairSpec": "ECC_NIST_P256"},
             "GenerateDataKeyPairWithoutPlaintext": {"KeyId": symmetric, "KeyPairSpec": "ECC_NIST_P256"},
             "Sign": signs | {"Message": b"x"}, "Verify": signs | {"Message": b"x", "Signature": made["Signature"]},
             "GenerateMac": macs | {"Message": b"x"}, "VerifyMac": macs | {"Message": b"x", "Mac": made["Mac"]}}
    model = kms.meta.service_model
    with_trial = {name for name in model.operation_names if hasattr(Aws, name)
                  and "DryRun" in model.operation_model(name).input_shape.members}
    assert with_trial == {*calls, "DeriveSharedSecret"}, with_trial
    for name, request in calls.items():
        call = getattr(kms, xform_name(name))
        refused("DryRunOperationException", call, DryRun=True, **request)
        assert call(DryRun=False, **request)
    for key in (symmetric, sign, mac):
        kms.disable_key(KeyId=key)
    for name, request in calls.items():
        refused("DisabledException", getattr(kms, xform_name(name)), DryRun=True, **request)
    for key in (symmetric, sign, mac):
        kms.enable_key(KeyId=key)
    refused("InvalidCiphertextException", kms.decrypt, CiphertextBlob=bytes(60), DryRun=True)


with running.front_end("aws") as address:
    kms = running.aws_client(address)
    symmetric = new_key()
    own = {}
    for use, specs in GENERAL.items():
        for spec in specs:
            made = kms.create_key(KeySpec=spec, KeyUsage=use)["KeyMetadata"]
            own[use if use == "ENCRYPT_DECRYPT" else spec] = made
    signatures()
    macs()
    encryption()
    data_keys()
    creation()
    names()
    imports()
    states()
    rotation()
    pages()
    shapes()
    every_member()
    trials()
