//! Key specs and usages, by the names that the services give them.

use tenon_pkcs11::api::byok::{Spec, SpecName, Usage, profile};
use tenon_pkcs11::api::ck;

use crate::output::folded;
use crate::template::Template;

/// The spec of a name, for `--spec`.
pub(super) fn parse(text: &str) -> Result<SpecName, String> {
    profile::read_spec(text).ok_or_else(|| {
        let names: Vec<_> = Spec::names().collect();
        folded(&format!(
            "there are {}, HMAC_256 (and any other size), and the services' own names, which \
             `tenon byok profiles NAME` lists",
            names.join(", ")
        ))
    })
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
    let (key_type, size, value) = spec.attributes();
    Template::of_class(class(spec))
        .number(ck::CKA_KEY_TYPE, key_type)
        .value(size, &value)
}

/// A usage, by a service's word for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NamedUsage {
    pub(super) name: String,
    pub(super) usage: Usage,
    /// Whether the word is for HMAC keys alone.
    pub(super) of_hmac: bool,
}

/// The usage of a service's word for it, for `--usage`.
pub(super) fn parse_usage(text: &str) -> Result<NamedUsage, String> {
    let usage = profile::read_usage(text).ok_or_else(|| {
        "there are ENCRYPT_DECRYPT, SIGN_VERIFY and, for HMAC keys, GENERATE_VERIFY_MAC, also as each \
         service writes them"
            .to_owned()
    })?;
    Ok(NamedUsage {
        name: text.to_owned(),
        usage,
        of_hmac: profile::is_usage_of_hmac(text),
    })
}

/// The usage that the name says, else the one that the services take where none is named.
pub(super) fn usual_usage(named: &SpecName) -> Usage {
    let spec = named.spec;
    let ciphers = !spec.private() && spec.uses().contains(&ck::CKA_ENCRYPT);
    match named.encrypts.unwrap_or(ciphers) {
        true => Usage::ENCRYPT,
        false => Usage::SIGN,
    }
}

/// `template` with each use of a key of `spec`, as true or false.
pub(super) fn with_usage(template: Template, spec: Spec, usage: Usage) -> Template {
    let template = template
        .flag(ck::CKA_DECRYPT, usage.encrypt)
        .flag(ck::CKA_SIGN, usage.sign);
    if spec.private() {
        return template;
    }
    template
        .flag(ck::CKA_ENCRYPT, usage.encrypt)
        .flag(ck::CKA_VERIFY, usage.sign)
}

#[cfg(test)]
mod tests {
    use tenon_pkcs11::api::byok::Curve;

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
            ("aes256-gcm96", Spec::Aes(256)),
            ("ecdsa-p521", Spec::Ec(Curve::P521)),
            ("EC_SIGN_P256_SHA256", Spec::Ec(Curve::P256)),
            ("ec-sign-ed25519", Spec::Ec(Curve::Ed25519)),
            ("HMAC_SHA1", Spec::Hmac(160)),
            ("P-256K", Spec::Ec(Curve::Secp256k1)),
            ("ECC_NIST_EDWARDS25519", Spec::Ec(Curve::Ed25519)),
            ("EC_SECP256K1", Spec::Ec(Curve::Secp256k1)),
            ("RSA", Spec::Rsa(2048)),
            ("RSA-HSM", Spec::Rsa(2048)),
            ("EC", Spec::Ec(Curve::P256)),
            ("EC-HSM", Spec::Ec(Curve::P256)),
            ("oct", Spec::Aes(256)),
            ("oct-HSM", Spec::Aes(256)),
            ("hmac", Spec::Hmac(256)),
        ] {
            let read = |text: &str| parse(text).map(|named| named.spec);
            assert_eq!(read(text), Ok(spec), "{text}");
            assert_eq!(read(&spec.name()), Ok(spec), "{}", spec.name());
        }
        for bad in [
            "", "AES", "AES_", "AES_100", "AES_129", "AES_0256", "HMAC_7", "HMAC_0", "RSA_1024",
            "EC_P255", "DES_64",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_name_is_kept_as_its_service_writes_it() {
        for (text, name, usage) in [
            ("AES256-GCM96", "aes256-gcm96", Usage::ENCRYPT),
            ("aliyun-aes-256", "Aliyun_AES_256", Usage::ENCRYPT),
            ("p_256k", "P-256K", Usage::SIGN),
            (
                "rsa-decrypt-oaep-2048-sha256",
                "RSA_DECRYPT_OAEP_2048_SHA256",
                Usage::ENCRYPT,
            ),
            ("rsa-2048", "rsa-2048", Usage::SIGN),
            ("RSA_2048", "RSA_2048", Usage::SIGN),
            ("EC-HSM", "P-256", Usage::SIGN),
            ("HMAC", "HMAC_256", Usage::SIGN),
            ("oct", "AES_256", Usage::ENCRYPT),
        ] {
            let named = parse(text).unwrap();
            assert_eq!(named.name, name);
            assert_eq!(usual_usage(&named), usage, "{text}");
        }
    }

    #[test]
    fn usages_are_read_by_every_name() {
        for text in ["ENCRYPT/DECRYPT", "encrypt_decrypt", "ASYMMETRIC_DECRYPT"] {
            assert_eq!(parse_usage(text).unwrap().usage, Usage::ENCRYPT);
        }
        for text in [
            "SIGN/VERIFY",
            "SIGN_VERIFY",
            "GENERATE_VERIFY_MAC",
            "asymmetric-sign",
            "MAC",
        ] {
            let named = parse_usage(text).unwrap();
            assert_eq!(named.usage, Usage::SIGN);
            assert_eq!(named.of_hmac, text.contains("MAC"), "{text}");
        }
        assert!(parse_usage("SIGN").is_err());
    }
}
