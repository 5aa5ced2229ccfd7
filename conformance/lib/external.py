"""Import jobs of external keys, and the life that the external keys of every service lead."""

import collections
import functools
import os
import subprocess
from dataclasses import dataclass
from typing import Callable

import byok
import outside
import p11

DENIED = p11.CKR_KEY_FUNCTION_NOT_PERMITTED
# Mechanism of each CKA_TENON_WRAP_ALGORITHM.
MECHANISMS = (dict.fromkeys((1, 2, 12, 13), p11.CKM_RSA_PKCS_OAEP) | {3: p11.CKM_RSA_PKCS}
              | dict.fromkeys((4, 5, 9, 10, 11), p11.CKM_RSA_AES_KEY_WRAP)
              | {6: p11.CKM_TENON_RSA_AES_ECB_PKCS7, 7: p11.CKM_TENON_SM2_SM4_ECB,
                 8: p11.CKM_TENON_SM2PKE} | dict.fromkeys((14, 15, 16), p11.CKM_TENON_HPKE))
# Generation and public template of the one kind of wrapping key that an algorithm has, where that is not RSA.
PAIRS = {14: (p11.CKM_TENON_XWING_KEY_PAIR_GEN, {}),
         15: (p11.CKM_ML_KEM_KEY_PAIR_GEN, {p11.CKA_PARAMETER_SET: p11.CKP_ML_KEM_1024}),
         16: (p11.CKM_ML_KEM_KEY_PAIR_GEN, {p11.CKA_PARAMETER_SET: p11.CKP_ML_KEM_768})}
PAIRS |= dict.fromkeys((7, 8), (p11.CKM_TENON_SM2_KEY_PAIR_GEN,
                                {p11.CKA_EC_PARAMS: bytes.fromhex(outside.CURVES["SM2"][1])}))
# OAEP's hash, where pkcs11-tool can say what the algorithm is; --mgf then has the same name.
HASHES = ({1: "SHA-1", 4: "SHA-1", 9: "SHA224"} | dict.fromkeys((2, 5), "SHA256")
          | dict.fromkeys((10, 12), "SHA384") | dict.fromkeys((11, 13), "SHA512"))
# Nothing in these blobs proves that they are whole, so a mismatch has no code of its own.
UNPROVEN = (3, 6, 7)

# Profiles where other material is a new version of the key, and none is refused.
ROTATE_BY_IMPORT = ("google", "vault")

# What `life` has done.
done = collections.Counter()


@dataclass(frozen=True)
class Way:
    """How material comes: CKA_TENON_WRAP_ALGORITHM, what the key's owner does with the public key
    (SPKI DER) and the material, and the wrapping key's bits; 0 is the one kind that the algorithm has."""

    number: int
    wrap: Callable[[bytes, bytes], bytes]
    bits: int = 2048

    @property
    def mismatch(self):
        return (p11.CKR_WRAPPED_KEY_INVALID if self.number in UNPROVEN
                else p11.CKR_TENON_MATERIAL_MISMATCH)


class Job:
    """GetParametersForImport: the wrapping key's halves, and the import token."""

    def __init__(self, session, target, way, name=b"job"):
        self.session, self.way, self.name = session, way, name
        rsa = p11.CKM_RSA_PKCS_KEY_PAIR_GEN, {p11.CKA_MODULUS_BITS: way.bits}
        pair = rsa if way.bits else PAIRS[way.number]
        public, self.private = session.generate_pair(
            pair[0], {p11.CKA_TOKEN: True, p11.CKA_ID: name} | pair[1],
            {p11.CKA_ID: name, p11.CKA_TENON_WRAP_ALGORITHM: way.number,
             p11.CKA_TENON_IMPORT_TARGET: session.get(target, p11.CKA_UNIQUE_ID)})
        self.public = session.get(public, p11.CKA_PUBLIC_KEY_INFO)
        self.token = session.get(self.private, p11.CKA_TENON_IMPORT_TOKEN)
        self.kind = {number: session.number(target, number)
                     for number in (p11.CKA_CLASS, p11.CKA_KEY_TYPE)}

    def unwrap(self, blob, expires_at=None):
        """ImportKeyMaterial: the import token goes along."""
        template = self.kind | {p11.CKA_TENON_IMPORT_TOKEN: self.token}
        if expires_at is not None:
            template[p11.CKA_TENON_EXPIRES_AT] = byok.time(expires_at)
        return self.session.unwrap(p11.Mechanism(MECHANISMS[self.way.number]), self.private, blob,
                                   template)

    def wrap(self, material):
        return self.way.wrap(self.public, material)


def create(session, profile, spec, **more):
    """CreateKey with an external origin; `more` are attributes of the template."""
    return session.generate_key(
        p11.CKM_TENON_EXTERNAL_KEY_GEN, spec.template() | {p11.CKA_TENON_PROFILE: profile}
        | {getattr(p11, name): value for name, value in more.items()})


