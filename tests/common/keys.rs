//! Keys of every kind, made quickly: their values are generated once for a test program.

use std::sync::OnceLock;

use tenon_pkcs11::api::attr::RawAttribute;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::crypto::dh::{self, DhMaterial, Group};
use tenon_pkcs11::api::crypto::dsa::{self, DsaMaterial};
use tenon_pkcs11::api::crypto::ec::EcMaterial;
use tenon_pkcs11::api::crypto::ec::{self, Curve};
use tenon_pkcs11::api::crypto::hash::Hash;
use tenon_pkcs11::api::crypto::mldsa::{self, MlDsaMaterial, ParameterSet};
use tenon_pkcs11::api::crypto::mlkem::{self, MlKemMaterial};
use tenon_pkcs11::api::crypto::okp;
use tenon_pkcs11::api::crypto::rand::SystemRng;
use tenon_pkcs11::api::crypto::rsa;
use tenon_pkcs11::api::crypto::rsa::RsaMaterial;
use tenon_pkcs11::api::crypto::slhdsa::{self, SlhDsaMaterial};
use tenon_pkcs11::api::mechanism::{self, Oaep, Params, Request};
use tenon_pkcs11::api::rng::random;
use tenon_pkcs11::api::session::Session;
use tenon_pkcs11::api::token::Handle;

use super::{attrs, with};

/// The public and the private key; or the same secret key twice.
#[derive(Clone, Copy)]
pub(crate) struct Pair {
    /// Encrypts, verifies, wraps.
    pub(crate) public: Handle,
    /// Decrypts, signs, unwraps.
    pub(crate) private: Handle,
}

/// CKA_ that permit a use, and whether a public key, a private key and a secret key have it.
const ALL_USES: [(ck::CK_ATTRIBUTE_TYPE, bool, bool); 9] = [
    (ck::CKA_ENCRYPT, true, false),
    (ck::CKA_VERIFY, true, false),
    (ck::CKA_WRAP, true, false),
    (ck::CKA_DECRYPT, false, true),
    (ck::CKA_SIGN, false, true),
    (ck::CKA_UNWRAP, false, true),
    (ck::CKA_DERIVE, false, true),
    (ck::CKA_ENCAPSULATE, true, false),
    (ck::CKA_DECAPSULATE, false, true),
];

/// Uses that secret keys do not have.
const OF_PAIRS: [ck::CK_ATTRIBUTE_TYPE; 2] = [ck::CKA_ENCAPSULATE, ck::CKA_DECAPSULATE];

fn uses(allowed: bool, of_public: bool, of_private: bool) -> Vec<RawAttribute> {
    ALL_USES
        .iter()
        .filter(|(_, public, private)| (*public && of_public) || (*private && of_private))
        .filter(|(kind, ..)| !(of_public && of_private && OF_PAIRS.contains(kind)))
        .map(|(kind, ..)| super::ToAttribute::attribute(allowed, *kind))
        .collect()
}

/// For a secret key that may do nothing but derive.
pub(crate) fn no_uses() -> Vec<RawAttribute> {
    with(uses(false, true, true), attrs![CKA_DERIVE => true])
}

/// One RSA-2048 key pair for the whole program.
pub(crate) fn rsa_material() -> &'static RsaMaterial {
    static MATERIAL: OnceLock<RsaMaterial> = OnceLock::new();
    MATERIAL.get_or_init(|| rsa::generate(2048, &[1, 0, 1]).unwrap())
}

/// One key pair on SM2's curve for the whole program.
pub(crate) fn sm2_material() -> &'static EcMaterial {
    static MATERIAL: OnceLock<EcMaterial> = OnceLock::new();
    MATERIAL.get_or_init(|| ec::generate(Curve::Sm2).unwrap())
}

/// One P-256 key pair for the whole program.
pub(crate) fn ec_material() -> &'static EcMaterial {
    static MATERIAL: OnceLock<EcMaterial> = OnceLock::new();
    MATERIAL.get_or_init(|| ec::generate(Curve::P256).unwrap())
}

