#!/usr/bin/env python3
"""Keys and origins, and what each kind of key imports."""

import functools
import os

import p11
from statements import run, states
from statements_token import AD, AH, AS, ECB, HW, KWP, OAEP_256, SM2_SM4, Token, material

INCONSISTENT = p11.CKR_TEMPLATE_INCONSISTENT


@functools.cache
def works(token, profile, spec):
    """The KeyId of a new key of this spec that took its material."""
    algorithm = OAEP_256 if "AES" in spec else SM2_SM4 if "SM2" in spec else KWP if profile == HW else ECB
    key, _ = token.new_import(profile, spec, algorithm, material(spec))
    assert token.state(key) == p11.STATE_ENABLED
    return key


def work(token, profile, *specs):
    for spec in specs:
        works(token, profile, spec)


def generated(token, spec="AES_256", *options):
    return token.create(AD, spec, "--origin", "generated", *options)


@states(1, "A key has an id, a state, a spec, a usage, an origin and an id of its material", "000 001 003")
def metadata(token):
    key = token.create(AD, "AES_256")
    shown = token.describe(key)
    assert shown["KeyId"] == key and shown["KeyState"] == "PendingImport"
    assert (shown["KeySpec"], shown["KeyUsage"], shown["Origin"]) == ("AES_256", "ENCRYPT/DECRYPT", "EXTERNAL")
    assert not shown["KeyMaterialId"] and token.describe(works(token, AD, "AES_256"))["KeyMaterialId"]


@states(2, "A key that is not of external origin gets its material from the token at once", "000 001")
def made_here(token):
    key = generated(token)
    assert token.state(key) == p11.STATE_ENABLED
    assert token.number(key, p11.CKA_TENON_ORIGIN) == p11.ORIGIN_GENERATED
    assert token.open(key, token.seal(key, b"text")) == b"text"


@states(3, "A key of external origin is made without material", "000 001 002 003")
def made_empty(token):
    made = token.session.generate_key(p11.CKM_TENON_EXTERNAL_KEY_GEN, {
        p11.CKA_CLASS: p11.CKO_SECRET_KEY, p11.CKA_KEY_TYPE: p11.CKK_AES, p11.CKA_VALUE_LEN: 32,
        p11.CKA_TENON_PROFILE: AD})
    for handle in (made, token.handle(token.create(AD, "AES_256"))):
        assert token.session.number(handle, p11.CKA_TENON_KEY_STATE) == p11.STATE_PENDING_IMPORT
        assert token.session.number(handle, p11.CKA_TENON_ORIGIN) == p11.ORIGIN_EXTERNAL
        p11.refused(p11.CKR_KEY_FUNCTION_NOT_PERMITTED, token.session.encrypt,
                    p11.Mechanism(p11.CKM_TENON_KMS_ENVELOPE), handle, b"text")


@states(4, "Describing a key tells its origin, EXTERNAL or the service's own", "000 001 002 003")
def origin_is_told(token):
    for key, words, number in ((generated(token), "Aliyun_KMS", p11.ORIGIN_GENERATED),
                               (works(token, AD, "AES_256"), "EXTERNAL", p11.ORIGIN_EXTERNAL)):
        assert token.describe(key)["Origin"] == words
        token.byok("describe", key, "--login", says=words)
        assert token.number(key, p11.CKA_TENON_ORIGIN) == number


@states(5, "An asymmetric key of external origin gets no pair, but waits for a private key", "002")
def no_pair(token):
    def publics():
        return len(token.session.find({p11.CKA_CLASS: p11.CKO_PUBLIC_KEY}))
    before = publics()
    key = token.create(AS, "RSA_2048")
    assert publics() == before
    assert p11.answer(token.get, key, p11.CKA_MODULUS) or not token.get(key, p11.CKA_MODULUS)
    before = publics()
    parameters = token.parameters(key, ECB)
    token.import_blob(parameters, parameters.wrap(material("RSA_2048")))
    assert publics() == before + 1 and len(token.get(key, p11.CKA_MODULUS)) == 256


