#!/usr/bin/env python3
"""Names, descriptions and tags of keys, and what keys are used for."""

import json
import os

import outside
import p11
from statements import run, states
from statements_token import AD, AH, AS, ECB, ENVELOPE, HW, KWP, OAEP_256 as OAEP, Token, material

COMPOSITE = {AS: ECB, HW: KWP}
INVALID = "CKR_ATTRIBUTE_VALUE_INVALID"
DENIED = p11.CKR_KEY_FUNCTION_NOT_PERMITTED
CMAC, RSA = p11.Mechanism(p11.CKM_AES_CMAC), p11.Mechanism(p11.CKM_SHA256_RSA_PKCS)
ENCRYPT, SIGN = ("--usage", "ENCRYPT/DECRYPT"), ("--usage", "SIGN/VERIFY")
TWENTY = {f"key{number}": "value" for number in range(20)}


def tag_options(tags):
    return [word for key, value in tags.items() for word in ("--tag", f"{key}={value}")]


def tags_of(token, key):
    return {tag["TagKey"]: tag["TagValue"] for tag in token.describe(key)["Tags"]}


def set_tags(token, key, tags):
    token.session.set(token.handle(key), {p11.CKA_TENON_TAGS: json.dumps(tags)})


def takes_tags(token, profile, good, bad):
    """Of the tags, the good are taken and the bad refused: by C_SetAttributeValue, at creation and by
    `update`."""
    key = token.create(profile, "AES_256")
    for tags in good:
        set_tags(token, key, tags)
        assert tags_of(token, key) == tags
    last = tags_of(token, key)
    for tags in bad:
        token.refused(p11.CKR_ATTRIBUTE_VALUE_INVALID, set_tags, token, key, tags)
        options = tag_options(tags)
        token.byok("update", key, *options, status=1, says=INVALID)
        token.byok("create", "--profile", profile, "--spec", "AES_256", *options, status=1, says=INVALID)
    assert tags_of(token, key) == last


def takes_names(token, profile, good, bad):
    """Of the aliases, the good are taken and the bad refused: at creation, by `update` and as CKA_LABEL."""
    for alias in good:
        key = token.create(profile, "AES_256", "--alias", alias)
        assert token.describe(alias)["KeyId"] == key
        token.byok("update", key, "--alias", "other")
        token.session.set(token.handle(key), {p11.CKA_LABEL: alias})
        assert token.get(key, p11.CKA_LABEL) == alias.encode()
    for alias in bad:
        token.byok("create", "--profile", profile, "--spec", "AES_256", "--alias", alias, status=1, says=INVALID)
        token.byok("update", key, "--alias", alias, status=1, says=INVALID)
        token.refused(p11.CKR_ATTRIBUTE_VALUE_INVALID, token.session.set, token.handle(key),
                      {p11.CKA_LABEL: alias})
    token.byok("update", key, "--alias", "")


def new_key(token, profile, spec, *options):
    """The KeyId of a new key with material; the options are those of `create`."""
    key = token.create(profile, spec, *options)
    parameters = token.parameters(key, OAEP if "AES" in spec else COMPOSITE[profile])
    token.import_blob(parameters, parameters.wrap(material(spec)))
    return key


def usage(token, key):
    """The usage that `describe` shows, in the spelling of one service."""
    return token.describe(key)["KeyUsage"].replace("/", "_")


def signs(token, key):
    assert token.session.sign(RSA, token.handle(key), b"text")
    token.refused(DENIED, token.session.begin, "Decrypt", p11.oaep("sha256"), token.handle(key))


def decrypts(token, key, spec="RSA_2048"):
    text = os.urandom(32)
    sealed = outside.oaep(outside.public_key(material(spec)), text, "sha256")
    assert token.session.decrypt(p11.oaep("sha256"), token.handle(key), sealed) == text
    token.refused(DENIED, token.session.begin, "Sign", RSA, token.handle(key))


# 13. Metadata

@states(159, "Alibaba: an alias has letters, digits and _ - /", "002 003")
def aliases(token):
    takes_names(token, AD, ["a/b_-C9"], ["a:b", "a b", "a.b", "密钥", "a\tb"])


@states(160, "The alias names the key in later calls", "001 002")
def an_alias_is_a_name(token):
    key = token.create(AD, "AES_256", "--alias", "orders")
    parameters = token.parameters("orders", OAEP)
    token.import_blob(parameters, parameters.wrap(bytes(32)))
    assert token.describe("orders")["KeyState"] == "Enabled"
    again = ("--profile", AD, "--spec", "AES_256", "--alias", "orders")
    token.byok("create", *again, status=1, says="has the alias orders")
    token.refused(p11.CKR_TEMPLATE_INCONSISTENT, token.session.generate_key, p11.CKM_TENON_EXTERNAL_KEY_GEN, {
        p11.CKA_CLASS: p11.CKO_SECRET_KEY, p11.CKA_KEY_TYPE: p11.CKK_AES, p11.CKA_VALUE_LEN: 32,
        p11.CKA_TENON_PROFILE: AD, p11.CKA_LABEL: "orders"})
    assert token.ask("create", *again, "--if-missing")["KeyMetadata"]["KeyId"] == key
    token.byok("create", "--profile", AS, *again[2:], "--if-missing", status=1)