/// Session objects of one RSA-2048 key pair, for every use; `public` and `private` change them.
pub(crate) fn rsa_pair(
    session: &Session,
    public: Vec<RawAttribute>,
    private: Vec<RawAttribute>,
) -> Pair {
    let key = rsa_material();
    let mut of_public = attrs![
        CKA_CLASS => ck::CKO_PUBLIC_KEY, CKA_KEY_TYPE => ck::CKK_RSA,
        CKA_MODULUS => &key.n, CKA_PUBLIC_EXPONENT => &key.e,
    ];
    of_public.extend(uses(true, true, false));
    let mut of_private = attrs![
        CKA_CLASS => ck::CKO_PRIVATE_KEY, CKA_KEY_TYPE => ck::CKK_RSA,
        CKA_MODULUS => &key.n, CKA_PUBLIC_EXPONENT => &key.e,
        CKA_PRIVATE_EXPONENT => &*key.d, CKA_PRIME_1 => &*key.p, CKA_PRIME_2 => &*key.q,
    ];
    of_private.extend(uses(true, false, true));
    Pair {
        public: session.create_object(&with(of_public, public)).unwrap(),
        private: session.create_object(&with(of_private, private)).unwrap(),
    }
}

/// Session objects of one P-256 key pair, for every use; `public` and `private` change them.
pub(crate) fn ec_pair(
    session: &Session,
    public: Vec<RawAttribute>,
    private: Vec<RawAttribute>,
) -> Pair {
    curve_pair(session, ec_material(), public, private)
}

/// Session objects of one key pair on SM2's curve, for every use; `public` and `private` change them.
pub(crate) fn sm2_pair(
    session: &Session,
    public: Vec<RawAttribute>,
    private: Vec<RawAttribute>,
) -> Pair {
    curve_pair(session, sm2_material(), public, private)
}

fn curve_pair(
    session: &Session,
    key: &EcMaterial,
    public: Vec<RawAttribute>,
    private: Vec<RawAttribute>,
) -> Pair {
    let params = key.curve.params();
    // All points here have 65 bytes.
    let point = [&[0x04, 65][..], &key.point].concat();
    let mut of_public = attrs![
        CKA_CLASS => ck::CKO_PUBLIC_KEY, CKA_KEY_TYPE => ck::CKK_EC,
        CKA_EC_PARAMS => params, CKA_EC_POINT => &point,
    ];
    of_public.extend(uses(true, true, false));
    let mut of_private = attrs![
        CKA_CLASS => ck::CKO_PRIVATE_KEY, CKA_KEY_TYPE => ck::CKK_EC,
        CKA_EC_PARAMS => params, CKA_VALUE => &*key.scalar,
    ];
    of_private.extend(uses(true, false, true));
    Pair {
        public: session.create_object(&with(of_public, public)).unwrap(),
        private: session.create_object(&with(of_private, private)).unwrap(),
    }
}

/// Session objects of a new Ed25519 or X25519 key pair, for every use; `public` and `private` change
/// them.
pub(crate) fn okp_pair(
    session: &Session,
    curve: okp::Curve,
    public: Vec<RawAttribute>,
    private: Vec<RawAttribute>,
) -> Pair {
    let key = okp::generate(curve).unwrap();
    let key_type = match curve {
        okp::Curve::Ed25519 => ck::CKK_EC_EDWARDS,
        okp::Curve::X25519 => ck::CKK_EC_MONTGOMERY,
    };
    let params = curve.params();
    let mut of_public = attrs![
        CKA_CLASS => ck::CKO_PUBLIC_KEY, CKA_KEY_TYPE => key_type,
        CKA_EC_PARAMS => params, CKA_EC_POINT => &key.public,
    ];
    of_public.extend(uses(true, true, false));
    let mut of_private = attrs![
        CKA_CLASS => ck::CKO_PRIVATE_KEY, CKA_KEY_TYPE => key_type,
        CKA_EC_PARAMS => params, CKA_VALUE => &*key.private,
    ];
    of_private.extend(uses(true, false, true));
    Pair {
        public: session.create_object(&with(of_public, public)).unwrap(),
        private: session.create_object(&with(of_private, private)).unwrap(),
    }
}

/// One key pair of the 2048-bit group of RFC 3526 for the whole program.
pub(crate) fn dh_material() -> &'static DhMaterial {
    static MATERIAL: OnceLock<DhMaterial> = OnceLock::new();
    MATERIAL.get_or_init(|| {
        let [p, g] = Group::of_rfc3526(2048).unwrap().unwrap().numbers();
        dh::generate(&p, &g, None).unwrap()
    })
}