def no_such_key(session, profile, *kinds):
    """The service has no external keys of these specs."""
    for kind in kinds:
        p11.refused(p11.CKR_TEMPLATE_INCONSISTENT, create, session, profile, kind)


def no_such_way(session, profile, kind, *ways):
    """The service does not take material of this spec in these ways."""
    key = create(session, profile, kind)
    for way in ways:
        p11.refused(p11.CKR_TEMPLATE_INCONSISTENT, Job, session, key, way)


def pkcs11_tool(*arguments, program="pkcs11-tool"):
    """What a plain client, in a process of its own, says."""
    return subprocess.run(
        [program, "--module", os.environ["TENON_MODULE"], "--token-label", p11.LABEL, "--login",
         "--pin", p11.PIN, *arguments], capture_output=True, text=True, check=True).stdout


def listed(name):
    return name.decode() in pkcs11_tool("--list-objects").split()


@functools.cache
def unwrapping_tool():
    """The command of a pkcs11-tool that sends OAEP parameters; None where there is none."""
    found = subprocess.run(
        ["bash", "-c", '. "$CONFORMANCE/lib/opensc.sh"; '
         'new_pkcs11_tool "$(dirname "$TENON_PROGRAM")/../opensc"'],
        capture_output=True, text=True)
    return found.stdout.strip() if found.returncode == 0 else None


def life(session, profile, spec, ways, expires_at=None, material=None):
    """A key waits for material, gets it in each way, works, and loses it again; between the ways it
    refuses and hides, other material stays out, and what it made before holds after.

    Material comes with its import token; the second time, if the way lets it, by pkcs11-tool.
    """
    done["keys"] += 1
    name = f"{profile}-{done['keys']}".encode()
    key = create(session, profile, spec, CKA_ID=name, CKA_LABEL=name)
    uid, identity, again = session.get(key, p11.CKA_UNIQUE_ID), None, None
    material, other = material or spec.material(), spec.other()
    plain = spec.template()[p11.CKA_KEY_TYPE] == p11.CKK_AES and expires_at is None
    tool = unwrapping_tool() if plain else None
    binds = profile not in ROTATE_BY_IMPORT

    def waits():
        (key,) = session.find({p11.CKA_UNIQUE_ID: uid})
        assert session.number(key, p11.CKA_TENON_KEY_STATE) == p11.STATE_PENDING_IMPORT
        p11.refused(DENIED, spec.begin, session, key)
        assert session.find({p11.CKA_ID: name}) == []
        assert not listed(name)

    waits()
    for turn, way in enumerate(ways if len(ways) > 1 else ways * 2):
        job = Job(session, key, way, b"parameters-%d-%d" % (done["keys"], turn))
        blob, wrong = job.wrap(material), job.wrap(other)
        if turn and binds:
            p11.refused(way.mismatch, job.unwrap, wrong, expires_at)
        if turn == 1 and tool and way.number in HASHES:
            by_tool(tool, job, name, blob)
            done["imports by pkcs11-tool"] += 1
        else:
            job.unwrap(blob, expires_at)
        (key,) = session.find({p11.CKA_ID: name})
        was, identity = identity, [session.get(key, number) for number in (
            p11.CKA_UNIQUE_ID, p11.CKA_TENON_MATERIAL_ID)]
        assert identity[0] == uid and was in (None, identity)
        assert session.number(key, p11.CKA_TENON_KEY_STATE) == p11.STATE_ENABLED
        assert session.number(key, p11.CKA_EXTRACTABLE) == 0
        assert session.number(key, p11.CKA_SENSITIVE) == 1
        assert listed(name)
        if again:
            again(key)
        again = spec.use(session, key, material)
        if binds:
            p11.refused(way.mismatch, job.unwrap, wrong, expires_at)
        again(key)
        pkcs11_tool("--delete-object", "--type", "secrkey" if spec.secret else "privkey",
                    "--id", name.hex())
        p11.refused(DENIED, spec.begin, session, key)
        waits()


def by_tool(tool, job, name, blob):
    """An import that knows nothing of jobs: OAEP by the wrapping key's CKA_ID."""
    digest = HASHES[job.way.number]
    pkcs11_tool("--unwrap", "--mechanism", "RSA-PKCS-OAEP", "--hash-algorithm", digest, "--mgf",
                "MGF1-" + digest.replace("-", ""), "--id", job.name.hex(), "--input-file",
                outside.write("blob", blob), "--key-type", "AES:", "--application-id", name.hex(),
                "--application-label", name.decode(), program=tool)


def summary():
    return ", ".join(f"{count} {what}" for what, count in done.items())
