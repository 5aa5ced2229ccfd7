"""The token of the statements' checks: C calls in this process, and the program `tenon` beside it."""

import base64
import contextlib
import functools
import glob
import json
import os
import subprocess
import tempfile

import external
import outside
import p11
import seal

# CKA_TENON_WRAP_ALGORITHM of each algorithm, by the services' names for them.
ALGORITHMS = {"RSAES_OAEP_SHA_1": 1, "RSAES_OAEP_SHA_256": 2, "RSAES_PKCS1_V1_5": 3,
              "RSA_AES_KEY_WRAP_SHA_1": 4, "RSA_AES_KEY_WRAP_SHA_256": 5,
              "RSAES_OAEP_SHA_256_AES_256_ECB_PKCS7_PAD": 6, "SM2PKE_SM4_ECB": 7, "SM2PKE": 8}
AD, AS, AH, HW = "alibaba-default", "alibaba-software", "alibaba-hardware", "huawei"
OAEP_1, OAEP_256, PKCS1 = "RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "RSAES_PKCS1_V1_5"
ECB, KWP, SM2_SM4 = ("RSAES_OAEP_SHA_256_AES_256_ECB_PKCS7_PAD", "RSA_AES_KEY_WRAP_SHA_256",
                     "SM2PKE_SM4_ECB")
# Environment in which RSAES_PKCS1_V1_5 brings material.
WITH_PKCS1 = {"TENON_BYOK_PKCS1": "true"}
ENVELOPE = p11.Mechanism(p11.CKM_TENON_KMS_ENVELOPE)


def wrap(number, public, material):
    """A good blob of the algorithm `number`; for SM2PKE_SM4_ECB the material is PKCS#8 or a scalar."""
    if number == 8:
        return outside.sm2(public, material)
    if number == 7:
        return outside.sm2_sm4(public, material if len(material) == 32 else outside.scalar(material))
    return seal.blob(number, public, material)


def way(name, bits=None):
    """The same for import jobs made by C calls."""
    number = ALGORITHMS[name]
    bits = (0 if number in (7, 8) else 2048) if bits is None else bits
    return external.Way(number, functools.partial(wrap, number), bits)


