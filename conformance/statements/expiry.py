#!/usr/bin/env python3
"""When material expires, and how material and keys are deleted, by a clock that the test sets."""

import os
import pathlib
import shutil
import sqlite3
import subprocess
import time

import byok
import clock
import p11
from statements import run, states
from statements_token import AD, AH, AS, ENVELOPE, OAEP_256 as OAEP, Program, Token

DENIED = p11.CKR_KEY_FUNCTION_NOT_PERMITTED
DAY = 86400
PRINTED = "1546272000"  # 1 January 2019, which the documents' sample has


class Key:
    """An external AES key with material, and the blob that brings the same again."""

    def __init__(self, token, profile="alibaba-default", *options, expires=()):
        self.token, self.name = token, token.create(profile, "AES_256", *options)
        self.parameters = token.parameters(self.name, OAEP)
        self.material = os.urandom(32)
        self.blob = self.parameters.wrap(self.material)
        self.come(*expires)

    def come(self, *options, **expected):
        return self.token.import_blob(self.parameters, self.blob, *options, **expected)

    def expiry(self):
        return self.token.describe(self.name)["KeyMaterialExpireUnix"]

    def state(self):
        return self.token.describe(self.name)["KeyState"]

    def works(self):
        assert self.token.open(self.name, self.token.seal(self.name, b"text")) == b"text"

    def refuses(self):
        self.token.refused(DENIED, self.token.seal, self.name, b"text")

    def other_is_refused(self):
        other = self.parameters.wrap(os.urandom(32))
        self.token.import_blob(self.parameters, other, status=1, says="CKR_TENON_MATERIAL_MISMATCH")


def now():
    return int(time.time())


def about(moment, wanted):
    """The moment is that wanted, or a few seconds later: calls take their time."""
    assert wanted <= moment <= wanted + 10, f"{moment} instead of {wanted}"


def stored_material(key):
    """Sealed material and data key in the token's files; None where there are none.

    The files are copied by another process, since closing one would lose this process's locks on it.
    """
    folder = os.environ["TENON_DIRECTORIES_TOKENDIR"]
    shutil.rmtree("copy", ignore_errors=True)
    subprocess.run(["cp", "-r", folder, "copy"], check=True)
    (file,) = pathlib.Path("copy").glob("*.tenon")
    rows = sqlite3.connect(file).execute(
        "SELECT data_key, m.sealed FROM material m JOIN object o ON o.id = m.object WHERE o.uid = ?",
        (bytes.fromhex(key.replace("-", "")),)).fetchall()
    return rows[0] if rows else None


def in_files(needle):
    """Whether the bytes are anywhere in the token's files."""
    folder = os.environ["TENON_DIRECTORIES_TOKENDIR"]
    files = subprocess.run(["sh", "-c", 'cat "$1"/*', "sh", folder], capture_output=True, check=True)
    return needle in files.stdout


def is_erased(key, stored):
    assert stored_material(key) is None
    assert not any(in_files(part) for part in stored)


# 9. Expiry

@states(126, "Each import sets an expiry, or none", "000 001 002 003 004")
def an_expiry_at_each_import(token):
    key = Key(token)
    for option, wanted in (("never", 0), (str(now() + 5000), now() + 5000), ("7d", now() + 7 * DAY),
                           ("2030-01-31", 1896048000), ("2030-01-31T12:00:00Z", 1896091200)):
        key.come("--expires", option)
        about(key.expiry(), wanted)
        assert token.get(key.name, p11.CKA_TENON_EXPIRES_AT) == byok.time(key.expiry())


@states(127, "The expiry is a Unix time in whole seconds, and 0 is never", "000 001 002")
def the_expiry_is_a_unix_time(token):
    key = token.create("alibaba-default", "AES_256")
    job = token.job(key, OAEP)
    blob, moment = job.wrap(bytes(32)), now() + 100
    for seconds in (moment, 0):
        job.unwrap(blob, seconds)
        assert token.get(key, p11.CKA_TENON_EXPIRES_AT) == byok.time(seconds)
    for wrong in (b"", moment.to_bytes(4, "big"), moment.to_bytes(9, "big"), str(moment).encode()):
        token.refused(p11.CKR_ATTRIBUTE_VALUE_INVALID, token.session.unwrap,
                      p11.Mechanism(p11.CKM_RSA_PKCS_OAEP), job.private, blob,
                      job.kind | {p11.CKA_TENON_EXPIRES_AT: wrong})


