#!/usr/bin/env python3
"""The command line of AWS, unmodified: one imported key's life, with openssl as its owner's tool.

Each command and its answer go to the log of this test.
"""

import json
import os
import subprocess
import time

import outside
import running

ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "local",
               "AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1", "AWS_CONFIG_FILE": "/dev/null"}
FOR_EVER = ("--expiration-model", "KEY_MATERIAL_DOES_NOT_EXPIRE")


def aws(*arguments, refused=None):
    """The answer as the program prints it."""
    command = ["aws", "--endpoint-url", f"http://{address}", "--output", "json", "kms", *arguments]
    done = subprocess.run(command, env=os.environ | ENVIRONMENT, capture_output=True, text=True)
    print("$ aws kms", *arguments, f"\n{done.stdout}{done.stderr}", flush=True)
    if refused:
        assert done.returncode and f"({refused})" in done.stderr, refused
        return None
    assert done.returncode == 0
    return json.loads(done.stdout) if done.stdout else None


def expires_in(seconds):
    return "--expiration-model", "KEY_MATERIAL_EXPIRES", "--valid-to", str(int(time.time()) + seconds)


def import_material(material, seconds=None, *more):
    """Material that lives so many seconds; None is for ever."""
    got = aws("get-parameters-for-import", "--key-id", key, "--wrapping-algorithm", "RSAES_OAEP_SHA_256",
              "--wrapping-key-spec", "RSA_4096")
    for name in ("PublicKey", "ImportToken"):
        outside.write(name, outside.openssl("base64", "-d", "-A", data=got[name].encode()))
    outside.write("blob", outside.oaep(outside.read("PublicKey"), material, "sha256"))
    return aws("import-key-material", "--key-id", key, "--encrypted-key-material", "fileb://blob",
               "--import-token", "fileb://ImportToken", *(FOR_EVER if seconds is None else expires_in(seconds)), *more)


def state():
    return aws("describe-key", "--key-id", key)["KeyMetadata"]["KeyState"]


with running.front_end("aws") as address:
    key = aws("create-key", "--origin", "EXTERNAL", "--key-spec", "SYMMETRIC_DEFAULT")["KeyMetadata"]["KeyId"]
    material = os.urandom(32)
    outside.write("text", b"a secret")
    import_material(material, 60)
    blob = aws("encrypt", "--key-id", key, "--plaintext", "fileb://text")["CiphertextBlob"]
    outside.write("sealed", outside.openssl("base64", "-d", "-A", data=blob.encode()))
    decrypt = ("decrypt", "--ciphertext-blob", "fileb://sealed")
    # YSBzZWNyZXQ= is the text in base64.
    assert aws(*decrypt)["Plaintext"] == "YSBzZWNyZXQ="
    import_material(material, 6)
    # Six real seconds, of the server's process; the program itself needs some of them.
    while state() == "Enabled":
        time.sleep(0.2)
    aws(*decrypt, refused="KMSInvalidStateException")
    import_material(material)
    assert aws(*decrypt)["Plaintext"] == "YSBzZWNyZXQ="
    aws("delete-imported-key-material", "--key-id", key)
    assert state() == "PendingImport"
    import_material(material)
    import_material(os.urandom(32), None, "--import-type", "NEW_KEY_MATERIAL")
    aws("rotate-key-on-demand", "--key-id", key)
    assert aws(*decrypt)["Plaintext"] == "YSBzZWNyZXQ="
    aws("schedule-key-deletion", "--key-id", key, "--pending-window-in-days", "7")
    aws(*decrypt, refused="KMSInvalidStateException")
    aws("cancel-key-deletion", "--key-id", key)
    assert state() == "Disabled"
    # Many aliases of a key, page by page.
    other = aws("create-key")["KeyMetadata"]["KeyId"]
    for name in ("alias/a", "alias/b", "alias/c"):
        aws("create-alias", "--alias-name", name, "--target-key-id", key)
    aws("update-alias", "--alias-name", "alias/c", "--target-key-id", other)
    listed = aws("list-aliases", "--page-size", "1")["Aliases"]
    assert [(one["AliasName"], one["TargetKeyId"]) for one in listed] == [("alias/a", key), ("alias/b", key), ("alias/c", other)]
    assert aws("list-aliases", "--key-id", key, "--max-items", "1")["NextToken"]
    aws("create-alias", "--alias-name", "alias/aws/x", "--target-key-id", key, refused="InvalidAliasNameException")
    aws("create-alias", "--alias-name", "alias/a", "--target-key-id", other, refused="AlreadyExistsException")
    current = aws("list-key-rotations", "--key-id", key, "--page-size", "1")["Rotations"][0]["KeyMaterialId"]
    assert aws("describe-key", "--key-id", "alias/a")["KeyMetadata"]["CurrentKeyMaterialId"] == current
    # Signatures, MACs, random bytes.
    signs = aws("create-key", "--key-spec", "ECC_NIST_P256", "--key-usage", "SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    way = ("--key-id", signs, "--message", "fileb://text", "--signing-algorithm")
    aws("sign", *way, "ECDSA_SHA_384", refused="InvalidKeyUsageException")
    signature = aws("sign", *way, "ECDSA_SHA_256")["Signature"]
    outside.write("signature", outside.openssl("base64", "-d", "-A", data=signature.encode()))
    assert aws("verify", *way, "ECDSA_SHA_256", "--signature", "fileb://signature")["SignatureValid"]
    public = aws("get-public-key", "--key-id", signs)["PublicKey"]
    outside.write("public", outside.openssl("base64", "-d", "-A", data=public.encode()))
    outside.openssl("dgst", "-sha256", "-verify", "public", "-keyform", "DER", "-signature", "signature", "text")
    mac = aws("create-key", "--key-spec", "HMAC_256", "--key-usage", "GENERATE_VERIFY_MAC")["KeyMetadata"]["KeyId"]
    way = ("--key-id", mac, "--message", "fileb://text", "--mac-algorithm", "HMAC_SHA_256")
    made = aws("generate-mac", *way)["Mac"]
    outside.write("mac", outside.openssl("base64", "-d", "-A", data=made.encode()))
    assert aws("verify-mac", *way, "--mac", "fileb://mac")["MacValid"]
    assert len(aws("generate-random", "--number-of-bytes", "3")["Plaintext"]) == 4
    aws("generate-data-key", "--key-id", other, "--number-of-bytes", "1025", refused="ValidationException")
    aws("create-key", "--key-spec", "ECC_NIST_P256", "--key-usage", "KEY_AGREEMENT", refused="UnsupportedOperationException")
