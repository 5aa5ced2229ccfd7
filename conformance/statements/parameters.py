#!/usr/bin/env python3
"""Import parameters: the wrapping key and the import token."""

import base64
import functools
import os
import re
import shutil
import stat
import time

import byok
import clock
import jvm
import outside
import p11
import seal
from cryptography.hazmat.primitives.serialization import load_der_public_key
from statements import run, states
from statements_token import AD, AS, HW, OAEP_1, OAEP_256, PKCS1, SM2_SM4, WITH_PKCS1, Token, material

INVALID, INCONSISTENT = p11.CKR_WRAPPED_KEY_INVALID, p11.CKR_TEMPLATE_INCONSISTENT
ENDED = p11.CKR_UNWRAPPING_KEY_HANDLE_INVALID
DAY = 86400
AES = material("AES_256")


@functools.cache
def requested(token):
    """A key that waits, and parameters for it."""
    key = token.create(AD, "AES_256")
    return key, token.parameters(key, OAEP_256)


def ready(token, profile=AD, algorithm=OAEP_256):
    """A key that waits, an import job of it, and a good blob."""
    key = token.create(profile, "AES_256")
    job = token.job(key, algorithm)
    return key, job, job.wrap(AES)


def unwrap(token, job, blob, mechanism=None, **more):
    """C_UnwrapKey with the job's key, another mechanism or more attributes."""
    template = job.kind | {p11.CKA_TENON_IMPORT_TOKEN: job.token}
    return token.session.unwrap(mechanism or p11.Mechanism(p11.CKM_RSA_PKCS_OAEP), job.private, blob,
                                template | {getattr(p11, name): value for name, value in more.items()})


def bits(public):
    return load_der_public_key(public).key_size


@states(53, "Import parameters are the public half of a wrapping key and an import token", "000 001 002 003 004")
def two_things(token):
    key, parameters = requested(token)
    names = [os.path.basename(path) for path in (parameters.pem, parameters.der, parameters.token_file)]
    assert names == [f"publickey_{key}.pem", f"publickey_{key}.bin", f"token_{key}.txt"]


@states(54, "They are asked for with key, algorithm and spec of the wrapping key", "000 001 002")
def asked_for(token):
    token.parameters(requested(token)[0], OAEP_256, "--key-spec", "RSA_2048")
    token.byok("parameters", requested(token)[0], "--algorithm", OAEP_256, "--key-spec", "RSA_1024", status=2)


@states(55, "Where no algorithm is named the token takes OAEP, not RSAES_PKCS1_V1_5", "001")
def default_algorithm(token):
    key, _ = requested(token)
    assert token.ask("parameters", key)["WrappingAlgorithm"] == OAEP_256
    token.byok("parameters", key, "--algorithm", PKCS1, status=1, says=("TEMPLATE_INCONSISTENT", "byok.pkcs1"))
    token.parameters(key, PKCS1, **WITH_PKCS1)


@states(56, "An answer of the API has key id, public key and token in Base64", "000 001 002")
def api_answer(token):
    key, _ = requested(token)
    answer = token.ask("parameters", key)
    assert answer["KeyId"] == key and bits(base64.b64decode(answer["PublicKey"], validate=True)) == 2048
    assert len(base64.b64decode(answer["ImportToken"], validate=True)) > 32


@states(57, "Huawei's answer has them too, the public key as DER", "004")
def huawei_answer(token):
    key = token.create(HW, "AES_256")
    answer = token.ask("parameters", key)
    assert answer["KeyId"] == key and base64.b64decode(answer["ImportToken"], validate=True)
    assert base64.b64decode(answer["PublicKey"], validate=True).startswith(b"\x30\x82")


@states(58, "The public key is a SubjectPublicKeyInfo, which programs in Java and others read", "000 001 002")
def subject_public_key_info(token):
    key, parameters = requested(token)
    # X509EncodedKeySpec.
    blob = jvm.owner().wrap("jdk", "oaep-sha256")(parameters.public, AES)
    token.import_blob(parameters, blob)
    assert bits(parameters.public) == 2048


@states(59, "It is written as publickey_….pem in PEM and publickey_….bin in DER", "002 003")
def both_forms(token):
    _, parameters = requested(token)
    der, pem = (outside.openssl("pkey", "-pubin", "-inform", form, "-in", file, "-outform", "DER")
                for form, file in (("DER", parameters.der), ("PEM", parameters.pem)))
    assert der == pem == parameters.public


@states(60, "The token is written as token_….txt", "002 003")
def token_file(token):
    key, parameters = requested(token)
    assert re.fullmatch(rb"[A-Za-z0-9+/]+=*\n?", outside.read(parameters.token_file))
    token.import_blob(parameters, parameters.wrap(AES))


