//! BYOK rules 1 to 3, 5, 7, 11 and 13.

use std::sync::{Arc, Mutex};

use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::clock::{Clock, ManualClock, UnixTime};
use tenon_pkcs11::api::crypto::ec::{self, Curve};
use tenon_pkcs11::api::crypto::mldsa::{self, MlDsaMaterial, ParameterSet};
use tenon_pkcs11::api::crypto::rsa::RsaMaterial;
use tenon_pkcs11::api::keytype::Material;
use tenon_pkcs11::api::mechanism::Params;

use super::jobs::external;
use super::outside::{
    ID, Import, MATERIAL, OTHER, aes_template, find, oaep_blob, private_template, rsa_aes,
    rsa_aes_blob,
};
use crate::common::{RW, USER_PIN, attrs, open, returns, rsa_material, session, with};

#[test]
fn rule_1_the_first_import_binds_for_ever() {
    let token = Import::new();
    let key = token.import(MATERIAL, vec![]).unwrap();
    returns!(token.import(OTHER, vec![]), CKR_TENON_MATERIAL_MISMATCH);
    returns!(
        token.import(&OTHER[..16], vec![]),
        CKR_TENON_MATERIAL_MISMATCH
    );
    assert!(
        token.encrypt(key).is_ok(),
        "the bound material stays usable"
    );
    token.fixture.session.destroy_object(key).unwrap();
    returns!(token.import(OTHER, vec![]), CKR_TENON_MATERIAL_MISMATCH);
    let token = Import::over(token.fixture.reopened_as_user());
    returns!(token.import(OTHER, vec![]), CKR_TENON_MATERIAL_MISMATCH);
    assert!(token.import(MATERIAL, vec![]).is_ok());
}

#[test]
fn rule_2_the_same_material_gives_the_same_object() {
    let token = Import::new();
    let key = token.import(MATERIAL, attrs![CKA_LABEL => "one"]).unwrap();
    let uid = token.value(key, ck::CKA_UNIQUE_ID);
    let ciphertext = token.encrypt(key).unwrap();
    let again = token.import(MATERIAL, attrs![CKA_LABEL => "two"]).unwrap();
    assert_eq!(again, key);
    assert_eq!(token.value(key, ck::CKA_UNIQUE_ID), uid);
    assert_eq!(token.value(key, ck::CKA_LABEL), b"two");
    let composite = rsa_aes_blob(MATERIAL);
    assert_eq!(
        token
            .unwrap(rsa_aes(), &composite, &aes_template())
            .unwrap(),
        key
    );
    assert_eq!(token.encrypt(key).unwrap(), ciphertext);
    assert_eq!(token.find(&attrs![CKA_ID => ID]), [key]);
}

#[test]
fn rule_3_a_refused_import_changes_nothing() {
    let token = Import::new();
    let key = token.import(MATERIAL, attrs![CKA_LABEL => "kept"]).unwrap();
    let other = attrs![CKA_LABEL => "not kept"];
    returns!(token.import(OTHER, other), CKR_TENON_MATERIAL_MISMATCH);
    assert_eq!(token.value(key, ck::CKA_LABEL), b"kept");
}

#[test]
fn rule_5_destroying_erases_the_material_alone() {
    let token = Import::new();
    let session = &token.fixture.session;
    let key = token.import(MATERIAL, vec![]).unwrap();
    let uid = token.value(key, ck::CKA_UNIQUE_ID);
    session.destroy_object(key).unwrap();
    returns!(session.object_size(key), CKR_OBJECT_HANDLE_INVALID);
    assert!(token.find(&attrs![CKA_ID => ID]).is_empty(), "rule 11");
    let found = token.find(&attrs![CKA_UNIQUE_ID => &uid]);
    let [dormant] = found[..] else {
        panic!("{found:?}")
    };
    assert_eq!(
        token.find(&attrs![CKA_TENON_ORIGIN => ck::ORIGIN_EXTERNAL]),
        [dormant]
    );
    assert_eq!(token.state(dormant), ck::STATE_PENDING_IMPORT);
    returns!(token.encrypt(dormant), CKR_KEY_FUNCTION_NOT_PERMITTED);
    session.destroy_object(dormant).unwrap();
    let back = token.import(MATERIAL, vec![]).unwrap();
    assert_eq!(token.value(back, ck::CKA_UNIQUE_ID), uid);
    assert_eq!(token.state(back), ck::STATE_ENABLED);
    assert_eq!(token.find(&attrs![CKA_ID => ID]), [back]);
}