/// Session objects of one Diffie-Hellman key pair, for every use; `public` and `private` change them.
pub(crate) fn dh_pair(
    session: &Session,
    public: Vec<RawAttribute>,
    private: Vec<RawAttribute>,
) -> Pair {
    let key = dh_material();
    let mut of_public = attrs![
        CKA_CLASS => ck::CKO_PUBLIC_KEY, CKA_KEY_TYPE => ck::CKK_DH,
        CKA_PRIME => &key.p, CKA_BASE => &key.g, CKA_VALUE => &key.y,
    ];
    of_public.extend(uses(true, true, false));
    let mut of_private = attrs![
        CKA_CLASS => ck::CKO_PRIVATE_KEY, CKA_KEY_TYPE => ck::CKK_DH,
        CKA_PRIME => &key.p, CKA_BASE => &key.g, CKA_VALUE => &*key.x,
    ];
    of_private.extend(uses(true, false, true));
    Pair {
        public: session.create_object(&with(of_public, public)).unwrap(),
        private: session.create_object(&with(of_private, private)).unwrap(),
    }
}

/// One key pair of new domain parameters of 1024 bits for the whole program.
pub(crate) fn dsa_material() -> &'static DsaMaterial {
    static MATERIAL: OnceLock<DsaMaterial> = OnceLock::new();
    MATERIAL.get_or_init(|| {
        let group = dsa::Group::generate(1024, None).unwrap().unwrap();
        dsa::generate(&group).unwrap()
    })
}

/// CKA_PRIME, CKA_SUBPRIME and CKA_BASE of `dsa_material`.
pub(crate) fn dsa_parameters() -> Vec<RawAttribute> {
    let DsaMaterial { p, q, g, .. } = dsa_material();
    attrs![CKA_PRIME => p, CKA_SUBPRIME => q, CKA_BASE => g]
}

/// Session objects of one DSA key pair, for every use; `public` and `private` change them.
pub(crate) fn dsa_pair(
    session: &Session,
    public: Vec<RawAttribute>,
    private: Vec<RawAttribute>,
) -> Pair {
    let key = dsa_material();
    let mut of_public = dsa_parameters();
    of_public.extend(attrs![
        CKA_CLASS => ck::CKO_PUBLIC_KEY, CKA_KEY_TYPE => ck::CKK_DSA, CKA_VALUE => &key.y,
    ]);
    of_public.extend(uses(true, true, false));
    let mut of_private = dsa_parameters();
    of_private.extend(attrs![
        CKA_CLASS => ck::CKO_PRIVATE_KEY, CKA_KEY_TYPE => ck::CKK_DSA, CKA_VALUE => &*key.x,
    ]);
    of_private.extend(uses(true, false, true));
    Pair {
        public: session.create_object(&with(of_public, public)).unwrap(),
        private: session.create_object(&with(of_private, private)).unwrap(),
    }
}

/// Session objects of one ML-DSA-44 key pair, for every use; `public` and `private` change them.
pub(crate) fn ml_dsa_pair(
    session: &Session,
    public: Vec<RawAttribute>,
    private: Vec<RawAttribute>,
) -> Pair {
    static MATERIAL: OnceLock<MlDsaMaterial> = OnceLock::new();
    let key = MATERIAL.get_or_init(|| mldsa::generate(ParameterSet::MlDsa44).unwrap());
    let of = (ck::CKK_ML_DSA, ck::CKP_ML_DSA_44);
    let half = attrs![CKA_SEED => &*key.seed];
    set_pair(session, of, (&key.public, half), public, private)
}

/// Session objects of one ML-KEM-512 key pair, for every use; `public` and `private` change them.
pub(crate) fn ml_kem_pair(
    session: &Session,
    public: Vec<RawAttribute>,
    private: Vec<RawAttribute>,
) -> Pair {
    static MATERIAL: OnceLock<MlKemMaterial> = OnceLock::new();
    let key = MATERIAL.get_or_init(|| mlkem::generate(mlkem::ParameterSet::MlKem512).unwrap());
    let of = (ck::CKK_ML_KEM, ck::CKP_ML_KEM_512);
    let half = attrs![CKA_SEED => &*key.seed];
    set_pair(session, of, (&key.public, half), public, private)
}

