"""Two services' protocols over HTTP, in front of `kms.Kms`: `server.py PORT [PROFILE]`.

A request that names its operation in X-Amz-Target speaks the JSON of AWS KMS; one with an Action, or
an x-acs-action, speaks Alibaba Cloud's. Requests are not authenticated: that is another part of a service.
The token is the one in TENON_MODULE's first slot, its PIN in TENON_PIN. This file is no test.
"""

import base64
import json
import os
import sys
import urllib.parse
from http.server import BaseHTTPRequestHandler, HTTPServer

import p11
from kms import Fault, Kms

ARN = "arn:aws:kms:local:000000000000:"


def encoded(data):
    return base64.b64encode(data).decode()


def decoded(text):
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise Fault("Invalid", "this is no base64") from None


class Aws:
    """Operations of AWS KMS: a method each, from its request to its answer."""

    faults = {"NotFound": "NotFoundException", "Unsupported": "UnsupportedOperationException",
              "InvalidToken": "InvalidImportTokenException", "WrongKey": "IncorrectKeyException",
              "BadCiphertext": "InvalidCiphertextException", "Invalid": "ValidationException",
              "NotInState": "KMSInvalidStateException", "Disabled": "DisabledException",
              "WrongMaterial": "IncorrectKeyMaterialException", "Taken": "AlreadyExistsException",
              "ExpiredToken": "ExpiredImportTokenException", "Internal": "KMSInternalException",
              "BadSignature": "KMSInvalidSignatureException"}

    def __init__(self, kms):
        self.kms = kms

    @staticmethod
    def fault(fault):
        return {"__type": Aws.faults[fault.name], "message": str(fault)}

    def metadata(self, key):
        facts = self.kms.describe(key)
        made = {"KeyId": facts["id"], "Arn": f"{ARN}key/{facts['id']}", "KeyState": facts["state"],
                "AWSAccountId": "000000000000", "CreationDate": facts["created"],
                "Enabled": facts["state"] == "Enabled", "Description": facts["description"],
                "KeyUsage": facts["usage"], "KeySpec": facts["spec"], "KeyManager": "CUSTOMER",
                "CustomerMasterKeySpec": facts["spec"], "MultiRegion": False,
                "Origin": "EXTERNAL" if facts["external"] else "AWS_KMS"}
        if facts["deletion"]:
            made["DeletionDate"] = facts["deletion"]
        if facts["external"] and facts["state"] not in ("PendingImport", "PendingDeletion"):
            made["ExpirationModel"] = "KEY_MATERIAL_EXPIRES" if facts["expires"] else "KEY_MATERIAL_DOES_NOT_EXPIRE"
            if facts["expires"]:
                made["ValidTo"] = facts["expires"]
        return made

    def arn(self, key):
        return f"{ARN}key/{self.kms.id(key)}"

    def CreateKey(self, KeySpec="SYMMETRIC_DEFAULT", KeyUsage=None, Origin="AWS_KMS", Description="", Tags=(), **_):
        tags = {tag["TagKey"]: tag["TagValue"] for tag in Tags}
        return {"KeyMetadata": self.metadata(
            self.kms.create(KeySpec, KeyUsage, Origin == "EXTERNAL", Description, tags))}

    def DescribeKey(self, KeyId, **_):
        return {"KeyMetadata": self.metadata(self.kms.key(KeyId))}

    def ListKeys(self, **_):
        keys = self.kms.every_key()
        return {"Keys": [{"KeyId": self.kms.id(key), "KeyArn": self.arn(key)} for key in keys], "Truncated": False}

    def GetParametersForImport(self, KeyId, WrappingAlgorithm, WrappingKeySpec):
        key = self.kms.key(KeyId)
        public, token, ends = self.kms.parameters(key, WrappingAlgorithm, int(WrappingKeySpec[4:]))
        return {"KeyId": self.arn(key), "PublicKey": encoded(public), "ImportToken": encoded(token),
                "ParametersValidTo": ends}

    def ImportKeyMaterial(self, KeyId, ImportToken, EncryptedKeyMaterial, ValidTo=None,
                          ExpirationModel="KEY_MATERIAL_EXPIRES", ImportType=None, **_):
        key = self.kms.key(KeyId)
        key = self.kms.import_material(
            key, decoded(EncryptedKeyMaterial), decoded(ImportToken),
            ValidTo if ExpirationModel == "KEY_MATERIAL_EXPIRES" else 0, ImportType == "NEW_KEY_MATERIAL")
        return {"KeyId": self.arn(key)}

    def DeleteImportedKeyMaterial(self, KeyId, **_):
        key = self.kms.key(KeyId)
        arn = self.arn(key)
        self.kms.delete_material(key)
        return {"KeyId": arn}

    def ScheduleKeyDeletion(self, KeyId, PendingWindowInDays=30):
        key = self.kms.key(KeyId)
        self.kms.schedule_deletion(key, PendingWindowInDays)
        return {"KeyId": self.arn(key), "KeyState": self.kms.state(key),
                "DeletionDate": self.kms.when(key, p11.CKA_TENON_DELETION_AT),
                "PendingWindowInDays": PendingWindowInDays}

    def CancelKeyDeletion(self, KeyId):
        key = self.kms.key(KeyId)
        self.kms.cancel_deletion(key)
        return {"KeyId": self.arn(key)}

    def DisableKey(self, KeyId):
        self.kms.disable(self.kms.key(KeyId))

    def EnableKey(self, KeyId):
        self.kms.disable(self.kms.key(KeyId), False)

    def RotateKeyOnDemand(self, KeyId):
        key = self.kms.key(KeyId)
        self.kms.rotate(key)
        return {"KeyId": self.arn(key)}

    def CreateAlias(self, AliasName, TargetKeyId):
        self.kms.name(self.kms.key(TargetKeyId), AliasName.removeprefix("alias/"))

    def DeleteAlias(self, AliasName):
        self.kms.name(self.kms.key(AliasName), "")

    def ListAliases(self, **_):
        named = ((self.kms.text(key, p11.CKA_LABEL), self.kms.id(key)) for key in self.kms.every_key())
        return {"Aliases": [{"AliasName": f"alias/{alias}", "AliasArn": f"{ARN}alias/{alias}", "TargetKeyId": key}
                            for alias, key in named if alias], "Truncated": False}

    def TagResource(self, KeyId, Tags):
        self.kms.tags(self.kms.key(KeyId), lambda tags: tags.update(
            {tag["TagKey"]: tag["TagValue"] for tag in Tags}))

    def UntagResource(self, KeyId, TagKeys):
        self.kms.tags(self.kms.key(KeyId), lambda tags: [tags.pop(name, None) for name in TagKeys])

    def ListResourceTags(self, KeyId, **_):
        tags = self.kms.tags(self.kms.key(KeyId))
        return {"Tags": [{"TagKey": name, "TagValue": value} for name, value in tags.items()], "Truncated": False}

    def Encrypt(self, KeyId, Plaintext, EncryptionContext=None, EncryptionAlgorithm="SYMMETRIC_DEFAULT", **_):
        key, text = self.kms.key(KeyId), decoded(Plaintext)
        made = (self.kms.encrypt(key, text, EncryptionContext) if EncryptionAlgorithm == "SYMMETRIC_DEFAULT"
                else self.kms.rsa("Encrypt", key, text, "sha" + EncryptionAlgorithm[15:]))
        return {"KeyId": self.arn(key), "CiphertextBlob": encoded(made), "EncryptionAlgorithm": EncryptionAlgorithm}

    def Decrypt(self, CiphertextBlob, KeyId=None, EncryptionContext=None, EncryptionAlgorithm="SYMMETRIC_DEFAULT", **_):
        blob, key = decoded(CiphertextBlob), self.kms.key(KeyId) if KeyId else None
        if EncryptionAlgorithm == "SYMMETRIC_DEFAULT":
            key, text = self.kms.decrypt(blob, EncryptionContext, key)
        else:
            text = self.kms.rsa("Decrypt", key, blob, "sha" + EncryptionAlgorithm[15:])
        return {"KeyId": self.arn(key), "Plaintext": encoded(text), "EncryptionAlgorithm": EncryptionAlgorithm}

    def ReEncrypt(self, CiphertextBlob, DestinationKeyId, SourceEncryptionContext=None,
                  DestinationEncryptionContext=None, **_):
        source, text = self.kms.decrypt(decoded(CiphertextBlob), SourceEncryptionContext)
        key = self.kms.key(DestinationKeyId)
        return {"CiphertextBlob": encoded(self.kms.encrypt(key, text, DestinationEncryptionContext)),
                "SourceKeyId": self.arn(source), "KeyId": self.arn(key)}

    def GenerateDataKey(self, KeyId, KeySpec="AES_256", NumberOfBytes=None, EncryptionContext=None, **_):
        key = self.kms.key(KeyId)
        size = NumberOfBytes or int(KeySpec[4:]) // 8
        plain, wrapped = self.kms.data_key(key, size, EncryptionContext)
        return {"KeyId": self.arn(key), "Plaintext": encoded(plain), "CiphertextBlob": encoded(wrapped)}

    def GenerateDataKeyWithoutPlaintext(self, **request):
        made = self.GenerateDataKey(**request)
        del made["Plaintext"]
        return made

    def GetPublicKey(self, KeyId, **_):
        key = self.kms.key(KeyId)
        facts = self.kms.describe(key)
        return {"KeyId": self.arn(key), "PublicKey": encoded(self.kms.public_key(key)),
                "KeySpec": facts["spec"], "KeyUsage": facts["usage"]}

    def Sign(self, KeyId, Message, SigningAlgorithm, MessageType="RAW", **_):
        key = self.kms.key(KeyId)
        signature = self.kms.sign(key, SigningAlgorithm, decoded(Message), MessageType == "DIGEST")
        return {"KeyId": self.arn(key), "Signature": encoded(signature), "SigningAlgorithm": SigningAlgorithm}

    def Verify(self, KeyId, Message, Signature, SigningAlgorithm, MessageType="RAW", **_):
        key = self.kms.key(KeyId)
        if not self.kms.verify(key, SigningAlgorithm, decoded(Message), decoded(Signature), MessageType == "DIGEST"):
            raise Fault("BadSignature", "the signature is not this key's of this message")
        return {"KeyId": self.arn(key), "SignatureValid": True, "SigningAlgorithm": SigningAlgorithm}

    def GenerateMac(self, KeyId, Message, MacAlgorithm, **_):
        key = self.kms.key(KeyId)
        return {"KeyId": self.arn(key), "Mac": encoded(self.kms.sign(key, MacAlgorithm, decoded(Message)))}