#[test]
fn rule_7_bound_material_never_leaves() {
    let token = Import::new();
    let session = &token.fixture.session;
    let key = token.import(MATERIAL, vec![]).unwrap();
    for (kind, expected) in [
        (ck::CKA_SENSITIVE, 1),
        (ck::CKA_EXTRACTABLE, 0),
        (ck::CKA_LOCAL, 0),
        (ck::CKA_ALWAYS_SENSITIVE, 0),
        (ck::CKA_NEVER_EXTRACTABLE, 0),
        (ck::CKA_COPYABLE, 0),
        (ck::CKA_DERIVE, 0),
    ] {
        assert_eq!(token.value(key, kind), [expected], "{kind:#x}");
    }
    let copy = session.copy_object(key, &attrs![CKA_TOKEN => false]);
    returns!(copy, CKR_ACTION_PROHIBITED);
    let wrapping = session
        .create_object(&attrs![
            CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_AES,
            CKA_VALUE => &[1; 32], CKA_WRAP => true,
        ])
        .unwrap();
    let kwp = token.fixture.plain(ck::CKM_AES_KEY_WRAP_KWP);
    let wrapped = crate::common::full(|out| session.wrap_key(kwp, wrapping, key, out));
    returns!(wrapped, CKR_KEY_UNEXTRACTABLE);
    for fixed in [
        attrs![CKA_EXTRACTABLE => true],
        attrs![CKA_ID => b"\x01"],
        attrs![CKA_WRAP => true],
        attrs![CKA_TENON_PROFILE => "aws"],
    ] {
        returns!(session.set_attributes(key, &fixed), CKR_ATTRIBUTE_READ_ONLY);
    }
}

#[test]
fn binding_is_by_class_key_type_and_id() {
    let token = Import::new();
    let key = token.import(MATERIAL, vec![]).unwrap();
    let other_id = token.import(OTHER, attrs![CKA_ID => b"other"]).unwrap();
    let generic = attrs![CKA_KEY_TYPE => ck::CKK_GENERIC_SECRET, CKA_SIGN => true];
    let other_type = token.import(OTHER, generic).unwrap();
    assert!(key != other_id && key != other_type && other_id != other_type);
    let session_object = token.import(OTHER, attrs![CKA_TOKEN => false]).unwrap();
    assert!(token.find(&attrs![CKA_ID => ID]).contains(&session_object));
    let unnamed = token.import(OTHER, attrs![CKA_ID => b""]).unwrap();
    assert_ne!(
        token.import(MATERIAL, attrs![CKA_ID => b""]).unwrap(),
        unnamed
    );
    assert_eq!(
        token.number(unnamed, ck::CKA_TENON_ORIGIN),
        ck::ORIGIN_IMPORTED
    );
    assert_eq!(token.number(key, ck::CKA_TENON_ORIGIN), ck::ORIGIN_EXTERNAL);
}

#[test]
fn an_extractable_key_is_ordinary_and_must_not_share_a_bound_identity() {
    let token = Import::new();
    let open = || attrs![CKA_EXTRACTABLE => true];
    let ordinary = token.import(OTHER, open()).unwrap();
    assert_eq!(
        token.number(ordinary, ck::CKA_TENON_ORIGIN),
        ck::ORIGIN_IMPORTED
    );
    assert_eq!(token.value(ordinary, ck::CKA_VALUE), OTHER);
    token.import(MATERIAL, vec![]).unwrap();
    returns!(token.import(OTHER, open()), CKR_TEMPLATE_INCONSISTENT);
}

/// Its CKA_ID is a managed key's for ever.
#[test]
fn no_key_is_bound_under_the_name_of_a_managed_key() {
    let token = Import::new();
    let session = &token.fixture.session;
    let managed = attrs![
        CKA_TOKEN => true, CKA_TENON_PROFILE => "aws", CKA_VALUE_LEN => 32_u64, CKA_ID => ID,
    ];
    let generate = super::outside::request(ck::CKM_AES_KEY_GEN, Params::None);
    session.generate_key(generate, &managed).unwrap();
    returns!(token.import(MATERIAL, vec![]), CKR_TEMPLATE_INCONSISTENT);
    let named = external(session, attrs![CKA_ID => ID]);
    returns!(named, CKR_TEMPLATE_INCONSISTENT);
    assert_eq!(token.find(&attrs![CKA_ID => ID]).len(), 1);
}

