"""A key management service in front of a token, every step of it a PKCS#11 call.

An example for whoever builds such a service. What a service promises of a key's life (one material for
ever, expiry, deletion windows, versions) is kept by the token; nothing here remembers anything, so several
front ends may work at once. `uses.py` has what keys do, `server.py` speaks to the clients of two services.
"""

import hashlib
import hmac
import json
import uuid

import p11
from claims import Claims
from request import Fault
from specs import DEFAULT_USE, FAMILIES, SPECS, STATES, USES, WRAPS, algorithms

DAY = 86400


class Kms:
    """The keys of one profile in the token of a session of its user, by a service's names of specs."""

    def __init__(self, session, profile, specs):
        self.session, self.profile, self.specs, self.claims = session, profile, specs, Claims(session)

    # Finding

    def every_key(self):
        """Handles of all keys, those that wait for material too."""
        found = self.session.find({p11.CKA_TENON_PROFILE: self.profile})
        return [key for key in found if self.session.number(key, p11.CKA_CLASS) != p11.CKO_PUBLIC_KEY]

    def key(self, name):
        """The key of an id."""
        try:
            found = self.with_id(uuid.UUID(name).hex)
        except ValueError:
            found = []
        if not found:
            raise Fault("NotFound", f"there is no key {name}")
        return found[0]

    def with_id(self, unique_id):
        return self.session.find({p11.CKA_UNIQUE_ID: unique_id, p11.CKA_TENON_PROFILE: self.profile})

    def id(self, key):
        return str(uuid.UUID(self.session.get(key, p11.CKA_UNIQUE_ID).decode()))

    def held(self, key, attribute):
        """The attribute's value; empty where the object has none, or is gone."""
        try:
            return self.session.get(key, attribute)
        except p11.Refused as refusal:
            if refusal.rv in (p11.CKR_ATTRIBUTE_TYPE_INVALID, p11.CKR_OBJECT_HANDLE_INVALID):
                return b""
            raise

    def text(self, key, attribute):
        return self.held(key, attribute).decode()

    def when(self, key, attribute):
        """Unix seconds; 0 where there is no such time."""
        return int.from_bytes(self.held(key, attribute), "big")

    def state(self, key):
        return STATES[self.session.number(key, p11.CKA_TENON_KEY_STATE)]

    def must_be_enabled(self, key):
        """Refuses a key whose state allows no use."""
        state = self.state(key)
        if state != "Enabled":
            raise Fault("Disabled" if state == "Disabled" else "NotInState", f"the key is {state}")

    def spec(self, key):
        """The name that the key was made with, or the service's for a key that was made otherwise."""
        name = self.text(key, p11.CKA_TENON_KEY_SPEC)
        if name in self.specs:
            return name
        key_type = self.session.number(key, p11.CKA_KEY_TYPE)
        size = self.held(key, p11.CKA_EC_PARAMS) or 8 * len(self.held(key, p11.CKA_MODULUS)) or (
            int.from_bytes(self.held(key, p11.CKA_VALUE_LEN), "little"))
        for name, (family, known) in self.specs.items():
            if (FAMILIES[family][1], known) == (key_type, size):
                return name
        raise Fault("Unsupported", "this front end knows no keys of this type and size")

    def usage(self, key):
        uses = [use for use, names in USES.items()
                if any(self.held(key, name) == b"\1" for name in names)]
        if not uses:
            raise Fault("Unsupported", "the key is for nothing that this front end does")
        return uses[-1] if SPECS[self.spec(key)][0] == "HMAC" else uses[0]

    def describe(self, key):
        return {"id": self.id(key), "spec": self.spec(key), "state": self.state(key),
                "usage": self.usage(key),
                "external": self.session.number(key, p11.CKA_TENON_ORIGIN) == p11.ORIGIN_EXTERNAL,
                "created": self.when(key, p11.CKA_TENON_CREATED_AT),
                "expires": self.when(key, p11.CKA_TENON_EXPIRES_AT),
                "deletion": self.when(key, p11.CKA_TENON_DELETION_AT),
                "description": self.text(key, p11.CKA_TENON_DESCRIPTION)}

    # A key's life

    def create(self, spec, usage=None, external=False, description="", tags=None):
        family, size = SPECS[spec]
        kind, key_type, generation, size_attribute = FAMILIES[family]
        usage = usage or DEFAULT_USE.get(family, "SIGN_VERIFY")
        if not algorithms(spec, usage):
            raise Fault("Invalid", f"there are no {spec} keys for {usage}")
        what = {p11.CKA_KEY_TYPE: key_type, p11.CKA_TOKEN: True}
        mine = what | {
            p11.CKA_CLASS: kind, p11.CKA_PRIVATE: True, p11.CKA_TENON_PROFILE: self.profile,
            p11.CKA_TENON_KEY_SPEC: spec, p11.CKA_TENON_DESCRIPTION: description,
            p11.CKA_TENON_TAGS: json.dumps(tags or {})}
        encrypt, decrypt = USES[usage]
        mine |= {decrypt: True, encrypt: True} if kind == p11.CKO_SECRET_KEY else {
            p11.CKA_SIGN if encrypt == p11.CKA_SIGN else p11.CKA_DECRYPT: True}
        if external:
            return self.session.generate_key(p11.CKM_TENON_EXTERNAL_KEY_GEN,
                                             mine | {size_attribute: size})
        if kind == p11.CKO_SECRET_KEY:
            return self.session.generate_key(generation, mine | {size_attribute: size})
        return self.session.generate_pair(generation, what | {size_attribute: size}, mine)[1]

    def parameters(self, key, algorithm, bits):
        """GetParametersForImport: public key (SPKI DER), import token and end of life."""
        public, private = self.session.generate_pair(
            p11.CKM_RSA_PKCS_KEY_PAIR_GEN, {p11.CKA_TOKEN: True, p11.CKA_MODULUS_BITS: bits},
            {p11.CKA_TOKEN: True, p11.CKA_TENON_WRAP_ALGORITHM: WRAPS[algorithm][0],
             p11.CKA_TENON_IMPORT_TARGET: self.session.get(key, p11.CKA_UNIQUE_ID)})
        return (self.session.get(public, p11.CKA_PUBLIC_KEY_INFO),
                self.session.get(private, p11.CKA_TENON_IMPORT_TOKEN),
                self.when(private, p11.CKA_TENON_NOT_AFTER))

    def import_material(self, key, blob, token, expires, new=False):
        """`expires` are Unix seconds, 0 for never; None leaves it to the profile. The handle of the key."""
        target = self.session.get(key, p11.CKA_UNIQUE_ID)
        jobs = self.session.find({p11.CKA_TENON_IMPORT_TARGET: target})
        job = next((job for job in jobs if hmac.compare_digest(
            self.held(job, p11.CKA_TENON_IMPORT_TOKEN), token)), None)
        if job is None:
            raise Fault("InvalidToken", "the import token is none of this key's open downloads")
        mechanism = dict(WRAPS.values())[self.session.number(job, p11.CKA_TENON_WRAP_ALGORITHM)]
        template = {number: self.session.number(key, number)
                    for number in (p11.CKA_CLASS, p11.CKA_KEY_TYPE)}
        template |= {p11.CKA_TENON_IMPORT_TOKEN: token}
        if expires is not None:
            template[p11.CKA_TENON_EXPIRES_AT] = int(expires).to_bytes(8, "big")
        if new:
            template[p11.CKA_TENON_NEW_MATERIAL] = True
        return self.session.unwrap(mechanism, job, blob, template)

    def versions(self, key):
        """The versions of an external symmetric key, the oldest first."""
        return json.loads(self.held(key, p11.CKA_TENON_VERSIONS) or b"[]")

    def material_id(self, key, material):
        """The id of a key's material, given as the token writes it, as AWS does: 64 digits; empty where there is none."""
        named = b"tenon KeyMaterialId 1" + self.session.get(key, p11.CKA_UNIQUE_ID) + (material or "").encode()
        return hashlib.sha256(named).hexdigest() if material else ""

    def current_material(self, key):
        """The id of the material that encrypts; empty before its first import."""
        return self.material_id(key, self.held(key, p11.CKA_TENON_MATERIAL_ID).hex())

    def imported_by(self, key, blob):
        """The id of the material that this blob brought, which the token's receipts tell; empty where none does, since
        another import of it came meanwhile."""
        digest = hashlib.sha256(blob).hexdigest()
        receipts = json.loads(self.session.get(key, p11.CKA_TENON_RECEIPTS))
        return next((self.material_id(key, receipt["material_id"]) for receipt in receipts
                     if json.loads(receipt["statement"]).get("blob_sha256") == digest), "")

    def delete_material(self, key, material=None):
        """Deletes the material with this id; without one the current one. Its id."""
        current = self.current_material(key)
        if material in (None, current):
            self.session.destroy(key)
            return current
        named = [version for version in self.versions(key) if self.material_id(key, version["material_id"]) == material]
        if not named:
            raise Fault("NotFound", f"the key has no material {material}")
        if not named[0]["ended_at"]:
            self.session.set(key, {p11.CKA_TENON_MATERIAL_ID: bytes.fromhex(named[0]["material_id"]),
                                   p11.CKA_TENON_ENDED_AT: self.session.now().to_bytes(8, "big")})
        return material

    def schedule_deletion(self, key, days):
        self.session.set(key, {p11.CKA_TENON_DELETION_AT: (self.session.now() + days * DAY).to_bytes(8, "big")})

    def cancel_deletion(self, key):
        self.session.set(key, {p11.CKA_TENON_DELETION_AT: bytes(8)})

    def disable(self, key, disabled=True):
        self.session.set(key, {p11.CKA_TENON_DISABLED: disabled})

    def rotate(self, key):
        self.session.set(key, {p11.CKA_TENON_ROTATE: True})

    def set_description(self, key, description):
        self.session.set(key, {p11.CKA_TENON_DESCRIPTION: description})

    def tags(self, key):
        return json.loads(self.held(key, p11.CKA_TENON_TAGS) or b"{}")

    def change_tags(self, key, change):
        """Changes the tags, which the token keeps as one value: one front end at a time, so that no change is lost."""
        with self.claims.alone(f"tags of {self.profile}", self.session.get(key, p11.CKA_UNIQUE_ID)):
            tags = self.tags(key)
            change(tags)
            self.session.set(key, {p11.CKA_TENON_TAGS: json.dumps(tags)})

    # Aliases. A key has many, and an alias is of one key. The token keeps CKA_LABEL of a key to one key, but a key has
    # one label alone; so each alias is a data object: CKA_OBJECT_ID is the alias, CKA_LABEL the key's unique id.

    def of_alias(self, alias=None):
        """What the object of an alias matches; without one the objects of all."""
        return self.claims.of(f"aliases of {self.profile}", alias)

    def aliases(self):
        """Each alias of a living key, with the id of that."""
        living = {self.id(key) for key in self.every_key()}
        found = {self.text(alias, p11.CKA_OBJECT_ID): self.target(alias) for alias in self.session.find(self.of_alias())}
        return {alias: key for alias, key in found.items() if key in living}

    def target(self, alias_object):
        """The id of an alias's key; empty while the alias is being given."""
        name = self.text(alias_object, p11.CKA_LABEL)
        return str(uuid.UUID(name)) if name else ""

    def aliased(self, alias):
        """The object of an alias and the key; Nones where no key has it. An alias goes with its key."""
        for found in self.session.find(self.of_alias(alias)):
            name = self.text(found, p11.CKA_LABEL)
            keys = self.with_id(name) if name else []
            if keys:
                return found, keys[0]
            if name:
                self.session.destroy(found)
        return None, None

    def give_alias(self, alias, key):
        """Gives the key one more alias. Of two front ends that give the same one at once at most one does: each claims it
        by an object without a key, and only then names the key in it."""
        taken = Fault("Taken", f"a key has the alias {alias}")
        if self.aliased(alias)[1]:
            raise taken
        claim = self.claims.make(self.of_alias(alias))
        if claim is None:
            raise taken
        self.session.set(claim, {p11.CKA_LABEL: self.session.get(key, p11.CKA_UNIQUE_ID)})

    def move_alias(self, alias, key):
        """Makes the alias one of another key."""
        found, old = self.aliased(alias)
        if found is None:
            raise Fault("NotFound", f"no key has the alias {alias}")
        kinds = [(SPECS[self.spec(of)][0], self.usage(of)) for of in (old, key)]
        if kinds[0] != kinds[1]:
            raise Fault("Invalid", f"the alias {alias} is of a key of another kind or usage")
        self.session.set(found, {p11.CKA_LABEL: self.session.get(key, p11.CKA_UNIQUE_ID)})

    def take_alias(self, alias):
        """Takes it away, also one that a front end had not given when it ended."""
        found = self.session.find(self.of_alias(alias))
        if not found:
            raise Fault("NotFound", f"no key has the alias {alias}")
        for alias_object in found:
            self.session.destroy(alias_object)
