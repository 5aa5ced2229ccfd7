//! BYOK rule 10: *pending* rotation, as AWS has it, and rotation by import, as Google and Vault have it.

use serde_json::Value;
use tenon_pkcs11::api::attr::RawAttribute;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::error::Result;
use tenon_pkcs11::api::mechanism::Params;
use tenon_pkcs11::api::token::Handle;

use super::envelope::{envelope, open, seal};
use super::jobs::{Job, aes, external, job, job_with_bits};
use super::outside::{MATERIAL, OTHER, find, request};
use crate::common::{
    Calls, Fixture, RO, RW, SLOT, TODAY, USER_PIN, attrs, bytes, returns, rv, session, state, with,
};

pub(crate) const THIRD: &[u8; 32] = b"the material of the third import";
pub(crate) const NEVER: u64 = 0;

/// A key of `aws`, and the import job for it.
pub(crate) struct Rotating {
    pub(crate) token: Fixture,
    pub(crate) key: Handle,
    job: Job,
}

impl Rotating {
    pub(crate) fn new(changes: Vec<RawAttribute>) -> Self {
        let token = Fixture::new();
        let template = with(attrs![CKA_TENON_PROFILE => "aws"], changes);
        let key = external(&token.session, template).unwrap();
        let job = job(&token.session, key, 2).unwrap();
        Self { token, key, job }
    }

    fn bring(&self, material: &[u8], changes: Vec<RawAttribute>) -> Result<Handle> {
        let (mechanism, blob) = self.job.owner.wrap(2, material);
        let plain = request(mechanism, Params::None);
        let template = with(aes(), attrs![CKA_TENON_EXPIRES_AT => &NEVER.to_be_bytes()]);
        let template = with(template, changes);
        self.token
            .session
            .unwrap_key(plain, self.job.private, &blob, &template)
    }

    pub(crate) fn import(&self, material: &[u8], expires_at: u64) -> Result<Handle> {
        self.bring(
            material,
            attrs![CKA_TENON_EXPIRES_AT => &expires_at.to_be_bytes()],
        )
    }

    pub(crate) fn import_next(&self, material: &[u8], expires_at: u64) -> Result<Handle> {
        self.bring(
            material,
            attrs![
                CKA_TENON_EXPIRES_AT => &expires_at.to_be_bytes(), CKA_TENON_NEW_MATERIAL => true,
            ],
        )
    }

    pub(crate) fn rotate(&self) -> Result<()> {
        let change = attrs![CKA_TENON_ROTATE => true];
        self.token.session.set_attributes(self.key, &change)
    }

    fn state(&self) -> u64 {
        state(&self.token.session, self.key)
    }

    fn material_id(&self) -> Vec<u8> {
        bytes(&self.token.session, self.key, ck::CKA_TENON_MATERIAL_ID)
    }

    /// CKA_TENON_VERSIONS: current or not, and state, of each.
    fn versions(&self) -> Vec<(bool, String)> {
        let json = bytes(&self.token.session, self.key, ck::CKA_TENON_VERSIONS);
        let json: Value = serde_json::from_slice(&json).unwrap();
        let entries = json.as_array().unwrap().iter();
        entries
            .enumerate()
            .map(|(at, entry)| {
                assert_eq!(entry["number"], at + 1);
                let state = entry["state"].as_str().unwrap().to_owned();
                (entry["current"].as_bool().unwrap(), state)
            })
            .collect()
    }

    /// CKA_TENON_MATERIAL_ID of the version with this number.
    pub(crate) fn id_of(&self, number: usize) -> [u8; 16] {
        let versions = self.token.session.versions(self.key).unwrap();
        versions[number - 1].material_id.unwrap()
    }
}

fn listed(states: &[(bool, &str)]) -> Vec<(bool, String)> {
    let owned = states
        .iter()
        .map(|(current, state)| (*current, (*state).to_owned()));
    owned.collect()
}

