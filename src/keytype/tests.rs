use super::*;
use crate::ck;

#[test]
fn every_number_and_name_is_once_in_the_table() {
    for row in all() {
        assert!(row.name.starts_with("CKK_"), "{}", row.name);
        let same = all().filter(|other| other.id == row.id || other.name == row.name);
        assert_eq!(same.count(), 1, "{}", row.name);
        assert_eq!(find(row.id).map(|found| found.name), Some(row.name));
    }
    assert!(find(ck::CKK_DES3).is_none());
}

#[test]
fn the_lists_are_those_of_the_rows() {
    let ids = |secret| -> Vec<_> {
        let of_form = all().filter(|row| row.is_secret() == secret);
        of_form.map(|row| row.id).collect()
    };
    assert_eq!(PAIRS, ids(false));
    assert_eq!(SECRETS, ids(true));
    let external = all().filter(|row| row.spec.is_some());
    assert_eq!(EXTERNAL, external.map(|row| row.id).collect::<Vec<_>>());
    for id in EXTERNAL_SECRETS {
        assert!(EXTERNAL.contains(id) && SECRETS.contains(id), "{id:#x}");
    }
}

#[test]
fn what_a_key_holds_is_that_of_its_class() {
    for row in all() {
        let of = |class| row.components(class).len();
        assert_eq!(of(ck::CKO_PUBLIC_KEY) > 0, !row.is_secret());
        assert_eq!(of(ck::CKO_PRIVATE_KEY) > 0, !row.is_secret());
        assert_eq!(of(ck::CKO_SECRET_KEY) > 0, row.is_secret());
        assert_eq!(of(ck::CKO_DATA), 0);
        let hidden = row
            .held
            .iter()
            .any(|component| component.reveal == Showing::UnlessSensitive);
        assert!(hidden, "{} holds no key material", row.name);
        let shown = |component: &Component| component.reveal == Showing::Always;
        assert!(row.public.iter().all(shown), "{}", row.name);
    }
}

#[test]
fn rsa_specs_are_of_the_modulus_or_of_what_is_asked_for() {
    for bits in [2048, 3072, 4096] {
        let asked = Spec::of(ck::CKK_RSA, &[(ck::CKA_MODULUS_BITS, bits)]);
        assert_eq!(asked, Some(Spec::Rsa(bits)));
    }
    assert_eq!(Spec::of(ck::CKK_RSA, &[(ck::CKA_MODULUS_BITS, 1024)]), None);
    assert_eq!(modulus_bits(&[1, 0]), 9);
}

#[test]
fn an_hmac_key_of_each_hash_can_be_an_external_key() {
    let hmac: Vec<_> = all().filter(|row| row.name.ends_with("_HMAC")).collect();
    assert_eq!(hmac.len(), 9);
    for row in hmac {
        let of = |len| Spec::of(row.id, &[(ck::CKA_VALUE_LEN, len)]);
        assert_eq!(of(32), Some(Spec::Hmac(256)), "{}", row.name);
        assert_eq!([of(0), of(1025)], [None, None], "{}", row.name);
    }
}
