#!/usr/bin/env python3
"""The import of private keys: RSA and elliptic curves under a temporary key, and SM2."""

import os

import jvm
import outside
import p11
import printed
import seal
import softhsm
import spec
from cryptography.hazmat.primitives import serialization
from statements import run, states
from statements_token import AH, AS, ECB, HW, KWP, SM2_SM4, Token, material

INVALID, LENGTH = p11.CKR_WRAPPED_KEY_INVALID, p11.CKR_WRAPPED_KEY_LEN_RANGE
SPECS = {"RSA_2048": spec.RSA_2048, "RSA_3072": spec.RSA_3072, "RSA_4096": spec.RSA_4096,
         "EC_P256": spec.EC_P256, "EC_P256K": spec.EC_P256K, "EC_P384": spec.EC_P384, "EC_SM2": spec.EC_SM2}
# Order of the curve of SM2.
ORDER = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123


def brings(token, profile, name, algorithm, wrap=None, pkcs8=None):
    """A new key takes its material, signs, and openssl verifies; `wrap` makes the blob of public key and
    material. The KeyId, and the import job."""
    key = token.create(profile, name, "--usage", "SIGN/VERIFY")
    job, pkcs8 = token.job(key, algorithm), pkcs8 or material(name)
    job.unwrap(wrap(job.public, pkcs8) if wrap else job.wrap(pkcs8))
    SPECS[name].use(token.session, token.handle(key), pkcs8)
    return key, job


def refuses(token, profile, name, algorithm, cases):
    """A new key takes none of the blobs that the functions of `cases` make of the job's public key, each
    with its code, and waits on; then it takes its material."""
    key = token.create(profile, name)
    job = token.job(key, algorithm)
    count = len(token.session.find({}))
    for title, code, wrap in cases:
        print(title)
        p11.refused(code, job.unwrap, wrap(job.public))
        assert token.state(key) == p11.STATE_PENDING_IMPORT and len(token.session.find({})) == count
    job.unwrap(job.wrap(material(name)))


def layers(public, inner, temporary=None, digest=seal.SHA256, mask=None):
    """The two parts of Alibaba's blob."""
    temporary = temporary or os.urandom(32)
    return seal.oaep(public, temporary, digest, mask), seal.ecb(temporary, inner)


def ecb_cases(*rows):
    """Cases of the inner bytes that a good blob holds."""
    return [(title, INVALID, lambda public, inner=inner: b"".join(layers(public, inner))) for title, inner in rows]


def pem(pkcs8, form, encryption=None, encoding=serialization.Encoding.DER):
    """A private key in another form."""
    return serialization.load_der_private_key(pkcs8, None).private_bytes(
        encoding, form, encryption or serialization.NoEncryption())


@states(99, "Two layers: a temporary key under the wrapping key, the private key under the temporary one", "002 004")
def two_layers(token):
    brings(token, AS, "RSA_2048", ECB, printed.oaep_aes_ecb)
    brings(token, HW, "RSA_2048", KWP, printed.huawei_two_files)


@states(100, "RSAES_OAEP_SHA_256_AES_256_ECB_PKCS7_PAD brings all RSA and EC keys, of both kinds", "002")
def every_spec(token):
    for name in ("RSA_2048", "RSA_3072", "EC_P256", "EC_P256K"):
        brings(token, AS, name, ECB, printed.oaep_aes_ecb)
    for name in ("RSA_2048", "RSA_3072", "RSA_4096", "EC_P256", "EC_P256K"):
        brings(token, AH, name, ECB, printed.oaep_aes_ecb)


@states(101, "The temporary key is one of AES-256", "002")
def temporary_key(token):
    refuses(token, AS, "EC_P256", ECB, [
        (f"{size} bytes", INVALID, lambda public, size=size: b"".join(
            layers(public, material("EC_P256"), os.urandom(size)))) for size in (16, 24)])


@states(102, "It comes by OAEP with SHA-256, for MGF1 too", "002")
def oaep_of_it(token):
    refuses(token, AS, "EC_P256", ECB, [("SHA-1", INVALID, lambda public: b"".join(
        layers(public, material("EC_P256"), digest=seal.SHA1)))])
    brings(token, AS, "EC_P256", ECB, lambda public, pkcs8: b"".join(layers(public, pkcs8, mask=seal.SHA256)))


@states(103, "The private key comes by AES-256-ECB with PKCS #7 padding", "002")
def ecb_padding(token):
    def blob(public):
        return b"".join(layers(public, material("EC_P256")))

    def unpadded(public):
        temporary = os.urandom(32)
        pkcs8 = material("EC_P256")
        return (seal.oaep(public, temporary, seal.SHA256)
                + seal.ecb(temporary, pkcs8 + bytes(-len(pkcs8) % 16), padded=False))
    refuses(token, AS, "EC_P256", ECB, [
        ("another last block", INVALID, lambda public: seal.flip(blob(public), -1 % len(blob(public)))),
        ("one byte less", LENGTH, lambda public: blob(public)[:-1]),
        ("one block less", INVALID, lambda public: blob(public)[:-16]),
        ("no padding", INVALID, unpadded)])


