#!/usr/bin/env python3
"""Huawei Cloud DEW, AES-256: RSAES_OAEP_SHA_256 by the openssl line of its document.

RSA_2048 wrapping keys. Material lives 24 hours unless the import says otherwise; HMAC keys are not
imported.
"""

import time

import external
import p11
import printed
import spec
from external import Way

DAY = 24 * 3600

way = Way(2, printed.huawei_oaep)
session = p11.start()
external.life(session, "huawei", spec.AES_256, [way, Way(2, way.wrap, 3072)])
external.life(session, "huawei", spec.AES_256, [way], expires_at=0)

key = external.create(session, "huawei", spec.AES_256)
job = external.Job(session, key, way)
now = int(time.time())
assert now + DAY <= session.time(job.private, p11.CKA_TENON_NOT_AFTER) + 5
blob = job.wrap(spec.AES_256.material())
for asked, expected in ((None, now + DAY), (0, 0), (now + 3600, now + 3600), (None, now + DAY)):
    job.unwrap(blob, asked)
    expires_at = session.time(key, p11.CKA_TENON_EXPIRES_AT)
    assert expected <= expires_at <= expected + 60, (asked, expires_at - now)

# What the service does not have.
external.no_such_key(session, "huawei", spec.AES_128, spec.AES_256_SIGN, spec.HMAC_256)
external.no_such_way(session, "huawei", spec.AES_256, Way(1, way.wrap), Way(5, way.wrap))
print(f"note: {external.summary()}")