@functools.cache
def material(spec):
    """What the owner of a key of this spec wraps: always the same, since some take long to make."""
    kind = spec.removeprefix("Aliyun_")
    if kind.startswith("AES_"):
        return os.urandom(int(kind[4:]) // 8)
    return outside.private_key({"EC_P256K": "secp256k1", "EC_SM2": "SM2"}.get(
        kind, kind.replace("EC_P", "P-").replace("RSA_", "RSA-")))


class Parameters:
    """What `tenon byok parameters` wrote: the public key, in both forms, and the import token."""

    def __init__(self, key, algorithm, folder):
        def path(pattern):
            (found,) = glob.glob(os.path.join(folder, pattern))
            return found
        self.key, self.algorithm, self.folder = key, algorithm, folder
        self.pem, self.der = path("publickey_*.pem"), path("publickey_*.bin")
        self.token_file = path("token_*.txt")
        self.public = outside.read(self.der)
        self.token = base64.b64decode(outside.read(self.token_file), validate=True)

    def wrap(self, material):
        return wrap(ALGORITHMS[self.algorithm], self.public, material)


class Token:
    """A fresh token with a user session. Keys are named by their KeyId; handles are looked up."""

    def __init__(self):
        self.log = os.path.abspath("module.log")
        os.environ.update(TENON_LOG_TARGET=self.log, TENON_LOG_LEVEL="INFO", TENON_PIN=p11.PIN,
                          TENON_SO_PIN=p11.SO_PIN)
        self.session = p11.start()

    # The program.

    def tenon(self, *words, status=0, says="", data=b"", **environment):
        """What the program prints. It must end with `status`, and say the text, or each text, `says`."""
        variables = {name: value for name, value in (os.environ | environment).items() if value}
        done = subprocess.run([os.environ["TENON_PROGRAM"], *words], input=data, capture_output=True,
                              env=variables)
        output, errors = done.stdout.decode(), done.stderr.decode()
        told = f"tenon {' '.join(words)}: status {done.returncode}\n{output}{errors}"
        assert done.returncode == status, told
        for text in (says,) if isinstance(says, str) else says:
            assert text in output + errors, f"no {text!r} in {told}"
        return output

    def byok(self, *words, **expected):
        return self.tenon("byok", *words, **expected)

    def ask(self, *words, **expected):
        """The JSON that a command of `tenon byok` answers."""
        return json.loads(self.byok(*words, "--json", **expected))

    def documented(self, text):
        """docs/byok.md says so."""
        with open(os.path.join(os.environ["CONFORMANCE"], "..", "docs", "byok.md"), encoding="utf-8") as file:
            assert text in " ".join(file.read().split()), text

    def create(self, profile, spec, *options):
        """The KeyId of a new key."""
        return self.ask("create", "--profile", profile, "--spec", spec, *options)["KeyMetadata"]["KeyId"]

    def no_key(self, profile, spec, *options, says=()):
        """The profile refuses to make such a key."""
        self.byok("create", "--profile", profile, "--spec", spec, *options, status=1,
                  says=("CKR_TEMPLATE_INCONSISTENT", *says))

    def describe(self, key):
        return self.ask("describe", key, "--login")["KeyMetadata"]

    def parameters(self, key, algorithm, *options, **environment):
        folder = tempfile.mkdtemp(dir=".")
        self.byok("parameters", key, "--algorithm", algorithm, "--directory", folder, *options,
                  **environment)
        return Parameters(key, algorithm, folder)

    def import_blob(self, parameters, blob, *options, key=None, **expected):
        """`tenon byok import` with the token of the parameters."""
        file = outside.write("blob", blob)
        return self.byok("import", key or parameters.key, file, "--import-token",
                         parameters.token_file, *options, **expected)

    def new_import(self, profile, spec, algorithm, owned, *options, **environment):
        """The KeyId of a new key with the material `owned`, and the parameters by which it came."""
        key = self.create(profile, spec)
        parameters = self.parameters(key, algorithm, **environment)
        self.import_blob(parameters, parameters.wrap(owned), *options, **environment)
        return key, parameters

    # C calls.

    def handle(self, key):
        (found,) = self.session.find({p11.CKA_UNIQUE_ID: key.replace("-", "")})
        return found

    def get(self, key, attribute):
        return self.session.get(self.handle(key), attribute)

    def number(self, key, attribute):
        return self.session.number(self.handle(key), attribute)

    def state(self, key):
        return self.number(key, p11.CKA_TENON_KEY_STATE)

    def job(self, key, algorithm, bits=None):
        """Import parameters made by C_GenerateKeyPair."""
        return external.Job(self.session, self.handle(key), way(algorithm, bits))

    def seal(self, key, text):
        return self.session.encrypt(ENVELOPE, self.handle(key), text)

    def open(self, key, envelope):
        return self.session.decrypt(ENVELOPE, self.handle(key), envelope)

    def refused(self, code, call, *arguments, logged=""):
        """The call is refused with the code, and the log tells why with the text `logged`."""
        with self.logs() as lines:
            p11.refused(code, call, *arguments)
        assert logged in "".join(lines), f"no {logged!r} in the log: {lines}"

    @contextlib.contextmanager
    def logs(self):
        """The lines that the log gets within the block, known after it."""
        start, lines = os.path.getsize(self.log) if os.path.exists(self.log) else 0, []
        yield lines
        if os.path.exists(self.log):
            with open(self.log, encoding="utf-8") as file:
                file.seek(start)
                lines += file.readlines()


class Program(Token):
    """The program alone, on a token of its own, for checks of all that a token has."""

    def __init__(self, label="alone"):
        self.folder = os.path.abspath(tempfile.mkdtemp(dir="."))
        self.tenon("init", "--label", label)

    def tenon(self, *words, **expected):
        return super().tenon(*words, **({"TENON_DIRECTORIES_TOKENDIR": self.folder} | expected))