#[test]
fn versions_of_several_keys_are_read_together() {
    let aws = Rotating::new(vec![]);
    let session = &aws.token.session;
    aws.import_next(MATERIAL, NEVER).unwrap();
    aws.import_next(OTHER, NEVER).unwrap();
    let template = attrs![CKA_TENON_PROFILE => "aws", CKA_LABEL => "other", CKA_ID => b"other"];
    let other = external(session, template).unwrap();
    let each = [aws.key, other].map(|key| session.versions(key).unwrap());
    assert_eq!(each.each_ref().map(Vec::len), [2, 1]);
    assert_eq!(
        session.versions_of_each(&[aws.key, other]).unwrap(),
        each.to_vec()
    );
    assert_eq!(session.versions_of_each(&[]).unwrap(), Vec::<Vec<_>>::new());
    // The private half of a wrapping key has no versions.
    returns!(
        session
            .versions_of_each(&[other, aws.job.private])
            .map(drop),
        CKR_TEMPLATE_INCONSISTENT
    );
}

#[test]
fn new_material_waits_until_it_is_rotated_to() {
    let aws = Rotating::new(vec![]);
    let session = &aws.token.session;
    assert_eq!(
        aws.import_next(MATERIAL, NEVER).unwrap(),
        aws.key,
        "the first"
    );
    let first = aws.material_id();
    let sealed = seal(session, aws.key, b"first").unwrap();
    returns!(
        aws.rotate(),
        CKR_KEY_FUNCTION_NOT_PERMITTED,
        "nothing to rotate to"
    );
    let other = aws.import(OTHER, NEVER);
    returns!(other, CKR_TENON_MATERIAL_MISMATCH);
    let why = other.unwrap_err().to_string();
    assert!(why.contains("--new-material"), "{why}");
    returns!(
        aws.import_next(MATERIAL, NEVER),
        CKR_TENON_MATERIAL_MISMATCH,
        "not new"
    );

    assert_eq!(aws.import_next(OTHER, NEVER).unwrap(), aws.key);
    assert_eq!(aws.material_id(), first);
    assert_eq!(
        aws.versions(),
        listed(&[(true, "Enabled"), (false, "PendingRotation")])
    );
    aws.import_next(THIRD, NEVER).unwrap();
    assert_eq!(aws.versions().len(), 2, "in place of the other");
    let pending = aws.id_of(2);
    aws.import(THIRD, TODAY + 100).unwrap();
    assert_eq!(aws.id_of(2), pending, "the same again sets its expiry");

    aws.rotate().unwrap();
    assert_eq!(aws.material_id(), pending);
    assert_eq!(
        aws.versions(),
        listed(&[(false, "Enabled"), (true, "Enabled")])
    );
    assert_eq!(
        bytes(session, aws.key, ck::CKA_TENON_EXPIRES_AT),
        (TODAY + 100).to_be_bytes()
    );
    assert_eq!(open(session, aws.key, &sealed).unwrap(), b"first");
    let newer = seal(session, aws.key, b"second").unwrap();
    assert_eq!(newer[17..33], pending);
    returns!(
        aws.import_next(MATERIAL, NEVER),
        CKR_TENON_MATERIAL_MISMATCH,
        "an older one"
    );
    returns!(aws.rotate(), CKR_KEY_FUNCTION_NOT_PERMITTED);
    let audited = aws.token.module.token(SLOT).unwrap();
    audited.verify_audit().unwrap();
}

