//! Wrapping algorithms, by all the names that the services give them.

use tenon_pkcs11::api::byok::{
    ALGORITHMS, Algorithm, Profile, WrappingKey, WrappingScheme, profile,
};
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::crypto::hash::Hash;

use crate::output::folded;

/// Bytes of a wrapping key of this kind, where it is a string of bytes of one length.
pub(super) fn key_len(key: WrappingKey) -> Option<usize> {
    match key {
        WrappingKey::XWing => Some(1216),
        WrappingKey::MlKem(set) => Some(set.public_len()),
        WrappingKey::Rsa(_) | WrappingKey::Sm2 => None,
    }
}

/// How a blob is made: the schemes of the library's table, with any hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// RSAES-OAEP of the key.
    Oaep(Hash),
    /// RSAES-PKCS1-v1_5 of the key.
    Pkcs1,
    /// RSAES-OAEP of an AES-256 key ‖ AES-KWP (RFC 5649) of the key.
    OaepKwp(Hash),
    /// RSAES-OAEP of an AES-256 key ‖ AES-256-ECB with PKCS #7 padding of the key.
    OaepEcb(Hash),
    /// SM2 encryption of the key.
    Sm2,
    /// SM2 encryption of an SM4 key ‖ SM4-ECB of the key.
    Sm2Sm4,
    /// A new public key ‖ AES-KWP of the key under what ECDH and X9.63 with this hash give.
    Ecdh(Hash),
    /// HPKE of the key under a key of this kind.
    Hpke(WrappingKey),
}

impl Layout {
    /// Whether RSAES-OAEP is a part of the blob.
    pub(super) fn is_oaep(self) -> bool {
        matches!(self, Self::Oaep(_) | Self::OaepKwp(_) | Self::OaepEcb(_))
    }

    /// The kind of the wrapping key, as "RSA"; `None` where keys of several kinds wrap.
    pub(super) fn key_kind(self) -> Option<String> {
        match self {
            Self::Oaep(_) | Self::Pkcs1 | Self::OaepKwp(_) | Self::OaepEcb(_) => {
                Some("RSA".to_owned())
            }
            Self::Sm2 | Self::Sm2Sm4 => Some(WrappingKey::Sm2.to_string()),
            Self::Ecdh(_) => None,
            Self::Hpke(key) => Some(key.to_string()),
        }
    }
}

impl From<WrappingScheme> for Layout {
    fn from(scheme: WrappingScheme) -> Self {
        match scheme {
            WrappingScheme::Oaep(of) => Self::Oaep(of.into()),
            WrappingScheme::Pkcs1 => Self::Pkcs1,
            WrappingScheme::OaepKwp(of) => Self::OaepKwp(of.into()),
            WrappingScheme::OaepEcb(of) => Self::OaepEcb(of.into()),
            WrappingScheme::Sm2 => Self::Sm2,
            WrappingScheme::Sm2Sm4 => Self::Sm2Sm4,
            WrappingScheme::Hpke(key) => Self::Hpke(key),
        }
    }
}

/// A wrapping algorithm under one of its names.
#[derive(Debug, Clone, Copy)]
pub(super) struct NamedAlgorithm {
    pub(super) name: &'static str,
    pub(super) layout: Layout,
    /// Bits of the wrapping key, where the name fixes them.
    pub(super) bits: Option<u64>,
}

impl NamedAlgorithm {
    /// CKA_TENON_WRAP_ALGORITHM; `None` for layouts that no import job takes.
    pub(super) fn number(&self) -> Option<ck::CK_ULONG> {
        self.known().map(|row| row.number)
    }

    /// The name in the library's table, as the token's statements have it.
    pub(super) fn canonical(&self) -> Option<&'static str> {
        self.known().map(|row| row.name)
    }

    fn known(&self) -> Option<&'static Algorithm> {
        ALGORITHMS
            .iter()
            .find(|row| Layout::from(row.scheme) == self.layout)
    }
}

const fn row(name: &'static str, layout: Layout, bits: Option<u64>) -> NamedAlgorithm {
    NamedAlgorithm { name, layout, bits }
}

