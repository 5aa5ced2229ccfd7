//! ONE table of wrapping algorithms, by the names that the services give them.

use tenon_pkcs11::ck;
use tenon_pkcs11::crypto::hash::Hash;

/// How a blob is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// RSAES-OAEP of the key.
    Oaep(Hash),
    /// RSAES-PKCS1-v1_5 of the key.
    Pkcs1,
    /// RSAES-OAEP of an AES-256 key ‖ AES-KWP (RFC 5649) of the key under it.
    RsaAesKeyWrap(Hash),
    /// RSAES-OAEP with SHA-256 of an AES-256 key ‖ AES-256-ECB with PKCS#7 padding of the PKCS #8.
    RsaAesEcb,
}

impl Layout {
    /// CKA_TENON_WRAP_ALGORITHM; `None` for what no import job is made for.
    pub(super) fn number(self) -> Option<ck::CK_ULONG> {
        Some(match self {
            Self::Oaep(Hash::Sha1) => 1,
            Self::Oaep(Hash::Sha256) => 2,
            Self::Pkcs1 => 3,
            Self::RsaAesKeyWrap(Hash::Sha1) => 4,
            Self::RsaAesKeyWrap(Hash::Sha256) => 5,
            Self::RsaAesEcb => 6,
            Self::RsaAesKeyWrap(Hash::Sha224) => 9,
            Self::RsaAesKeyWrap(Hash::Sha384) => 10,
            Self::RsaAesKeyWrap(Hash::Sha512) => 11,
            Self::Oaep(Hash::Sha384) => 12,
            Self::Oaep(Hash::Sha512) => 13,
            Self::Oaep(_) | Self::RsaAesKeyWrap(_) => return None,
        })
    }
}

/// A row: one name.
#[derive(Debug)]
pub(super) struct Algorithm {
    pub(super) name: &'static str,
    pub(super) layout: Layout,
    /// Bits of the wrapping key, where the name fixes them.
    pub(super) bits: Option<u64>,
}

const fn row(name: &'static str, layout: Layout) -> Algorithm {
    let bits = None;
    Algorithm { name, layout, bits }
}

const fn fixed(name: &'static str, layout: Layout, bits: u64) -> Algorithm {
    let bits = Some(bits);
    Algorithm { name, layout, bits }
}

