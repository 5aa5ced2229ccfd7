//! Private keys in OpenSSH's own format.

use ssh_key::private::{EcdsaKeypair, KeypairData, RsaKeypair};
use ssh_key::{Cipher, Kdf, PrivateKey};
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::crypto::{ec, okp};
use tenon_pkcs11::api::keytype::{self, Form, Material, Values};
use zeroize::Zeroizing;

use crate::Result;

use super::cost;
use super::item::Item;
use super::private::WRONG_PASSWORD;

/// The components of a key, where the file has them.
struct Components<'a>(Vec<(ck::CK_ATTRIBUTE_TYPE, &'a [u8])>);

impl Values for Components<'_> {
    fn bytes(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> Option<&[u8]> {
        let found = self.0.iter().find(|(known, _)| *known == kind);
        found.map(|(_, value)| *value)
    }

    fn ulong(&self, _: ck::CK_ATTRIBUTE_TYPE) -> Option<ck::CK_ULONG> {
        None
    }
}

impl Components<'_> {
    /// The key, whose values are proven to belong together.
    fn material(&self, key_type: ck::CK_KEY_TYPE) -> Result<Item> {
        let form = keytype::find(key_type).map(|row| &row.form);
        let Some(Form::Pair(pairs)) = form else {
            return Err("the library does not have keys of this type".into());
        };
        let material: Material = (pairs.from_values)(self)?;
        Ok(Item::PrivateKey(Box::new(material)))
    }
}

/// The key in the bytes of an OPENSSH PRIVATE KEY block.
pub(super) fn private_key(
    bytes: &[u8],
    password: &dyn Fn() -> Result<Zeroizing<String>>,
) -> Result<Item> {
    let key = PrivateKey::from_bytes(bytes).map_err(unreadable)?;
    if !key.is_encrypted() {
        return of_data(key.key_data());
    }
    if key.cipher() == Cipher::TdesCbc {
        return Err(unreadable(ssh_key::Error::AlgorithmUnknown).into());
    }
    if let Kdf::Bcrypt { rounds, .. } = key.kdf() {
        cost::check_rounds(*rounds)?;
    }
    let clear = key.decrypt(password()?.as_bytes());
    of_data(
        clear
            .map_err(|error| match error {
                ssh_key::Error::Crypto => WRONG_PASSWORD.to_owned(),
                other => unreadable(other),
            })?
            .key_data(),
    )
}

fn of_data(data: &KeypairData) -> Result<Item> {
    match data {
        KeypairData::Rsa(key) => rsa(key),
        KeypairData::Ecdsa(key) => ecdsa(key),
        KeypairData::Ed25519(key) => Components(vec![
            (ck::CKA_EC_PARAMS, okp::Curve::Ed25519.params()),
            (ck::CKA_VALUE, key.private.as_ref()),
            (ck::CKA_EC_POINT, key.public.as_ref()),
        ])
        .material(ck::CKK_EC_EDWARDS),
        KeypairData::SkEcdsaSha2NistP256(_) | KeypairData::SkEd25519(_) => Err(
            "the file is an OpenSSH key whose private half is in a security key, from which it cannot be read"
                .into(),
        ),
        _ => Err("the file is an OpenSSH key of a type that is not read: RSA, ECDSA and Ed25519 are".into()),
    }
}

fn rsa(key: &RsaKeypair) -> Result<Item> {
    let (public, private) = (key.public(), key.private());
    let numbers = [
        (ck::CKA_MODULUS, public.n()),
        (ck::CKA_PUBLIC_EXPONENT, public.e()),
        (ck::CKA_PRIVATE_EXPONENT, private.d()),
        (ck::CKA_PRIME_1, private.p()),
        (ck::CKA_PRIME_2, private.q()),
    ];
    let numbers =
        numbers.map(|(kind, number)| (kind, number.as_positive_bytes().unwrap_or_default()));
    Components(numbers.to_vec()).material(ck::CKK_RSA)
}

fn ecdsa(key: &EcdsaKeypair) -> Result<Item> {
    let curve = match key {
        EcdsaKeypair::NistP256 { .. } => ec::Curve::P256,
        EcdsaKeypair::NistP384 { .. } => ec::Curve::P384,
        EcdsaKeypair::NistP521 { .. } => ec::Curve::P521,
    };
    Components(vec![
        (ck::CKA_EC_PARAMS, curve.params()),
        (ck::CKA_VALUE, key.private_key_bytes()),
        (ck::CKA_EC_POINT, key.public_key_bytes()),
    ])
    .material(ck::CKK_EC)
}

fn unreadable(error: ssh_key::Error) -> String {
    format!(
        "the OpenSSH private key is not read ({error}): `ssh-keygen -p -Z aes256-ctr -f FILE` encrypts it anew"
    )
}
