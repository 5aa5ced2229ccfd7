#!/usr/bin/env python3
"""The command lines and samples of the documents, as they are printed."""

import base64
import os
import re

import outside
import p11
import printed
import seal
from statements import run, states
from statements_token import AD, AH, AS, ECB, HW, KWP, OAEP_1, OAEP_256, Program, Token

RSA = p11.Mechanism(p11.CKM_SHA256_RSA_PKCS)
MATERIAL = "openssl rand -out KeyMaterial.bin 32\n"


class Download:
    """A new key, and its import parameters as the services' consoles and answers give them: the public
    key in the files PublicKey.bin, .pem and _base64.txt, the token in ImportToken.txt."""

    def __init__(self, token, profile, spec, algorithm):
        self.token, self.key = token, token.create(profile, spec)
        self.answer = token.ask("parameters", self.key, "--algorithm", algorithm)
        self.public = base64.b64decode(self.answer["PublicKey"], validate=True)
        for name, data in (("PublicKey_base64.txt", self.answer["PublicKey"].encode()),
                           ("PublicKey.bin", self.public), ("PublicKey.pem", outside.pem(self.public)),
                           ("ImportToken.txt", self.answer["ImportToken"].encode())):
            outside.write(name, data)

    def takes(self, *files, options=("--import-token", "ImportToken.txt")):
        """The import of the files makes the key work."""
        self.token.byok("import", self.key, *files, *options)
        assert self.token.describe(self.key)["KeyState"] == "Enabled"

    def takes_after(self, lines, *files):
        outside.shell(lines)
        self.takes(*files)

    def is_bound_to(self, name):
        """The material is that of the file: it may come again, and what differs in a bit may not."""
        material = outside.read(name)
        parameters = self.token.parameters(self.key, OAEP_256)
        self.token.import_blob(parameters, parameters.wrap(material))
        self.token.import_blob(parameters, parameters.wrap(material[:-1] + bytes([material[-1] ^ 1])),
                               status=1, says="CKR_TENON_MATERIAL_MISMATCH")

    def signs_as(self, name):
        """The key signs as the private key of the file does, in PEM."""
        signature = self.token.session.sign(RSA, self.token.handle(self.key), b"text")
        outside.write("signature", signature)
        outside.openssl("pkey", "-in", name, "-pubout", "-out", "public.pem")
        outside.openssl("dgst", "-sha256", "-verify", "public.pem", "-signature", "signature", data=b"text")


@states(192, "CreateKey with Origin EXTERNAL and the Description \"External key\"", "000 001")
def create_key(token):
    made = token.ask("create", "--origin", "external", "--profile", AD, "--spec", "AES_256",
                     "--description", "External key")["KeyMetadata"]
    assert (made["Origin"], made["Description"], made["KeyState"]) == ("EXTERNAL", "External key", "PendingImport")


@states(193, "GetParametersForImport with key, wrapping algorithm and wrapping key spec", "000 001")
def get_parameters_for_import(token):
    answer = token.ask("parameters", token.create(AD, "AES_256"), "--algorithm", OAEP_1, "--key-spec", "RSA_2048")
    assert (answer["WrappingAlgorithm"], answer["WrappingKeySpec"]) == (OAEP_1, "RSA_2048")


@states(194, "ImportKeyMaterial with key, encrypted material and import token", "000 001")
def import_key_material(token):
    download = Download(token, AD, "AES_256", OAEP_1)
    outside.write("blob.txt", base64.b64encode(seal.blob(1, download.public, bytes(32))))
    download.takes("blob.txt")


@states(195, "DeleteKeyMaterial with the key alone", "000")
def delete_key_material(token):
    key, _ = token.new_import(AD, "AES_256", OAEP_256, bytes(32))
    token.byok("delete-material", key, "--yes")
    assert token.describe(key)["KeyState"] == "PendingImport"


@states(196, "DescribeKey, and ScheduleKeyDeletion with a number of days", "000 001 002 003")
def describe_and_schedule(token):
    key = token.create(AD, "AES_256")
    assert token.describe(key)["KeyId"] == key
    token.byok("schedule-deletion", key, "--days", "7", "--yes")
    assert token.describe(key)["KeyState"] == "PendingDeletion"


@states(197, "The lines with rand, base64 -d, rsautl -oaep and base64", "000 001")
def lines_of_rsautl(token):
    download = Download(token, AD, "AES_256", OAEP_1)
    os.remove("PublicKey.bin")
    download.takes_after(MATERIAL + printed.OAEP_SHA_1, "EncryptedKeyMaterial_base64.txt")
    download.is_bound_to("KeyMaterial.bin")


@states(198, "rsautl, which newer documents do not have, is pkeyutl with OAEP and no hash named", "000 001")
def rsautl_is_pkeyutl(token):
    download = Download(token, AD, "AES_256", OAEP_1)
    download.takes_after(MATERIAL + printed.OAEP_SHA_1, "EncryptedKeyMaterial.bin")
    download.takes_after("openssl pkeyutl -encrypt -in KeyMaterial.bin -inkey PublicKey.bin -keyform DER -pubin "
                         "-out by-pkeyutl.bin -pkeyopt rsa_padding_mode:oaep", "by-pkeyutl.bin")


@states(199, "The lines with pkeyutl and both hashes named, for a public key in DER or PEM", "003")
def lines_of_pkeyutl(token):
    for profile in (AD, AS, AH):
        for lines in (printed.OAEP_SHA_256, printed.OAEP_SHA_256_PEM):
            download = Download(token, profile, "AES_256", OAEP_256)
            parameters = token.parameters(download.key, OAEP_256)
            for name in (parameters.der, parameters.pem):
                outside.write("PublicKey" + os.path.splitext(name)[1], outside.read(name))
            outside.shell(MATERIAL + lines)
            download.takes("EncryptedKeyMaterial_base64.txt", options=("--import-token", parameters.token_file))
            download.is_bound_to("KeyMaterial.bin")