#[test]
fn the_key_waits_while_a_version_lacks_its_material() {
    let aws = Rotating::new(vec![]);
    let session = &aws.token.session;
    aws.import(MATERIAL, TODAY + 50).unwrap();
    let sealed = seal(session, aws.key, b"first").unwrap();
    aws.import_next(OTHER, NEVER).unwrap();
    aws.rotate().unwrap();
    assert_eq!(aws.state(), ck::STATE_ENABLED);
    session.encrypt_init(envelope(b"data"), aws.key).unwrap();
    aws.token.clock.set(TODAY + 50);
    let begun = crate::common::full(|out| session.encrypt(b"text", out));
    returns!(begun, CKR_KEY_FUNCTION_NOT_PERMITTED, "at once");
    assert_eq!(aws.state(), ck::STATE_PENDING_IMPORT);
    returns!(
        open(session, aws.key, &sealed),
        CKR_KEY_FUNCTION_NOT_PERMITTED
    );
    let plain = attrs![CKA_CLASS => ck::CKO_SECRET_KEY, CKA_LABEL => "external"];
    assert!(
        find(session, &plain).is_empty(),
        "hidden as a key without material"
    );
    let sealed_keys = aws.token.module.token(SLOT).unwrap().sealed_keys().unwrap();
    assert_eq!(
        sealed_keys[0].state.number(),
        Some(ck::STATE_PENDING_IMPORT)
    );
    aws.token.module.token(SLOT).unwrap().sweep().unwrap();
    assert_eq!(aws.state(), ck::STATE_PENDING_IMPORT, "erased too");
    let sealed_keys = aws.token.module.token(SLOT).unwrap().sealed_keys().unwrap();
    assert_eq!(
        sealed_keys[0].state.number(),
        Some(ck::STATE_PENDING_IMPORT)
    );

    aws.import(MATERIAL, NEVER).unwrap();
    assert_eq!(aws.state(), ck::STATE_ENABLED);
    assert_eq!(find(session, &plain), [aws.key]);
    assert_eq!(open(session, aws.key, &sealed).unwrap(), b"first");
}

#[test]
fn material_is_deleted_by_its_id() {
    let aws = Rotating::new(vec![]);
    let session = &aws.token.session;
    aws.import(MATERIAL, NEVER).unwrap();
    let sealed = seal(session, aws.key, b"first").unwrap();
    aws.import_next(OTHER, NEVER).unwrap();
    aws.rotate().unwrap();
    aws.import_next(THIRD, NEVER).unwrap();
    let [old, current, pending] = [1, 2, 3].map(|number| aws.id_of(number));
    let none = session.delete_material(aws.key, &[9; 16]);
    returns!(none, CKR_ATTRIBUTE_VALUE_INVALID);

    session.delete_material(aws.key, &pending).unwrap();
    assert_eq!(aws.versions().len(), 2, "it was never current");
    assert_eq!(aws.state(), ck::STATE_ENABLED);
    returns!(aws.rotate(), CKR_KEY_FUNCTION_NOT_PERMITTED);

    aws.token.clock.set(TODAY + 7);
    session.delete_material(aws.key, &old).unwrap();
    assert_eq!(aws.state(), ck::STATE_PENDING_IMPORT);
    let version = session.versions(aws.key).unwrap()[0];
    assert_eq!((version.ended_at, version.ended_by), (TODAY + 7, "deleted"));
    aws.import(MATERIAL, NEVER).unwrap();
    assert_eq!(aws.state(), ck::STATE_ENABLED);
    assert_eq!(session.versions(aws.key).unwrap()[0].ended_at, 0);

    session.destroy_object(aws.key).unwrap();
    let uid = find(session, &attrs![CKA_TENON_MATERIAL_ID => &current]);
    assert_eq!(
        uid.len(),
        1,
        "the key is found by its attributes of this token"
    );
    let key = uid[0];
    let states: Vec<_> = session
        .versions(key)
        .unwrap()
        .iter()
        .map(|version| version.state_name())
        .collect();
    assert_eq!(
        states,
        ["Enabled", "PendingImport"],
        "the current one alone"
    );
    aws.import(OTHER, NEVER).unwrap();
    assert_eq!(open(session, key, &sealed).unwrap(), b"first");
}