@states(61, "Huawei's wrapping key file, binary DER, serves under its name", "004")
def huawei_file(token):
    key = token.create(HW, "AES_256")
    parameters = token.parameters(key, OAEP_256)
    shutil.copy(parameters.der, f"wrappingKey_{key}")
    outside.write("KeyMaterial.bin", AES)
    outside.shell(f"openssl pkeyutl -in KeyMaterial.bin -inkey wrappingKey_{key} -out Encrypted.bin -keyform der "
                  "-pubin -encrypt -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256")
    token.import_blob(parameters, outside.read("Encrypted.bin"))


@states(62, "The wrapping key is an RSA key of 2048 bits", "000 001 003")
def wrapping_key_bits(token):
    key, parameters = requested(token)
    assert bits(parameters.public) == 2048
    token.byok("parameters", key, "--algorithm", OAEP_256, "--key-spec", "RSA_3072", status=1, says="RSA")
    p11.refused(INCONSISTENT, token.job, key, OAEP_256, 3072)


@states(63, "The spec of the wrapping key may be left out", "000 001")
def spec_left_out(token):
    answer = token.ask("parameters", requested(token)[0], "--algorithm", OAEP_256)
    assert answer["WrappingKeySpec"] == "RSA_2048" and bits(base64.b64decode(answer["PublicKey"])) == 2048


@states(64, "The owner keeps the files safe: the token's is private, and none is overwritten unasked", "002 003")
def safe_files(token):
    key = token.create(AD, "AES_256")
    parameters = token.parameters(key, OAEP_256)
    again, before = ("parameters", key, "--directory", parameters.folder), outside.read(parameters.der)
    token.byok(*again, status=1, says="--replace")
    assert outside.read(parameters.der) == before
    token.byok(*again, "--replace")
    assert outside.read(parameters.der) != before
    assert stat.S_IMODE(os.stat(parameters.token_file).st_mode) == 0o600


@states(65, "For SM2PKE_SM4_ECB the wrapping key is an SM2 key", "002")
def sm2_wrapping_key(token):
    parameters = token.parameters(token.create(AS, "EC_SM2"), SM2_SM4)
    assert bytes.fromhex(outside.CURVES["SM2"][1]) in parameters.public


@states(66, "Wrapping key and token are bound to each other", "000 001 003")
def bound_pair(token):
    key, first, blob = ready(token)
    second = token.job(key, OAEP_256)
    first.token, second.token = second.token, first.token
    for job in (first, second):
        p11.refused(INCONSISTENT, job.unwrap, job.wrap(AES))
    assert token.state(key) == p11.STATE_PENDING_IMPORT
    first.token, second.token = second.token, first.token
    first.unwrap(blob)


@states(67, "Files of two downloads do not mix: each has a key and a token of its own", "002 003")
def two_downloads(token):
    key = token.create(AD, "AES_256")
    first, second = token.parameters(key, OAEP_256), token.parameters(key, OAEP_256)
    assert first.public != second.public and first.token != second.token
    token.import_blob(second, first.wrap(AES), status=1)
    first.token_file, second.token_file = second.token_file, first.token_file
    token.import_blob(second, second.wrap(AES), status=1)
    assert token.state(key) == p11.STATE_PENDING_IMPORT


@states(68, "A token serves the key that it was made for", "000 001")
def one_key(token):
    key, job, blob = ready(token)
    other, elsewhere, _ = ready(token)
    elsewhere.token = job.token
    p11.refused(INCONSISTENT, elsewhere.unwrap, elsewhere.wrap(AES))
    p11.refused(INCONSISTENT, functools.partial(
        unwrap, token, job, blob, CKA_TENON_IMPORT_TARGET=token.get(other, p11.CKA_UNIQUE_ID)))
    assert token.state(key) == token.state(other) == p11.STATE_PENDING_IMPORT
    unwrap(token, job, blob, CKA_TENON_IMPORT_TARGET=token.get(key, p11.CKA_UNIQUE_ID))


@states(70, "In that time they serve many times", "000 001 002 003")
def many_times(token):
    key, job, blob = ready(token)
    for days in (1, 3, 2):
        end = int(time.time()) + days * DAY
        job.unwrap(blob, end)
        assert token.get(key, p11.CKA_TENON_EXPIRES_AT) == byok.time(end)


@states(72, "Each request may choose another algorithm", "001 002 003")
def side_by_side(token):
    key = token.create(AD, "AES_256")
    first, second = token.job(key, OAEP_1), token.job(key, OAEP_256)
    for job, other in ((first, second), (second, first)):
        p11.refused(INVALID, job.unwrap, other.wrap(AES))
        job.unwrap(job.wrap(AES))


@states(73, "The blob is made by the algorithm that was asked for", "000 001")
def asked_algorithm(token):
    key, job, blob = ready(token)
    p11.refused(INVALID, job.unwrap, seal.oaep(job.public, AES, seal.SHA1))
    p11.refused(INCONSISTENT, unwrap, token, job, blob, p11.oaep("sha1"))
    p11.refused(p11.CKR_MECHANISM_INVALID, unwrap, token, job, blob, p11.Mechanism(p11.CKM_RSA_PKCS))
    assert token.state(key) == p11.STATE_PENDING_IMPORT