class Alibaba:
    """Operations of Alibaba Cloud KMS, whose names of parameters differ."""

    faults = {"NotFound": "Forbidden.KeyNotFound", "Unsupported": "UnsupportedOperation",
              "InvalidToken": "InvalidImportToken", "WrongKey": "Forbidden.KeyNotFound",
              "BadCiphertext": "InvalidCiphertext", "Invalid": "InvalidParameter", "NotInState": "Rejected.UnsupportedKeyState",
              "Disabled": "Rejected.Disabled", "WrongMaterial": "Rejected.WrongKeyMaterial", "Taken": "Forbidden.AliasExists",
              "ExpiredToken": "ExpiredImportToken", "Internal": "InternalFailure", "BadSignature": "InvalidParameter"}

    def __init__(self, kms):
        self.kms = kms

    @staticmethod
    def fault(fault):
        return {"Code": Alibaba.faults[fault.name], "Message": str(fault)}

    def metadata(self, key):
        facts = self.kms.describe(key)
        made = {"KeyId": facts["id"], "KeyState": facts["state"], "KeyUsage": facts["usage"].replace("_", "/"),
                "KeySpec": facts["spec"], "Origin": "EXTERNAL" if facts["external"] else "Aliyun_KMS",
                "Description": facts["description"]}
        return {"KeyMetadata": made}

    def CreateKey(self, KeySpec="Aliyun_AES_256", KeyUsage=None, Origin="Aliyun_KMS", Description="", **_):
        usage = KeyUsage and KeyUsage.replace("/", "_")
        return self.metadata(self.kms.create(KeySpec, usage, Origin == "EXTERNAL", Description))

    def DescribeKey(self, KeyId, **_):
        return self.metadata(self.kms.key(KeyId))

    def GetParametersForImport(self, KeyId, WrappingAlgorithm, WrappingKeySpec, **_):
        public, token, _ends = self.kms.parameters(self.kms.key(KeyId), WrappingAlgorithm, int(WrappingKeySpec[4:]))
        return {"KeyId": KeyId, "PublicKey": encoded(public), "ImportToken": encoded(token)}

    def ImportKeyMaterial(self, KeyId, EncryptedKeyMaterial, ImportToken, KeyMaterialExpireUnix="0", **_):
        self.kms.import_material(self.kms.key(KeyId), decoded(EncryptedKeyMaterial), decoded(ImportToken),
                                 int(KeyMaterialExpireUnix))

    def DeleteKeyMaterial(self, KeyId, **_):
        self.kms.delete_material(self.kms.key(KeyId))

    def ScheduleKeyDeletion(self, KeyId, PendingWindowInDays, **_):
        self.kms.schedule_deletion(self.kms.key(KeyId), int(PendingWindowInDays))

    def CancelKeyDeletion(self, KeyId, **_):
        self.kms.cancel_deletion(self.kms.key(KeyId))

    def Encrypt(self, KeyId, Plaintext, EncryptionContext=None, **_):
        key = self.kms.key(KeyId)
        made = self.kms.encrypt(key, Plaintext.encode(), EncryptionContext and json.loads(EncryptionContext))
        return {"KeyId": self.kms.id(key), "CiphertextBlob": encoded(made)}

    def Decrypt(self, CiphertextBlob, EncryptionContext=None, **_):
        key, text = self.kms.decrypt(decoded(CiphertextBlob), EncryptionContext and json.loads(EncryptionContext))
        return {"KeyId": self.kms.id(key), "Plaintext": text.decode()}