@states(128, "An expiry that has passed, as the sample's has by now, is refused", "000 001")
def a_past_expiry_is_refused(token):
    key = Key(token, expires=("--expires", "90d"))
    before = token.describe(key.name)
    key.come("--expires", PRINTED, status=1, says="CKR_ATTRIBUTE_VALUE_INVALID")
    assert token.describe(key.name) == before
    key.works()


@states(129, "At its expiry the material is deleted by itself, and the key stays", "000 001 002 003")
def material_ends_by_itself(token):
    key = Key(token, expires=("--expires", str(now() + 60)))
    stored = stored_material(key.name)
    assert all(in_files(part) for part in stored)
    clock.forward(60)
    key.refuses()
    token.byok("sweep")
    is_erased(key.name, stored)
    assert key.state() == "PendingImport"


@states(130, "An expired key cannot be used until the same material comes again", "002 003")
def an_expired_key_waits(token):
    key = Key(token, "alibaba-default", "--raw", expires=("--expires", str(now() + 60)))
    cbc, session = p11.Mechanism(p11.CKM_AES_CBC, bytes(16)), token.session
    session.begin("Encrypt", cbc, token.handle(key.name))
    session.update("Encrypt", bytes(16))
    clock.forward(60)
    p11.refused(DENIED, session.update, "Encrypt", bytes(16))
    p11.refused(p11.CKR_OPERATION_NOT_INITIALIZED, session.update, "Encrypt", bytes(16))
    p11.refused(DENIED, session.encrypt, cbc, token.handle(key.name), bytes(16))
    key.other_is_refused()
    key.come()
    session.encrypt(cbc, token.handle(key.name), bytes(16))


@states(131, "A further import may do nothing but set the expiry anew: later, earlier or never", "000 001")
def an_import_sets_the_expiry_anew(token):
    key = Key(token)
    for option, wanted in (("90d", now() + 90 * DAY), ("1h", now() + 3600), ("never", 0)):
        key.come("--expires", option)
        about(key.expiry(), wanted)
        key.works()


@states(132, "Alibaba: an import that names no expiry lasts for ever", "001")
def alibaba_lasts_for_ever(token):
    for profile in (AD, AS, AH):
        key = Key(token, profile)
        assert key.expiry() == 0
        key.come("--expires", "90d")
        key.come()
        assert key.expiry() == 0


@states(133, "Huawei: material that names no expiry ends 24 hours after its import", "004")
def huawei_lasts_a_day(token):
    key = Key(token, "huawei")
    about(key.expiry(), now() + DAY - 10)
    key.come("--expires", "never")
    assert key.expiry() == 0
    key.come()
    about(key.expiry(), now() + DAY - 10)


@states(134, "Huawei: expired material is erased within 24 hours, and the key waits for it", "004")
def huawei_erases_expired_material(token):
    key = Key(token, "huawei")
    stored = stored_material(key.name)
    clock.forward(DAY)
    key.refuses()
    assert token.state(key.name) == p11.STATE_PENDING_IMPORT
    token.byok("sweep")
    is_erased(key.name, stored)
    token.documented("Run it daily")


@states(135, "Who plans ahead finds the keys whose material ends soon", "003")
def a_monitor_finds_what_ends(_token):
    alone = Program()
    key = Key(alone, expires=("--expires", "10d"))
    alone.byok("list", "--expiring", "7d")
    key.come("--expires", "6d")
    alone.byok("list", "--expiring", "7d", status=3, says=key.name)
    key.come("--expires", "never")
    alone.byok("list", "--expiring", "7d")


@states(136, "Material that comes again before its end leaves no gap", "003")
def no_gap(token):
    key = Key(token, expires=("--expires", "1h"))
    handle, count = token.handle(key.name), 0
    for expires in ("2h", "3h"):
        arriving = subprocess.Popen(
            [os.environ["TENON_PROGRAM"], "byok", "import", key.name, "blob", "--import-token",
             key.parameters.token_file, "--expires", expires],
            stdout=subprocess.DEVNULL)
        while arriving.poll() is None:
            token.session.encrypt(ENVELOPE, handle, b"text")
            count += 1
        assert arriving.returncode == 0
    assert count > 1
    about(key.expiry(), now() + 3 * 3600 - 10)