@states(161, "The description is free text, or none", "000 001 002 003")
def descriptions(token):
    key = token.create(AD, "AES_256", "--description", "External key")
    assert token.describe(key)["Description"] == "External key"
    assert token.get(key, p11.CKA_TENON_DESCRIPTION) == b"External key"
    assert token.describe(token.create(AD, "AES_256"))["Description"] == ""


@states(162, "Alibaba: a key has at most 20 tags", "002 003")
def twenty_tags(token):
    takes_tags(token, AD, [{}, TWENTY], [TWENTY | {"more": "value"}])
    key = token.create(AD, "AES_256", *tag_options(TWENTY))
    token.byok("update", key, "--tag", "key3=new")
    assert tags_of(token, key) == TWENTY | {"key3": "new"}
    token.byok("update", key, "--tag", "more=value", status=1, says=INVALID)


@states(163, "Alibaba: tag keys and values have at most 128 characters", "002 003")
def long_tags(token):
    for letter in "aé密":
        takes_tags(token, AD, [{128 * letter: 128 * letter}],
                   [{129 * letter: "value"}, {"key": 129 * letter}])


@states(164, "Alibaba: tags have letters, digits, spaces and / \\ _ - . + = : @", "002 003")
def letters_of_tags(token):
    takes_tags(token, AD, [{f"k{letter}": f"v{letter}"} for letter in "/\\_-.+=:@ aZ9é"], [])
    bad = "*#,\t"
    takes_tags(token, AD, [{}], [{f"k{letter}": "v"} for letter in bad] + [{"k": f"v{letter}"} for letter in bad])


@states(165, "Alibaba: tag keys do not begin with aliyun", "002 003")
def reserved_for_aliyun(token):
    takes_tags(token, AD, [{"key": "aliyun", "myaliyun": "v"}],
               [{"aliyunx": "1"}, {"aliyun": "1"}, {"Aliyun": "1"}])


@states(166, "Alibaba: tag keys do not begin with acs:", "002 003")
def reserved_for_acs(token):
    takes_tags(token, AD, [{"acsx": "1", "key": "acs:"}], [{"acs:x": "1"}, {"acs:": "1"}, {"ACS:x": "1"}])


@states(167, "A tag is a key and a value, by which keys are sorted and found", "002 003 004")
def tags_are_pairs(token):
    for profile in (AD, HW):
        key = token.create(profile, "AES_256", "--tag", "team=red", "--tag", "cost=7")
        assert tags_of(token, key) == {"team": "red", "cost": "7"}
        (listed,) = [row for row in token.ask("list", "--login")["Keys"] if row["KeyId"] == key]
        assert {"TagKey": "team", "TagValue": "red"} in listed["Tags"]
        token.byok("update", key, "--untag", "team")
        assert tags_of(token, key) == {"cost": "7"}


@states(168, "A default key has an alias and a description; its tags keep the same rules", "003")
def metadata_of_default_keys(token):
    key = token.create(AD, "AES_256", "--alias", "default-1", "--description", "any text: * # 密", "--tag", "a=1")
    shown = token.describe(key)
    assert (shown["AliasName"], shown["Description"]) == ("default-1", "any text: * # 密")
    assert tags_of(token, key) == {"a": "1"}


@states(169, "Metadata can be given when the key is made, before any material", "002 003 004")
def metadata_before_material(token):
    for profile in (AD, AS, AH, HW):
        key = token.create(profile, "AES_256", "--alias", f"early-{profile}", "--description", "early",
                           "--tag", "a=1")
        shown = token.describe(key)
        assert (shown["KeyState"], shown["Description"]) == ("PendingImport", "early")
        assert shown["AliasName"] == f"early-{profile}" and tags_of(token, key) == {"a": "1"}


# 14. Usage

@states(170, "A key encrypts and decrypts, or signs and verifies: one of the two", "002 003")
def one_usage(token):
    token.byok("create", "--profile", AS, "--spec", "RSA_2048", "--usage", "ENCRYPT/DECRYPT,SIGN/VERIFY",
               status=2, says="--usage")
    both = {p11.CKA_CLASS: p11.CKO_PRIVATE_KEY, p11.CKA_KEY_TYPE: p11.CKK_RSA, p11.CKA_MODULUS_BITS: 2048,
            p11.CKA_TENON_PROFILE: AS, p11.CKA_SIGN: True, p11.CKA_DECRYPT: True}
    token.refused(p11.CKR_TEMPLATE_INCONSISTENT, token.session.generate_key,
                  p11.CKM_TENON_EXTERNAL_KEY_GEN, both)


