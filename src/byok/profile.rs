//! ONE table of profiles: what each service allows of an external key (BYOK section 5).

use std::fmt;

use crate::ck;
use crate::clock::UnixTime;

use super::algorithm::{Algorithm, WrappingKey};
use super::metadata::Metadata;
use crate::keytype::{Curve, Spec};

const HOUR: UnixTime = 3600;
const DAY: UnixTime = 24 * HOUR;

/// A row.
#[derive(Debug, PartialEq, Eq)]
pub struct Profile {
    /// CKA_TENON_PROFILE.
    pub name: &'static str,
    /// What the service is called.
    pub service: &'static str,
    /// Algorithms by which material may come.
    wrapping: Wrapping,
    /// Wrapping keys of import jobs.
    keys: Allowed<WrappingKey>,
    /// What an external key may be, but for HMAC keys.
    specs: Allowed<Spec>,
    /// Generic and HMAC secrets are imported.
    hmac: bool,
    /// AES keys may have the usage SIGN_VERIFY.
    aes_signs: bool,
    /// Bits of the AES key inside a composite blob, where the service fixes them.
    pub inner_bits: Option<u64>,
    /// End of the material's life.
    expiry: Expiry,
    /// Seconds that an import job lives; `None` = for ever.
    pub job_life: Option<UnixTime>,
    /// Symmetric keys have versions.
    pub rotation: bool,
    /// Rules of alias, description and tags.
    pub metadata: Metadata,
}

/// A column that lists values, or allows whatever the token can.
#[derive(Debug, PartialEq, Eq)]
enum Allowed<T: 'static> {
    Any,
    These(&'static [T]),
}

impl<T: PartialEq> Allowed<T> {
    fn has(&self, value: &T) -> bool {
        match self {
            Self::Any => true,
            Self::These(values) => values.contains(value),
        }
    }
}

/// CKA_TENON_WRAP_ALGORITHM numbers, by what they bring.
#[derive(Debug, PartialEq, Eq)]
struct Wrapping {
    secret: Allowed<ck::CK_ULONG>,
    rsa: Allowed<ck::CK_ULONG>,
    ec: Allowed<ck::CK_ULONG>,
}

/// Rules of CKA_TENON_EXPIRES_AT.
#[derive(Debug, PartialEq, Eq)]
struct Expiry {
    /// Seconds that material lives when the import names no expiry; `None` = for ever.
    default_life: Option<UnixTime>,
    /// The import must name an expiry, or never.
    named: bool,
    /// Greatest life in seconds that an import may ask for.
    greatest_life: Option<UnixTime>,
    /// Latest expiry.
    latest: Option<UnixTime>,
}

/// Never, unless the import says otherwise.
const NO_EXPIRY: Expiry = Expiry {
    default_life: None,
    named: false,
    greatest_life: None,
    latest: None,
};

/// What a key is for, as the services know it (rule 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// ENCRYPT_DECRYPT: CKA_ENCRYPT, CKA_DECRYPT, CKA_WRAP or CKA_UNWRAP.
    pub encrypt: bool,
    /// SIGN_VERIFY: CKA_SIGN or CKA_VERIFY.
    pub sign: bool,
}

/// A rule that a profile breaks an intention by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Keys of this spec.
    Spec(Spec),
    /// The usage asked for.
    Usage(Spec),
    /// This algorithm for material of this spec.
    Wrapping(&'static str, Spec),
    /// This wrapping key.
    WrappingKey(WrappingKey),
    /// An import by another way than one of the service's algorithms.
    Way,
    /// Rotation of this key.
    Rotation,
    /// An import without an expiry.
    ExpiryUnnamed,
    /// An expiry that far away.
    ExpiryMaximum,
    /// The alias, description or tags.
    Metadata(&'static str),
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spec(spec) => write!(f, "imports no {spec} keys"),
            Self::Usage(spec) => write!(
                f,
                "gives a {spec} key one usage, and not this one: ENCRYPT_DECRYPT or SIGN_VERIFY"
            ),
            Self::Wrapping(algorithm, spec) => {
                write!(f, "does not wrap {spec} material by {algorithm}")
            }
            Self::WrappingKey(key) => write!(f, "has no {key} wrapping keys"),
            Self::Way => f.write_str("takes material by its own wrapping algorithms alone"),
            Self::Rotation => f.write_str(
                "does not rotate this key: make a new external key for the new material",
            ),
            Self::ExpiryUnnamed => {
                f.write_str("wants CKA_TENON_EXPIRES_AT in every import: a time, or 0 for never")
            }
            Self::ExpiryMaximum => f.write_str("does not keep material that long"),
            Self::Metadata(what) => f.write_str(what),
        }
    }
}

