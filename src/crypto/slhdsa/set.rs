//! The parameter sets (FIPS 205 section 11).

use crate::crypto::encoding::ObjectIdentifier;
use crate::crypto::parameter_set::NamedSet;

/// A parameter set: the hash function, the security strength in bits, and whether signatures are small or
/// fast to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say all there is to say")]
pub enum ParameterSet {
    Sha2_128s,
    Shake128s,
    Sha2_128f,
    Shake128f,
    Sha2_192s,
    Shake192s,
    Sha2_192f,
    Shake192f,
    Sha2_256s,
    Shake256s,
    Sha2_256f,
    Shake256f,
}

/// The value of an expression in which `$of` is the crate's module of a parameter set.
macro_rules! of_set {
    ($set:expr, $of:ident => $value:expr) => {
        of_set!($set, $of => $value;
            Sha2_128s slh_dsa_sha2_128s
            Shake128s slh_dsa_shake_128s
            Sha2_128f slh_dsa_sha2_128f
            Shake128f slh_dsa_shake_128f
            Sha2_192s slh_dsa_sha2_192s
            Shake192s slh_dsa_shake_192s
            Sha2_192f slh_dsa_sha2_192f
            Shake192f slh_dsa_shake_192f
            Sha2_256s slh_dsa_sha2_256s
            Shake256s slh_dsa_shake_256s
            Sha2_256f slh_dsa_sha2_256f
            Shake256f slh_dsa_shake_256f)
    };
    ($set:expr, $of:ident => $value:expr; $($name:ident $module:ident)+) => {
        match $set {
            $($crate::crypto::slhdsa::ParameterSet::$name => {
                use fips205::$module as $of;
                $value
            })+
        }
    };
}
pub(super) use of_set;

/// The object identifiers of all parameter sets (RFC 9909 section 3).
pub(crate) const OIDS: [ObjectIdentifier; 12] = {
    let mut oids = [oid(ParameterSet::Sha2_128s); 12];
    let mut at = 0;
    while at < oids.len() {
        oids[at] = oid(ParameterSet::ALL[at]);
        at += 1;
    }
    oids
};

const fn oid(set: ParameterSet) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(match set {
        ParameterSet::Sha2_128s => "2.16.840.1.101.3.4.3.20",
        ParameterSet::Shake128s => "2.16.840.1.101.3.4.3.26",
        ParameterSet::Sha2_128f => "2.16.840.1.101.3.4.3.21",
        ParameterSet::Shake128f => "2.16.840.1.101.3.4.3.27",
        ParameterSet::Sha2_192s => "2.16.840.1.101.3.4.3.22",
        ParameterSet::Shake192s => "2.16.840.1.101.3.4.3.28",
        ParameterSet::Sha2_192f => "2.16.840.1.101.3.4.3.23",
        ParameterSet::Shake192f => "2.16.840.1.101.3.4.3.29",
        ParameterSet::Sha2_256s => "2.16.840.1.101.3.4.3.24",
        ParameterSet::Shake256s => "2.16.840.1.101.3.4.3.30",
        ParameterSet::Sha2_256f => "2.16.840.1.101.3.4.3.25",
        ParameterSet::Shake256f => "2.16.840.1.101.3.4.3.31",
    })
}

impl ParameterSet {
    /// All of them, the shortest keys first, in the order of their CKP_ numbers.
    pub const ALL: [Self; 12] = [
        Self::Sha2_128s,
        Self::Shake128s,
        Self::Sha2_128f,
        Self::Shake128f,
        Self::Sha2_192s,
        Self::Shake192s,
        Self::Sha2_192f,
        Self::Shake192f,
        Self::Sha2_256s,
        Self::Shake256s,
        Self::Sha2_256f,
        Self::Shake256f,
    ];

    /// The n of FIPS 205: bytes of a hash value.
    pub(super) const fn hash_len(self) -> usize {
        match self {
            Self::Sha2_128s | Self::Shake128s | Self::Sha2_128f | Self::Shake128f => 16,
            Self::Sha2_192s | Self::Shake192s | Self::Sha2_192f | Self::Shake192f => 24,
            Self::Sha2_256s | Self::Shake256s | Self::Sha2_256f | Self::Shake256f => 32,
        }
    }

    /// Bytes of a public key.
    #[must_use]
    pub const fn public_len(self) -> usize {
        2 * self.hash_len()
    }

    /// Bytes of a private key, which ends with its public key.
    #[must_use]
    pub const fn private_len(self) -> usize {
        4 * self.hash_len()
    }

    /// Bytes of a signature.
    #[must_use]
    pub const fn signature_len(self) -> usize {
        match self {
            Self::Sha2_128s | Self::Shake128s => 7856,
            Self::Sha2_128f | Self::Shake128f => 17_088,
            Self::Sha2_192s | Self::Shake192s => 16_224,
            Self::Sha2_192f | Self::Shake192f => 35_664,
            Self::Sha2_256s | Self::Shake256s => 29_792,
            Self::Sha2_256f | Self::Shake256f => 49_856,
        }
    }
}

impl NamedSet for ParameterSet {
    const SETS: &'static [Self] = &Self::ALL;
    const PARAMETERS_REFUSAL: &'static str = "SLH-DSA takes no algorithm parameters";
    const ALGORITHM_REFUSAL: &'static str = "not an SLH-DSA parameter set";

    fn name(self) -> &'static str {
        match self {
            Self::Sha2_128s => "SLH-DSA-SHA2-128s",
            Self::Shake128s => "SLH-DSA-SHAKE-128s",
            Self::Sha2_128f => "SLH-DSA-SHA2-128f",
            Self::Shake128f => "SLH-DSA-SHAKE-128f",
            Self::Sha2_192s => "SLH-DSA-SHA2-192s",
            Self::Shake192s => "SLH-DSA-SHAKE-192s",
            Self::Sha2_192f => "SLH-DSA-SHA2-192f",
            Self::Shake192f => "SLH-DSA-SHAKE-192f",
            Self::Sha2_256s => "SLH-DSA-SHA2-256s",
            Self::Shake256s => "SLH-DSA-SHAKE-256s",
            Self::Sha2_256f => "SLH-DSA-SHA2-256f",
            Self::Shake256f => "SLH-DSA-SHAKE-256f",
        }
    }

    fn oid(self) -> ObjectIdentifier {
        oid(self)
    }
}
