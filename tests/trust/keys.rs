//! The keys and calls that the tests share.

use tenon_pkcs11::api::attr::{RawAttribute, Revealed};
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::error::Result;
use tenon_pkcs11::api::session::Session;
use tenon_pkcs11::api::token::Handle;

use crate::common::{Fixture, SO_PIN, USER_PIN, attrs, full, with};

/// Runs `act` while the security officer is logged in, in place of the user.
pub(super) fn by_officer<T>(fixture: &Fixture, act: impl FnOnce(&Session) -> T) -> T {
    let session = &fixture.session;
    session.logout().unwrap();
    session.login(ck::CKU_SO, SO_PIN).unwrap();
    let outcome = act(session);
    session.logout().unwrap();
    session.login(ck::CKU_USER, USER_PIN).unwrap();
    outcome
}

/// The officer marks a key as trusted, or refuses to.
pub(super) fn trust(fixture: &Fixture, key: Handle) -> Result<()> {
    by_officer(fixture, |session| {
        session.set_attributes(key, &attrs![CKA_TRUSTED => true])
    })
}

/// A token key that only wraps and unwraps and that the officer can see; `changes` change it.
pub(super) fn wrapping_key(fixture: &Fixture, changes: Vec<RawAttribute>) -> Result<Handle> {
    let template = attrs![
        CKA_TOKEN => true, CKA_PRIVATE => false, CKA_VALUE_LEN => 32, CKA_COPYABLE => false,
        CKA_WRAP => true, CKA_UNWRAP => true,
    ];
    let mechanism = fixture.plain(ck::CKM_AES_KEY_GEN);
    fixture
        .session
        .generate_key(mechanism, &with(template, changes))
}

/// A wrapping key that the officer trusts.
pub(super) fn trusted_key(fixture: &Fixture, changes: Vec<RawAttribute>) -> Handle {
    let key = wrapping_key(fixture, changes).unwrap();
    trust(fixture, key).unwrap();
    key
}

/// A token key that may leave under trusted keys alone, whose handle outlives a logout; `changes`
/// change it.
pub(super) fn picky_key(fixture: &Fixture, changes: Vec<RawAttribute>) -> Handle {
    let template = attrs![
        CKA_TOKEN => true, CKA_PRIVATE => false, CKA_VALUE_LEN => 32, CKA_EXTRACTABLE => true,
        CKA_WRAP_WITH_TRUSTED => true,
    ];
    let mechanism = fixture.plain(ck::CKM_AES_KEY_GEN);
    fixture
        .session
        .generate_key(mechanism, &with(template, changes))
        .unwrap()
}

/// Wraps by CKM_AES_KEY_WRAP_KWP.
pub(super) fn wrap(fixture: &Fixture, wrapping: Handle, key: Handle) -> Result<Vec<u8>> {
    let mechanism = fixture.plain(ck::CKM_AES_KEY_WRAP_KWP);
    full(|out| fixture.session.wrap_key(mechanism, wrapping, key, out))
}

/// Unwraps an AES key by CKM_AES_KEY_WRAP_KWP; `more` is the rest of its template.
pub(super) fn unwrap(
    fixture: &Fixture,
    wrapping: Handle,
    blob: &[u8],
    more: Vec<RawAttribute>,
) -> Result<Handle> {
    let template = attrs![CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_AES];
    let mechanism = fixture.plain(ck::CKM_AES_KEY_WRAP_KWP);
    fixture
        .session
        .unwrap_key(mechanism, wrapping, blob, &with(template, more))
}

/// What a client reads.
pub(super) fn read(session: &Session, key: Handle, kind: ck::CK_ATTRIBUTE_TYPE) -> Revealed {
    session.attributes(key, &[kind]).unwrap().remove(0)
}

pub(super) fn flag(value: bool) -> Revealed {
    Revealed::Value(vec![u8::from(value)])
}

pub(super) fn find(session: &Session, template: &[RawAttribute]) -> Vec<Handle> {
    session.find_init(template).unwrap();
    let found = session.find(100).unwrap();
    session.find_final().unwrap();
    found
}