/// Session objects of one SLH-DSA-SHA2-128f key pair, for every use; `public` and `private` change them.
pub(crate) fn slh_dsa_pair(
    session: &Session,
    public: Vec<RawAttribute>,
    private: Vec<RawAttribute>,
) -> Pair {
    static MATERIAL: OnceLock<SlhDsaMaterial> = OnceLock::new();
    let key = MATERIAL.get_or_init(|| slhdsa::generate(slhdsa::ParameterSet::Sha2_128f).unwrap());
    let of = (ck::CKK_SLH_DSA, ck::CKP_SLH_DSA_SHA2_128F);
    let half = attrs![CKA_VALUE => &*key.private];
    set_pair(session, of, (&key.public, half), public, private)
}

/// A key pair of this type and parameter set, whose public half has this value and whose private half has
/// these attributes.
fn set_pair(
    session: &Session,
    (key_type, set): (ck::CK_KEY_TYPE, ck::CK_ULONG),
    (value, half): (&[u8], Vec<RawAttribute>),
    public: Vec<RawAttribute>,
    private: Vec<RawAttribute>,
) -> Pair {
    let mut of_public = attrs![
        CKA_CLASS => ck::CKO_PUBLIC_KEY, CKA_KEY_TYPE => key_type, CKA_PARAMETER_SET => set,
        CKA_VALUE => value,
    ];
    of_public.extend(uses(true, true, false));
    let mut of_private = attrs![
        CKA_CLASS => ck::CKO_PRIVATE_KEY, CKA_KEY_TYPE => key_type, CKA_PARAMETER_SET => set,
    ];
    of_private.extend(half);
    of_private.extend(uses(true, false, true));
    Pair {
        public: session.create_object(&with(of_public, public)).unwrap(),
        private: session.create_object(&with(of_private, private)).unwrap(),
    }
}

/// Session objects of a new X-Wing key pair, for every use; `public` and `private` change them.
pub(crate) fn xwing_pair(
    session: &Session,
    public: Vec<RawAttribute>,
    private: Vec<RawAttribute>,
) -> Pair {
    let row = mechanism::find(ck::CKM_TENON_XWING_KEY_PAIR_GEN).unwrap();
    let request = Request::new(row, Params::None).unwrap();
    let public = with(uses(true, true, false), public);
    let private = with(uses(true, false, true), private);
    let (public, private) = session
        .generate_key_pair(request, &public, &private)
        .unwrap();
    Pair { public, private }
}

/// A session object: a secret key of 32 bytes for every use; `changes` change it.
pub(crate) fn secret(
    session: &Session,
    key_type: ck::CK_KEY_TYPE,
    changes: Vec<RawAttribute>,
) -> Pair {
    let mut template = attrs![
        CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => key_type, CKA_VALUE => &[0x5A; 32],
    ];
    template.extend(uses(true, true, true));
    let key = session.create_object(&with(template, changes)).unwrap();
    Pair {
        public: key,
        private: key,
    }
}

/// An external key for every use that it can have: a key of 32 bytes, which leaves by OAEP and comes
/// back, so that it is bound; `changes` change it.
pub(crate) fn external(session: &Session, changes: Vec<RawAttribute>) -> Pair {
    let oaep = || {
        let oaep = Oaep {
            hash: Hash::Sha256,
            mgf: Hash::Sha256,
            label: Vec::new(),
        };
        let row = mechanism::find(ck::CKM_RSA_PKCS_OAEP).unwrap();
        Request::new(row, Params::Oaep(oaep)).unwrap()
    };
    let wrapping = rsa_pair(session, vec![], vec![]);
    let key = secret(session, ck::CKK_AES, attrs![CKA_EXTRACTABLE => true]).public;
    let blob = super::full(|out| session.wrap_key(oaep(), wrapping.public, key, out)).unwrap();
    let id: [u8; 16] = random(&SystemRng);
    let mut template = attrs![
        CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_AES, CKA_TOKEN => true,
        CKA_ID => &id,
    ];
    template.extend(uses(true, true, true));
    let key = session
        .unwrap_key(oaep(), wrapping.private, &blob, &with(template, changes))
        .unwrap();
    Pair {
        public: key,
        private: key,
    }
}