/// No import brings it again.
#[test]
fn an_ordinary_key_whose_time_is_over_gets_no_advice_to_import_it() {
    let token = Import::new();
    let soon = (crate::common::TODAY + 10).to_be_bytes();
    let ordinary = attrs![CKA_EXTRACTABLE => true, CKA_TENON_EXPIRES_AT => &soon];
    let key = token.import(MATERIAL, ordinary).unwrap();
    token.encrypt(key).unwrap();
    token.fixture.clock.set(crate::common::TODAY + 10);
    let over = token.encrypt(key);
    returns!(over, CKR_KEY_FUNCTION_NOT_PERMITTED);
    let why = over.unwrap_err().to_string();
    assert!(!why.contains("import"), "{why}");
}

#[test]
fn bind_by_id_can_be_switched_off() {
    let fixture = crate::common::Fixture::configured(|config| config.bind_by_id = false);
    let token = Import::over(fixture);
    let one = token.import(MATERIAL, vec![]).unwrap();
    let two = token.import(OTHER, vec![]).unwrap();
    assert_ne!(one, two);
    assert_eq!(token.number(one, ck::CKA_TENON_ORIGIN), ck::ORIGIN_IMPORTED);
}

#[test]
fn rsa_material_is_n_and_e_whichever_d_the_blob_has() {
    let token = Import::new();
    let key = rsa_material();
    let template = private_template(ck::CKK_RSA);
    let import = |material: &RsaMaterial| {
        let der = Material::pair(material.clone()).to_pkcs8().unwrap();
        token.unwrap(rsa_aes(), &rsa_aes_blob(&der), &template)
    };
    let handle = import(key).unwrap();
    assert_eq!(token.value(handle, ck::CKA_MODULUS), key.n);
    let mut other_d = key.clone();
    other_d.d = self::other_d(key);
    assert!(!other_d.d.ct_eq(&key.d), "the two exponents are one");
    assert_eq!(import(&other_d).unwrap(), handle);
    let stranger = tenon_pkcs11::api::crypto::rsa::generate(2048, &[1, 0, 1]).unwrap();
    returns!(import(&stranger), CKR_TENON_MATERIAL_MISMATCH);
}

/// Another private exponent of the same key: d + lcm(p-1, q-1).
fn other_d(key: &RsaMaterial) -> tenon_pkcs11::api::secret::Secret {
    use num_bigint::BigUint;
    let number = |bytes: &[u8]| BigUint::from_bytes_be(bytes);
    let one = BigUint::from(1_u8);
    let (p, q) = (number(&key.p) - &one, number(&key.q) - &one);
    let lambda = &p * &q / gcd(p, q);
    let d = number(&key.d) % &lambda + &lambda;
    let d = if d == number(&key.d) { d - lambda } else { d };
    tenon_pkcs11::api::secret::Secret::from(d.to_bytes_be())
}

fn gcd(mut a: num_bigint::BigUint, mut b: num_bigint::BigUint) -> num_bigint::BigUint {
    while b != num_bigint::BigUint::ZERO {
        (a, b) = (b.clone(), a % b);
    }
    a
}

#[test]
fn an_imported_ec_key_has_its_public_parts() {
    for curve in [Curve::P256, Curve::P384, Curve::Secp256k1] {
        let token = Import::new();
        let key = ec::generate(curve).unwrap();
        let template = private_template(ck::CKK_EC);
        let material = Material::pair(key.clone());
        let blob = rsa_aes_blob(&material.to_pkcs8().unwrap());
        let handle = token.unwrap(rsa_aes(), &blob, &template).unwrap();
        assert_eq!(token.value(handle, ck::CKA_EC_PARAMS), curve.params());
        assert!(token.value(handle, ck::CKA_EC_POINT).ends_with(&key.point));
        assert_eq!(
            token.value(handle, ck::CKA_PUBLIC_KEY_INFO),
            material.spki().unwrap()
        );
    }
}

/// A blob with the seed and one with the expanded key are the same material.
#[test]
fn an_ml_dsa_key_is_bound_whichever_form_the_blob_has() {
    let set = ParameterSet::MlDsa44;
    let key = mldsa::generate(set).unwrap();
    let expanded = MlDsaMaterial::from_expanded(set, &key.expanded).unwrap();
    let token = Import::new();
    let import = |material: MlDsaMaterial| {
        let der = Material::pair(material).to_pkcs8().unwrap();
        token.unwrap(
            rsa_aes(),
            &rsa_aes_blob(&der),
            &private_template(ck::CKK_ML_DSA),
        )
    };
    let bound = import(key).unwrap();
    assert_eq!(
        token.number(bound, ck::CKA_TENON_ORIGIN),
        ck::ORIGIN_EXTERNAL
    );
    assert_eq!(import(expanded).unwrap(), bound);
    let other = mldsa::generate(set).unwrap();
    returns!(import(other), CKR_TENON_MATERIAL_MISMATCH);
}

