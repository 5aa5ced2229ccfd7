//! Key specs and usages, by the names that the services give them.

use tenon_pkcs11::api::byok::{Curve, Spec};
use tenon_pkcs11::api::ck;

use crate::template::Template;

/// Bytes of an SM4 key.
const SM4_LEN: u64 = 16;

/// Names beside `AES_256` and the like; the first of a spec is the one that is shown.
const NAMES: &[(&str, Spec)] = &[
    // Huawei, Alibaba
    ("EC_P256", Spec::Ec(Curve::P256)),
    ("EC_P384", Spec::Ec(Curve::P384)),
    ("EC_P521", Spec::Ec(Curve::P521)),
    ("EC_P256K", Spec::Ec(Curve::Secp256k1)),
    ("EC_SM2", Spec::Ec(Curve::Sm2)),
    ("ED25519", Spec::Ec(Curve::Ed25519)),
    ("SM4", Spec::Sm4),
    ("SM2", Spec::Ec(Curve::Sm2)),
    ("ALIYUN_AES_256", Spec::Aes(256)),
    ("ALIYUN_AES_192", Spec::Aes(192)),
    ("ALIYUN_AES_128", Spec::Aes(128)),
    ("ALIYUN_SM4", Spec::Sm4),
    // AWS
    ("SYMMETRIC_DEFAULT", Spec::Aes(256)),
    ("ECC_NIST_P256", Spec::Ec(Curve::P256)),
    ("ECC_NIST_P384", Spec::Ec(Curve::P384)),
    ("ECC_NIST_P521", Spec::Ec(Curve::P521)),
    ("ECC_SECG_P256K1", Spec::Ec(Curve::Secp256k1)),
];

/// The spec of a name, for `--spec`.
pub(super) fn parse(text: &str) -> Result<Spec, String> {
    let name = text.to_ascii_uppercase().replace('-', "_");
    if let Some((_, spec)) = NAMES.iter().find(|(known, _)| *known == name) {
        return Ok(*spec);
    }
    let sized = name.split_once('_').and_then(|(kind, bits)| {
        let bits: u64 = bits.parse().ok()?;
        match kind {
            "AES" => Spec::of(ck::CKK_AES, &[(ck::CKA_VALUE_LEN, bits / 8)]),
            "HMAC" => Spec::of(ck::CKK_GENERIC_SECRET, &[(ck::CKA_VALUE_LEN, bits / 8)]),
            "RSA" => Spec::of(ck::CKK_RSA, &[(ck::CKA_MODULUS_BITS, bits)]),
            _ => None,
        }
        .filter(|spec| self::name(*spec) == name)
    });
    sized.ok_or_else(|| {
        "there are AES_128, AES_192, AES_256, SM4, HMAC_256 (and any other size), RSA_2048, RSA_3072, \
         RSA_4096, EC_P256, EC_P384, EC_P521, EC_P256K, EC_SM2, ED25519"
            .to_owned()
    })
}

/// The name to show.
pub(super) fn name(spec: Spec) -> String {
    match spec {
        Spec::Aes(bits) => format!("AES_{bits}"),
        Spec::Hmac(bits) => format!("HMAC_{bits}"),
        Spec::Rsa(bits) => format!("RSA_{bits}"),
        Spec::Sm4 | Spec::Ec(_) => {
            let named = NAMES.iter().find(|(_, known)| *known == spec);
            named.map_or_else(|| spec.to_string(), |(name, _)| (*name).to_owned())
        }
    }
}

/// CKA_CLASS.
pub(super) fn class(spec: Spec) -> ck::CK_OBJECT_CLASS {
    if spec.private() {
        return ck::CKO_PRIVATE_KEY;
    }
    ck::CKO_SECRET_KEY
}