/// DeleteImportedKeyMaterial of one material by C calls.
#[test]
fn material_is_deleted_by_its_id_through_attributes() {
    let aws = Rotating::new(vec![]);
    let session = &aws.token.session;
    aws.import(MATERIAL, NEVER).unwrap();
    aws.import_next(OTHER, NEVER).unwrap();
    aws.rotate().unwrap();
    let first = session.versions(aws.key).unwrap()[0].material_id.unwrap();
    let end = |id: &[u8], at: u64| attrs![CKA_TENON_MATERIAL_ID => id, CKA_TENON_ENDED_AT => &at.to_be_bytes()];
    let set = |template: &[RawAttribute]| session.set_attributes(aws.key, template);
    let with_label = with(end(&first, TODAY), attrs![CKA_LABEL => "x"]);
    returns!(set(&with_label), CKR_TEMPLATE_INCONSISTENT);
    for (id, at) in [
        (&first[..], 0),
        (&first, TODAY + 1),
        (&first[1..], TODAY),
        (&[9; 16], TODAY),
    ] {
        returns!(set(&end(id, at)), CKR_ATTRIBUTE_VALUE_INVALID);
    }
    // One of both is none of it: what was read and is written back ends nothing.
    for alone in [
        attrs![CKA_TENON_MATERIAL_ID => &first],
        attrs![CKA_TENON_ENDED_AT => &TODAY.to_be_bytes()],
    ] {
        returns!(set(&alone), CKR_ATTRIBUTE_READ_ONLY);
    }
    let reader = aws.token.open(RO);
    returns!(
        reader.set_attributes(aws.key, &end(&first, TODAY)),
        CKR_SESSION_READ_ONLY
    );
    assert_eq!(
        aws.versions(),
        listed(&[(false, "Enabled"), (true, "Enabled")])
    );

    aws.token.clock.set(TODAY + 50);
    set(&end(&first, TODAY)).unwrap();
    let versions = session.versions(aws.key).unwrap();
    let ended = (versions[0].ended_at, versions[0].ended_by);
    assert_eq!(ended, (TODAY + 50, "deleted"), "by the token's time");
    assert!(versions[1].has_material());
    assert_eq!(
        bytes(session, aws.key, ck::CKA_TENON_MATERIAL_ID),
        versions[1].material_id.unwrap()
    );
    returns!(
        set(&end(&first, TODAY)),
        CKR_ATTRIBUTE_VALUE_INVALID,
        "gone already"
    );
    // Also before the key is deleted, and never of a managed key.
    aws.import(MATERIAL, NEVER).unwrap();
    let at = (TODAY + 8 * 86_400).to_be_bytes();
    set(&attrs![CKA_TENON_DELETION_AT => &at]).unwrap();
    set(&end(&first, TODAY)).unwrap();
    let managed = attrs![CKA_VALUE_LEN => 32_u64, CKA_TENON_PROFILE => "aws"];
    let managed = session
        .generate_key(aws.token.plain(ck::CKM_AES_KEY_GEN), &managed)
        .unwrap();
    let id = bytes(session, managed, ck::CKA_TENON_MATERIAL_ID);
    let refused = session.set_attributes(managed, &end(&id, TODAY));
    returns!(refused, CKR_ACTION_PROHIBITED);
    let opened = aws.token.module.token(SLOT).unwrap();
    opened.verify_audit().unwrap();
}

#[test]
fn expired_pending_material_is_nothing_to_rotate_to() {
    let aws = Rotating::new(vec![]);
    aws.import(MATERIAL, NEVER).unwrap();
    aws.import_next(OTHER, TODAY + 10).unwrap();
    aws.token.clock.set(TODAY + 10);
    assert_eq!(aws.state(), ck::STATE_ENABLED, "it is not needed yet");
    returns!(aws.rotate(), CKR_KEY_FUNCTION_NOT_PERMITTED);
    aws.token.module.token(SLOT).unwrap().sweep().unwrap();
    assert_eq!(aws.versions().len(), 1, "erased and forgotten");
    aws.import_next(OTHER, NEVER).unwrap();
    aws.rotate().unwrap();
}

#[test]
fn a_raw_key_is_rotated_by_force_alone() {
    let raw = attrs![CKA_ALLOWED_MECHANISMS => [ck::CKM_AES_ECB, ck::CKM_TENON_KMS_ENVELOPE]];
    let aws = Rotating::new(raw);
    aws.import(MATERIAL, NEVER).unwrap();
    aws.import_next(OTHER, NEVER).unwrap();
    let refused = aws.rotate();
    returns!(refused, CKR_ACTION_PROHIBITED);
    assert!(refused.unwrap_err().to_string().contains("--force"));
    let other = attrs![CKA_TENON_ROTATE_RAW => false];
    let set = |template: &[RawAttribute]| aws.token.session.set_attributes(aws.key, template);
    returns!(set(&other), CKR_ATTRIBUTE_VALUE_INVALID);
    set(&attrs![CKA_TENON_ROTATE_RAW => true]).unwrap();
    aws.import_next(&[7; 32], NEVER).unwrap();
    aws.token.session.rotate(aws.key, true).unwrap();
}

