"""The command lines that the services' documents print for the owner of a key.

A function of each: it takes the public key as SPKI DER and the material, runs the lines as they stand
there, in the test's own directory, and gives the blob.
"""

import base64

import outside

OAEP_SHA_1 = """
openssl enc -d -base64 -A -in PublicKey_base64.txt -out PublicKey.bin
openssl rsautl -encrypt -in KeyMaterial.bin -oaep -inkey PublicKey.bin  -keyform DER  -pubin -out EncryptedKeyMaterial.bin
openssl enc -e -base64 -A -in EncryptedKeyMaterial.bin -out EncryptedKeyMaterial_base64.txt
"""
# The first document's lines without -oaep: PKCS #1 v1.5 is what rsautl does then.
PKCS1 = OAEP_SHA_1.replace("-oaep ", "")
OAEP_SHA_256 = r"""
openssl pkeyutl -encrypt \
  -in KeyMaterial.bin \
  -inkey PublicKey.bin \
  -keyform DER \
  -pubin \
  -out EncryptedKeyMaterial.bin \
  -pkeyopt rsa_padding_mode:oaep \
  -pkeyopt rsa_oaep_md:sha256 \
  -pkeyopt rsa_mgf1_md:sha256
openssl enc -e -base64 -A -in EncryptedKeyMaterial.bin -out EncryptedKeyMaterial_base64.txt
"""
OAEP_SHA_256_PEM = OAEP_SHA_256.replace("PublicKey.bin", "PublicKey.pem").replace("DER", "PEM")
ALIBABA_RSA = """
openssl genrsa -out TakPrivPkcs1.pem %d
openssl pkcs8 -topk8 -inform PEM -in TakPrivPkcs1.pem -outform der -nocrypt -out TakPrivPkcs8.bin
"""
OAEP_AES_ECB = r"""
openssl rand -out EskAes256.bin 32
openssl pkeyutl -encrypt -pubin -inkey PublicKey.pem \
-in EskAes256.bin \
-pkeyopt rsa_padding_mode:oaep \
-pkeyopt rsa_oaep_md:sha256 \
-pkeyopt rsa_mgf1_md:sha256 \
-out CipherEsk.bin
xxd -l 32 -c 32 -ps EskAes256.bin | xargs -I {} openssl enc -aes-256-ecb -e -K {} \
-in TakPrivPkcs8.bin -nosalt -out CipherTakPriv.bin
cat CipherEsk.bin CipherTakPriv.bin > EncryptedKeyMaterial.bin
openssl enc -e -base64 -A -in EncryptedKeyMaterial.bin -out EncryptedKeyMaterial_base64.txt
"""
HUAWEI_DECODE = """
openssl enc -d -base64 -A -in PublicKey.b64 -out PublicKey.bin
"""
HUAWEI_MATERIAL = """
openssl rand -out 0xPlaintextKeyMaterial.bin -hex 32
cat 0xPlaintextKeyMaterial.bin | xxd -r -ps > PlaintextKeyMaterial.bin
"""
# Where the document names the hash of OAEP alone, openssl takes it for MGF1 too.
HUAWEI_OAEP = r"""
openssl pkeyutl \
-in PlaintextKeyMaterial.bin \
-inkey PublicKey.bin \
-out EncryptedKeyMaterial.bin \
-keyform der \
-pubin -encrypt \
-pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256
"""
HUAWEI_RSA = """
openssl genrsa -out pkcs1_rsa_private_key.pem 4096
openssl pkcs8 -topk8 -inform PEM -in pkcs1_rsa_private_key.pem -outform pem -nocrypt -out rsa_private_key.pem
openssl pkcs8 -topk8 -inform PEM -outform DER -in rsa_private_key.pem -out rsa_private_key.der -nocrypt
"""
HUAWEI_WRAP_PAD = """
openssl enc -id-aes256-wrap-pad -K $(cat 0xPlaintextKeyMaterial.bin) -iv A65959A6 -in rsa_private_key.der -out out_rsa_private_key.der
"""


def alibaba(lines):
    """Lines for a symmetric key of Alibaba; its owner gets the public key in each form, and uploads Base64."""
    def wrap(public, material):
        outside.write("PublicKey_base64.txt", base64.b64encode(public))
        outside.write("PublicKey.bin", public)
        outside.write("PublicKey.pem", outside.pem(public))
        outside.write("KeyMaterial.bin", material)
        outside.shell(lines)
        return uploaded()
    return wrap


def uploaded():
    return base64.b64decode(outside.read("EncryptedKeyMaterial_base64.txt"), validate=True)


def alibaba_rsa(bits):
    """A new private key as PKCS#8."""
    outside.shell(ALIBABA_RSA % bits)
    return outside.read("TakPrivPkcs8.bin")


def oaep_aes_ecb(public, pkcs8):
    """Alibaba's lines for an asymmetric key."""
    outside.write("PublicKey.pem", outside.pem(public))
    outside.write("TakPrivPkcs8.bin", pkcs8)
    outside.shell(OAEP_AES_ECB)
    return uploaded()


def huawei_oaep(public, material):
    """Huawei's lines for a symmetric key."""
    outside.write("PublicKey.b64", base64.b64encode(public))
    outside.write("PlaintextKeyMaterial.bin", material)
    outside.shell(HUAWEI_DECODE + HUAWEI_OAEP)
    return outside.read("EncryptedKeyMaterial.bin")


def huawei_rsa():
    """A new private key of 4096 bits as PKCS#8."""
    outside.shell(HUAWEI_RSA)
    return outside.read("rsa_private_key.der")


def huawei_two_files(public, pkcs8):
    """Huawei's lines for an asymmetric key; the blob is the two files one after the other."""
    outside.write("PublicKey.bin", public)
    outside.write("rsa_private_key.der", pkcs8)
    outside.shell(HUAWEI_MATERIAL + HUAWEI_OAEP + HUAWEI_WRAP_PAD)
    return outside.read("EncryptedKeyMaterial.bin") + outside.read("out_rsa_private_key.der")
