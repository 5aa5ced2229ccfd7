//! DSA (PKCS #11 3.2 section 6.2). FIPS 186-5 withdrew it but for the verification of old signatures, which is all that
//! is on by default.

use std::sync::Arc;

use super::one_part::{CollectedInput, signer, verifier};
use super::op::{Signer, Verifier};
use super::row::ByDefault;
use super::{Key, Material, Mechanism, Params, ROW, Unit, no_params};
use crate::ck;
use crate::crypto;
use crate::crypto::dsa::{self, Group, MAX_BITS, MIN_BITS, PrivateKey, PublicKey};
use crate::crypto::hash::Hash;
use crate::error::{Error, Result, refuse};
use crate::keytype::{
    PublicValues, Values, dsa_numbers, dsa_parameter_values, invalid_key, need_number,
};

/// CKM_DSA takes digests of up to 64 bytes.
const MAX_DIGEST_LEN: usize = 64;

const DSA: Mechanism = Mechanism {
    key_types: &[ck::CKK_DSA],
    sizes: (MIN_BITS as u64, MAX_BITS as u64),
    unit: Unit::Bits,
    by_default: ByDefault::Hidden,
    ..ROW
};

macro_rules! rows {
    ($($name:ident: $input:expr;)+) => {
        &[
            Mechanism {
                id: ck::CKM_DSA_KEY_PAIR_GEN,
                name: "CKM_DSA_KEY_PAIR_GEN",
                generate_pair: Some(generate_pair),
                ..DSA
            },
            Mechanism {
                id: ck::CKM_DSA_PARAMETER_GEN,
                name: "CKM_DSA_PARAMETER_GEN",
                generate_parameters: Some(generate_parameters),
                ..DSA
            },
            $(Mechanism {
                id: ck::$name,
                name: stringify!($name),
                by_default: ByDefault::Fewer(&Mechanism {
                    id: ck::$name,
                    name: stringify!($name),
                    verify: Some(|key, params| verify(key, params, $input)),
                    ..DSA
                }),
                sign: Some(|key, params| sign(key, params, $input)),
                verify: Some(|key, params| verify(key, params, $input)),
                ..DSA
            },)+
        ]
    };
}

pub(super) static ROWS: &[Mechanism] = rows! {
    CKM_DSA: CollectedInput::data(MAX_DIGEST_LEN);
    CKM_DSA_SHA1: CollectedInput::hashed(Hash::Sha1);
    CKM_DSA_SHA224: CollectedInput::hashed(Hash::Sha224);
    CKM_DSA_SHA256: CollectedInput::hashed(Hash::Sha256);
    CKM_DSA_SHA384: CollectedInput::hashed(Hash::Sha384);
    CKM_DSA_SHA512: CollectedInput::hashed(Hash::Sha512);
    CKM_DSA_SHA3_224: CollectedInput::hashed(Hash::Sha3_224);
    CKM_DSA_SHA3_256: CollectedInput::hashed(Hash::Sha3_256);
    CKM_DSA_SHA3_384: CollectedInput::hashed(Hash::Sha3_384);
    CKM_DSA_SHA3_512: CollectedInput::hashed(Hash::Sha3_512);
};

fn public(key: &Key) -> Result<&PublicKey> {
    match key.of() {
        Some(key) => Ok(key),
        None => refuse(ck::CKR_KEY_TYPE_INCONSISTENT, "not a DSA public key"),
    }
}

fn private(key: &Key) -> Result<&PrivateKey> {
    match key.of() {
        Some(key) => Ok(key),
        None => refuse(ck::CKR_KEY_TYPE_INCONSISTENT, "not a DSA private key"),
    }
}

/// CKA_PRIME, CKA_SUBPRIME and CKA_BASE are the domain parameters.
fn generate_pair(asked: &dyn Values) -> Result<Material> {
    let pair = Group::checked(dsa_numbers(asked)?).and_then(|group| dsa::generate(&group));
    let pair = pair.map_err(|error| match error {
        crypto::Error::KeySize => Error::new(
            ck::CKR_KEY_SIZE_RANGE,
            format!(
                "CKA_PRIME has {MIN_BITS} to {MAX_BITS} bits, and CKA_SUBPRIME has 160, 224 or 256"
            ),
        ),
        error => invalid_key(
            error,
            ck::CKR_DOMAIN_PARAMS_INVALID,
            "CKA_PRIME, CKA_SUBPRIME and CKA_BASE are no domain parameters of DSA",
        ),
    })?;
    Ok(Material::pair(pair))
}

fn generate_parameters(asked: &dyn Values) -> Result<PublicValues> {
    let bits = need_number(asked, ck::CKA_PRIME_BITS, "CKA_PRIME_BITS")?;
    match Group::generate(bits, asked.ulong(ck::CKA_SUBPRIME_BITS))? {
        Some(group) => Ok(dsa_parameter_values(&group)),
        None => refuse(
            ck::CKR_KEY_SIZE_RANGE,
            "CKA_PRIME_BITS and CKA_SUBPRIME_BITS are 1024 and 160, 2048 and 224 or 256, or 3072 and 256",
        ),
    }
}

fn sign(key: &Arc<Key>, params: &Params, input: CollectedInput) -> Result<Box<dyn Signer>> {
    no_params(params)?;
    let len = private(key)?.signature_len();
    let key = Arc::clone(key);
    Ok(signer(input, len, move |digest, out| {
        Ok(private(&key)?.sign(digest, out)?)
    }))
}

fn verify(key: &Arc<Key>, params: &Params, input: CollectedInput) -> Result<Box<dyn Verifier>> {
    no_params(params)?;
    public(key)?;
    let key = Arc::clone(key);
    Ok(verifier(input, move |digest, signature| {
        Ok(public(&key)?.verify(digest, signature)?)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::dsa::DsaMaterial;

    #[test]
    fn a_mechanism_hashes_by_the_hash_in_its_name() {
        let group = Group::generate(2048, Some(256)).unwrap().unwrap();
        let material: DsaMaterial = dsa::generate(&group).unwrap();
        let public = PublicKey::new(&group, &material.y).unwrap();
        let private = Arc::new(Key::new(PrivateKey::new(&material)));
        let hashes = [
            Hash::Sha1,
            Hash::Sha224,
            Hash::Sha256,
            Hash::Sha384,
            Hash::Sha512,
            Hash::Sha3_224,
            Hash::Sha3_256,
            Hash::Sha3_384,
            Hash::Sha3_512,
        ];
        let rows = ROWS.iter().filter(|row| row.name.contains("SHA"));
        assert_eq!(rows.clone().count(), hashes.len());
        for (row, hash) in rows.zip(hashes) {
            let mut signer = row.sign.unwrap()(&private, &Params::None).unwrap();
            signer.update(b"message").unwrap();
            let mut signature = vec![0; signer.len()];
            signer.finish(&mut signature).unwrap();
            let digest = hash.digest(&[b"message"]);
            assert_eq!(public.verify(&digest, &signature), Ok(()), "{}", row.name);
        }
    }
}