type Happening = Box<dyn FnOnce() + Send>;

/// A clock by which something happens in the middle of a call: when the time is read.
#[derive(Clone)]
struct Interposed {
    clock: ManualClock,
    next: Arc<Mutex<Option<Happening>>>,
}

impl Clock for Interposed {
    fn now(&self) -> UnixTime {
        let next = self.next.lock().unwrap().take();
        next.into_iter().for_each(|happens| happens());
        self.clock.now()
    }
}

#[test]
fn a_destruction_that_an_import_overtakes_forgets_no_binding() {
    let token = Arc::new(Import::new());
    let unbound = attrs![CKA_TOKEN => true, CKA_ID => ID, CKA_TENON_PROFILE => "open"];
    external(&token.fixture.session, unbound).unwrap();
    let clock = Interposed {
        clock: token.fixture.clock.clone(),
        next: Arc::default(),
    };
    let other = open(&token.fixture.folder, &clock, |_| ()).unwrap();
    let destroying = session(&other, RW);
    destroying.login(ck::CKU_USER, USER_PIN).unwrap();
    let origin = attrs![CKA_TENON_ORIGIN => ck::ORIGIN_EXTERNAL];
    let key = find(&destroying, &origin)[0];
    let importing = Arc::clone(&token);
    let import = move || {
        importing.import(MATERIAL, vec![]).unwrap();
    };
    *clock.next.lock().unwrap() = Some(Box::new(import));
    destroying.destroy_object(key).unwrap();
    assert!(clock.next.lock().unwrap().is_none(), "it was imported");
    let [dormant] = token.find(&origin)[..] else {
        panic!("the key is gone")
    };
    assert_eq!(token.state(dormant), ck::STATE_PENDING_IMPORT);
    returns!(token.import(OTHER, vec![]), CKR_TENON_MATERIAL_MISMATCH);
}

#[test]
fn two_modules_that_race_bind_one_material() {
    let token = Import::new();
    let blobs = [oaep_blob(MATERIAL), oaep_blob(OTHER)];
    for round in 0..8_u8 {
        let template = || with(aes_template(), attrs![CKA_ID => &[round; 4]]);
        let outcomes = std::thread::scope(|scope| {
            let racers: Vec<_> = blobs
                .iter()
                .map(|blob| {
                    let session = token.fixture.open(crate::common::RW);
                    let template = template();
                    let wrapping = token.wrapping;
                    let oaep = super::outside::oaep();
                    scope.spawn(move || session.unwrap_key(oaep, wrapping, blob, &template))
                })
                .collect();
            racers
                .into_iter()
                .map(|racer| racer.join().unwrap())
                .collect::<Vec<_>>()
        });
        let won = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        assert_eq!(won, 1, "{outcomes:?}");
        assert!(
            outcomes
                .iter()
                .flat_map(|outcome| outcome.as_ref().err())
                .all(|error| error.rv == ck::CKR_TENON_MATERIAL_MISMATCH)
        );
        assert_eq!(
            find(&token.fixture.session, &attrs![CKA_ID => &[round; 4]]).len(),
            1
        );
    }
}

#[test]
fn what_has_no_integrity_binds_nothing() {
    let token = Import::new();
    let session = &token.fixture.session;
    let wrapping = crate::common::secret(session, ck::CKK_AES, vec![]).private;
    let unwrap = |id: &[u8]| {
        let ecb = token.fixture.plain(ck::CKM_AES_ECB);
        let template = with(aes_template(), attrs![CKA_ID => id, CKA_VALUE_LEN => 32]);
        session.unwrap_key(ecb, wrapping, &[7; 32], &template)
    };
    let one = unwrap(b"free").unwrap();
    assert_ne!(unwrap(b"free").unwrap(), one);
    assert_eq!(token.number(one, ck::CKA_TENON_ORIGIN), ck::ORIGIN_IMPORTED);
    token.import(MATERIAL, vec![]).unwrap();
    returns!(unwrap(ID), CKR_MECHANISM_INVALID);
}