@states(6, "An imported key is used like a generated one", "000 001")
def alike(token):
    def answers(symmetric, private):
        handle, envelope = token.handle(symmetric), token.seal(symmetric, b"text")
        ecb, hmac = p11.Mechanism(p11.CKM_AES_ECB), p11.Mechanism(p11.CKM_SHA256_HMAC)
        sign, signer = p11.Mechanism(p11.CKM_SHA256_RSA_PKCS), token.handle(private)
        return [p11.answer(*call) for call in (
            (token.open, symmetric, envelope), (token.open, symmetric, envelope[:-1]),
            (token.session.encrypt, ecb, handle, bytes(16)), (token.session.sign, hmac, handle, b"text"),
            (token.session.wrap, ecb, handle, handle), (token.session.sign, sign, signer, b"text"),
            (token.session.decrypt, p11.oaep("sha256"), signer, bytes(256)))]
    ours = answers(generated(token), token.create(AS, "RSA_2048", "--origin", "generated"))
    assert ours == answers(works(token, AD, "AES_256"), works(token, AS, "RSA_2048")), ours
    assert ours[0] == ours[5] == 0 and all(ours[1:5]) and ours[6]


@states(7, "Only imported material can expire or be deleted by hand", "000 001")
def only_imported_ends(token):
    key = generated(token)
    token.byok("delete-material", key, "--yes", status=1, says="generated in the token")
    later = {p11.CKA_TENON_EXPIRES_AT: bytes(4) + b"\x7f\0\0\0"}
    assert p11.answer(token.session.set, token.handle(key), later)
    p11.refused((INCONSISTENT, p11.CKR_ATTRIBUTE_READ_ONLY), token.session.generate_key, p11.CKM_AES_KEY_GEN,
                {p11.CKA_TOKEN: True, p11.CKA_VALUE_LEN: 32, p11.CKA_TENON_PROFILE: AD} | later)
    assert token.state(key) == p11.STATE_ENABLED


@states(8, "Generated material ends with its key alone, by a scheduled deletion", "000 001")
def generated_dies_by_schedule(token):
    key = generated(token)
    token.refused(p11.CKR_ACTION_PROHIBITED, token.session.destroy, token.handle(key),
                  logged="schedule-deletion")
    assert token.state(key) == p11.STATE_ENABLED
    token.byok("schedule-deletion", key, "--days", "7", "--yes")
    assert token.state(key) == p11.STATE_PENDING_DELETION


@states(9, "Imported and generated keys are managed together", "004")
def managed_together(token):
    keys = [generated(token), token.new_import(AD, "AES_256", OAEP_256, material("AES_256"))[0]]

    def shown(state):
        listed = {row["KeyId"]: row["KeyState"] for row in token.ask("list", "--login")["Keys"]}
        assert [listed[key] for key in keys] == [state] * 2
    for command, state in ((["disable"], "Disabled"), (["enable"], "Enabled"),
                           (["schedule-deletion", "--days", "7", "--yes"], "PendingDeletion"),
                           (["cancel-deletion"], "Enabled"), (["update", "--description", "both"], "Enabled")):
        for key in keys:
            token.byok(command[0], key, *command[1:])
        shown(state)
    assert all(token.describe(key)["Description"] == "both" for key in keys)


@states(10, "Import parameters are for external keys alone", "000 001 004")
def for_external_keys(token):
    key = generated(token)
    token.byok("parameters", key, status=1, says="nothing to import")
    p11.refused(INCONSISTENT, token.job, key, OAEP_256)
    token.session.generate_key(p11.CKM_AES_KEY_GEN, {
        p11.CKA_TOKEN: True, p11.CKA_VALUE_LEN: 32, p11.CKA_ID: b"ordinary"})
    token.byok("parameters", b"ordinary".hex(), status=1)
    (ordinary,) = token.session.find({p11.CKA_ID: b"ordinary"})
    p11.refused(INCONSISTENT, token.job, token.session.get(ordinary, p11.CKA_UNIQUE_ID).decode(),
                OAEP_256)


@states(11, "The key's id is random, given when it is made, and never used again", "004")
def random_ids(token):
    made = []
    for _ in range(3):
        made.append(token.create("open", "AES_256"))
        token.session.destroy(token.handle(made[-1]))
        token.byok("describe", made[-1], status=1)
    digits = [int(key.replace("-", ""), 16) for key in made]
    assert len(set(digits)) == 3 and len(made[0].replace("-", "")) == 32
    # Any two differ in about half of 128 bits; below 30 is no chance.
    assert all(bin(digits[0] ^ other).count("1") > 30 for other in digits[1:])


@states(12, "Key ids are written in hexadecimal digits, 8-4-4-4-12", "000 001 004")
def hyphens(token):
    key = token.create(AD, "AES_256")
    assert [len(part) for part in key.split("-")] == [8, 4, 4, 4, 12]
    for form in (key, key.replace("-", ""), key.upper()):
        assert token.describe(form)["KeyId"] == key


