//! Wrapping algorithms, by all the names that the services give them.

use tenon_pkcs11::byok::{ALGORITHMS, Scheme};
use tenon_pkcs11::ck;

/// A wrapping algorithm as it was asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Algorithm {
    pub(super) name: &'static str,
    pub(super) scheme: Scheme,
    /// Bits of the wrapping key, where the name fixes them.
    pub(super) bits: Option<u64>,
}

impl Algorithm {
    /// CKA_TENON_WRAP_ALGORITHM; `None` for what no import job is made for.
    pub(super) fn number(&self) -> Option<ck::CK_ULONG> {
        let row = ALGORITHMS.iter().find(|row| row.scheme == self.scheme);
        row.map(|row| row.number)
    }
}

const fn row(name: &'static str, scheme: Scheme, bits: Option<u64>) -> Algorithm {
    Algorithm { name, scheme, bits }
}

/// Names beside those of the library's own table, and what it makes no import jobs for.
const OTHERS: &[Algorithm] = &[
    row("RSAES_OAEP_SHA_224", Scheme::Oaep(ck::CKM_SHA224), None),
    row("RSAES_OAEP_SHA3_224", Scheme::Oaep(ck::CKM_SHA3_224), None),
    row("RSAES_OAEP_SHA3_256", Scheme::Oaep(ck::CKM_SHA3_256), None),
    row("RSAES_OAEP_SHA3_384", Scheme::Oaep(ck::CKM_SHA3_384), None),
    row("RSAES_OAEP_SHA3_512", Scheme::Oaep(ck::CKM_SHA3_512), None),
    row(
        "RSA_AES_KEY_WRAP_SHA3_224",
        Scheme::OaepKwp(ck::CKM_SHA3_224),
        None,
    ),
    row(
        "RSA_AES_KEY_WRAP_SHA3_256",
        Scheme::OaepKwp(ck::CKM_SHA3_256),
        None,
    ),
    row(
        "RSA_AES_KEY_WRAP_SHA3_384",
        Scheme::OaepKwp(ck::CKM_SHA3_384),
        None,
    ),
    row(
        "RSA_AES_KEY_WRAP_SHA3_512",
        Scheme::OaepKwp(ck::CKM_SHA3_512),
        None,
    ),
    // Azure
    row("CKM_RSA_AES_KEY_WRAP", Scheme::OaepKwp(ck::CKM_SHA_1), None),
    // Huawei
    row("SM2_ENCRYPT", Scheme::Sm2, None),
    // Google
    row(
        "RSA_OAEP_3072_SHA1_AES_256",
        Scheme::OaepKwp(ck::CKM_SHA_1),
        Some(3072),
    ),
    row(
        "RSA_OAEP_4096_SHA1_AES_256",
        Scheme::OaepKwp(ck::CKM_SHA_1),
        Some(4096),
    ),
    row(
        "RSA_OAEP_3072_SHA256_AES_256",
        Scheme::OaepKwp(ck::CKM_SHA256),
        Some(3072),
    ),
    row(
        "RSA_OAEP_4096_SHA256_AES_256",
        Scheme::OaepKwp(ck::CKM_SHA256),
        Some(4096),
    ),
    row(
        "RSA_OAEP_3072_SHA256",
        Scheme::Oaep(ck::CKM_SHA256),
        Some(3072),
    ),
    row(
        "RSA_OAEP_4096_SHA256",
        Scheme::Oaep(ck::CKM_SHA256),
        Some(4096),
    ),
    // OCI
    row("RSA_OAEP_SHA256", Scheme::Oaep(ck::CKM_SHA256), None),
    row("RSA_OAEP_AES_SHA256", Scheme::OaepKwp(ck::CKM_SHA256), None),
];

fn all() -> impl Iterator<Item = Algorithm> {
    let main = ALGORITHMS
        .iter()
        .map(|known| row(known.name, known.scheme, None));
    main.chain(OTHERS.iter().copied())
}

/// The algorithm of a name, in capitals or not, with hyphens or not, as for `--algorithm`.
pub(super) fn parse(text: &str) -> Result<Algorithm, String> {
    let name = text.to_ascii_uppercase().replace('-', "_");
    all().find(|row| row.name == name).ok_or_else(|| {
        let names: Vec<_> = all().map(|row| row.name).collect();
        format!("there are {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_each_service_writes_them() {
        let read = |text| parse(text).map(|row| (row.scheme, row.bits, row.number()));
        let (oaep, kwp) = (Scheme::Oaep, Scheme::OaepKwp);
        for (name, scheme, bits, number) in [
            ("RSAES_OAEP_SHA_256", oaep(ck::CKM_SHA256), None, Some(2)),
            (
                "rsa-oaep-4096-sha256-aes-256",
                kwp(ck::CKM_SHA256),
                Some(4096),
                Some(5),
            ),
            ("CKM_RSA_AES_KEY_WRAP", kwp(ck::CKM_SHA_1), None, Some(4)),
            ("SM2_ENCRYPT", Scheme::Sm2, None, Some(8)),
            ("RSAES_OAEP_SHA3_512", oaep(ck::CKM_SHA3_512), None, None),
        ] {
            assert_eq!(read(name), Ok((scheme, bits, number)), "{name}");
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
