"""AWS KMS: a method for each operation, from the members of its request to those of its answer."""

import p11
from request import (
    Fault, blob, encoded, flag, list_of, may_be_tried, number, one_of, page, table, text, whole)
from specs import ALGORITHMS, AWS, USES, WRAPS, algorithms
from uses import Uses

ARN = "arn:aws:kms:local:000000000000:"
KEY, ALIAS = text(), text(1, 256, "[a-zA-Z0-9:/_-]+")
PAIR_SPECS = [spec for spec in AWS if spec.startswith(("RSA", "ECC_"))]
# Those that the service has and these keys do not are told from those that nobody has.
OTHER_SPECS = ("SM2", "ML_DSA_44", "ML_DSA_65", "ML_DSA_87")
OTHER_ALGORITHMS = ("SM2DSA", "ML_DSA_SHAKE_256", "ED25519_PH_SHA_512")
ENCRYPTION, SIGNING, MACS = (one_of(*sorted({name for names in ALGORITHMS[use].values() for name in names}), *others)
                             for use, others in (("ENCRYPT_DECRYPT", ("SM2PKE",)), ("SIGN_VERIFY", OTHER_ALGORITHMS),
                                                 ("GENERATE_VERIFY_MAC", ())))
OWN_WRAPS = [name for name in WRAPS if "ECB" not in name]
MESSAGE, CIPHERTEXT, MARKER = blob(4096), blob(6144), text(1, 1024)
TAGS, MOST_TAGS = list_of(table, 50), 50
DAYS, MATERIAL_ID = whole(7, 30), text(64, 64, "[0-9a-f]+")
EXPIRATION = ("KEY_MATERIAL_EXPIRES", "KEY_MATERIAL_DOES_NOT_EXPIRE")


