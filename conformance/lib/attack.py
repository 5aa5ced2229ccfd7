"""Attacks on any PKCS#11 module: each gets a session of the user and one way to act as the security officer, and
returns the value that it found. Whether it is the right one is judged by what the key itself encrypts."""

import p11
import softhsm
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

CKA_TRUSTED, CKA_WRAP_WITH_TRUSTED, CKA_DERIVE, CKA_COPYABLE = 0x86, 0x210, 0x10C, 0x171
BLOCK = bytes(range(16))


class Target:
    """A token with a user who attacks."""

    def __init__(self, module):
        self.module = module
        self.session = module.user()

    def as_officer(self, act):
        """Does `act` with a session of the security officer, and comes back as the user."""
        self.session.logout()
        self.session.login(p11.SO_PIN, p11.CKU_SO)
        try:
            act(self.session)
        finally:
            self.session.logout()
            self.session.login(p11.PIN)

    def key(self, **more):
        """An AES-128 token key that the token generates, with these CKA_ attributes TRUE or FALSE."""
        attributes = {p11.CKA_TOKEN: True, p11.CKA_VALUE_LEN: 16, p11.CKA_SENSITIVE: True,
                      p11.CKA_EXTRACTABLE: False, p11.CKA_ENCRYPT: False, p11.CKA_DECRYPT: False,
                      p11.CKA_SIGN: False, p11.CKA_VERIFY: False, p11.CKA_WRAP: False, p11.CKA_UNWRAP: False}
        attributes |= {number(name): value for name, value in more.items()}
        try:
            return self.session.generate_key(p11.CKM_AES_KEY_GEN, attributes)
        except p11.Refused as refusal:
            # No attack fails at its first step, or nobody knows whether the others would have worked.
            assert "TRUSTED" in more, refusal
            raise

    def is_value(self, key, value):
        """Whether `value` encrypts as the key does."""
        if value is None or len(value) not in (16, 24, 32):
            return False
        ours = Cipher(algorithms.AES(value), modes.ECB()).encryptor().update(BLOCK)
        return self.session.encrypt(p11.Mechanism(p11.CKM_AES_ECB), key, BLOCK) == ours


def number(name):
    return globals().get(f"CKA_{name}") or getattr(p11, f"CKA_{name}")


def tried(attack, path=None):
    """What came of the attack on a new token of the module at `path`."""
    module = p11.Module(path)
    try:
        module.fresh_token()
        return "falls" if attack(Target(module)) else "holds (what it finds is wrong)"
    except p11.Refused as refusal:
        return f"holds ({refusal})"
    finally:
        module.finalize()


def run(*attacks):
    """Every attack on the module under test, which must hold, and on SoftHSM2 beside it."""
    peer, fell, notes = softhsm.path(), [], []
    for attack in attacks:
        ours, theirs = tried(attack), "not here" if peer is None else tried(attack, peer)
        print(f"{attack.__doc__}\n    this module: {ours}\n    SoftHSM2: {theirs}")
        name = attack.__name__.replace("_", " ")
        if ours == "falls":
            fell.append(name)
        if theirs == "falls":
            notes.append(name)
    assert not fell, fell
    print("note: SoftHSM2 falls to", ", ".join(notes) or "none")
