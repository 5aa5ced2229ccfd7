"""Claims: of several front ends on one token at most one has something, or does something, at a time.

PKCS#11 has no call that compares and sets. So who claims something makes a private data object of it, and looks whether
that is the only one: of two who do so at once, at least the later one sees the other.
"""

import contextlib
import random
import time

import p11
from request import Fault

# Seconds after which a claim to be alone counts no longer: its front end ended in the middle.
LIFE = 10


class Claims:
    def __init__(self, session):
        self.session = session

    @staticmethod
    def of(what, name=None):
        """What the objects that claim something of this name match; without a name those of every name."""
        template = {p11.CKA_CLASS: p11.CKO_DATA, p11.CKA_APPLICATION: what}
        return template | ({p11.CKA_OBJECT_ID: name} if name is not None else {})

    def make(self, template, value=b""):
        """The handle of the one object that matches, without a label; None, and no object, where another one does."""
        claim = self.session.create(
            template | {p11.CKA_TOKEN: True, p11.CKA_PRIVATE: True, p11.CKA_LABEL: "", p11.CKA_VALUE: value})
        if self.session.find(template) == [claim]:
            return claim
        self.end(claim)
        return None

    @contextlib.contextmanager
    def alone(self, what, name):
        """Waits until no other front end is in such a block of the same name. Whoever stays in it for longer than `LIFE`
        is not waited for."""
        template, tries = self.of(what, name), time.monotonic() + 3 * LIFE
        while (claim := self.make(template, self.session.now().to_bytes(8, "big"))) is None:
            if time.monotonic() > tries:
                raise Fault("Internal", "other front ends leave no turn to this one")
            self.end_old(template)
            time.sleep(random.uniform(0, 0.05))
        try:
            yield
        finally:
            self.end(claim)

    def end_old(self, template):
        """Ends the claims of front ends that ended before them."""
        for claim in self.session.find(template):
            with unless_gone():
                made = int.from_bytes(self.session.get(claim, p11.CKA_VALUE), "big")
                if self.session.now() > made + LIFE:
                    self.session.destroy(claim)

    def end(self, claim):
        with unless_gone():
            self.session.destroy(claim)


@contextlib.contextmanager
def unless_gone():
    """Another front end may have ended the claim between two calls."""
    try:
        yield
    except p11.Refused as refusal:
        if refusal.rv != p11.CKR_OBJECT_HANDLE_INVALID:
            raise
