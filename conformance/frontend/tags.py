#!/usr/bin/env python3
"""Tags by boto3: whoever changes those of one key at once, through two front ends, loses no change; readers are not
disturbed; and a front end that ends in the middle of a change holds up the others for some seconds alone."""

import concurrent.futures

import claims
import p11
import running
from kms import Kms
from specs import AWS

TAGGERS, EACH = 8, 6


def listed(kms, key):
    return {tag["TagKey"]: tag["TagValue"] for tag in kms.list_resource_tags(KeyId=key)["Tags"]}


def tagger(number, address, key):
    """Gives tags, each longer than the one before, and takes every other one away."""
    kms = running.aws_client(address)
    names = [f"{number}-{turn}" for turn in range(EACH)]
    for turn, name in enumerate(names):
        kms.tag_resource(KeyId=key, Tags=[{"TagKey": name, "TagValue": name * turn}])
        if turn % 2:
            kms.untag_resource(KeyId=key, TagKeys=[name])
    return {name: name * turn for turn, name in enumerate(names) if not turn % 2}


def at_once(addresses, key):
    with concurrent.futures.ThreadPoolExecutor(TAGGERS) as pool:
        started = [pool.submit(tagger, number, addresses[number % 2], key) for number in range(TAGGERS)]
        readers = [running.aws_client(address) for address in addresses]
        while not all(done.done() for done in started):
            for kms in readers:
                assert len(listed(kms, key)) <= TAGGERS * EACH
        kept = {}
        for done in started:
            kept |= done.result()
    for kms in readers:
        assert listed(kms, key) == kept, (listed(kms, key), kept)


def left_behind(address, key):
    """The claim of a front end that ended is in the way until its time is over, and no longer."""
    session = p11.Module().user()
    front = Kms(session, "aws", AWS)
    left = front.claims.of("tags of aws", session.get(front.key(key), p11.CKA_UNIQUE_ID))
    # Two seconds of its time are left.
    assert front.claims.make(left, (session.now() - claims.LIFE + 2).to_bytes(8, "big"))
    kms = running.aws_client(address)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        waits = pool.submit(kms.tag_resource, KeyId=key, Tags=[{"TagKey": "late", "TagValue": ""}])
        done, _ = concurrent.futures.wait([waits], timeout=1)
        assert not done and "late" not in front.tags(front.key(key))
        waits.result()
    assert "late" in listed(kms, key) and session.find(left) == []


with running.front_end("aws") as first_address, running.another("aws") as second_address:
    mine = running.aws_client(first_address).create_key()["KeyMetadata"]["KeyId"]
    at_once((first_address, second_address), mine)
    left_behind(first_address, mine)