#[test]
fn rotation_by_attribute_stands_alone() {
    let aws = Rotating::new(vec![]);
    let session = &aws.token.session;
    aws.import(MATERIAL, NEVER).unwrap();
    aws.import_next(OTHER, NEVER).unwrap();
    let set = |template: Vec<RawAttribute>| session.set_attributes(aws.key, &template);
    returns!(
        set(attrs![CKA_TENON_ROTATE => false]),
        CKR_ATTRIBUTE_VALUE_INVALID
    );
    let both = attrs![CKA_TENON_ROTATE => true, CKA_LABEL => "x"];
    returns!(set(both), CKR_TEMPLATE_INCONSISTENT);
    let order = attrs![CKA_TENON_VERSIONS => "[]"];
    returns!(set(order), CKR_ATTRIBUTE_READ_ONLY);
    assert_eq!(aws.versions().len(), 2);
    let absent = session
        .attributes(aws.key, &[ck::CKA_TENON_ROTATE])
        .unwrap();
    assert_eq!(absent, [tenon_pkcs11::api::attr::Revealed::Invalid]);
}

/// Two processes rotate at once: one of them does it.
#[test]
fn of_two_that_rotate_one_does() {
    let aws = Rotating::new(vec![]);
    aws.import(MATERIAL, NEVER).unwrap();
    aws.import_next(OTHER, NEVER).unwrap();
    let uid = bytes(&aws.token.session, aws.key, ck::CKA_UNIQUE_ID);
    let modules = [aws.token.another(), aws.token.another()];
    let codes = std::thread::scope(|scope| {
        let racers = modules.each_ref().map(|module| {
            scope.spawn(|| {
                let session = session(module, RW);
                session.login(ck::CKU_USER, USER_PIN).unwrap();
                let key = find(&session, &attrs![CKA_UNIQUE_ID => &uid])[0];
                rv(&session.rotate(key, false))
            })
        });
        let mut codes = racers.map(|racer| racer.join().unwrap());
        codes.sort_unstable();
        codes
    });
    assert_eq!(codes, ["CKR_KEY_FUNCTION_NOT_PERMITTED", "CKR_OK"]);
    assert_eq!(
        aws.versions(),
        listed(&[(false, "Enabled"), (true, "Enabled")])
    );
}

#[test]
fn there_are_25_versions_at_most() {
    let aws = Rotating::new(vec![]);
    aws.import(&[0; 32], NEVER).unwrap();
    for fill in 1..25 {
        aws.import_next(&[fill; 32], NEVER).unwrap();
        aws.rotate().unwrap();
    }
    let refused = aws.import_next(&[25; 32], NEVER);
    returns!(refused, CKR_TEMPLATE_INCONSISTENT);
    assert!(refused.unwrap_err().to_string().contains("25 versions"));
    assert_eq!(aws.versions().len(), 25);
    aws.import(&[3; 32], NEVER).unwrap();
}

#[test]
fn the_key_takes_every_version_with_it() {
    let aws = Rotating::new(vec![]);
    let session = &aws.token.session;
    aws.import(MATERIAL, NEVER).unwrap();
    aws.import_next(OTHER, NEVER).unwrap();
    aws.rotate().unwrap();
    aws.import_next(THIRD, NEVER).unwrap();
    let due = TODAY + 7 * 86_400;
    let schedule = attrs![CKA_TENON_DELETION_AT => &due.to_be_bytes()];
    session.set_attributes(aws.key, &schedule).unwrap();
    returns!(aws.rotate(), CKR_KEY_FUNCTION_NOT_PERMITTED);
    aws.token.clock.set(due);
    aws.token.module.token(SLOT).unwrap().sweep().unwrap();
    let sealed = aws.token.module.token(SLOT).unwrap().sealed_keys().unwrap();
    assert!(sealed.is_empty());
    aws.token
        .module
        .token(SLOT)
        .unwrap()
        .verify_audit()
        .unwrap();
}