/// The first name of a layout is the one that is shown.
static ALGORITHMS: &[Algorithm] = &[
    // Alibaba, AWS, Huawei, OCI, Tencent
    row("RSAES_OAEP_SHA_1", Layout::Oaep(Hash::Sha1)),
    row("RSAES_OAEP_SHA_256", Layout::Oaep(Hash::Sha256)),
    row("RSAES_OAEP_SHA_224", Layout::Oaep(Hash::Sha224)),
    row("RSAES_OAEP_SHA_384", Layout::Oaep(Hash::Sha384)),
    row("RSAES_OAEP_SHA_512", Layout::Oaep(Hash::Sha512)),
    row("RSAES_OAEP_SHA3_224", Layout::Oaep(Hash::Sha3_224)),
    row("RSAES_OAEP_SHA3_256", Layout::Oaep(Hash::Sha3_256)),
    row("RSAES_OAEP_SHA3_384", Layout::Oaep(Hash::Sha3_384)),
    row("RSAES_OAEP_SHA3_512", Layout::Oaep(Hash::Sha3_512)),
    row("RSAES_PKCS1_V1_5", Layout::Pkcs1),
    // AWS, Huawei; Vault and OpenBao as hash_function
    row("RSA_AES_KEY_WRAP_SHA_1", Layout::RsaAesKeyWrap(Hash::Sha1)),
    row(
        "RSA_AES_KEY_WRAP_SHA_256",
        Layout::RsaAesKeyWrap(Hash::Sha256),
    ),
    row(
        "RSA_AES_KEY_WRAP_SHA_224",
        Layout::RsaAesKeyWrap(Hash::Sha224),
    ),
    row(
        "RSA_AES_KEY_WRAP_SHA_384",
        Layout::RsaAesKeyWrap(Hash::Sha384),
    ),
    row(
        "RSA_AES_KEY_WRAP_SHA_512",
        Layout::RsaAesKeyWrap(Hash::Sha512),
    ),
    row(
        "RSA_AES_KEY_WRAP_SHA3_224",
        Layout::RsaAesKeyWrap(Hash::Sha3_224),
    ),
    row(
        "RSA_AES_KEY_WRAP_SHA3_256",
        Layout::RsaAesKeyWrap(Hash::Sha3_256),
    ),
    row(
        "RSA_AES_KEY_WRAP_SHA3_384",
        Layout::RsaAesKeyWrap(Hash::Sha3_384),
    ),
    row(
        "RSA_AES_KEY_WRAP_SHA3_512",
        Layout::RsaAesKeyWrap(Hash::Sha3_512),
    ),
    // Azure
    row("CKM_RSA_AES_KEY_WRAP", Layout::RsaAesKeyWrap(Hash::Sha1)),
    // Alibaba
    row(
        "RSAES_OAEP_SHA_256_AES_256_ECB_PKCS7_PAD",
        Layout::RsaAesEcb,
    ),
    // Google
    fixed(
        "RSA_OAEP_3072_SHA1_AES_256",
        Layout::RsaAesKeyWrap(Hash::Sha1),
        3072,
    ),
    fixed(
        "RSA_OAEP_4096_SHA1_AES_256",
        Layout::RsaAesKeyWrap(Hash::Sha1),
        4096,
    ),
    fixed(
        "RSA_OAEP_3072_SHA256_AES_256",
        Layout::RsaAesKeyWrap(Hash::Sha256),
        3072,
    ),
    fixed(
        "RSA_OAEP_4096_SHA256_AES_256",
        Layout::RsaAesKeyWrap(Hash::Sha256),
        4096,
    ),
    fixed("RSA_OAEP_3072_SHA256", Layout::Oaep(Hash::Sha256), 3072),
    fixed("RSA_OAEP_4096_SHA256", Layout::Oaep(Hash::Sha256), 4096),
    // OCI
    row("RSA_OAEP_SHA256", Layout::Oaep(Hash::Sha256)),
    row("RSA_OAEP_AES_SHA256", Layout::RsaAesKeyWrap(Hash::Sha256)),
];

/// The algorithm of a name, in capitals or not, with hyphens or not, as for `--algorithm`.
pub(super) fn parse(text: &str) -> Result<&'static Algorithm, String> {
    let name = text.to_ascii_uppercase().replace('-', "_");
    let found = ALGORITHMS.iter().find(|row| row.name == name);
    found.ok_or_else(|| {
        let names: Vec<_> = ALGORITHMS.iter().map(|row| row.name).collect();
        format!("there are {}", names.join(", "))
    })
}

/// The name to show for a CKA_TENON_WRAP_ALGORITHM.
pub(super) fn name(number: ck::CK_ULONG) -> Option<&'static str> {
    let of_number = |row: &&Algorithm| row.layout.number() == Some(number);
    ALGORITHMS.iter().find(of_number).map(|row| row.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_each_service_writes_them() {
        let layout = |text| parse(text).map(|row| (row.layout, row.bits));
        let kwp = Layout::RsaAesKeyWrap;
        assert_eq!(
            layout("RSAES_OAEP_SHA_256"),
            Ok((Layout::Oaep(Hash::Sha256), None))
        );
        assert_eq!(
            layout("rsa-oaep-4096-sha256-aes-256"),
            Ok((kwp(Hash::Sha256), Some(4096)))
        );
        assert_eq!(layout("CKM_RSA_AES_KEY_WRAP"), Ok((kwp(Hash::Sha1), None)));
        let refused = layout("RSA_OAEP").unwrap_err();
        assert!(refused.contains("RSA_OAEP_AES_SHA256"), "{refused}");
    }

    #[test]
    fn each_name_stands_once_and_each_number_has_one() {
        for (index, row) in ALGORITHMS.iter().enumerate() {
            let again = ALGORITHMS.iter().rposition(|other| other.name == row.name);
            assert_eq!(again, Some(index), "{}", row.name);
            let Some(number) = row.layout.number() else {
                continue;
            };
            let shown = parse(name(number).unwrap()).unwrap();
            assert_eq!(shown.layout, row.layout, "{number}");
            assert_eq!(shown.bits, None);
        }
        assert_eq!(name(0), None);
    }
}