@states(137, "Expired material comes again as deleted material does", "000 001 002 003")
def expired_material_comes_again(token):
    key = Key(token, expires=("--expires", str(now() + 60)))
    envelope = token.seal(key.name, b"before")
    clock.forward(60)
    key.come()
    assert token.open(key.name, envelope) == b"before"


# 10. Deletion

@states(138, "Material is deleted by a call, and the key is not", "000 001 002 003")
def deleting_material_leaves_the_key(token):
    key = Key(token)
    stored = stored_material(key.name)
    token.byok("delete-material", key.name, "--yes")
    key.refuses()
    is_erased(key.name, stored)
    assert key.name in token.byok("list", "--login", "--state", "pending-import")


@states(139, "The KeyId is all that the deletion of material needs", "000")
def the_key_id_is_enough(token):
    key = Key(token)
    assert key.state() == "Enabled"
    token.byok("delete-material", key.name, "--yes")
    assert key.state() == "PendingImport"


@states(140, "Deleting material that is deleted or expired does no harm", "002 003")
def deleting_twice(token):
    deleted, expired = Key(token), Key(token, expires=("--expires", str(now() + 60)))
    token.byok("delete-material", deleted.name, "--yes")
    clock.forward(60)
    for key in (deleted, expired):
        token.byok("delete-material", key.name, "--yes")
        token.session.destroy(token.handle(key.name))
        key.other_is_refused()
        key.come()
        key.works()


@states(141, "Deleting the material of a key that never had any leaves the key", "002 003")
def a_key_without_material_stays(token):
    key = token.create("alibaba-default", "AES_256")
    token.byok("delete-material", key, "--yes", status=1, says="schedule-deletion")
    token.refused(p11.CKR_ACTION_PROHIBITED, token.session.destroy, token.handle(key),
                  logged="schedule-deletion")
    assert token.describe(key)["KeyState"] == "PendingImport"


@states(142, "A key is deleted by schedule, 7 to 30 days ahead", "000 001")
def deletion_is_scheduled(token):
    key = Key(token)
    for days, status, reason in (("0", 2, "--days"), ("6", 1, "7 to 30"), ("31", 1, "7 to 30")):
        token.byok("schedule-deletion", key.name, "--days", days, "--yes", status=status, says=reason)
    for moment in (now() + 7 * DAY - 120, now() + 30 * DAY + 120):
        token.refused(p11.CKR_ATTRIBUTE_VALUE_INVALID, token.session.set, token.handle(key.name),
                      {p11.CKA_TENON_DELETION_AT: byok.time(moment)})
    assert key.state() == "Enabled"
    for days in (7, 30):
        token.byok("schedule-deletion", key.name, "--days", str(days), "--yes")
        moment = token.session.time(token.handle(key.name), p11.CKA_TENON_DELETION_AT)
        assert abs(moment - now() - days * DAY) <= 70
        date = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))
        assert token.describe(key.name)["DeleteDate"] == date
        token.byok("cancel-deletion", key.name)
    key.works()


@states(143, "When the days are over, key and material end together", "000 001")
def key_and_material_end_together(token):
    key = Key(token)
    handle, stored = token.handle(key.name), stored_material(key.name)
    token.byok("schedule-deletion", key.name, "--days", "7", "--yes")
    clock.forward(7 * DAY + 60)
    token.refused(p11.CKR_KEY_HANDLE_INVALID, token.session.encrypt, ENVELOPE, handle, b"text")
    token.refused(p11.CKR_OBJECT_HANDLE_INVALID, token.session.get, handle, p11.CKA_LABEL)
    token.byok("cancel-deletion", key.name, status=1)
    key.come(status=1)
    assert key.name not in token.byok("list", "--login")
    token.byok("sweep")
    is_erased(key.name, stored)


@states(144, "A key that waits for its deletion is PendingDeletion and cannot be used", "000 001")
def a_key_in_pending_deletion(token):
    key = Key(token)
    token.byok("schedule-deletion", key.name, "--days", "7", "--yes")
    assert key.state() == "PendingDeletion"
    assert token.state(key.name) == p11.STATE_PENDING_DELETION
    key.refuses()
    key.come(status=1, says="CKR_KEY_FUNCTION_NOT_PERMITTED")
    token.byok("parameters", key.name, "--algorithm", OAEP, "--json", status=1,
               says="scheduled for deletion")
    token.refused(DENIED, token.job, key.name, OAEP)


if __name__ == "__main__":
    clock.fake()
    run(Token())