# What a refusal of the token means to the caller of a service.
MEANINGS = {p11.CKR_TENON_MATERIAL_MISMATCH: "WrongMaterial", p11.CKR_WRAPPED_KEY_INVALID: "BadCiphertext",
            p11.CKR_WRAPPED_KEY_LEN_RANGE: "BadCiphertext", p11.CKR_UNWRAPPING_KEY_HANDLE_INVALID: "ExpiredToken",
            p11.CKR_ENCRYPTED_DATA_INVALID: "BadCiphertext", p11.CKR_KEY_FUNCTION_NOT_PERMITTED: "NotInState",
            p11.CKR_ACTION_PROHIBITED: "Unsupported", p11.CKR_ATTRIBUTE_VALUE_INVALID: "Invalid",
            p11.CKR_TEMPLATE_INCONSISTENT: "Invalid"}


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        target = self.headers.get("X-Amz-Target")
        if target:
            service, action, request = self.server.aws, target.split(".")[-1], json.loads(body or b"{}")
        else:
            given = urllib.parse.urlsplit(self.path).query + "&" + body.decode()
            request = dict(urllib.parse.parse_qsl(given))
            action = request.pop("Action", "") or self.headers.get("x-acs-action", "")
            service = self.server.alibaba
        status, answer = answer_to(service, action, request)
        if service is self.server.alibaba:
            answer = {"RequestId": "1"} | answer
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1" if target else "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST

    def log_message(self, *_):
        """Requests hold plaintexts."""


def answer_to(service, action, request):
    """HTTP status and answer."""
    operation = getattr(service, action, None) if action[:1].isupper() else None
    try:
        if operation is None:
            raise Fault("Unsupported", f"there is no operation {action}")
        return 200, operation(**request) or {}
    except Fault as fault:
        return 400, service.fault(fault)
    except p11.Refused as refusal:
        why = service.kms.session.last_error()
        return 400, service.fault(Fault(MEANINGS.get(refusal.rv, "Internal"), why))
    except (TypeError, ValueError) as wrong:
        return 400, service.fault(Fault("Invalid", str(wrong)))


def serve(session, port, profile):
    server = HTTPServer(("127.0.0.1", port), Handler)
    kms = Kms(session, profile)
    server.aws, server.alibaba = Aws(kms), Alibaba(kms)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    serve(p11.Module().user(os.environ.get("TENON_PIN", p11.PIN)), int(sys.argv[1]), (sys.argv[2:] or ["aws"])[0])