/// Every key of the services that have RSA and EC keys.
const RSA_2048: &[WrappingKey] = &[WrappingKey::Rsa(2048)];
const RSA_ALL: &[WrappingKey] = &[
    WrappingKey::Rsa(2048),
    WrappingKey::Rsa(3072),
    WrappingKey::Rsa(4096),
];
const ALIBABA_KEYS: &[WrappingKey] = &[WrappingKey::Rsa(2048), WrappingKey::Sm2];

const OPEN: Profile = Profile {
    name: "open",
    service: "the open profile",
    wrapping: Wrapping {
        secret: Allowed::Any,
        rsa: Allowed::Any,
        ec: Allowed::Any,
    },
    keys: Allowed::Any,
    specs: Allowed::Any,
    hmac: true,
    aes_signs: true,
    inner_bits: None,
    expiry: NO_EXPIRY,
    job_life: Some(DAY),
    rotation: false,
    metadata: Metadata::Free,
};

const ALIBABA_DEFAULT: Profile = Profile {
    name: "alibaba-default",
    service: "Alibaba Cloud KMS (default key)",
    wrapping: Wrapping {
        secret: Allowed::These(&[1, 2, 3]),
        rsa: Allowed::These(&[]),
        ec: Allowed::These(&[]),
    },
    keys: Allowed::These(RSA_2048),
    specs: Allowed::These(&[Spec::Aes(256)]),
    hmac: false,
    aes_signs: false,
    metadata: Metadata::Alibaba,
    ..OPEN
};

const ALIBABA_SOFTWARE: Profile = Profile {
    name: "alibaba-software",
    service: "Alibaba Cloud KMS (software-protected)",
    wrapping: Wrapping {
        secret: Allowed::These(&[2, 3]),
        rsa: Allowed::These(&[6, 7]),
        ec: Allowed::These(&[6, 7]),
    },
    keys: Allowed::These(ALIBABA_KEYS),
    specs: Allowed::These(&[
        Spec::Aes(256),
        Spec::Rsa(2048),
        Spec::Rsa(3072),
        Spec::Ec(Curve::P256),
        Spec::Ec(Curve::Secp256k1),
        Spec::Ec(Curve::Sm2),
    ]),
    rotation: true,
    ..ALIBABA_DEFAULT
};

const ALIBABA_HARDWARE: Profile = Profile {
    name: "alibaba-hardware",
    service: "Alibaba Cloud KMS (hardware-protected)",
    specs: Allowed::These(&[
        Spec::Aes(128),
        Spec::Aes(192),
        Spec::Aes(256),
        Spec::Rsa(2048),
        Spec::Rsa(3072),
        Spec::Rsa(4096),
        Spec::Ec(Curve::P256),
        Spec::Ec(Curve::Secp256k1),
        Spec::Ec(Curve::Sm2),
    ]),
    aes_signs: true,
    rotation: false,
    ..ALIBABA_SOFTWARE
};

const HUAWEI: Profile = Profile {
    name: "huawei",
    service: "Huawei Cloud KMS",
    wrapping: Wrapping {
        secret: Allowed::These(&[2]),
        rsa: Allowed::These(&[5]),
        ec: Allowed::These(&[5]),
    },
    keys: Allowed::These(RSA_ALL),
    specs: Allowed::These(&[
        Spec::Aes(256),
        Spec::Rsa(2048),
        Spec::Rsa(3072),
        Spec::Rsa(4096),
        Spec::Ec(Curve::P256),
        Spec::Ec(Curve::P384),
    ]),
    hmac: false,
    aes_signs: false,
    expiry: Expiry {
        default_life: Some(DAY),
        ..NO_EXPIRY
    },
    metadata: Metadata::Huawei,
    ..OPEN
};