#[test]
fn other_services_take_no_material_ahead() {
    let token = Fixture::new();
    for profile in ["alibaba-software", "tencent", "open"] {
        let template = attrs![CKA_TENON_PROFILE => profile, CKA_LABEL => profile];
        let key = external(&token.session, template).unwrap();
        let job = job(&token.session, key, 2).unwrap();
        let (mechanism, blob) = job.owner.wrap(2, MATERIAL);
        let plain = request(mechanism, Params::None);
        let template = with(aes(), attrs![CKA_TENON_NEW_MATERIAL => true]);
        let outcome = token
            .session
            .unwrap_key(plain, job.private, &blob, &template);
        returns!(outcome, CKR_TEMPLATE_INCONSISTENT, "{profile}");
    }
}

/// Google and Vault: each import of other material is a version, and current at once.
#[test]
fn an_import_of_other_material_is_a_version() {
    let token = Fixture::new();
    let session = &token.session;
    let key = external(session, attrs![CKA_TENON_PROFILE => "google"]).unwrap();
    let job = job_with_bits(session, key, 2, 3072).unwrap();
    let import = |material: &[u8], expires_at: u64| {
        let (mechanism, blob) = job.owner.wrap(2, material);
        let plain = request(mechanism, Params::None);
        let template = with(
            aes(),
            attrs![CKA_TENON_EXPIRES_AT => &expires_at.to_be_bytes()],
        );
        session.unwrap_key(plain, job.private, &blob, &template)
    };
    import(MATERIAL, TODAY + 100).unwrap();
    let first = seal(session, key, b"first").unwrap();
    import(OTHER, NEVER).unwrap();
    let second = seal(session, key, b"second").unwrap();
    assert_ne!(first[17..33], second[17..33]);
    assert_eq!(open(session, key, &first).unwrap(), b"first");
    returns!(session.rotate(key, false), CKR_TEMPLATE_INCONSISTENT);
    returns!(
        import(&OTHER[..16], NEVER),
        CKR_WRAPPED_KEY_INVALID,
        "of another size"
    );
    let current = bytes(session, key, ck::CKA_TENON_MATERIAL_ID);
    import(MATERIAL, TODAY + 200).unwrap();
    assert_eq!(
        bytes(session, key, ck::CKA_TENON_MATERIAL_ID),
        current,
        "the material of an older version goes there"
    );
    token.clock.set(TODAY + 200);
    assert_eq!(open(session, key, &second).unwrap(), b"second");
    returns!(open(session, key, &first), CKR_KEY_FUNCTION_NOT_PERMITTED);
    let again = open(session, key, &first);
    returns!(
        again,
        CKR_KEY_FUNCTION_NOT_PERMITTED,
        "erased, and no bad data"
    );
    let versions = session.versions(key).unwrap();
    let ended = (versions[0].ended_at, versions[0].ended_by);
    assert_eq!(ended, (TODAY + 200, "expired"));
}

#[test]
fn when_a_key_was_made_and_its_material_came_and_ended() {
    let aws = Rotating::new(vec![]);
    let session = &aws.token.session;
    let at = |kind| u64::from_be_bytes(bytes(session, aws.key, kind).try_into().unwrap());
    let times = || {
        [
            ck::CKA_TENON_CREATED_AT,
            ck::CKA_TENON_IMPORTED_AT,
            ck::CKA_TENON_ENDED_AT,
        ]
        .map(at)
    };
    assert_eq!(times(), [TODAY, 0, 0]);
    aws.token.clock.set(TODAY + 5);
    aws.import(MATERIAL, TODAY + 20).unwrap();
    assert_eq!(times(), [TODAY, TODAY + 5, 0]);
    aws.token.clock.set(TODAY + 30);
    assert_eq!(
        times(),
        [TODAY, TODAY + 5, TODAY + 20],
        "before it is erased"
    );
    aws.token.module.token(SLOT).unwrap().sweep().unwrap();
    assert_eq!(times(), [TODAY, TODAY + 5, TODAY + 20], "and after");
    assert_eq!(session.versions(aws.key).unwrap()[0].ended_by, "expired");
    aws.import(MATERIAL, NEVER).unwrap();
    assert_eq!(times(), [TODAY, TODAY + 30, 0]);
}
