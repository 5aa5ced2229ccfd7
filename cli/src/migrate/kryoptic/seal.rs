//! How kryoptic seals values: DER that names the algorithms, with AES-GCM under a key that PBKDF2 makes of a PIN, or
//! HKDF of the token's key.
//!
//! ```text
//! ProtectedData ::= SEQUENCE { algorithm AlgorithmIdentifier {{ KeyBasedProtection }}, data OCTET STRING,
//!                              signature OCTET STRING OPTIONAL }
//! KeyBasedProtection ::= SEQUENCE { keyVersion INTEGER, derivation AlgorithmIdentifier, encryption AlgorithmIdentifier }
//! Expansion ::= SEQUENCE { prf AlgorithmIdentifier, info OCTET STRING, keyLength INTEGER }
//! Gcm ::= SEQUENCE { iv OCTET STRING, tag OCTET STRING }
//! ```

use der::asn1::OctetStringRef;
use der::oid::ObjectIdentifier;
use der::{Decode, Sequence};
use pkcs8::pkcs5::pbes2::{PBKDF2_OID, Pbkdf2Params, Pbkdf2Prf};
use spki::AlgorithmIdentifierRef;
use tenon_pkcs11::api::crypto::aes::Key;
use tenon_pkcs11::api::crypto::hash::Hash;
use tenon_pkcs11::api::crypto::kdf::{hkdf_expand, pbkdf2};
use tenon_pkcs11::api::secret::Secret;

/// What seals with a key that is derived for the purpose.
const KEY_BASED_PROTECTION: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.3.6.1.4.1.2312.20.2.1");
/// HKDF's expansion (RFC 5869 section 2.3).
const EXPANSION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.2312.20.1.1");
const AES_256_GCM: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.1.46");

const KEY_LEN: usize = 32;

#[derive(Sequence)]
struct ProtectedData<'a> {
    algorithm: AlgorithmIdentifierRef<'a>,
    data: &'a OctetStringRef,
    #[asn1(optional = "true")]
    signature: Option<&'a OctetStringRef>,
}

#[derive(Sequence)]
struct KeyBasedProtection<'a> {
    key_version: u64,
    derivation: AlgorithmIdentifierRef<'a>,
    encryption: AlgorithmIdentifierRef<'a>,
}

#[derive(Sequence)]
struct Expansion<'a> {
    prf: AlgorithmIdentifierRef<'a>,
    info: &'a OctetStringRef,
    key_len: u64,
}

#[derive(Sequence)]
struct Gcm<'a> {
    iv: &'a OctetStringRef,
    tag: &'a OctetStringRef,
}

/// The key that seals the values of a token's keys.
pub(super) struct TokenKey(Secret);

impl TokenKey {
    /// The key in the `sealed` data of the user `name`; `None` where the PIN is wrong or the data damaged.
    pub(super) fn open(pin: &[u8], name: &str, sealed: &[u8]) -> Option<Self> {
        let key = Sealed::parse(sealed)?.open(name, |derivation| {
            let params = Pbkdf2Params::try_from(derivation.parameters?).ok()?;
            let hash = match params.prf {
                Pbkdf2Prf::HmacWithSha1 => Hash::Sha1,
                Pbkdf2Prf::HmacWithSha256 => Hash::Sha256,
                _ => return None,
            };
            let salt = params.salt.as_bytes();
            let is_pbkdf2 = derivation.oid == PBKDF2_OID;
            let key = || pbkdf2(hash, pin, salt, params.iteration_count, KEY_LEN).ok();
            is_pbkdf2.then(key).flatten()
        })?;
        (key.len() == KEY_LEN).then_some(Self(key))
    }

    /// The value that is sealed in an attribute of the object whose CKA_UNIQUE_ID is `unique_id`; `None` where the key
    /// does not open it.
    pub(super) fn unseal(&self, unique_id: &str, sealed: &[u8]) -> Option<Secret> {
        Sealed::parse(sealed)?.open(unique_id, |derivation| {
            let params: Expansion<'_> = derivation.parameters?.decode_as().ok()?;
            let known = derivation.oid == EXPANSION && params.key_len == KEY_LEN as u64;
            let key = || hkdf_expand(Hash::Sha256, &self.0, params.info.as_bytes(), KEY_LEN).ok();
            known.then(key).flatten()
        })
    }
}

struct Sealed<'a> {
    derivation: AlgorithmIdentifierRef<'a>,
    gcm: Gcm<'a>,
    data: &'a [u8],
}

impl<'a> Sealed<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let protected = ProtectedData::from_der(bytes).ok()?;
        let scheme: KeyBasedProtection<'_> = protected.algorithm.parameters?.decode_as().ok()?;
        let gcm = scheme.encryption.parameters?.decode_as().ok()?;
        let known =
            protected.algorithm.oid == KEY_BASED_PROTECTION && scheme.encryption.oid == AES_256_GCM;
        known.then_some(Self {
            derivation: scheme.derivation,
            gcm,
            data: protected.data.as_bytes(),
        })
    }

    /// The plaintext, sealed for `name` under the key that `derive` makes.
    fn open(
        &self,
        name: &str,
        derive: impl FnOnce(&AlgorithmIdentifierRef<'_>) -> Option<Secret>,
    ) -> Option<Secret> {
        let key = Key::new(&derive(&self.derivation)?).ok()?;
        let (iv, tag) = (self.gcm.iv.as_bytes(), self.gcm.tag.as_bytes());
        let sealed = [self.data, tag].concat();
        let mut plain = Secret::zeroed(self.data.len());
        key.gcm_open(iv, name.as_bytes(), tag.len(), &sealed, &mut plain)
            .ok()?;
        Some(plain)
    }
}