/// Names that the library's own table does not have, and layouts that no import job takes.
const OTHERS: &[NamedAlgorithm] = &[
    row("RSAES_OAEP_SHA_224", Layout::Oaep(Hash::Sha224), None),
    row("RSAES_OAEP_SHA3_224", Layout::Oaep(Hash::Sha3_224), None),
    row("RSAES_OAEP_SHA3_256", Layout::Oaep(Hash::Sha3_256), None),
    row("RSAES_OAEP_SHA3_384", Layout::Oaep(Hash::Sha3_384), None),
    row("RSAES_OAEP_SHA3_512", Layout::Oaep(Hash::Sha3_512), None),
    row(
        "RSA_AES_KEY_WRAP_SHA3_224",
        Layout::OaepKwp(Hash::Sha3_224),
        None,
    ),
    row(
        "RSA_AES_KEY_WRAP_SHA3_256",
        Layout::OaepKwp(Hash::Sha3_256),
        None,
    ),
    row(
        "RSA_AES_KEY_WRAP_SHA3_384",
        Layout::OaepKwp(Hash::Sha3_384),
        None,
    ),
    row(
        "RSA_AES_KEY_WRAP_SHA3_512",
        Layout::OaepKwp(Hash::Sha3_512),
        None,
    ),
    // PKCS #11
    row("CKM_ECDH_AES_KEY_WRAP", Layout::Ecdh(Hash::Sha256), None),
];

/// The algorithms, by their names in the library's table, whose wrapping key is of this kind.
pub(super) fn of_kind(kind: &str) -> impl Iterator<Item = &'static str> {
    let rows = ALGORITHMS.iter();
    rows.filter(move |row| Layout::from(row.scheme).key_kind().as_deref() == Some(kind))
        .map(|row| row.name)
}

fn all() -> impl Iterator<Item = NamedAlgorithm> {
    let main = ALGORITHMS
        .iter()
        .map(|known| row(known.name, known.scheme.into(), None));
    let of_services = profile::all().flat_map(Profile::algorithm_names);
    let of_services = of_services.filter_map(|known| {
        let algorithm = Algorithm::find(known.number)?;
        Some(row(known.name, algorithm.scheme.into(), known.bits))
    });
    main.chain(of_services).chain(OTHERS.iter().copied())
}

/// The algorithm of a name, in capitals or not, with hyphens or not, as for `--algorithm`.
pub(super) fn parse(text: &str) -> Result<NamedAlgorithm, String> {
    let name = text.to_ascii_uppercase().replace('-', "_");
    all().find(|row| row.name == name).ok_or_else(|| {
        let names: Vec<_> = all().map(|row| row.name).collect();
        folded(&format!("there are {}", names.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_each_service_writes_them() {
        let read = |text| parse(text).map(|row| (row.layout, row.bits, row.number()));
        let (oaep, kwp) = (Layout::Oaep, Layout::OaepKwp);
        for (name, layout, bits, number) in [
            ("RSAES_OAEP_SHA_256", oaep(Hash::Sha256), None, Some(2)),
            (
                "rsa-oaep-4096-sha256-aes-256",
                kwp(Hash::Sha256),
                Some(4096),
                Some(5),
            ),
            ("CKM_RSA_AES_KEY_WRAP", kwp(Hash::Sha1), None, Some(4)),
            ("SM2_ENCRYPT", Layout::Sm2, None, Some(8)),
            ("RSAES_OAEP_SHA3_512", oaep(Hash::Sha3_512), None, None),
        ] {
            assert_eq!(read(name), Ok((layout, bits, number)), "{name}");
        }
        let refused = read("RSA_OAEP").unwrap_err();
        assert!(refused.contains("RSA_OAEP_AES_SHA256"), "{refused}");
    }

    #[test]
    fn each_name_stands_once() {
        for (index, row) in all().enumerate() {
            let found = all().position(|other| other.name == row.name);
            assert_eq!(found, Some(index), "{}", row.name);
        }
    }
}