const AWS: Profile = Profile {
    name: "aws",
    service: "AWS KMS",
    wrapping: Wrapping {
        secret: Allowed::These(&[1, 2, 4, 5]),
        rsa: Allowed::These(&[4, 5]),
        ec: Allowed::These(&[1, 2, 4, 5]),
    },
    keys: Allowed::These(RSA_ALL),
    specs: Allowed::These(&[
        Spec::Aes(256),
        Spec::Rsa(2048),
        Spec::Rsa(3072),
        Spec::Rsa(4096),
        Spec::Ec(Curve::P256),
        Spec::Ec(Curve::P384),
        Spec::Ec(Curve::P521),
        Spec::Ec(Curve::Secp256k1),
    ]),
    hmac: true,
    aes_signs: false,
    expiry: Expiry {
        named: true,
        greatest_life: Some(365 * DAY),
        ..NO_EXPIRY
    },
    rotation: true,
    ..OPEN
};

const GOOGLE: Profile = Profile {
    name: "google",
    service: "Google Cloud KMS",
    wrapping: Wrapping {
        secret: Allowed::These(&[2, 4, 5]),
        rsa: Allowed::These(&[4, 5]),
        ec: Allowed::These(&[2, 4, 5]),
    },
    keys: Allowed::These(&[WrappingKey::Rsa(3072), WrappingKey::Rsa(4096)]),
    specs: Allowed::These(&[
        Spec::Aes(128),
        Spec::Aes(256),
        Spec::Rsa(2048),
        Spec::Rsa(3072),
        Spec::Rsa(4096),
        Spec::Ec(Curve::P256),
        Spec::Ec(Curve::P384),
        Spec::Ec(Curve::Secp256k1),
    ]),
    hmac: true,
    aes_signs: false,
    job_life: Some(3 * DAY),
    ..OPEN
};

const AZURE: Profile = Profile {
    name: "azure",
    service: "Azure Key Vault",
    wrapping: Wrapping {
        secret: Allowed::These(&[4]),
        rsa: Allowed::These(&[4]),
        ec: Allowed::These(&[4]),
    },
    keys: Allowed::These(RSA_ALL),
    specs: Allowed::These(&[
        Spec::Aes(128),
        Spec::Aes(192),
        Spec::Aes(256),
        Spec::Rsa(2048),
        Spec::Rsa(3072),
        Spec::Rsa(4096),
        Spec::Ec(Curve::P256),
        Spec::Ec(Curve::P384),
        Spec::Ec(Curve::P521),
        Spec::Ec(Curve::Secp256k1),
    ]),
    hmac: false,
    aes_signs: false,
    job_life: None,
    ..OPEN
};

const TENCENT: Profile = Profile {
    name: "tencent",
    service: "Tencent Cloud KMS",
    wrapping: Wrapping {
        secret: Allowed::These(&[1, 2, 3]),
        rsa: Allowed::These(&[]),
        ec: Allowed::These(&[]),
    },
    keys: Allowed::These(RSA_2048),
    specs: Allowed::These(&[Spec::Aes(256), Spec::Sm4]),
    hmac: false,
    aes_signs: false,
    expiry: Expiry {
        latest: Some(2_147_443_200),
        ..NO_EXPIRY
    },
    ..OPEN
};

const OCI: Profile = Profile {
    name: "oci",
    service: "OCI Vault",
    wrapping: Wrapping {
        secret: Allowed::These(&[2, 5]),
        rsa: Allowed::These(&[5]),
        ec: Allowed::These(&[]),
    },
    keys: Allowed::These(&[WrappingKey::Rsa(4096)]),
    specs: Allowed::These(&[
        Spec::Aes(128),
        Spec::Aes(192),
        Spec::Aes(256),
        Spec::Rsa(2048),
        Spec::Rsa(3072),
        Spec::Rsa(4096),
    ]),
    hmac: false,
    aes_signs: false,
    job_life: None,
    rotation: true,
    ..OPEN
};

const VAULT: Profile = Profile {
    name: "vault",
    service: "Vault transit",
    wrapping: Wrapping {
        secret: Allowed::These(&[4, 5, 9, 10, 11]),
        rsa: Allowed::These(&[4, 5, 9, 10, 11]),
        ec: Allowed::These(&[4, 5, 9, 10, 11]),
    },
    keys: Allowed::These(&[WrappingKey::Rsa(4096)]),
    specs: Allowed::These(&[
        Spec::Aes(128),
        Spec::Aes(256),
        Spec::Rsa(2048),
        Spec::Rsa(3072),
        Spec::Rsa(4096),
        Spec::Ec(Curve::P256),
        Spec::Ec(Curve::P384),
        Spec::Ec(Curve::P521),
        Spec::Ec(Curve::Ed25519),
    ]),
    hmac: true,
    aes_signs: false,
    inner_bits: Some(256),
    job_life: None,
    ..OPEN
};