/// CKA_CLASS, CKA_KEY_TYPE and size, as CKM_TENON_EXTERNAL_KEY_GEN takes them.
pub(super) fn template(spec: Spec) -> Template {
    let of = |key_type| Template::of_class(class(spec)).number(ck::CKA_KEY_TYPE, key_type);
    match spec {
        Spec::Aes(bits) => of(ck::CKK_AES).number(ck::CKA_VALUE_LEN, bits / 8),
        Spec::Hmac(bits) => of(ck::CKK_GENERIC_SECRET).number(ck::CKA_VALUE_LEN, bits / 8),
        Spec::Sm4 => of(ck::CKK_TENON_SM4).number(ck::CKA_VALUE_LEN, SM4_LEN),
        Spec::Rsa(bits) => of(ck::CKK_RSA).number(ck::CKA_MODULUS_BITS, bits),
        Spec::Ec(curve) => {
            let (key_type, params) = curve.attributes();
            of(key_type).bytes(ck::CKA_EC_PARAMS, params)
        }
    }
}

/// What a key is for, as the services have it: one of two, for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Usage {
    EncryptDecrypt,
    SignVerify,
}

impl Usage {
    /// ENCRYPT/DECRYPT or ENCRYPT_DECRYPT, SIGN/VERIFY, SIGN_VERIFY or GENERATE_VERIFY_MAC.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match text.to_ascii_uppercase().replace('_', "/").as_str() {
            "ENCRYPT/DECRYPT" => Ok(Self::EncryptDecrypt),
            "SIGN/VERIFY" | "GENERATE/VERIFY/MAC" => Ok(Self::SignVerify),
            _ => Err("there are ENCRYPT/DECRYPT and SIGN/VERIFY".to_owned()),
        }
    }

    /// What the services take where nothing is said.
    pub(super) fn usual(spec: Spec) -> Self {
        match spec {
            Spec::Aes(_) | Spec::Sm4 => Self::EncryptDecrypt,
            Spec::Hmac(_) | Spec::Rsa(_) | Spec::Ec(_) => Self::SignVerify,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::EncryptDecrypt => "ENCRYPT/DECRYPT",
            Self::SignVerify => "SIGN/VERIFY",
        }
    }

    /// The uses of a key of `spec`, each said.
    pub(super) fn add(self, template: Template, spec: Spec) -> Template {
        let [encrypts, signs] = [Self::EncryptDecrypt, Self::SignVerify].map(|usage| usage == self);
        let template = template
            .flag(ck::CKA_DECRYPT, encrypts)
            .flag(ck::CKA_SIGN, signs);
        if spec.private() {
            return template;
        }
        template
            .flag(ck::CKA_ENCRYPT, encrypts)
            .flag(ck::CKA_VERIFY, signs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specs_are_read_by_every_name() {
        for (text, spec) in [
            ("AES_256", Spec::Aes(256)),
            ("aes-128", Spec::Aes(128)),
            ("Aliyun_AES_192", Spec::Aes(192)),
            ("SYMMETRIC_DEFAULT", Spec::Aes(256)),
            ("HMAC_512", Spec::Hmac(512)),
            ("RSA_3072", Spec::Rsa(3072)),
            ("ECC_NIST_P384", Spec::Ec(Curve::P384)),
            ("EC_P256K", Spec::Ec(Curve::Secp256k1)),
            ("SM2", Spec::Ec(Curve::Sm2)),
            ("SM4", Spec::Sm4),
        ] {
            assert_eq!(parse(text), Ok(spec), "{text}");
            assert_eq!(parse(&name(spec)), Ok(spec), "{}", name(spec));
        }
        for bad in [
            "", "AES", "AES_", "AES_100", "AES_129", "AES_0256", "HMAC_7", "HMAC_0", "RSA_1024",
            "EC_P255", "DES_64",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn usages_are_read_by_every_name() {
        for text in ["ENCRYPT/DECRYPT", "encrypt_decrypt"] {
            assert_eq!(Usage::parse(text), Ok(Usage::EncryptDecrypt));
        }
        for text in ["SIGN/VERIFY", "SIGN_VERIFY", "GENERATE_VERIFY_MAC"] {
            assert_eq!(Usage::parse(text), Ok(Usage::SignVerify));
        }
        assert!(Usage::parse("SIGN").is_err());
    }
}