@states(171, "Software-protected AES keys encrypt and decrypt", "003")
def software_aes_encrypts(token):
    token.no_key(AS, "AES_256", *SIGN)
    assert usage(token, token.create(AS, "AES_256")) == "ENCRYPT_DECRYPT"


@states(172, "Hardware-protected AES keys of each size encrypt and decrypt, or sign and verify", "003")
def hardware_aes(token):
    for spec in ("AES_128", "AES_192", "AES_256"):
        encrypting, signing = (new_key(token, AH, spec, *option) for option in (ENCRYPT, SIGN))
        assert token.open(encrypting, token.seal(encrypting, b"text")) == b"text"
        token.refused((DENIED, p11.CKR_MECHANISM_INVALID), token.session.begin, "Sign", CMAC,
                      token.handle(encrypting))
        assert len(token.session.sign(CMAC, token.handle(signing), b"text")) == 16
        token.refused(DENIED, token.session.begin, "Encrypt", ENVELOPE, token.handle(signing))


@states(173, "An asymmetric key decrypts or signs, as was chosen", "002")
def asymmetric_usage(token):
    signs(token, new_key(token, AS, "RSA_2048", *SIGN))
    decrypts(token, new_key(token, AS, "RSA_2048", *ENCRYPT))
    token.no_key(AS, "EC_P256", *ENCRYPT, says=["SIGN"])


@states(174, "ENCRYPT/DECRYPT, Encrypt/Decrypt and ENCRYPT_DECRYPT are one usage", "002 003 004")
def spellings_of_usages(token):
    for spelling in ("ENCRYPT/DECRYPT", "Encrypt/Decrypt", "ENCRYPT_DECRYPT", "encrypt_decrypt"):
        assert usage(token, token.create(AS, "RSA_2048", "--usage", spelling)) == "ENCRYPT_DECRYPT"
    for spelling in ("SIGN/VERIFY", "Sign/Verify", "SIGN_VERIFY", "sign_verify"):
        assert usage(token, token.create(AS, "RSA_2048", "--usage", spelling)) == "SIGN_VERIFY"


@states(175, "Secret values are encrypted by symmetric keys", "003")
def symmetric_keys_wrap_secrets(token):
    key = token.handle(new_key(token, AS, "AES_256"))
    secret = token.session.create({
        p11.CKA_CLASS: p11.CKO_SECRET_KEY, p11.CKA_KEY_TYPE: p11.CKK_AES, p11.CKA_VALUE: bytes(range(32)),
        p11.CKA_EXTRACTABLE: True, p11.CKA_SENSITIVE: False})
    blob = token.session.wrap(ENVELOPE, key, secret)
    assert token.session.decrypt(ENVELOPE, key, blob) == bytes(range(32))
    back = token.session.unwrap(ENVELOPE, key, blob, {
        p11.CKA_CLASS: p11.CKO_SECRET_KEY, p11.CKA_KEY_TYPE: p11.CKK_AES, p11.CKA_EXTRACTABLE: True,
        p11.CKA_SENSITIVE: False})
    assert token.session.get(back, p11.CKA_VALUE) == bytes(range(32))


@states(176, "Huawei: the usage is chosen when the key is made, and never changed", "004")
def usage_is_fixed(token):
    for spec, attributes in (("RSA_2048", (p11.CKA_DECRYPT, p11.CKA_SIGN)),
                             ("AES_256", (p11.CKA_SIGN, p11.CKA_ENCRYPT))):
        key = token.handle(new_key(token, HW, spec))
        for attribute in attributes:
            for value in (True, False):
                token.refused(p11.CKR_ATTRIBUTE_READ_ONLY, token.session.set, key, {attribute: value})
    token.byok("update", token.create(HW, "RSA_2048"), *ENCRYPT, status=2, says="--usage")


@states(177, "Huawei: AES_256 is ENCRYPT_DECRYPT, RSA and ECC keys SIGN_VERIFY, unless said otherwise", "004")
def usage_unless_said(token):
    for spec, wanted in (("AES_256", "ENCRYPT_DECRYPT"), ("RSA_2048", "SIGN_VERIFY"), ("RSA_4096", "SIGN_VERIFY"),
                         ("EC_P256", "SIGN_VERIFY"), ("EC_P384", "SIGN_VERIFY")):
        assert usage(token, token.create(HW, spec)) == wanted