static PROFILES: &[Profile] = &[
    OPEN,
    ALIBABA_DEFAULT,
    ALIBABA_SOFTWARE,
    ALIBABA_HARDWARE,
    HUAWEI,
    AWS,
    GOOGLE,
    AZURE,
    TENCENT,
    OCI,
    VAULT,
];

/// Every profile.
pub fn all() -> impl Iterator<Item = &'static Profile> {
    PROFILES.iter()
}

/// The profile that allows everything: of keys that bind by (class, key type, CKA_ID), and of those
/// whose template names none.
#[must_use]
pub(crate) fn open() -> &'static Profile {
    &PROFILES[0]
}

/// The profile called `name`.
#[must_use]
pub fn find(name: &[u8]) -> Option<&'static Profile> {
    all().find(|profile| profile.name.as_bytes() == name)
}

impl Profile {
    /// Whether the service has external keys like this one.
    ///
    /// # Errors
    /// `Spec`, `Usage`.
    pub fn may_create(&self, spec: Spec, usage: Usage) -> Result<(), Rule> {
        let known = match spec {
            Spec::Hmac(_) => self.hmac,
            _ => self.specs.has(&spec),
        };
        if !known {
            return Err(Rule::Spec(spec));
        }
        if self.specs == Allowed::Any {
            return Ok(());
        }
        let fits = match (usage.encrypt, usage.sign) {
            (true, true) => false,
            (true, false) => matches!(
                spec,
                Spec::Aes(_) | Spec::Sm4 | Spec::Rsa(_) | Spec::Ec(Curve::Sm2)
            ),
            (false, true) => match spec {
                Spec::Aes(_) | Spec::Sm4 => self.aes_signs,
                Spec::Hmac(_) | Spec::Rsa(_) | Spec::Ec(_) => true,
            },
            (false, false) => true,
        };
        if !fits {
            return Err(Rule::Usage(spec));
        }
        Ok(())
    }

    /// Whether material of this spec comes by this algorithm, under this wrapping key.
    ///
    /// # Errors
    /// `Wrapping`, `WrappingKey`.
    pub fn may_wrap(
        &self,
        algorithm: &Algorithm,
        key: WrappingKey,
        spec: Spec,
    ) -> Result<(), Rule> {
        let listed = match spec {
            Spec::Aes(_) | Spec::Sm4 | Spec::Hmac(_) => &self.wrapping.secret,
            Spec::Rsa(_) => &self.wrapping.rsa,
            Spec::Ec(_) => &self.wrapping.ec,
        };
        if !listed.has(&algorithm.number) || !algorithm.carries(spec) {
            return Err(Rule::Wrapping(algorithm.name, spec));
        }
        if !self.keys.has(&key) || !algorithm.by(key) {
            return Err(Rule::WrappingKey(key));
        }
        Ok(())
    }

    /// Any mechanism that unwraps may bring material, not the listed algorithms alone.
    #[must_use]
    pub fn takes_every_way(&self) -> bool {
        self.keys == Allowed::Any
    }

    /// The expiry that an import sets: the one asked for, else the default; 0 = never.
    ///
    /// # Errors
    /// `ExpiryUnnamed`, `ExpiryMaximum`.
    pub fn expiry(&self, asked: Option<UnixTime>, now: UnixTime) -> Result<UnixTime, Rule> {
        let rules = &self.expiry;
        let at = match (asked, rules.default_life) {
            (Some(at), _) => at,
            (None, _) if rules.named => return Err(Rule::ExpiryUnnamed),
            (None, Some(life)) => now.saturating_add(life),
            (None, None) => 0,
        };
        let too_far = rules
            .greatest_life
            .is_some_and(|life| at > now.saturating_add(life))
            || rules.latest.is_some_and(|latest| at > latest);
        if too_far {
            return Err(Rule::ExpiryMaximum);
        }
        Ok(at)
    }

    /// When an import job made now ends; 0 = never.
    #[must_use]
    pub fn job_ends(&self, now: UnixTime) -> UnixTime {
        self.job_life.map_or(0, |life| now.saturating_add(life))
    }

    /// Whether a key of this spec may have versions.
    ///
    /// # Errors
    /// `Rotation`.
    pub fn may_rotate(&self, spec: Spec) -> Result<(), Rule> {
        if self.rotation && !spec.private() {
            return Ok(());
        }
        Err(Rule::Rotation)
    }
}

#[cfg(test)]
mod tests;
