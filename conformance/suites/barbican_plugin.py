#!/usr/bin/env python3
"""OpenStack's Barbican with its plugin for PKCS#11 on the token: master keys, secrets of projects, and the rewrapping
of projects' keys under new master keys, by each mechanism that the plugin knows.

CKM_AES_KEY_WRAP_KWP and CKM_AES_KEY_WRAP_PAD take the initial values of their standards alone, so their settings say
`key_wrap_generate_iv = False`.
"""

import base64
import contextlib
import json
import os
import sys
import types

import p11
import suite

MKEK, HMAC = "mkek", "hmac"
WRAPS = ["CKM_AES_CBC_PAD", "CKM_AES_KEY_WRAP_PAD", "CKM_AES_KEY_WRAP_KWP"]
CIPHERS = ["CKM_AES_CBC", "CKM_AES_GCM"]
# The key that authenticates wrapped keys, the mechanism that makes it, and the one that it signs by.
AUTHENTICATORS = [("CKK_AES", "CKM_AES_KEY_GEN", "CKM_SHA256_HMAC"),
                  ("CKK_GENERIC_SECRET", "CKM_GENERIC_SECRET_KEY_GEN", "CKM_SHA256_HMAC"),
                  ("CKK_AES", "CKM_AES_KEY_GEN", "CKM_AES_MAC")]


def plugin_of(conf, wrap, cipher, kind, sign, generation):
    group = "p11_crypto_plugin"
    settings = {"library_path": os.environ["TENON_MODULE"], "login": p11.PIN, "token_labels": [p11.LABEL],
                "mkek_label": f"{MKEK}-{generation}", "hmac_label": f"{HMAC}-{generation}",
                "hmac_key_type": kind, "hmac_mechanism": sign, "key_wrap_mechanism": wrap, "encryption_mechanism": cipher,
                "os_locking_ok": True, "key_wrap_generate_iv": wrap == "CKM_AES_CBC_PAD"}
    for name, value in settings.items():
        conf.set_override(name, value, group=group)
    return p11_crypto.P11CryptoPlugin(conf)


def make_master_keys(kind, how, generation):
    """As `barbican-manage hsm gen_mkek` and `gen_hmac` do."""
    module = pkcs11.PKCS11(library_path=os.environ["TENON_MODULE"], login_passphrase=p11.PIN, rw_session=True,
                           slot_id=0, token_labels=[p11.LABEL], encryption_mechanism="CKM_AES_CBC",
                           hmac_mechanism="CKM_SHA256_HMAC", key_wrap_mechanism=WRAPS[0], os_locking_ok=True)
    session = module.get_session()
    module.generate_key("CKK_AES", 32, "CKM_AES_KEY_GEN", session, f"{MKEK}-{generation}", encrypt=True,
                        wrap=True, master_key=True)
    module.generate_key(kind, 32, how, session, f"{HMAC}-{generation}", sign=True, master_key=True)
    assert module.get_key_handle("CKK_AES", f"{MKEK}-{generation}", session)
    module.return_session(session)
    module.finalize()


def meta_of(project, meta=None):
    return plugin.KEKMetaDTO(types.SimpleNamespace(
        kek_label=project, plugin_name="", algorithm=None, bit_length=None, mode=None, plugin_meta=meta))


def secrets(crypto, project):
    """Secrets of a project, with what opens them."""
    meta = crypto.bind_kek_metadata(meta_of(project))
    text = os.urandom(33)
    sealed = crypto.encrypt(plugin.EncryptDTO(text), meta, project)
    made = crypto.generate_symmetric(plugin.GenerateDTO("aes", 256, "cbc", None), meta, project)
    return meta, text, sealed, made


def opened(crypto, meta, sealed, project):
    return crypto.decrypt(plugin.DecryptDTO(sealed.cypher_text), meta, sealed.kek_meta_extended, project)


def rewrapped(crypto, meta):
    """What `barbican-manage hsm rewrap_pkek` does to a project's key, without its database."""
    old = json.loads(meta.plugin_meta)
    session = crypto.pkcs11.get_session()
    old_mkek = crypto.pkcs11.get_key_handle("CKK_AES", old["mkek_label"], session)
    old_hmac = crypto.pkcs11.get_key_handle(crypto.hmac_key_type, old["hmac_label"], session)
    iv = old["iv"] and base64.b64decode(old["iv"])
    wrapped = base64.b64decode(old["wrapped_key"])
    crypto.pkcs11.verify_hmac(old_hmac, base64.b64decode(old["hmac"]), (iv or b"") + wrapped, session)
    key = crypto.pkcs11.unwrap_key(old["key_wrap_mechanism"], old_mkek, iv, wrapped, session)
    mkek = crypto._get_master_key("CKK_AES", crypto.mkek_label)
    hmac = crypto._get_master_key(crypto.hmac_key_type, crypto.hmac_label)
    new = crypto.pkcs11.wrap_key(mkek, key, session)
    mac = crypto.pkcs11.compute_hmac(hmac, (new["iv"] or b"") + new["wrapped_key"], session)
    crypto.pkcs11.destroy_object(key, session)
    crypto.pkcs11.return_session(session)
    encoded = {"iv": new["iv"] and base64.b64encode(new["iv"]).decode(), "hmac": base64.b64encode(mac).decode(),
               "wrapped_key": base64.b64encode(new["wrapped_key"]).decode(), "mkek_label": crypto.mkek_label,
               "hmac_label": crypto.hmac_label, "key_wrap_mechanism": new["key_wrap_mechanism"]}
    return meta_of(meta.kek_label, json.dumps(encoded))


suite.in_full()
suite.inside("barbican", suite.BARBICAN)
sys.argv = sys.argv[:1]
from barbican.plugin.crypto import base as plugin  # noqa: E402
from barbican.plugin.crypto import p11_crypto, pkcs11  # noqa: E402

p11.fresh_token()
rounds = 0
for kind, how, sign in AUTHENTICATORS:
    for generation in (1, 2):
        make_master_keys(kind, how, f"{generation}-{kind}-{sign}")
    for wrap in WRAPS:
        for cipher in CIPHERS:
            project = f"{kind}-{sign}-{wrap}-{cipher}"
            crypto = plugin_of(p11_crypto.CONF, wrap, cipher, kind, sign, f"1-{kind}-{sign}")
            meta, text, sealed, made = secrets(crypto, project)
            assert opened(crypto, meta, sealed, project) == text, project
            key = opened(crypto, meta, made, project)
            assert len(key) == 32, project
            # Another worker, or the same one later, has nothing in its cache.
            crypto._reinitialize_pkcs11()
            assert opened(crypto, meta, sealed, project) == text, project
            crypto.pkcs11.finalize()

            crypto = plugin_of(p11_crypto.CONF, wrap, cipher, kind, sign, f"2-{kind}-{sign}")
            moved = rewrapped(crypto, meta)
            crypto._reinitialize_pkcs11()
            assert opened(crypto, moved, sealed, project) == text, project
            assert opened(crypto, moved, made, project) == key, project
            damaged = json.loads(moved.plugin_meta)
            damaged["hmac"] = base64.b64encode(bytes(32)).decode()
            crypto._reinitialize_pkcs11()
            with contextlib.suppress(Exception):
                opened(crypto, meta_of(project, json.dumps(damaged)), sealed, project)
                sys.exit(f"{project}: a wrapped key with a wrong MAC was taken")
            if crypto.pkcs11:
                crypto.pkcs11.finalize()
            rounds += 1
print(f"note: {rounds} ways of wrapping, encrypting and authenticating")