@states(200, "The lines for an asymmetric key: genrsa, pkcs8, rand, pkeyutl, enc -aes-256-ecb, cat, base64", "002")
def lines_of_asymmetric_keys(token):
    for profile in (AS, AH):
        download = Download(token, profile, "RSA_2048", ECB)
        download.takes_after(printed.ALIBABA_RSA % 2048 + printed.OAEP_AES_ECB, "EncryptedKeyMaterial_base64.txt")
        download.signs_as("TakPrivPkcs1.pem")


@states(201, "The lines with rand -hex, xxd -r -ps, and pkeyutl without a hash for MGF1", "004")
def lines_of_huawei(token):
    download = Download(token, HW, "AES_256", OAEP_256)
    download.takes_after(printed.HUAWEI_MATERIAL + printed.HUAWEI_OAEP, "EncryptedKeyMaterial.bin")
    download.is_bound_to("PlaintextKeyMaterial.bin")


@states(202, "The lines with genrsa 4096, pkcs8 twice, and enc -id-aes256-wrap-pad", "004")
def lines_of_huaweis_two_files(token):
    download = Download(token, HW, "RSA_4096", KWP)
    download.takes_after(printed.HUAWEI_MATERIAL + printed.HUAWEI_OAEP + printed.HUAWEI_RSA + printed.HUAWEI_WRAP_PAD,
                         "EncryptedKeyMaterial.bin", "out_rsa_private_key.der")
    download.signs_as("rsa_private_key.pem")


@states(203, "Public key and token are kept in .b64 files", "004")
def kept_in_base64(token):
    download = Download(token, HW, "AES_256", OAEP_256)
    outside.write("PublicKey.b64", download.answer["PublicKey"].encode())
    outside.write("ImportToken.b64", download.answer["ImportToken"].encode() + b"\n")
    os.remove("PublicKey.bin")
    outside.shell(printed.HUAWEI_DECODE + printed.HUAWEI_MATERIAL + printed.HUAWEI_OAEP)
    assert outside.read("PublicKey.bin") == download.public
    download.takes("EncryptedKeyMaterial.bin", options=("--import-token", "ImportToken.b64"))


@states(204, "Where openssl has no key wrap with padding, another program makes the two files", "004")
def two_files_without_openssl(token):
    download = Download(token, HW, "EC_P384", KWP)
    outside.openssl("ecparam", "-name", "secp384r1", "-genkey", "-noout", "-out", "private_key.pem")
    token.byok("wrap", "private_key.pem", "--public-key", "PublicKey.bin", "--algorithm", KWP,
               "--form", "binary", "-o", "temporary_key.bin", "-o", "out_private_key.der")
    assert len(outside.read("temporary_key.bin")) == 256
    download.takes("temporary_key.bin", "out_private_key.der")


@states(206, "Go's EncryptOAEP with SHA-256 and no label, in standard Base64; an import without expiry", "001")
def as_go_encrypts(token):
    # EncryptOAEP takes its hash for MGF1 too, and StdEncoding pads.
    download = Download(token, AD, "AES_256", OAEP_256)
    outside.write("blob.txt", base64.b64encode(seal.oaep(download.public, os.urandom(32), seal.SHA256)))
    download.takes("blob.txt")
    assert token.describe(download.key)["KeyMaterialExpireUnix"] == 0


@states(210, "The documents' file names are only names", "000 001 002 003 004")
def any_file_name(token):
    document = outside.read(os.path.join(os.environ["CONFORMANCE"], "..", "docs", "byok.md")).decode()
    for name in ("KeyMaterial.bin", "EncryptedKeyMaterial.bin", "EncryptedKeyMaterial_base64.txt",
                 "PublicKey_base64.txt", "PublicKey.bin", "PublicKey.pem"):
        assert name in document
        download = Download(token, AD, "AES_256", OAEP_256)
        os.makedirs("names", exist_ok=True)
        outside.write(f"names/{name}", seal.blob(2, download.public, bytes(32)))
        outside.write("names/a token.b64", download.answer["ImportToken"].encode())
        download.takes(f"names/{name}", options=("--import-token", "names/a token.b64"))


@states(211, "Secrets come from the environment, and never stand in code or on the command line", "002")
def no_secret_on_the_command_line(token):
    token.byok("list", "--login", TENON_PIN=p11.PIN)
    outside.write("pin", p11.PIN.encode())
    token.byok("list", "--pin-file", "pin", TENON_PIN="")
    token.byok("list", "--login", data=b"", TENON_PIN="", status=1)
    for option in ("--pin", "--user-pin", "--so-pin"):
        token.byok("list", option, p11.PIN, status=2)
    commands = outside.read(os.path.join(os.environ["CONFORMANCE"], "..", "docs", "cli.md")).decode()
    for option, value in re.findall(r"--([a-z-]*(?:pin|password)[a-z-]*)(?: <([A-Z]+)>)?", commands):
        assert option.endswith("-file") or not value, f"--{option} takes a secret"


@states(212, "The instance that has the key is chosen", "002 003")
def the_token_is_chosen(_token):
    two = Program("first")
    two.tenon("init", "--label", "second")
    key = two.create(AD, "AES_256", "--token", "second")
    assert key in two.byok("list", "--login", "--token", "second")
    assert key not in two.byok("list", "--login", "--token", "first")
    two.byok("create", "--profile", AD, "--spec", "AES_256", status=1, says=("first", "second"))


if __name__ == "__main__":
    run(Token())
