//! Parameters that the mechanisms take.

use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::crypto::hash::Hash;
use tenon_pkcs11::api::mechanism::{
    Ecdh, EcdhWrap, Hedge, HkdfSalt, IkeBase, IkeParam, IkeParams, IkeStep, Kbkdf, KbkdfMode,
    KbkdfPart, KbkdfPrf, Mechanism, NumberFormat, Oaep, ParamKind, Params, Pss, SharedKdf,
    SignContext, TlsKeys, TlsParam, TlsParams, TlsPrf,
};
use tenon_pkcs11::api::secret::Secret;

use super::message;

pub(in crate::mechanisms) fn oaep() -> Oaep {
    Oaep {
        hash: Hash::Sha256,
        mgf: Hash::Sha1,
        label: b"label".to_vec(),
    }
}

pub(in crate::mechanisms) fn ecdh(kdf: Option<SharedKdf>, public_data: &[u8]) -> Params {
    Params::Ecdh(Ecdh {
        kdf,
        shared_data: Vec::new(),
        public_data: public_data.to_vec(),
    })
}

pub(in crate::mechanisms) fn ecdh_wrap(aes_bits: u64, kdf: Option<SharedKdf>) -> Params {
    Params::EcdhAesKeyWrap(EcdhWrap {
        aes_bits,
        kdf,
        shared_data: Vec::new(),
    })
}

/// A hash of PSS that is not the one of its MGF.
pub(in crate::mechanisms) fn pss(hash: Hash, salt_len: usize) -> Params {
    Params::Pss(Pss {
        hash,
        mgf: Hash::Sha384,
        salt_len,
    })
}

/// The hash that a mechanism's name names, SHA-256 where it names none.
pub(in crate::mechanisms) fn hash_of(name: &str) -> Hash {
    [
        ("SHA3_224", Hash::Sha3_224),
        ("SHA3_256", Hash::Sha3_256),
        ("SHA3_384", Hash::Sha3_384),
        ("SHA3_512", Hash::Sha3_512),
        ("SHA512_224", Hash::Sha512_224),
        ("SHA512_256", Hash::Sha512_256),
        ("MD5", Hash::Md5),
        ("SHA1", Hash::Sha1),
        ("SHA224", Hash::Sha224),
        ("SHA384", Hash::Sha384),
        ("SHA512", Hash::Sha512),
    ]
    .into_iter()
    .find(|(part, _)| name.contains(part))
    .map_or(Hash::Sha256, |(_, hash)| hash)
}

pub(in crate::mechanisms) fn gcm(iv: usize, tag_len: usize) -> Params {
    Params::Gcm {
        iv: vec![7; iv].into(),
        aad: b"header".to_vec(),
        tag_len,
    }
}

pub(in crate::mechanisms) fn gmac(iv: usize, tag_len: usize) -> Params {
    Params::Gcm {
        iv: vec![7; iv].into(),
        aad: Vec::new(),
        tag_len,
    }
}

/// Data to derive with.
pub(in crate::mechanisms) fn data(len: usize) -> Params {
    Params::Data(Secret::copy(&message(len)))
}

pub(in crate::mechanisms) fn cbc_data(len: usize) -> Params {
    Params::CbcData {
        iv: vec![3; 16],
        data: Secret::copy(&message(len)),
    }
}

pub(in crate::mechanisms) fn hkdf(salt: &[u8]) -> Params {
    Params::Hkdf {
        hash: Hash::Sha256,
        salt: Some(HkdfSalt::Data(salt.to_vec())),
        info: b"info".to_vec(),
        expand: true,
    }
}

pub(in crate::mechanisms) fn kbkdf(id: ck::CK_MECHANISM_TYPE) -> Kbkdf {
    let format = NumberFormat {
        bytes: 2,
        little_endian: false,
    };
    let (mode, first) = match id {
        ck::CKM_SP800_108_COUNTER_KDF => (KbkdfMode::Counter, KbkdfPart::Counter(format)),
        ck::CKM_SP800_108_FEEDBACK_KDF => (KbkdfMode::Feedback, KbkdfPart::Previous),
        _ => (KbkdfMode::DoublePipeline, KbkdfPart::Previous),
    };
    Kbkdf {
        mode,
        prf: KbkdfPrf::Hmac(Hash::Sha256),
        iv: Vec::new(),
        data: vec![
            first,
            KbkdfPart::Bytes(b"label".to_vec()),
            KbkdfPart::Length {
                format,
                segments: false,
            },
        ],
    }
}