@states(104, "The temporary key's part comes first, then the private key's", "002")
def order_of_parts(token):
    refuses(token, AS, "EC_P256", ECB, [
        ("swapped", INVALID, lambda public: b"".join(reversed(layers(public, material("EC_P256"))))),
        ("the first alone", LENGTH, lambda public: layers(public, material("EC_P256"))[0])])


@states(105, "Inside is PKCS #8 in DER", "002")
def inner_form(token):
    forms = serialization.PrivateFormat
    secret = serialization.BestAvailableEncryption(b"password")
    for name in ("EC_P256", "RSA_2048"):
        pkcs8 = material(name)
        refuses(token, AS, name, ECB, ecb_cases(
            ("of its type", pem(pkcs8, forms.TraditionalOpenSSL)),
            ("PEM", pem(pkcs8, forms.PKCS8, encoding=serialization.Encoding.PEM)),
            ("encrypted", pem(pkcs8, forms.PKCS8, secret))))


@states(106, "RSA keys by RFC 3447 and EC keys by RFC 5915, both then as PKCS #8", "002")
def converted(token):
    outside.shell("""
openssl genrsa -traditional -out rsa.pem 2048
openssl ecparam -name prime256v1 -genkey -noout -out ec.pem
for kind in rsa ec; do openssl pkcs8 -topk8 -inform PEM -in $kind.pem -outform der -nocrypt -out $kind.der; done
""")
    for name, file in (("RSA_2048", "rsa"), ("EC_P256", "ec")):
        brings(token, AS, name, ECB, pkcs8=outside.read(f"{file}.der"))


@states(107, "A key of another type, size or curve is refused", "002")
def other_kind(token):
    refuses(token, AS, "EC_P256K", ECB, ecb_cases(("P-256", material("EC_P256")), ("RSA", material("RSA_2048"))))
    refuses(token, AS, "RSA_2048", ECB, ecb_cases(("RSA_3072", material("RSA_3072")), ("EC", material("EC_P256"))))


@states(108, "EC_P256K is secp256k1 and EC_P256 is secp256r1", "002")
def curves(token):
    for name, curve in (("EC_P256K", "secp256k1"), ("EC_P256", "P-256")):
        key, _ = brings(token, AS, name, ECB)
        assert token.get(key, p11.CKA_EC_PARAMS).hex() == outside.CURVES[curve][1]


@states(109, "What Java's getEncoded gives is the inner form", "002")
def java_encodings(token):
    for provider, kind, name in (("jdk", "RSA:2048", "RSA_2048"), ("bc", "RSA:2048", "RSA_2048"),
                                 ("jdk", "EC:secp256r1", "EC_P256"), ("bc", "EC:secp256r1", "EC_P256"),
                                 ("bc", "EC:secp256k1", "EC_P256K")):
        brings(token, AS, name, ECB, jvm.owner().wrap(provider, "aes-ecb"), jvm.owner().generate(provider, kind))


@states(110, "The private key may come from any system or HSM of its owner", "002")
def any_system(token):
    # OpenSSL and Java: 106 and 109. SoftHSM2 wraps its own keys by RFC 5649.
    ours = os.environ["SOFTHSM2_CONF"]
    os.environ["SOFTHSM2_CONF"] = os.path.abspath("softhsm.conf")
    peer = softhsm.path()
    assert peer, "SoftHSM2 is not installed"
    module = p11.Module(peer)
    module.fresh_token()
    session, temporary = module.user(), os.urandom(32)
    kek = session.create({p11.CKA_CLASS: p11.CKO_SECRET_KEY, p11.CKA_KEY_TYPE: p11.CKK_AES,
                          p11.CKA_VALUE: temporary, p11.CKA_WRAP: True})
    usage = {p11.CKA_SIGN: True, p11.CKA_EXTRACTABLE: True, p11.CKA_SENSITIVE: True}
    for name, mechanism, public in (
            ("RSA_2048", p11.CKM_RSA_PKCS_KEY_PAIR_GEN, {p11.CKA_MODULUS_BITS: 2048}),
            ("EC_P256", p11.CKM_EC_KEY_PAIR_GEN, {p11.CKA_EC_PARAMS: bytes.fromhex(outside.CURVES["P-256"][1])})):
        _, private = session.generate_pair(mechanism, {p11.CKA_VERIFY: True} | public, usage)
        wrapped = session.wrap(p11.Mechanism(p11.CKM_AES_KEY_WRAP_PAD), kek, private)
        key = token.create(HW, name)
        job = token.job(key, KWP)
        job.unwrap(seal.oaep(job.public, temporary, seal.SHA256) + wrapped)
        assert token.state(key) == p11.STATE_ENABLED
    module.finalize()
    os.environ["SOFTHSM2_CONF"] = ours


