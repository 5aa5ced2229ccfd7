"""The outside party: the openssl program makes keys and blobs, and checks what a token answers."""

import os
import shutil
import subprocess
import sys

CURVES = {"P-256": ("prime256v1", "06082a8648ce3d030107"), "P-384": ("secp384r1", "06052b81040022"),
          "P-521": ("secp521r1", "06052b81040023"), "secp256k1": ("secp256k1", "06052b8104000a"),
          "SM2": ("SM2", "06082a811ccf5501822d")}


def openssl(*arguments, data=b""):
    """Runs the program in the test's own directory; the bytes it writes."""
    done = subprocess.run(["openssl", *arguments], input=data, capture_output=True)
    assert done.returncode == 0, f"openssl {' '.join(arguments)}: {done.stderr.decode()}"
    return done.stdout


def skip(reason):
    """Ends the test as one that cannot be run here."""
    print(reason)
    sys.exit(77)


def shell(lines):
    """Runs the lines of a service's document as they stand there, in the test's own directory."""
    if "xxd" in lines and not shutil.which("xxd"):
        skip("no xxd here")
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", lines], capture_output=True)
    assert done.returncode == 0, f"{lines}\n{done.stderr.decode()}"


def read(name):
    with open(name, "rb") as file:
        return file.read()


def write(name, data):
    """A file readable by the caller alone."""
    with open(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
    return name


def private_key(kind):
    """A fresh key, `RSA-2048`, `Ed25519` or a name of CURVES, as PKCS#8 DER."""
    if kind == "Ed25519":
        options = ["-algorithm", kind]
    elif kind.startswith("RSA-"):
        options = ["-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{kind[4:]}"]
    else:
        options = ["-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{CURVES[kind][0]}"]
    # genpkey itself writes the older, type-specific form when asked for DER.
    return openssl("pkcs8", "-topk8", "-nocrypt", "-outform", "DER",
                   data=openssl("genpkey", *options))


def public_key(pkcs8):
    """The public half as SubjectPublicKeyInfo DER."""
    return openssl("pkey", "-inform", "DER", "-pubout", "-outform", "DER", data=pkcs8)


def scalar(pkcs8):
    """The 32 bytes of an EC private key, out of its RFC 5915 structure."""
    at = pkcs8.index(bytes.fromhex("0201010420")) + 5
    return pkcs8[at:at + 32]


def pem(spki):
    """SubjectPublicKeyInfo as PEM."""
    return openssl("pkey", "-pubin", "-inform", "DER", "-pubout", data=spki)


def oaep(spki, material, name, mgf=None):
    """RSA-OAEP under the public key `spki` (DER)."""
    return openssl("pkeyutl", "-encrypt", "-pubin", "-keyform", "DER",
                   "-inkey", write("wrapping.der", spki), "-pkeyopt", "rsa_padding_mode:oaep",
                   "-pkeyopt", f"rsa_oaep_md:{name}", "-pkeyopt", f"rsa_mgf1_md:{mgf or name}",
                   data=material)


def sm2(spki, material):
    """SM2 encryption under the public key, as DER (GB/T 35276)."""
    return openssl("pkeyutl", "-encrypt", "-pubin", "-keyform", "DER",
                   "-inkey", write("wrapping.der", spki), data=material)


def sm2_raw(der):
    """The same ciphertext as C1 || C3 || C2, the point uncompressed."""
    body, parts = der[3 if der[1] & 0x80 else 2:], []
    while body:
        parts.append(body[2:2 + body[1]])
        body = body[2 + body[1]:]
    x, y = (part.lstrip(b"\0").rjust(32, b"\0") for part in parts[:2])
    return b"\4" + x + y + parts[2] + parts[3]


def sm4_ecb(key, data):
    return openssl("enc", "-sm4-ecb", "-nopad", "-K", key.hex(), data=data)


def sm2_sm4(spki, scalar):
    """SM2 encryption of an SM4 key, then SM4-ECB of the 32 bytes of a private key."""
    ephemeral = os.urandom(16)
    return sm2(spki, ephemeral) + sm4_ecb(ephemeral, scalar)


def kwp(kek, material):
    """AES key wrap with padding, RFC 5649."""
    return openssl("enc", f"-id-aes{len(kek) * 8}-wrap-pad", "-iv", "A65959A6", "-K", kek.hex(),
                   data=material)


def rsa_aes_key_wrap(spki, material, name, bits=256):
    """PKCS#11's CKM_RSA_AES_KEY_WRAP: OAEP of an AES key, then KWP of the material."""
    kek = os.urandom(bits // 8)
    return oaep(spki, kek, name) + kwp(kek, material)


def ecb(key, data):
    return openssl("enc", f"-aes-{len(key) * 8}-ecb", "-nopad", "-K", key.hex(), data=data)


def tlv(tag, body):
    """A DER value."""
    length = len(body)
    if length < 128:
        return bytes([tag, length]) + body
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + body


def integer(number):
    """A DER INTEGER that is not negative."""
    return tlv(2, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def der_signature(raw):
    """r || s as an ECDSA-Sig-Value."""
    half = len(raw) // 2
    return tlv(0x30, b"".join(integer(int.from_bytes(part, "big"))
                              for part in (raw[:half], raw[half:])))


def verify(spki, digest, signature, *options):
    """Whether `signature` (DER for EC) over a SHA-256 digest is good under the public key."""
    done = subprocess.run(
        ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey",
         write("verify.der", spki), "-sigfile", write("signature", signature),
         "-in", write("digest", digest), *options], capture_output=True)
    return done.returncode == 0
