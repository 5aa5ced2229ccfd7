#!/usr/bin/env python3
"""Aliases by boto3: many of one key, which outlive a front end and not their key, and of which two front ends that give
the same one at once give at most one."""

import concurrent.futures

import clock
import running
from botocore.exceptions import ClientError
from running import refused

DAY = 86400


def listed(kms, **of):
    pages = kms.get_paginator("list_aliases").paginate(PaginationConfig={"PageSize": 2}, **of)
    return [(named["AliasName"], named["TargetKeyId"]) for page in pages for named in page["Aliases"]]


def new_key(kms, **of):
    return kms.create_key(**of)["KeyMetadata"]["KeyId"]


def names_of(kms, key):
    return {name for name, target in listed(kms) if target == key}


def many(kms):
    key, other = new_key(kms), new_key(kms)
    names = [f"alias/order/{number}" for number in range(5)]
    for name in names:
        kms.create_alias(AliasName=name, TargetKeyId=key)
    assert listed(kms) == [(name, key) for name in names] == listed(kms, KeyId=key)
    assert listed(kms, KeyId=other) == []
    arn = kms.list_aliases(Limit=1)["Aliases"][0]["AliasArn"]
    for name in (*names, arn):
        assert kms.describe_key(KeyId=name)["KeyMetadata"]["KeyId"] == key
    refused("AlreadyExistsException", kms.create_alias, AliasName=names[0], TargetKeyId=other)
    refused("AlreadyExistsException", kms.create_alias, AliasName=names[0], TargetKeyId=key)
    blob = kms.encrypt(KeyId=names[3], Plaintext=b"text")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=blob, KeyId=names[4])["Plaintext"] == b"text"
    kms.update_alias(AliasName=names[1], TargetKeyId=other)
    assert names_of(kms, other) == {names[1]}
    kms.delete_alias(AliasName=names[0])
    refused("NotFoundException", kms.describe_key, KeyId=names[0])
    kms.create_alias(AliasName=names[0], TargetKeyId=other)
    assert names_of(kms, key) == set(names[2:]) and names_of(kms, other) == set(names[:2])
    return key, other


def wrong(kms, key):
    for name in ("alias/aws/x", "alias/aws/", "alias/", "orders", "alias/a:b"):
        refused("InvalidAliasNameException", kms.create_alias, AliasName=name, TargetKeyId=key)
    for name in ("alias/a b", "alias/ü", "alias/" + "a" * 251):
        refused("ValidationException", kms.create_alias, AliasName=name, TargetKeyId=key)
    refused("NotFoundException", kms.create_alias, AliasName="alias/a", TargetKeyId="alias/order/2")
    refused("NotFoundException", kms.update_alias, AliasName="alias/none", TargetKeyId=key)
    refused("NotFoundException", kms.delete_alias, AliasName="alias/none")
    hmac = new_key(kms, KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
    refused("ValidationException", kms.update_alias, AliasName="alias/order/2", TargetKeyId=hmac)
    kms.schedule_key_deletion(KeyId=hmac, PendingWindowInDays=7)
    refused("KMSInvalidStateException", kms.create_alias, AliasName="alias/a", TargetKeyId=hmac)


def given(kms, name, key):
    try:
        kms.create_alias(AliasName=name, TargetKeyId=key)
        return True
    except ClientError as error:
        assert error.response["Error"]["Code"] == "AlreadyExistsException", error
        return False


def at_once(clients, keys):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for number in range(15):
            name = f"alias/race/{number}"
            done = list(pool.map(lambda pair: given(pair[0], name, pair[1]), zip(clients, keys)))
            owners = [key for key in keys if name in names_of(clients[0], key)]
            assert owners == [key for key, mine in zip(keys, done) if mine] and len(owners) < 2, (name, done, owners)


clock.fake()
with running.front_end("aws") as address:
    first = running.aws_client(address)
    keys = many(first)
    wrong(first, keys[0])
    before = listed(first)
    with running.another("aws") as second_address:
        second = running.aws_client(second_address)
        assert listed(second) == before
        at_once((first, second), keys)
with running.another("aws") as address:
    kms = running.aws_client(address)
    assert set(before) <= set(listed(kms))
    mine = names_of(kms, keys[0])
    kms.schedule_key_deletion(KeyId=keys[0], PendingWindowInDays=7)
    assert names_of(kms, keys[0]) == mine
    clock.forward(7 * DAY + 60)
    refused("NotFoundException", kms.describe_key, KeyId=keys[0])
    refused("NotFoundException", kms.describe_key, KeyId="alias/order/2")
    assert names_of(kms, keys[0]) == set()
    kms.create_alias(AliasName="alias/order/2", TargetKeyId=keys[1])
    assert "alias/order/2" in names_of(kms, keys[1])