@states(178, "Huawei: RSA keys have either usage, ECC keys sign", "004")
def usages_of_huawei(token):
    for option in (ENCRYPT, SIGN):
        token.create(HW, "RSA_3072", *option)
    token.create(HW, "EC_P256", *SIGN)
    for spec, option in (("EC_P256", ENCRYPT), ("EC_P384", ENCRYPT), ("AES_256", SIGN)):
        token.no_key(HW, spec, *option, says=["Huawei Cloud KMS"])


@states(179, "Huawei: an HMAC key is GENERATE_VERIFY_MAC, and is not imported", "004")
def hmac_usage(token):
    token.no_key(HW, "HMAC_256", says=["Huawei Cloud KMS"])
    token.no_key(HW, "HMAC_256", "--usage", "GENERATE_VERIFY_MAC")
    key = token.create("aws", "HMAC_256", "--usage", "GENERATE_VERIFY_MAC", "--origin", "generated")
    specs = {row["KeySpec"]: row["KeyUsages"] for row in token.ask("profiles", "aws")["KeySpecs"]}
    assert specs["HMAC_256"] == ["GENERATE_VERIFY_MAC"]
    assert len(token.session.sign(p11.Mechanism(p11.CKM_SHA256_HMAC), token.handle(key), b"text")) == 32


@states(180, "Huawei: RSA keys sign or encrypt small data, ECC keys sign, AES keys encrypt data and data keys", "004")
def uses_of_huawei(token):
    signs(token, new_key(token, HW, "RSA_2048", *SIGN))
    decrypts(token, new_key(token, HW, "RSA_2048", *ENCRYPT))
    elliptic = token.handle(new_key(token, HW, "EC_P256"))
    signature = token.session.sign(p11.Mechanism(p11.CKM_ECDSA), elliptic, bytes(32))
    assert outside.verify(outside.public_key(material("EC_P256")), bytes(32), outside.der_signature(signature))
    symmetric = new_key(token, HW, "AES_256")
    assert token.open(symmetric, token.seal(symmetric, bytes(4096))) == bytes(4096)
    data_key = token.session.generate_key(p11.CKM_AES_KEY_GEN, {p11.CKA_VALUE_LEN: 32, p11.CKA_EXTRACTABLE: True})
    blob = token.session.wrap(ENVELOPE, token.handle(symmetric), data_key)
    assert len(token.open(symmetric, blob)) == 32


# 15. Huawei specifics

@states(181, "Huawei: an alias has at most 255 letters, digits and _ - : /", "004")
def aliases_of_huawei(token):
    takes_names(token, HW, ["h1:a/b_-c", 255 * "a"], ["a b", "a.b", 256 * "a", "密钥"])


@states(182, "Huawei: the description has at most 255 characters, or none", "004")
def descriptions_of_huawei(token):
    for text in ("", 255 * "a", 255 * "密"):
        key = token.create(HW, "AES_256", "--description", text)
        assert token.describe(key)["Description"] == text
    for letter in "a密":
        token.byok("create", "--profile", HW, "--spec", "AES_256", "--description", 256 * letter, status=1,
                   says=INVALID)
        token.byok("update", key, "--description", 256 * letter, status=1, says=INVALID)
        token.refused(p11.CKR_ATTRIBUTE_VALUE_INVALID, token.session.set, token.handle(key),
                      {p11.CKA_TENON_DESCRIPTION: 256 * letter})


@states(183, "Huawei: a key has at most 20 tags", "004")
def twenty_tags_of_huawei(token):
    takes_tags(token, HW, [TWENTY], [TWENTY | {"more": "value"}])


@states(184, "Huawei: a tag may be on several keys, and has one value on each", "004")
def one_value_of_a_tag(token):
    keys = [token.create(HW, "AES_256", "--tag", "a=1") for _ in range(2)]
    token.byok("create", "--profile", HW, "--spec", "AES_256", "--tag", "a=1", "--tag", "a=2", status=1, says="twice")
    token.refused(p11.CKR_ATTRIBUTE_VALUE_INVALID, token.session.set, token.handle(keys[0]),
                  {p11.CKA_TENON_TAGS: '{"a": "1", "a": "2"}'})
    token.byok("update", keys[0], "--tag", "a=2")
    assert [tags_of(token, key) for key in keys] == [{"a": "2"}, {"a": "1"}]


@states(185, "Huawei: tags are added later, and taken away", "004")
def tags_come_and_go(token):
    key = token.create(HW, "AES_256")
    for options, wanted in ((("--tag", "a=1", "--tag", "b=2"), {"a": "1", "b": "2"}), (("--untag", "a"), {"b": "2"}),
                            (("--untag", "b", "--tag", "c="), {"c": ""})):
        token.byok("update", key, *options)
        assert tags_of(token, key) == wanted


if __name__ == "__main__":
    run(Token())
