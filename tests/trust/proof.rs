//! CKA_TRUSTED counts only with the master key's tag, which whoever edits the file cannot make.

use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::store::{Error, Options, Store};
use tenon_pkcs11::api::token::Handle;

use super::keys::{find, flag, read, trust};
use crate::common::{Fixture, RW, USER_PIN, attrs, open, returns, session};

const KNOWN: &[u8] = b"a known object";

/// A token with a trusted certificate and a trusted public key, closed.
fn trusting() -> Fixture {
    let fixture = Fixture::new();
    let certificate = attrs![
        CKA_CLASS => ck::CKO_CERTIFICATE, CKA_CERTIFICATE_TYPE => ck::CKC_X_509,
        CKA_SUBJECT => b"CN=ca", CKA_VALUE => b"der", CKA_TOKEN => true, CKA_ID => KNOWN,
    ];
    let certificate = fixture.session.create_object(&certificate).unwrap();
    let public = attrs![
        CKA_TOKEN => true, CKA_MODULUS_BITS => 2048, CKA_WRAP => true, CKA_ID => KNOWN,
    ];
    let mechanism = fixture.plain(ck::CKM_RSA_PKCS_KEY_PAIR_GEN);
    let (public, _) = fixture
        .session
        .generate_key_pair(mechanism, &public, &[])
        .unwrap();
    for object in [certificate, public] {
        trust(&fixture, object).unwrap();
    }
    fixture
}

fn known(session: &tenon_pkcs11::api::session::Session) -> [Handle; 2] {
    let found = find(session, &attrs![CKA_ID => KNOWN, CKA_PRIVATE => false]);
    found.try_into().unwrap()
}

#[test]
fn nothing_is_trusted_before_a_login() {
    let fixture = trusting().reopened();
    let session = &fixture.session;
    for object in known(session) {
        assert_eq!(read(session, object, ck::CKA_TRUSTED), flag(false));
        let label = attrs![CKA_LABEL => "x"];
        returns!(
            session.set_attributes(object, &label),
            CKR_USER_NOT_LOGGED_IN
        );
    }
    assert!(find(session, &attrs![CKA_TRUSTED => true]).is_empty());
    session.login(ck::CKU_USER, USER_PIN).unwrap();
    for object in known(session) {
        assert_eq!(read(session, object, ck::CKA_TRUSTED), flag(true));
    }
    assert_eq!(find(session, &attrs![CKA_TRUSTED => true]).len(), 2);
}

#[test]
fn a_row_without_the_tag_is_not_trusted_and_does_not_become_so() {
    let Fixture {
        module,
        session: old,
        clock,
        folder,
    } = trusting();
    let name = |object: Handle| {
        let unique = old.attributes(object, &[ck::CKA_UNIQUE_ID]).unwrap();
        let [tenon_pkcs11::api::attr::Revealed::Value(text)] = &unique[..] else {
            panic!("the name is shown");
        };
        let text = std::str::from_utf8(text).unwrap();
        u128::from_str_radix(text, 16).unwrap().to_be_bytes()
    };
    let uids = known(&old).map(name);
    drop((module, old));
    let path = folder.path().join("tokens/slot-0000.tenon");
    let store = Store::open(&path, &Options::default()).unwrap();
    store
        .write(|tx| {
            for uid in uids {
                let mut row = tx.object(&uid)?.unwrap();
                row.mac.clear();
                tx.put(&row, &[])?;
            }
            Ok::<_, Error>(())
        })
        .unwrap();
    drop(store);

    let module = open(&folder, &clock, |_| ()).unwrap();
    let session = session(&module, RW);
    session.login(ck::CKU_USER, USER_PIN).unwrap();
    let by_class = |class: u64| find(&session, &attrs![CKA_CLASS => class, CKA_PRIVATE => false]);
    for class in [ck::CKO_CERTIFICATE, ck::CKO_PUBLIC_KEY] {
        let [object] = by_class(class)[..] else {
            panic!("it is there");
        };
        assert_eq!(read(&session, object, ck::CKA_TRUSTED), flag(false));
        // The user's change is made under the master key, and must not vouch for the forgery.
        session
            .set_attributes(object, &attrs![CKA_LABEL => "mine"])
            .unwrap();
        assert_eq!(read(&session, object, ck::CKA_TRUSTED), flag(false));
    }
    assert!(find(&session, &attrs![CKA_TRUSTED => true]).is_empty());
}
