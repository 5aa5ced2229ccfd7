use super::*;
use crate::crypto::Error;
use crate::crypto::encoding::private_key_info;
use crate::crypto::seeded::SeededSet;

fn pair(key: &MlKemMaterial) -> (PublicKey, PrivateKey) {
    let public = PublicKey::new(key.set, &key.public).unwrap();
    (public, PrivateKey::new(key).unwrap())
}

#[test]
fn both_sides_get_one_secret_and_a_changed_ciphertext_another() {
    for set in ParameterSet::ALL {
        let (public, private) = pair(&generate(set).unwrap());
        let (ciphertext, secret) = public.encapsulate().unwrap();
        assert_eq!(ciphertext.len(), set.ciphertext_len());
        assert_eq!(secret.len(), SECRET_LEN);
        assert!(private.decapsulate(&ciphertext).unwrap().ct_eq(&secret));
        assert!(!public.encapsulate().unwrap().1.ct_eq(&secret));
        let mut changed = ciphertext.clone();
        changed[0] ^= 1;
        let rejected = [0; 2].map(|_| private.decapsulate(&changed).unwrap());
        assert!(!rejected[0].ct_eq(&secret) && rejected[0].ct_eq(&rejected[1]));
        for wrong in [&ciphertext[1..], &[], &[&ciphertext[..], &[0]].concat()] {
            let refused = private.decapsulate(wrong).err();
            assert_eq!(refused, Some(Error::CiphertextLength));
        }
    }
}

#[test]
fn coefficients_are_below_the_modulus() {
    for set in ParameterSet::ALL {
        let key = generate(set).unwrap();
        for place in [0, set.vector_len() - 3] {
            // 0xD00 is 3328 and 0xD01 is the modulus, in either half of three bytes.
            for (three, good) in [
                ([0x00, 0x0D, 0xD0], true),
                ([0x01, 0x0D, 0xD0], false),
                ([0x00, 0x1D, 0xD0], false),
                ([0xFF; 3], false),
            ] {
                let mut bytes = key.public.clone();
                bytes[place..place + 3].copy_from_slice(&three);
                let made = PublicKey::new(set, &bytes);
                assert_eq!(made.is_ok(), good, "{three:x?}");
            }
        }
        assert!(PublicKey::new(set, &key.public[1..]).is_err());
        assert!(PublicKey::new(set, &[]).is_err());
    }
}

/// RFC 9935 section 6: a seed or an expanded key.
#[test]
fn private_keys_are_read_as_they_are_written() {
    for set in ParameterSet::ALL {
        let key = generate(set).unwrap();
        let alone = MlKemMaterial::from_expanded(set, &key.expanded).unwrap();
        for (of, seed) in [(&key, &key.seed[..]), (&alone, &[])] {
            let der = of.to_pkcs8().unwrap();
            let read = MlKemMaterial::from_pkcs8(&private_key_info(&der).unwrap()).unwrap();
            assert!(read.expanded.ct_eq(&key.expanded) && read.seed.ct_eq(seed));
            assert_eq!(read.public, key.public);
        }
        let other = generate(set).unwrap();
        let mismatch = MlKemMaterial::checked(set, Some(&key.seed), Some(&other.expanded), None);
        assert!(matches!(mismatch.err(), Some(Error::InvalidKey(_))));
        for place in [0, set.vector_len(), set.private_len() - 64] {
            let mut changed = key.expanded.to_vec();
            changed[place] ^= 1;
            let refused = MlKemMaterial::from_expanded(set, &changed).err();
            assert!(matches!(refused, Some(Error::InvalidKey(_))), "{place}");
        }
    }
}