@states(13, "A default key is symmetric", "002 003")
def default_is_symmetric(token):
    for spec in ("RSA_2048", "EC_P256"):
        token.no_key(AD, spec, says=("Alibaba Cloud KMS (default key)", "Aliyun_AES_256"))


@states(14, "A service's own keys import nothing", "002 003")
def no_service_keys(token):
    token.byok("create", "--profile", "alibaba-service", "--spec", "AES_256", status=2)


@states(15, "Software-protected keys import symmetric and asymmetric material", "002 003")
def software(token):
    work(token, AS, "AES_256", "RSA_2048", "EC_P256")


@states(16, "Hardware-protected keys import symmetric and, by the document's steps, asymmetric material", "002 003")
def hardware(token):
    work(token, AH, "AES_256", "RSA_2048", "EC_P256")


@states(17, "Default keys have 256 bits", "000 001")
def default_bits(token):
    for spec in ("Aliyun_AES_128", "Aliyun_AES_192"):
        token.no_key(AD, spec)
    work(token, AD, "Aliyun_AES_256")


@states(18, "Symmetric software-protected keys are Aliyun_AES_256", "003")
def software_symmetric(token):
    for spec in ("Aliyun_AES_128", "Aliyun_AES_192"):
        token.no_key(AS, spec)
    work(token, AS, "Aliyun_AES_256")


@states(19, "Symmetric hardware-protected keys have 256, 192 or 128 bits, and take just that many", "003")
def hardware_symmetric(token):
    for size in (32, 24, 16):
        key = token.create(AH, f"Aliyun_AES_{size * 8}")
        job = token.job(key, OAEP_256)
        for other in {32, 24, 16} - {size}:
            p11.refused(p11.CKR_WRAPPED_KEY_INVALID, job.unwrap, job.wrap(os.urandom(other)))
        job.unwrap(job.wrap(os.urandom(size)))
        assert token.number(key, p11.CKA_VALUE_LEN) == size


@states(20, "Asymmetric software-protected keys: RSA_2048, RSA_3072, EC_P256, EC_P256K", "002")
def software_asymmetric(token):
    work(token, AS, "RSA_2048", "RSA_3072", "EC_P256", "EC_P256K")
    for spec in ("RSA_4096", "EC_P384", "EC_P521"):
        token.no_key(AS, spec)


@states(21, "Asymmetric hardware-protected keys: the same and RSA_4096", "002")
def hardware_asymmetric(token):
    work(token, AH, "RSA_2048", "RSA_3072", "RSA_4096", "EC_P256", "EC_P256K")
    token.no_key(AH, "EC_P384")


@states(22, "EC_SM2 keys, software- or hardware-protected", "002")
def sm2(token):
    work(token, AS, "EC_SM2")
    work(token, AH, "EC_SM2")
    token.no_key(AD, "EC_SM2")


@states(23, "Huawei: AES_256, RSA_2048, RSA_3072, RSA_4096, EC_P256, EC_P384", "004")
def huawei(token):
    work(token, HW, "AES_256", "RSA_2048", "RSA_3072", "RSA_4096", "EC_P256", "EC_P384")


@states(24, "Huawei: HMAC keys take no imported material", "004")
def huawei_hmac(token):
    token.no_key(HW, "HMAC_256", says=("Huawei",))


@states(25, "The services' names for specs are understood and shown", "001 002 003 004")
def names(token):
    for profile, spec in ((AD, "Aliyun_AES_256"), (AD, "AES_256"), (AS, "RSA_2048"), (AS, "EC_P256"),
                          (AS, "EC_P256K"), (HW, "EC_P384"), (AS, "EC_SM2")):
        shown = token.describe(token.create(profile, spec))["KeySpec"]
        assert shown == spec, (shown, spec)
        assert token.describe(token.create(profile, shown))["KeySpec"] == shown


@states(26, "A default key needs no instance: a token without configuration has it", "003")
def no_instance(token):
    os.mkdir("fresh", 0o700)
    alone = {"TENON_DIRECTORIES_TOKENDIR": os.path.abspath("fresh"), "SOFTHSM2_CONF": ""}
    token.tenon("init", "--label", "fresh", **alone)
    token.byok("create", "--profile", AD, "--spec", "AES_256", says="PendingImport", **alone)


if __name__ == "__main__":
    run(Token())