class Aws:
    faults = {"NotFound": "NotFoundException", "Unsupported": "UnsupportedOperationException",
              "InvalidToken": "InvalidImportTokenException", "WrongKey": "IncorrectKeyException",
              "BadCiphertext": "InvalidCiphertextException", "Invalid": "ValidationException",
              "NotInState": "KMSInvalidStateException", "Disabled": "DisabledException",
              "WrongMaterial": "IncorrectKeyMaterialException", "Taken": "AlreadyExistsException",
              "ExpiredToken": "ExpiredImportTokenException", "Internal": "KMSInternalException",
              "BadSignature": "KMSInvalidSignatureException", "BadMac": "KMSInvalidMacException",
              "WrongUsage": "InvalidKeyUsageException", "BadMarker": "InvalidMarkerException",
              "BadAlias": "InvalidAliasNameException", "BadArn": "InvalidArnException", "BadTag": "TagException",
              "Malformed": "SerializationException", "Limit": "LimitExceededException",
              "DryRun": "DryRunOperationException"}
    # Requests are not authenticated, so no grant and no policy is asked.
    harmless = ("GrantTokens", "BypassPolicyLockoutSafetyCheck")

    def __init__(self, kms):
        self.kms, self.uses = kms, Uses(kms)

    @staticmethod
    def fault(fault):
        return {"__type": Aws.faults[fault.name], "message": str(fault)}

    # Names

    def key(self, name, aliases=True):
        """The key of an id, an alias, or an ARN of either."""
        if name.startswith("arn:"):
            parts = name.split(":", 5)
            if len(parts) < 6 or parts[2] != "kms" or not parts[5].startswith(("key/", "alias/")):
                raise Fault("BadArn", f"{name} is no ARN of a key")
            if not name.startswith(ARN):
                raise Fault("NotFound", f"{name} is of another region or account")
            name = parts[5].removeprefix("key/")
        if not name.startswith("alias/"):
            return self.kms.key(name)
        found = self.kms.aliased(name)[1] if aliases else None
        if found is None:
            why = "no key has this alias" if aliases else "the key is named by its id here"
            raise Fault("NotFound", f"{name}: {why}")
        return found

    def own(self, name):
        """The key of an id or its ARN."""
        return self.key(name, aliases=False)

    def arn(self, key):
        return f"{ARN}key/{self.kms.id(key)}"

    @staticmethod
    def alias(name):
        if not name.startswith("alias/") or name == "alias/" or ":" in name:
            raise Fault("BadAlias", "an alias begins with alias/ and has no colon")
        if name.startswith("alias/aws/"):
            raise Fault("BadAlias", "alias/aws/ is for keys of the service itself")
        return name

    def metadata(self, key):
        facts = self.kms.describe(key)
        made = {"KeyId": facts["id"], "Arn": f"{ARN}key/{facts['id']}", "KeyState": facts["state"],
                "AWSAccountId": "000000000000", "CreationDate": facts["created"],
                "Enabled": facts["state"] == "Enabled", "Description": facts["description"],
                "KeyUsage": facts["usage"], "KeySpec": facts["spec"], "KeyManager": "CUSTOMER",
                "CustomerMasterKeySpec": facts["spec"], "MultiRegion": False,
                "Origin": "EXTERNAL" if facts["external"] else "AWS_KMS"} | self.works_by(facts["spec"], facts["usage"])
        if facts["deletion"]:
            made["DeletionDate"] = facts["deletion"]
        if facts["spec"] == "SYMMETRIC_DEFAULT" and (current := self.kms.current_material(key)):
            made["CurrentKeyMaterialId"] = current
        if facts["external"] and facts["state"] not in ("PendingImport", "PendingDeletion"):
            made["ExpirationModel"] = EXPIRATION[not facts["expires"]]
            if facts["expires"]:
                made["ValidTo"] = facts["expires"]
        return made

    @staticmethod
    def works_by(spec, usage):
        name = {"ENCRYPT_DECRYPT": "Encryption", "SIGN_VERIFY": "Signing", "GENERATE_VERIFY_MAC": "Mac"}[usage]
        return {f"{name}Algorithms": algorithms(spec, usage)}

    @staticmethod
    def tags(given):
        names = [tag.get("TagKey", "") for tag in given]
        if len(set(names)) < len(names):
            raise Fault("BadTag", "a tag has one value")
        for name, value in ((tag.get("TagKey", ""), tag.get("TagValue", "")) for tag in given):
            if not 1 <= len(name) <= 128 or len(value) > 256 or name.lower().startswith("aws:"):
                raise Fault("BadTag", "a tag's key has 1 to 128 characters, not aws: first, its value 256 at most")
        return {tag["TagKey"]: tag.get("TagValue", "") for tag in given}

    # A key's life

    def CreateKey(self, KeySpec: one_of(*AWS, *OTHER_SPECS) = None,
                  CustomerMasterKeySpec: one_of(*AWS, *OTHER_SPECS) = "SYMMETRIC_DEFAULT",
                  KeyUsage: one_of(*USES, "KEY_AGREEMENT") = None,
                  Origin: one_of("AWS_KMS", "EXTERNAL", "AWS_CLOUDHSM", "EXTERNAL_KEY_STORE") = "AWS_KMS",
                  Description: text(0, 8192) = "", Tags: TAGS = (), MultiRegion: flag = False):
        spec = KeySpec or CustomerMasterKeySpec
        if spec in OTHER_SPECS or KeyUsage == "KEY_AGREEMENT" or Origin not in ("AWS_KMS", "EXTERNAL") or MultiRegion:
            raise Fault("Unsupported", "no keys of SM2, ML-DSA, other stores or many regions, none for KEY_AGREEMENT")
        if KeyUsage is None and spec != "SYMMETRIC_DEFAULT":
            raise Fault("Invalid", f"a {spec} key needs a KeyUsage")
        key = self.kms.create(spec, KeyUsage, Origin == "EXTERNAL", Description, self.tags(Tags))
        return {"KeyMetadata": self.metadata(key)}

    def DescribeKey(self, KeyId: KEY):
        return {"KeyMetadata": self.metadata(self.key(KeyId))}

    def ListKeys(self, Limit: whole(1, 1000) = 100, Marker: MARKER = None):
        ids = map(self.kms.id, self.kms.every_key())
        keys = {name: {"KeyId": name, "KeyArn": f"{ARN}key/{name}"} for name in ids}
        keys, more = page(keys, Limit, Marker)
        return {"Keys": keys} | more

    def UpdateKeyDescription(self, KeyId: KEY, Description: text(0, 8192)):
        self.kms.set_description(self.own(KeyId), Description)

    def GetParametersForImport(self, KeyId: KEY, WrappingAlgorithm: one_of(*OWN_WRAPS, "RSAES_PKCS1_V1_5", "SM2PKE"),
                               WrappingKeySpec: one_of("RSA_2048", "RSA_3072", "RSA_4096", "SM2")):
        key = self.own(KeyId)
        if WrappingAlgorithm not in OWN_WRAPS or WrappingKeySpec == "SM2":
            raise Fault("Unsupported", f"there are {', '.join(OWN_WRAPS)} under RSA keys")
        if not self.kms.describe(key)["external"]:
            raise Fault("Unsupported", "the service itself made this key's material")
        public, token, ends = self.kms.parameters(key, WrappingAlgorithm, int(WrappingKeySpec[4:]))
        return {"KeyId": self.arn(key), "PublicKey": encoded(public), "ImportToken": encoded(token),
                "ParametersValidTo": ends}

    def ImportKeyMaterial(self, KeyId: KEY, ImportToken: blob(6144), EncryptedKeyMaterial: blob(6144),
                          ValidTo: number = None,
                          ExpirationModel: one_of(*EXPIRATION) = "KEY_MATERIAL_EXPIRES",
                          ImportType: one_of("NEW_KEY_MATERIAL", "EXISTING_KEY_MATERIAL") = None,
                          KeyMaterialId: MATERIAL_ID = None):
        expires, key, new = ExpirationModel == EXPIRATION[0], self.own(KeyId), ImportType == "NEW_KEY_MATERIAL"
        if expires != (ValidTo is not None):
            raise Fault("Invalid", "ValidTo goes with KEY_MATERIAL_EXPIRES, and that with ValidTo")
        symmetric = self.kms.spec(key) == "SYMMETRIC_DEFAULT"
        if not symmetric and (ImportType or KeyMaterialId):
            raise Fault("Invalid", "ImportType and KeyMaterialId are for symmetric encryption keys")
        if new and KeyMaterialId:
            raise Fault("Invalid", "KeyMaterialId is of existing material, which NEW_KEY_MATERIAL is not")
        if KeyMaterialId or (ImportType and not new):
            self.must_exist(key, KeyMaterialId)
        key = self.kms.import_material(key, EncryptedKeyMaterial, ImportToken, ValidTo if expires else 0, new)
        told = {"KeyMaterialId": self.kms.imported_by(key, EncryptedKeyMaterial)} if symmetric else {}
        return {"KeyId": self.arn(key)} | told

    def must_exist(self, key, material):
        """Refuses existing material where the key has none, or not the one of this id."""
        known = {self.kms.material_id(key, version["material_id"]) for version in self.kms.versions(key)
                 if version["material_id"]}
        if not known or material not in (None, *known):
            raise Fault("WrongMaterial", f"the key has no material {material}" if material else "the key has no material yet")
        if material and len(known) > 1:
            raise Fault("Unsupported", "the token compares with all materials of a key, and no call says with which alone: "
                        "leave KeyMaterialId out")

    def DeleteImportedKeyMaterial(self, KeyId: KEY, KeyMaterialId: MATERIAL_ID = None):
        key = self.own(KeyId)
        arn = self.arn(key)
        return {"KeyId": arn, "KeyMaterialId": self.kms.delete_material(key, KeyMaterialId)}

    def ScheduleKeyDeletion(self, KeyId: KEY, PendingWindowInDays: DAYS = 30):
        key = self.own(KeyId)
        self.kms.schedule_deletion(key, PendingWindowInDays)
        return {"KeyId": self.arn(key), "KeyState": self.kms.state(key),
                "DeletionDate": self.kms.when(key, p11.CKA_TENON_DELETION_AT),
                "PendingWindowInDays": PendingWindowInDays}

    def CancelKeyDeletion(self, KeyId: KEY):
        key = self.own(KeyId)
        self.kms.cancel_deletion(key)
        return {"KeyId": self.arn(key)}

    def DisableKey(self, KeyId: KEY):
        self.kms.disable(self.own(KeyId))

    def EnableKey(self, KeyId: KEY):
        self.kms.disable(self.own(KeyId), False)

    # Rotation

    def RotateKeyOnDemand(self, KeyId: KEY):
        key = self.rotates(KeyId)
        if not self.kms.describe(key)["external"]:
            raise Fault("Unsupported", "the token keeps the material that it made itself: import your own to rotate it")
        self.kms.must_be_enabled(key)
        self.kms.rotate(key)
        return {"KeyId": self.arn(key)}

    def rotates(self, name):
        key = self.own(name)
        if self.kms.spec(key) != "SYMMETRIC_DEFAULT":
            raise Fault("Unsupported", "only symmetric encryption keys rotate")
        return key

    def GetKeyRotationStatus(self, KeyId: KEY):
        """No key rotates by itself."""
        key = self.rotates(KeyId)
        return {"KeyId": self.arn(key), "KeyRotationEnabled": False}

    def EnableKeyRotation(self, KeyId: KEY):
        self.rotates(KeyId)
        raise Fault("Unsupported", "keys rotate on demand alone")

    def DisableKeyRotation(self, KeyId: KEY):
        self.rotates(KeyId)

    def ListKeyRotations(self, KeyId: KEY, Limit: whole(1, 1000) = 100, Marker: MARKER = None,
                         IncludeKeyMaterial: one_of("ALL_KEY_MATERIAL", "ROTATIONS_ONLY") = "ROTATIONS_ONLY"):
        key = self.rotates(KeyId)
        listed = {f"{version['number']:06}": self.rotation(key, version) for version in self.kms.versions(key)
                  if IncludeKeyMaterial == "ALL_KEY_MATERIAL" or self.rotated(version)}
        listed, more = page(listed, Limit, Marker)
        return {"Rotations": listed} | more

    @staticmethod
    def rotated(version):
        """The first material of a key came without a rotation, and what waits for its rotation had none yet."""
        return version["number"] > 1 and version["state"] != "PendingRotation"

    def rotation(self, key, version):
        state = "CURRENT" if version["current"] else "NON_CURRENT"
        told = {"KeyId": self.kms.id(key),
                "KeyMaterialState": "PENDING_ROTATION" if version["state"] == "PendingRotation" else state}
        if version["material_id"]:
            told["KeyMaterialId"] = self.kms.material_id(key, version["material_id"])
        if self.kms.describe(key)["external"]:
            there = version["imported_at"] and not version["ended_at"]
            told["ImportState"] = "IMPORTED" if there else "PENDING_IMPORT"
            if there:
                told["ExpirationModel"] = EXPIRATION[not version["expires_at"]]
            if there and version["expires_at"]:
                told["ValidTo"] = version["expires_at"]
        if self.rotated(version):
            told["RotationType"] = "ON_DEMAND"
        return told

    # Aliases and tags

    def CreateAlias(self, AliasName: ALIAS, TargetKeyId: KEY):
        self.kms.give_alias(self.alias(AliasName), self.may_be_named(TargetKeyId))

    def UpdateAlias(self, AliasName: ALIAS, TargetKeyId: KEY):
        self.kms.move_alias(self.alias(AliasName), self.may_be_named(TargetKeyId))

    def may_be_named(self, name):
        key = self.own(name)
        if self.kms.state(key) == "PendingDeletion":
            raise Fault("NotInState", "the key is to be deleted")
        return key

    def DeleteAlias(self, AliasName: ALIAS):
        self.kms.take_alias(self.alias(AliasName))

    def ListAliases(self, KeyId: KEY = None, Limit: whole(1, 100) = 50, Marker: MARKER = None):
        of = self.kms.id(self.own(KeyId)) if KeyId else None
        listed = {alias: {"AliasName": alias, "AliasArn": ARN + alias, "TargetKeyId": key}
                  for alias, key in self.kms.aliases().items() if of in (None, key)}
        listed, more = page(listed, Limit, Marker)
        return {"Aliases": listed} | more

    def TagResource(self, KeyId: KEY, Tags: TAGS):
        new = self.tags(Tags)

        def add(tags):
            tags.update(new)
            if len(tags) > MOST_TAGS:
                raise Fault("Limit", f"a key has {MOST_TAGS} tags at most")
        self.kms.change_tags(self.own(KeyId), add)

    def UntagResource(self, KeyId: KEY, TagKeys: list_of(text(1, 128), 50)):
        self.kms.change_tags(self.own(KeyId), lambda tags: [tags.pop(name, None) for name in TagKeys])

    def ListResourceTags(self, KeyId: KEY, Limit: whole(1, 50) = 50, Marker: MARKER = None):
        tags = self.kms.tags(self.own(KeyId))
        listed, more = page({name: {"TagKey": name, "TagValue": value} for name, value in tags.items()}, Limit, Marker)
        return {"Tags": listed} | more

    # Uses

    @may_be_tried
    def Encrypt(self, KeyId: KEY, Plaintext: MESSAGE, EncryptionContext: table = None,
                EncryptionAlgorithm: ENCRYPTION = "SYMMETRIC_DEFAULT"):
        key = self.key(KeyId)
        made = self.uses.encrypt(key, Plaintext, EncryptionContext, EncryptionAlgorithm)
        return {"KeyId": self.arn(key), "CiphertextBlob": encoded(made), "EncryptionAlgorithm": EncryptionAlgorithm}

    @may_be_tried
    def Decrypt(self, CiphertextBlob: CIPHERTEXT, KeyId: KEY = None, EncryptionContext: table = None,
                EncryptionAlgorithm: ENCRYPTION = "SYMMETRIC_DEFAULT"):
        key = self.key(KeyId) if KeyId else None
        key, plain = self.uses.decrypt(CiphertextBlob, EncryptionContext, key, EncryptionAlgorithm)
        material = self.material_of(key, CiphertextBlob, EncryptionAlgorithm)
        return {"KeyId": self.arn(key), "Plaintext": encoded(plain), "EncryptionAlgorithm": EncryptionAlgorithm} | material

    @may_be_tried
    def ReEncrypt(self, CiphertextBlob: CIPHERTEXT, DestinationKeyId: KEY, SourceKeyId: KEY = None,
                  SourceEncryptionContext: table = None, DestinationEncryptionContext: table = None,
                  SourceEncryptionAlgorithm: ENCRYPTION = "SYMMETRIC_DEFAULT",
                  DestinationEncryptionAlgorithm: ENCRYPTION = "SYMMETRIC_DEFAULT"):
        source, key = self.key(SourceKeyId) if SourceKeyId else None, self.key(DestinationKeyId)
        source, plain = self.uses.decrypt(CiphertextBlob, SourceEncryptionContext, source, SourceEncryptionAlgorithm)
        made = self.uses.encrypt(key, plain, DestinationEncryptionContext, DestinationEncryptionAlgorithm)
        return {"CiphertextBlob": encoded(made), "SourceKeyId": self.arn(source), "KeyId": self.arn(key),
                "SourceEncryptionAlgorithm": SourceEncryptionAlgorithm,
                "DestinationEncryptionAlgorithm": DestinationEncryptionAlgorithm} | self.material_of(
                    source, CiphertextBlob, SourceEncryptionAlgorithm, "SourceKeyMaterialId") | self.material_of(
                        key, made, DestinationEncryptionAlgorithm, "DestinationKeyMaterialId")

    def material_of(self, key, ciphertext, algorithm="SYMMETRIC_DEFAULT", name="KeyMaterialId"):
        """A member that names the material of a ciphertext; none where the ciphertext does not say it."""
        if algorithm != "SYMMETRIC_DEFAULT":
            return {}
        return {name: self.kms.material_id(key, self.uses.material(ciphertext))}

    @may_be_tried
    def GenerateDataKey(self, KeyId: KEY, KeySpec: one_of("AES_256", "AES_128") = None,
                        NumberOfBytes: whole(1, 1024) = None, EncryptionContext: table = None):
        if (KeySpec is None) == (NumberOfBytes is None):
            raise Fault("Invalid", "either KeySpec or NumberOfBytes")
        key = self.key(KeyId)
        plain, wrapped = self.uses.data_key(key, NumberOfBytes or int(KeySpec[4:]) // 8, EncryptionContext)
        return {"KeyId": self.arn(key), "Plaintext": encoded(plain),
                "CiphertextBlob": encoded(wrapped)} | self.material_of(key, wrapped)

    @may_be_tried
    def GenerateDataKeyWithoutPlaintext(self, KeyId: KEY, KeySpec: one_of("AES_256", "AES_128") = None,
                                        NumberOfBytes: whole(1, 1024) = None, EncryptionContext: table = None):
        made = self.GenerateDataKey(KeyId, KeySpec, NumberOfBytes, EncryptionContext)
        del made["Plaintext"]
        return made

    @may_be_tried
    def GenerateDataKeyPair(self, KeyId: KEY, KeyPairSpec: one_of(*PAIR_SPECS, "SM2"), EncryptionContext: table = None):
        if KeyPairSpec == "SM2":
            raise Fault("Unsupported", "there are no pairs of SM2")
        key = self.key(KeyId)
        public, plain, wrapped = self.uses.data_key_pair(key, KeyPairSpec, EncryptionContext)
        return {"KeyId": self.arn(key), "KeyPairSpec": KeyPairSpec, "PublicKey": encoded(public),
                "PrivateKeyPlaintext": encoded(plain),
                "PrivateKeyCiphertextBlob": encoded(wrapped)} | self.material_of(key, wrapped)

    @may_be_tried
    def GenerateDataKeyPairWithoutPlaintext(self, KeyId: KEY, KeyPairSpec: one_of(*PAIR_SPECS, "SM2"),
                                            EncryptionContext: table = None):
        made = self.GenerateDataKeyPair(KeyId, KeyPairSpec, EncryptionContext)
        del made["PrivateKeyPlaintext"]
        return made

    def GenerateRandom(self, NumberOfBytes: whole(1, 1024)):
        return {"Plaintext": encoded(self.uses.random(NumberOfBytes))}

    def GetPublicKey(self, KeyId: KEY):
        key = self.key(KeyId)
        public, facts = self.uses.public_key(key), self.kms.describe(key)
        return {"KeyId": self.arn(key), "PublicKey": encoded(public), "KeySpec": facts["spec"],
                "KeyUsage": facts["usage"]} | self.works_by(facts["spec"], facts["usage"])

    @may_be_tried
    def Sign(self, KeyId: KEY, Message: MESSAGE, SigningAlgorithm: SIGNING,
             MessageType: one_of("RAW", "DIGEST") = "RAW"):
        key = self.key(KeyId)
        signature = self.uses.sign(key, SigningAlgorithm, Message, MessageType == "DIGEST")
        return {"KeyId": self.arn(key), "Signature": encoded(signature), "SigningAlgorithm": SigningAlgorithm}

    @may_be_tried
    def Verify(self, KeyId: KEY, Message: MESSAGE, Signature: blob(6144), SigningAlgorithm: SIGNING,
               MessageType: one_of("RAW", "DIGEST") = "RAW"):
        key = self.key(KeyId)
        if not self.uses.verify(key, SigningAlgorithm, Message, Signature, MessageType == "DIGEST"):
            raise Fault("BadSignature", "the signature is not this key's of this message")
        return {"KeyId": self.arn(key), "SignatureValid": True, "SigningAlgorithm": SigningAlgorithm}

    @may_be_tried
    def GenerateMac(self, KeyId: KEY, Message: MESSAGE, MacAlgorithm: MACS):
        key = self.key(KeyId)
        return {"KeyId": self.arn(key), "Mac": encoded(self.uses.mac(key, MacAlgorithm, Message)),
                "MacAlgorithm": MacAlgorithm}

    @may_be_tried
    def VerifyMac(self, KeyId: KEY, Message: MESSAGE, Mac: blob(6144), MacAlgorithm: MACS):
        key = self.key(KeyId)
        if not self.uses.verify_mac(key, MacAlgorithm, Message, Mac):
            raise Fault("BadMac", "the MAC is not this key's of this message")
        return {"KeyId": self.arn(key), "MacValid": True, "MacAlgorithm": MacAlgorithm}

    @may_be_tried
    def DeriveSharedSecret(self, KeyId: KEY, KeyAgreementAlgorithm: one_of("ECDH"), PublicKey: blob(8192)):
        """No key is for KEY_AGREEMENT."""
        with self.uses.using(self.key(KeyId), "KEY_AGREEMENT"):
            raise AssertionError("no key has this usage")