@states(111, "Its owner destroys the temporary key after use; `tenon byok wrap` writes it nowhere", "002")
def temporary_key_goes(token):
    key = token.create(AS, "EC_P256")
    parameters = token.parameters(key, ECB)
    outside.write("key.der", material("EC_P256"))
    os.mkdir("owner")
    outside.shell(f"""
cd owner
strace -f -e trace=openat,open,creat,rename,memfd_create -o ../trace "$TENON_PROGRAM" byok wrap ../key.der \\
    --public-key ../{parameters.pem} --algorithm {ECB} --output blob.txt
""")
    written = [line for line in outside.read("trace").decode().splitlines()
               if ("O_WRONLY" in line or "O_RDWR" in line or "O_CREAT" in line or "memfd" in line)
               and "/dev/" not in line]
    assert os.listdir("owner") == ["blob.txt"] and written
    assert all("blob.txt" in line or '"."' in line or "O_TMPFILE" in line for line in written), written
    token.import_blob(parameters, outside.read("owner/blob.txt"))
    token.documented("Destroy the temporary key")


@states(112, "After the import the public half is known", "002")
def public_half(token):
    for name, kind in (("RSA_2048", p11.CKK_RSA), ("EC_P256", p11.CKK_EC)):
        key, _ = token.new_import(AS, name, ECB, material(name))
        public = outside.public_key(material(name))
        (found,) = [found for found in token.session.find({
            p11.CKA_CLASS: p11.CKO_PUBLIC_KEY, p11.CKA_ID: token.get(key, p11.CKA_ID)})]
        assert token.session.get(found, p11.CKA_PUBLIC_KEY_INFO) == public
        assert token.get(key, p11.CKA_PUBLIC_KEY_INFO) == public
        if kind == p11.CKK_RSA:
            assert token.get(key, p11.CKA_MODULUS) in public and len(token.get(key, p11.CKA_MODULUS)) == 256
        else:
            assert token.session.get(found, p11.CKA_EC_POINT)[-64:] == public[-64:]
        SPECS[name].use(token.session, token.handle(key), material(name))


@states(113, "Huawei: a temporary key by OAEP with SHA-256, the private key by RFC 5649", "004")
def huawei(token):
    for name in ("RSA_2048", "RSA_3072", "RSA_4096", "EC_P256", "EC_P384"):
        brings(token, HW, name, KWP, printed.huawei_two_files)


@states(114, "Huawei: the blob comes in two files, the temporary key's first", "004")
def two_files(token):
    key = token.create(HW, "RSA_2048")
    parameters = token.parameters(key, KWP)
    printed.huawei_two_files(parameters.public, material("RSA_2048"))
    first, second = "EncryptedKeyMaterial.bin", "out_rsa_private_key.der"
    last = ("--import-token", parameters.token_file)
    token.byok("import", key, second, first, *last, status=1)
    token.byok("import", key, first, *last, status=1, says="CKR_WRAPPED_KEY_LEN_RANGE")
    assert token.state(key) == p11.STATE_PENDING_IMPORT
    token.byok("import", key, first, second, *last, says="Enabled")


@states(115, "Huawei: PKCS #8 in DER inside, made by way of PEM", "004")
def by_way_of_pem(token):
    brings(token, HW, "RSA_4096", KWP, printed.huawei_two_files, printed.huawei_rsa())


@states(116, "Huawei: EC keys go the same way", "004")
def huawei_ec(token):
    outside.shell("openssl ecparam -name secp384r1 -genkey -noout -out ec384.pem\n"
                  "openssl pkcs8 -topk8 -inform PEM -outform DER -in ec384.pem -out ec384.der -nocrypt")
    brings(token, HW, "EC_P384", KWP, printed.huawei_two_files, outside.read("ec384.der"))


@states(117, "The first import binds an asymmetric key too", "002")
def binds(token):
    other = outside.private_key("RSA-2048")
    for profile, algorithm, code in ((AS, ECB, INVALID), (HW, KWP, p11.CKR_TENON_MATERIAL_MISMATCH)):
        key, job = brings(token, profile, "RSA_2048", algorithm)
        p11.refused(code, job.unwrap, job.wrap(other))
        numbers = serialization.load_der_private_key(material("RSA_2048"), None).private_numbers()
        public = numbers.public_numbers
        job.unwrap(job.wrap(seal.rsa(public.n, public.e, numbers.d, numbers.q, numbers.p)))