pub(in crate::mechanisms) fn verify_data(len: usize) -> TlsParams {
    TlsParams::Mac {
        prf: TlsPrf::Tls12(Hash::Sha256),
        len,
        server: true,
    }
}

pub(in crate::mechanisms) fn tls(row: &Mechanism) -> TlsParams {
    let ParamKind::Tls(kind) = row.params else {
        panic!("{} takes no structure of TLS", row.name);
    };
    let prf = match kind {
        TlsParam::OldMaster | TlsParam::OldKeys => TlsPrf::Tls10,
        _ => TlsPrf::Tls12(Hash::Sha256),
    };
    let seed = message(64);
    match kind {
        TlsParam::OldMaster | TlsParam::Master | TlsParam::ExtendedMaster => TlsParams::Master {
            prf,
            seed,
            version: false,
        },
        TlsParam::OldKeys | TlsParam::Keys => TlsParams::Keys(TlsKeys {
            prf,
            seed,
            mac_len: 20,
            key_len: 16,
            iv_len: 16,
        }),
        TlsParam::Kdf => TlsParams::Kdf {
            prf,
            label: b"label".to_vec(),
            seed,
        },
        TlsParam::Mac => verify_data(12),
    }
}

pub(in crate::mechanisms) fn ike(row: &Mechanism) -> Params {
    let ParamKind::Ike(kind) = row.params else {
        panic!("{} takes no structure of IKE", row.name);
    };
    let step = match kind {
        IkeParam::First => IkeStep::First {
            nonces: message(32),
            base: IkeBase::Key,
        },
        IkeParam::Further => IkeStep::Further {
            shared: 1,
            previous: None,
            cookies: message(16),
            number: 0,
        },
        IkeParam::Extended => IkeStep::Extended {
            shared: None,
            data: message(20),
        },
        IkeParam::Plus => IkeStep::Plus {
            seed_key: None,
            seed: message(20),
        },
    };
    Params::Ike(IkeParams {
        hash: Hash::Sha256,
        step,
    })
}

pub(in crate::mechanisms) fn pbkd2() -> Params {
    Params::Pbkd2 {
        password: Secret::copy(b"password"),
        salt: b"salt".to_vec(),
        iterations: 2,
        prf: Hash::Sha256,
    }
}

pub(in crate::mechanisms) fn pbe() -> Params {
    Params::Pbe {
        password: Secret::copy(b"password"),
        salt: b"salt".to_vec(),
        iterations: 2,
    }
}

pub(in crate::mechanisms) fn ctr(bits: u32) -> Params {
    Params::Ctr {
        counter: [7; 16],
        bits,
    }
}

pub(in crate::mechanisms) fn chacha20(nonce: usize, counter: u64) -> Params {
    Params::ChaCha20 {
        nonce: vec![7; nonce],
        counter,
    }
}

pub(in crate::mechanisms) fn chacha20_poly1305(nonce: usize) -> Params {
    Params::ChaCha20Poly1305 {
        nonce: vec![7; nonce],
        aad: b"header".to_vec(),
    }
}

/// A CCM parameter for texts of `data_len` bytes.
pub(in crate::mechanisms) fn ccm(data_len: usize, nonce: usize, tag_len: usize) -> Params {
    Params::Ccm {
        data_len,
        nonce: vec![7; nonce],
        aad: b"header".to_vec(),
        tag_len,
    }
}

pub(in crate::mechanisms) fn wrap_with(aes_bits: Option<u64>) -> Params {
    Params::RsaAesKeyWrap {
        aes_bits,
        oaep: oaep(),
    }
}

/// A context string of `len` bytes.
pub(in crate::mechanisms) fn sign_context(len: usize) -> SignContext {
    SignContext {
        hedge: Some(Hedge::Required),
        context: vec![7; len],
    }
}
