//! A store that others have changed: damage is found before what is damaged is used.

use std::ops::ControlFlow;

use tenon_pkcs11::api::attr::Revealed;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::mechanism::{Params, Request};
use tenon_pkcs11::api::store::{
    Error, MaterialRow, Options, Row, SearchConditions, Store, Tx, Uid,
};
use tenon_pkcs11::api::token::Handle;

use crate::common::{Calls, Fixture, RW, USER_PIN, attrs, open, returns, rv, secret, session};

type Change = fn(&Tx<'_>, Uid, Uid) -> Result<(), Error>;

/// A token with two AES keys, "one" and "two", closed, changed by `change` in its file, and open
/// again with its user logged in: what encrypting with "one" returns.
fn outcome_of(private: bool, change: Change) -> &'static str {
    let fixture = Fixture::new();
    for label in ["one", "two"] {
        let template = attrs![CKA_TOKEN => true, CKA_PRIVATE => private, CKA_ID => label];
        secret(&fixture.session, ck::CKK_AES, template);
    }
    let uid = |label: &str| -> Uid {
        fixture.session.find_init(&attrs![CKA_ID => label]).unwrap();
        let key = fixture.session.find(1).unwrap()[0];
        fixture.session.find_final().unwrap();
        let mut read = fixture
            .session
            .attributes(key, &[ck::CKA_UNIQUE_ID])
            .unwrap();
        let Revealed::Value(text) = read.remove(0) else {
            panic!("the name is shown");
        };
        let text = String::from_utf8(text).unwrap();
        u128::from_str_radix(&text, 16).unwrap().to_be_bytes()
    };
    let (one, two) = (uid("one"), uid("two"));
    let Fixture {
        module,
        session,
        clock,
        folder,
    } = fixture;
    drop((module, session));
    let path = folder.path().join("tokens/slot-0000.tenon");
    let store = Store::open(&path, &Options::default()).unwrap();
    store.write(|tx| change(tx, one, two)).unwrap();
    drop(store);

    let module = open(&folder, &clock, |_| ()).unwrap();
    let session = self::session(&module, RW);
    session.login(ck::CKU_USER, USER_PIN).unwrap();
    session
        .find_init(&attrs![CKA_CLASS => ck::CKO_SECRET_KEY])
        .unwrap();
    let name = format!("{:032x}", u128::from_be_bytes(one)).into_bytes();
    let named = |key: &Handle| match session.attributes(*key, &[ck::CKA_UNIQUE_ID]) {
        Ok(read) => read == [Revealed::Value(name.clone())],
        // Only the damaged one cannot be read.
        Err(_) => true,
    };
    let mut keys = session.find(10).unwrap();
    keys.retain(named);
    let [key] = keys[..] else {
        return "not found";
    };
    let row = module.mechanism(ck::CKM_AES_ECB).unwrap();
    let request = Request::new(row, Params::None).unwrap();
    rv(&session.encrypt_init(request, key))
}

fn change_row(tx: &Tx<'_>, uid: Uid, change: impl FnOnce(&mut Row)) -> Result<(), Error> {
    let mut row = tx.object(&uid)?.unwrap();
    change(&mut row);
    tx.put(&row, &[])
}

fn change_material(
    tx: &Tx<'_>,
    uid: Uid,
    change: impl FnOnce(&mut MaterialRow),
) -> Result<(), Error> {
    let mut material = tx.material(&uid)?.unwrap();
    change(&mut material);
    tx.put_material(&uid, &material)
}

#[test]
fn an_untouched_store_works() {
    assert_eq!(outcome_of(true, |_, _, _| Ok(())), "CKR_OK");
    assert_eq!(
        outcome_of(false, |tx, one, _| change_row(tx, one, |_| ())),
        "CKR_OK"
    );
}

#[test]
fn damaged_swapped_and_edited_rows_are_not_used() {
    let changes: [(&str, Change); 12] = [
        ("first sealed byte", |tx, one, _| {
            change_row(tx, one, |row| row.sealed[0] ^= 1)
        }),
        ("last sealed byte", |tx, one, _| {
            change_row(tx, one, |row| *row.sealed.last_mut().unwrap() ^= 0x80)
        }),
        ("cut short", |tx, one, _| {
            change_row(tx, one, |row| row.sealed.truncate(20))
        }),
        ("nothing sealed", |tx, one, _| {
            change_row(tx, one, |row| row.sealed.clear())
        }),
        ("tag", |tx, one, _| {
            change_row(tx, one, |row| row.mac[0] ^= 1)
        }),
        ("no tag", |tx, one, _| {
            change_row(tx, one, |row| row.mac.clear())
        }),
        ("version", |tx, one, _| {
            change_row(tx, one, |row| row.version += 1)
        }),
        ("expiry", |tx, one, _| {
            change_row(tx, one, |row| row.expires_at = u64::MAX)
        }),
        ("format", |tx, one, _| {
            change_row(tx, one, |row| row.format = 2)
        }),
        ("another row's bytes", |tx, one, two| {
            let other = tx.object(&two)?.unwrap();
            change_row(tx, one, |row| {
                (row.sealed, row.mac) = (other.sealed, other.mac)
            })
        }),
        ("material", |tx, one, _| {
            change_material(tx, one, |m| m.sealed[20] ^= 1)
        }),
        ("another key's material", |tx, one, two| {
            let other = tx.material(&two)?.unwrap();
            tx.put_material(&one, &other)
        }),
    ];
    for (what, change) in changes {
        for private in [false, true] {
            assert_eq!(
                outcome_of(private, change),
                "CKR_DEVICE_ERROR",
                "{what}, {private}"
            );
        }
    }
}

#[test]
fn material_that_is_gone_is_not_made_up() {
    let change: Change = |tx, one, _| tx.erase_material(&one).map(drop);
    assert_eq!(outcome_of(true, change), "CKR_DEVICE_ERROR");
}

#[test]
fn a_row_that_says_private_is_not_shown_without_login_for_being_edited() {
    let fixture = Fixture::new();
    secret(
        &fixture.session,
        ck::CKK_AES,
        attrs![CKA_TOKEN => true, CKA_PRIVATE => true],
    );
    let Fixture {
        module,
        session,
        clock,
        folder,
    } = fixture;
    drop((module, session));
    let path = folder.path().join("tokens/slot-0000.tenon");
    let store = Store::open(&path, &Options::default()).unwrap();
    store
        .write(|tx| {
            let mut heads = Vec::new();
            tx.find(&SearchConditions::default(), &mut |head| {
                heads.push(head.uid);
                ControlFlow::Continue(())
            })?;
            change_row(tx, heads[0], |row| row.private = false)
        })
        .unwrap();
    drop(store);
    let module = open(&folder, &clock, |_| ()).unwrap();
    let session = self::session(&module, RW);
    session.find_init(&[]).unwrap();
    for object in session.find(10).unwrap() {
        returns!(
            session.attributes(object, &[ck::CKA_LABEL]),
            CKR_DEVICE_ERROR
        );
    }
}