def sm2_parts(public, tail, ephemeral=None):
    """The temporary key in SM2's raw form, and the private key's part."""
    ephemeral = ephemeral or os.urandom(16)
    return outside.sm2_raw(outside.sm2(public, ephemeral)), outside.sm4_ecb(ephemeral[:16], tail)


SCALAR = outside.scalar(material("EC_SM2"))


@states(118, "SM2PKE_SM4_ECB: an SM2 wrapping key and an SM4 temporary key for EC_SM2", "002")
def sm2_sm4(token):
    key = token.create(AS, "EC_SM2")
    parameters = token.parameters(key, SM2_SM4)
    outside.write("sm2.der", material("EC_SM2"))
    blob = token.byok("wrap", "sm2.der", "--public-key", parameters.pem, "--algorithm", SM2_SM4)
    token.import_blob(parameters, blob.encode())
    spec.EC_SM2.use(token.session, token.handle(key), material("EC_SM2"))


@states(119, "The temporary key of SM4 has 16 bytes", "002")
def sm4_key(token):
    refuses(token, AS, "EC_SM2", SM2_SM4, [("32 bytes", (INVALID, LENGTH), lambda public: b"".join(
        sm2_parts(public, SCALAR, os.urandom(32))))])
    brings(token, AS, "EC_SM2", SM2_SM4, lambda public, _: b"".join(sm2_parts(public, SCALAR)))


@states(120, "SM2's ciphertext is C1 C3 C2, the point uncompressed; DER is read too", "002")
def sm2_order(token):
    def c1c2c3(public):
        head, tail = sm2_parts(public, SCALAR)
        return head[:65] + head[97:] + head[65:97] + tail
    refuses(token, AS, "EC_SM2", SM2_SM4, [("C1 C2 C3", INVALID, c1c2c3)])
    _, job = brings(token, AS, "EC_SM2", SM2_SM4, lambda public, _: b"".join(sm2_parts(public, SCALAR)))
    assert len(sm2_parts(job.public, SCALAR)[0]) == 113
    # The helper's own blob is in DER.
    job.unwrap(job.wrap(SCALAR))


@states(121, "SM2 encrypts with SM3 and without a user's identity", "002")
def sm2_hash(token):
    brings(token, AS, "EC_SM2", SM2_SM4, jvm.owner().wrap("bc", "sm2-sm4"))


@states(122, "The private key is d alone: 32 bytes under SM4-ECB without padding", "002")
def scalar_alone(token):
    def cut(public):
        head, tail = sm2_parts(public, SCALAR)
        return head + tail[:31]
    wrong = (INVALID, LENGTH)
    pkcs8 = material("EC_SM2") + bytes(-len(material("EC_SM2")) % 16)
    refuses(token, AS, "EC_SM2", SM2_SM4, [
        ("31 bytes", wrong, cut),
        ("48 bytes", wrong, lambda public: b"".join(sm2_parts(public, SCALAR + bytes(16)))),
        ("PKCS #8", wrong, lambda public: b"".join(sm2_parts(public, pkcs8)))])
    _, job = brings(token, AS, "EC_SM2", SM2_SM4)
    assert len(b"".join(sm2_parts(job.public, SCALAR))) == 145


@states(123, "A d that is no private key, as the sample's 32 zeros, binds nothing", "002")
def no_scalar(token):
    key = token.create(AS, "EC_SM2")
    job = token.job(key, SM2_SM4)
    for scalar in (0, ORDER - 1, ORDER):
        p11.refused(INVALID, job.unwrap, job.wrap(scalar.to_bytes(32, "big")))
        assert token.state(key) == p11.STATE_PENDING_IMPORT
    job.unwrap(job.wrap((1).to_bytes(32, "big")))
    assert token.state(key) == p11.STATE_ENABLED


@states(124, "The wrapping key is a SubjectPublicKeyInfo on the curve sm2p256v1", "002")
def sm2_public(token):
    parameters = token.parameters(token.create(AH, "EC_SM2"), SM2_SM4)
    assert b"SM2" in outside.openssl("pkey", "-pubin", "-inform", "DER", "-in", parameters.der, "-noout", "-text")
    token.import_blob(parameters, jvm.owner().wrap("bc", "sm2-sm4")(parameters.public, material("EC_SM2")))


@states(125, "An SM2 key is for SIGN/VERIFY", "002")
def sm2_signs(token):
    key, _ = brings(token, AH, "EC_SM2", SM2_SM4)
    assert token.describe(key)["KeyUsage"] == "SIGN/VERIFY"
    token.session.sign(p11.Mechanism(p11.CKM_TENON_SM2_SM3_SIGN), token.handle(key), b"text")
    p11.refused(p11.CKR_KEY_FUNCTION_NOT_PERMITTED, token.session.begin, "Decrypt",
                p11.Mechanism(p11.CKM_TENON_SM2PKE), token.handle(key))


if __name__ == "__main__":
    run(Token())