@states(74, "The token is part of an import: the program demands it, C_UnwrapKey where the key says so",
        "000 001 002 003 004")
def part_of_import(token):
    key, job, blob = ready(token)
    token.session.unwrap(p11.Mechanism(p11.CKM_RSA_PKCS_OAEP), job.private, blob, job.kind)
    strict = token.create(AD, "AES_256", "--require-token")
    job = token.job(strict, OAEP_256)
    p11.refused(INCONSISTENT, token.session.unwrap, p11.Mechanism(p11.CKM_RSA_PKCS_OAEP), job.private,
                job.wrap(AES), job.kind)
    assert token.state(strict) == p11.STATE_PENDING_IMPORT
    key = token.create(AD, "AES_256")
    file = outside.write("blob", token.parameters(key, OAEP_256).wrap(AES))
    token.byok("import", key, file, status=1, says="token")
    token.byok("import", key, file, "--without-token")


@states(75, "The token is a permission, and a changed one is refused", "002 003")
def changed_token(token):
    key, job, blob = ready(token)
    good = job.token
    wrongs = [seal.flip(good, at) for at in range(len(good))] + [good[:-1], good + b"\0", b""]
    for job.token in wrongs:
        p11.refused(INCONSISTENT, job.unwrap, blob)
    assert token.state(key) == p11.STATE_PENDING_IMPORT
    job.token = good
    job.unwrap(blob)


@states(76, "The private half of the wrapping key stays in the token, and only imports", "002")
def private_half(token):
    _, job, blob = ready(token)
    assert token.session.number(job.private, p11.CKA_EXTRACTABLE) == 0
    p11.refused(p11.CKR_KEY_FUNCTION_NOT_PERMITTED, token.session.decrypt, p11.oaep("sha256"), job.private, blob)
    p11.refused(p11.CKR_ATTRIBUTE_SENSITIVE, token.session.get, job.private, p11.CKA_PRIVATE_EXPONENT)


@states(77, "An import that was broken off is taken up again", "004")
def taken_up_again(token):
    key = token.create(HW, "AES_256")
    token.parameters(key, OAEP_256)
    parameters = token.parameters(key, OAEP_256)
    token.import_blob(parameters, parameters.wrap(AES))
    assert token.state(key) == p11.STATE_ENABLED


@states(78, "A request can be ended early, with its token", "004")
def ended_early(token):
    key = token.create(HW, "AES_256")
    parameters = token.parameters(key, OAEP_256)
    (private,) = token.session.find({p11.CKA_CLASS: p11.CKO_PRIVATE_KEY,
                                     p11.CKA_TENON_IMPORT_TARGET: token.get(key, p11.CKA_UNIQUE_ID)})
    token.session.destroy(private)
    p11.refused(ENDED, token.session.unwrap, p11.Mechanism(p11.CKM_RSA_PKCS_OAEP), private,
                parameters.wrap(AES), {p11.CKA_CLASS: p11.CKO_SECRET_KEY, p11.CKA_KEY_TYPE: p11.CKK_AES})
    token.import_blob(parameters, parameters.wrap(AES), status=1)
    assert not token.session.find({p11.CKA_PUBLIC_KEY_INFO: parameters.public})
    assert token.state(key) == p11.STATE_PENDING_IMPORT


@states(79, "What the wizard does, finding the token, the program does in profile open", "004")
def found_token(token):
    for requests in (1, 2):
        key = token.create("open", "AES_256")
        blobs = [token.parameters(key, OAEP_256).wrap(AES) for _ in range(requests)]
        token.byok("import", key, outside.write("blob", blobs[0]), says="Enabled")


@states(80, "A blob that is at hand comes without another download", "004")
def at_hand(token):
    key = token.create(HW, "AES_256")
    parameters = token.parameters(key, OAEP_256)
    blob = parameters.wrap(AES)
    token.parameters(key, OAEP_256)
    token.import_blob(parameters, blob)
    token.byok("delete-material", key, "--yes")
    token.import_blob(parameters, blob)


# The last two set the clock forward, behind the end of all requests before.

@states(69, "Wrapping key and token live for 24 hours", "000 001 002 003 004")
def one_day(token):
    key, job, blob = ready(token)
    made = int(time.time())
    end = token.session.time(job.private, p11.CKA_TENON_NOT_AFTER)
    assert DAY - 10 <= end - made <= DAY
    clock.forward(DAY - 60)
    job.unwrap(blob)
    clock.forward(60)
    p11.refused(ENDED, job.unwrap, blob)


@states(71, "After them a new token and a new key are needed", "000 001 002 003")
def new_ones(token):
    key = token.create(AD, "AES_256")
    old = token.parameters(key, OAEP_256)
    clock.forward(DAY)
    token.import_blob(old, old.wrap(AES), status=1)
    new = token.parameters(key, OAEP_256)
    token.import_blob(new, new.wrap(AES))
    assert token.state(key) == p11.STATE_ENABLED


if __name__ == "__main__":
    clock.fake()
    run(Token())
