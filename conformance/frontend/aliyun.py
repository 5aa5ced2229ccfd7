"""Alibaba Cloud KMS, whose operations' members have other names, and are all texts."""

import json

from request import Fault, blob, encoded, one_of, table, text
from specs import ALIBABA, WRAPS
from uses import Uses

KEY, BLOB = text(), blob(6144)


def digits(value):
    return int(text(1, 20, "[0-9]+")(value))


def context(value):
    try:
        return table(json.loads(value))
    except json.JSONDecodeError:
        raise ValueError("this is no JSON") from None


class Alibaba:
    faults = {"NotFound": "Forbidden.KeyNotFound", "Unsupported": "UnsupportedOperation",
              "InvalidToken": "InvalidImportToken", "WrongKey": "Forbidden.KeyNotFound",
              "BadCiphertext": "InvalidCiphertext", "NotInState": "Rejected.UnsupportedKeyState",
              "Disabled": "Rejected.Disabled", "WrongMaterial": "Rejected.WrongKeyMaterial",
              "ExpiredToken": "ExpiredImportToken", "Internal": "InternalFailure", "WrongUsage": "UnsupportedOperation"}

    # The common parameters of every request, of which none says what is to be done.
    harmless = ("Version", "Format", "AccessKeyId", "Signature", "SignatureMethod", "SignatureNonce", "SignatureVersion",
                "SecurityToken", "Timestamp", "RegionId")

    def __init__(self, kms):
        self.kms, self.uses = kms, Uses(kms)

    @staticmethod
    def fault(fault):
        return {"Code": Alibaba.faults.get(fault.name, "InvalidParameter"), "Message": str(fault)}

    def metadata(self, key):
        facts = self.kms.describe(key)
        made = {"KeyId": facts["id"], "KeyState": facts["state"], "KeyUsage": facts["usage"].replace("_", "/"),
                "KeySpec": facts["spec"], "Origin": "EXTERNAL" if facts["external"] else "Aliyun_KMS",
                "Description": facts["description"]}
        return {"KeyMetadata": made}

    def CreateKey(self, KeySpec: one_of(*ALIBABA) = "Aliyun_AES_256", KeyUsage: one_of("ENCRYPT/DECRYPT", "SIGN/VERIFY") = None,
                  Origin: one_of("Aliyun_KMS", "EXTERNAL") = "Aliyun_KMS", Description: text(0, 8192) = ""):
        usage = KeyUsage and KeyUsage.replace("/", "_")
        return self.metadata(self.kms.create(KeySpec, usage, Origin == "EXTERNAL", Description))

    def DescribeKey(self, KeyId: KEY):
        return self.metadata(self.kms.key(KeyId))

    def GetParametersForImport(self, KeyId: KEY, WrappingAlgorithm: one_of(*WRAPS),
                               WrappingKeySpec: one_of("RSA_2048", "EC_SM2")):
        if WrappingKeySpec != "RSA_2048":
            raise Fault("Unsupported", "wrapping keys are of RSA")
        public, token, _ends = self.kms.parameters(self.kms.key(KeyId), WrappingAlgorithm, int(WrappingKeySpec[4:]))
        return {"KeyId": KeyId, "PublicKey": encoded(public), "ImportToken": encoded(token)}

    def ImportKeyMaterial(self, KeyId: KEY, EncryptedKeyMaterial: BLOB, ImportToken: BLOB,
                          KeyMaterialExpireUnix: digits = 0):
        self.kms.import_material(self.kms.key(KeyId), EncryptedKeyMaterial, ImportToken, KeyMaterialExpireUnix)

    def DeleteKeyMaterial(self, KeyId: KEY):
        self.kms.delete_material(self.kms.key(KeyId))

    def ScheduleKeyDeletion(self, KeyId: KEY, PendingWindowInDays: digits):
        self.kms.schedule_deletion(self.kms.key(KeyId), PendingWindowInDays)

    def CancelKeyDeletion(self, KeyId: KEY):
        self.kms.cancel_deletion(self.kms.key(KeyId))

    def Encrypt(self, KeyId: KEY, Plaintext: text(1, 6144), EncryptionContext: context = None):
        key = self.kms.key(KeyId)
        made = self.uses.encrypt(key, Plaintext.encode(), EncryptionContext)
        return {"KeyId": self.kms.id(key), "CiphertextBlob": encoded(made)}

    def Decrypt(self, CiphertextBlob: BLOB, EncryptionContext: context = None):
        key, plain = self.uses.decrypt(CiphertextBlob, EncryptionContext)
        try:
            return {"KeyId": self.kms.id(key), "Plaintext": plain.decode()}
        except UnicodeDecodeError:
            raise Fault("Unsupported", "the plaintext is no text of UTF-8, which alone this operation answers") from None
