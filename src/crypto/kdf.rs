//! Key derivation: HKDF (RFC 5869) and X9.63 from keys, PBKDF2 (RFC 8018) from passwords, Argon2id
//! (RFC 9106) from PINs.

use sha3::digest::{ExtendableOutput, Update, XofReader};
use sha3::{Shake128, Shake256};
use zeroize::Zeroizing;

use super::hash::Hash;
use super::sys;
use super::{Error, Result};
use crate::secret::Secret;

/// HKDF-SHA-256 of `ikm`; the parts of `info` count as one string. An empty salt is RFC 5869's
/// absent one.
///
/// # Panics
///
/// When `out` is longer than 255 times 32 bytes (RFC 5869 section 2.3).
pub fn hkdf_sha256(ikm: &[u8], salt: &[u8], info: &[&[u8]], out: &mut [u8]) {
    let mut prk = Zeroizing::new([0; 32]);
    #[expect(
        clippy::expect_used,
        reason = "callers derive keys of fixed, short lengths; both steps fail for no other reason"
    )]
    sys::kdf::hkdf_extract(Hash::Sha256, ikm, salt, &mut *prk)
        .and_then(|()| sys::kdf::hkdf_expand(Hash::Sha256, &*prk, &info.concat(), out))
        .expect("no more than 255 times 32 bytes");
}

/// A key derivation function from the secret that two parties share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SharedKdf {
    /// That of ANSI X9.63 (SEC 1 section 3.6.1).
    X963(Hash),
    /// The concatenation of NIST SP 800-56A revision 2, section 5.8.1.1, which is the one-step function of
    /// SP 800-56C.
    OneStep(Hash),
}

impl SharedKdf {
    /// Fills `out` from the secret and, where the parties agree on some, shared information.
    pub(crate) fn derive(self, shared: &[u8], info: &[u8], out: &mut [u8]) {
        match self {
            Self::X963(hash) => x963(hash, shared, info, out),
            Self::OneStep(hash) => one_step(hash, shared, info, out),
        }
    }
}

/// `SharedKdf::OneStep`: the number of a block comes before the secret.
fn one_step(hash: Hash, shared: &[u8], info: &[u8], out: &mut [u8]) {
    for (counter, chunk) in (1u32..).zip(out.chunks_mut(hash.len())) {
        let block = Zeroizing::new(hash.digest(&[&counter.to_be_bytes(), shared, info]));
        chunk.copy_from_slice(&block[..chunk.len()]);
    }
}

/// The key derivation function of ANSI X9.63 (SEC 1 section 3.6.1): fills `out` from the secret that
/// two parties share and, where they agree on some, shared information.
pub(crate) fn x963(hash: Hash, shared: &[u8], info: &[u8], out: &mut [u8]) {
    for (counter, chunk) in (1u32..).zip(out.chunks_mut(hash.len())) {
        let block = Zeroizing::new(hash.digest(&[shared, &counter.to_be_bytes(), info]));
        chunk.copy_from_slice(&block[..chunk.len()]);
    }
}

/// What the output of `pkcs12` is for: the diversifier's byte (RFC 7292 appendix B.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pkcs12Purpose {
    Key = 1,
    Iv = 2,
    MacKey = 3,
}

/// The key derivation function of PKCS #12 (RFC 7292 appendix B.2): `len` bytes from a password of any encoding, whose
/// bytes count as they are.
pub(crate) fn pkcs12(
    hash: Hash,
    purpose: Pkcs12Purpose,
    (password, salt): (&[u8], &[u8]),
    iterations: u32,
    len: usize,
) -> Secret {
    let block = hash.block_len();
    let diversifier = vec![purpose as u8; block];
    // Each of both in copies of itself that fill whole blocks.
    let filled = |bytes: &[u8]| bytes.len().next_multiple_of(block);
    let mut input = Secret::zeroed(filled(salt) + filled(password));
    let (salts, passwords) = input.split_at_mut(filled(salt));
    for (place, bytes) in [(salts, salt), (passwords, password)] {
        place
            .iter_mut()
            .zip(bytes.iter().cycle())
            .for_each(|(to, from)| *to = *from);
    }
    let mut out = Secret::zeroed(len);
    for chunk in out.chunks_mut(hash.len()) {
        let mut digest = Zeroizing::new(hash.digest(&[&diversifier[..], &input[..]]));
        for _ in 1..iterations {
            digest = Zeroizing::new(hash.digest(&[&digest[..]]));
        }
        chunk.copy_from_slice(&digest[..chunk.len()]);
        for block in input.chunks_mut(block) {
            add(block, &digest);
        }
    }
    out
}

/// Adds to a big-endian number copies of `repeated` that fill it, and 1; what runs over is lost.
fn add(number: &mut [u8], repeated: &[u8]) {
    let mut carry = 1;
    for (at, byte) in number.iter_mut().enumerate().rev() {
        let sum = u16::from(*byte) + u16::from(repeated[at % repeated.len()]) + carry;
        let [high, low] = sum.to_be_bytes();
        (*byte, carry) = (low, u16::from(high));
    }
}

/// An extendable-output function (FIPS 202 section 6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Xof {
    Shake128,
    Shake256,
}

impl Xof {
    /// The first `len` bytes of the output for `input`.
    pub(crate) fn derive(self, input: &[u8], len: usize) -> Secret {
        let mut out = Secret::zeroed(len);
        match self {
            Self::Shake128 => squeeze::<Shake128>(input, &mut out),
            Self::Shake256 => squeeze::<Shake256>(input, &mut out),
        }
        out
    }
}

fn squeeze<X: Default + Update + ExtendableOutput>(input: &[u8], out: &mut [u8]) {
    let mut xof = X::default();
    xof.update(input);
    xof.finalize_xof().read(out);
}

/// HKDF's extraction (RFC 5869 section 2.2): a pseudo-random key as long as the hash.
pub(crate) fn hkdf_extract(hash: Hash, ikm: &[u8], salt: &[u8]) -> Result<Secret> {
    let mut out = Secret::zeroed(hash.len());
    sys::kdf::hkdf_extract(hash, ikm, salt, &mut out)?;
    Ok(out)
}

/// HKDF's expansion (RFC 5869 section 2.3) of the pseudo-random key `prk` to `len` bytes, at most 255
/// times the hash's length (`Error::InvalidParameter`).
pub fn hkdf_expand(hash: Hash, prk: &[u8], info: &[u8], len: usize) -> Result<Secret> {
    if len > 255 * hash.len() {
        return Err(Error::InvalidParameter("the length of HKDF's output"));
    }
    let mut out = Secret::zeroed(len);
    sys::kdf::hkdf_expand(hash, prk, info, &mut out)?;
    Ok(out)
}

/// `len` bytes by PBKDF2 with HMAC (RFC 8018 section 5.2). `Error::InvalidParameter` for no iterations.
pub fn pbkdf2(
    hash: Hash,
    password: &[u8],
    salt: &[u8],
    iterations: u32,
    len: usize,
) -> Result<Secret> {
    let mut out = Secret::zeroed(len);
    sys::kdf::pbkdf2(hash, password, salt, iterations, &mut out)?;
    Ok(out)
}

/// The cost of Argon2id (RFC 9106 section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Argon2Params {
    /// Memory in KiB, at least 8 for each lane.
    pub memory_kib: u32,
    /// Passes over the memory, at least 1.
    pub passes: u32,
    /// Lanes, at least 1. All are computed by the calling thread.
    pub lanes: u32,
}

/// 32 bytes by Argon2id version 1.3 from a PIN, a salt of at least 8 bytes and, where the token has one,
/// the secret K of RFC 9106.
///
/// `Error::InvalidParameter` for a cost or length outside RFC 9106 section 3.1;
/// `Error::Internal` when there is no memory for it.
pub(crate) fn argon2id(
    params: &Argon2Params,
    pin: &[u8],
    salt: &[u8],
    secret: Option<&[u8]>,
) -> Result<Secret> {
    let params = argon2::Params::new(params.memory_kib, params.passes, params.lanes, Some(32))
        .map_err(|_| Error::InvalidParameter("Argon2id cost"))?;
    derive(params, pin, salt, secret)
}

fn derive(
    params: argon2::Params,
    pin: &[u8],
    salt: &[u8],
    secret: Option<&[u8]>,
) -> Result<Secret> {
    // Whoever reads the filled memory can compute the output. The allocator wipes it when it is freed.
    let mut memory = Vec::new();
    memory
        .try_reserve_exact(params.block_count())
        .map_err(|_| Error::Internal("allocating Argon2id's memory"))?;
    sys::pages::prefer_large(memory.spare_capacity_mut());
    memory.resize(params.block_count(), argon2::Block::new());

    let argon2 = argon2::Argon2::new_with_secret(
        secret.unwrap_or_default(),
        argon2::Algorithm::Argon2id,
        argon2::Version::V0x13,
        params,
    )
    .map_err(|_| Error::InvalidParameter("Argon2id secret length"))?;
    let mut out = Secret::zeroed(32);
    argon2
        .hash_password_into_with_memory(pin, salt, &mut out, memory.as_mut_slice())
        .map_err(|_| Error::InvalidParameter("Argon2id input length"))?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::vectors::{bytes, hex, list, load, records, text};

    #[test]
    fn hkdf_rfc5869() {
        for record in records(include_str!("../../tests/vectors/hkdf_sha256.rsp")) {
            let mut out = vec![0; record["okm"].len()];
            let (info, rest) = record["info"].split_at(record["info"].len() / 2);
            hkdf_sha256(&record["ikm"], &record["salt"], &[info, rest], &mut out);
            assert_eq!(out, record["okm"]);
        }
    }

    #[test]
    fn hkdf_fills_its_greatest_output() {
        let mut out = vec![0; 255 * 32];
        hkdf_sha256(b"key", b"", &[], &mut out);
        assert_ne!(out[254 * 32..], [0; 32]);
    }

    #[test]
    fn x963_known_answers() {
        for case in list(&load("x963_kdf.json"), "cases") {
            let hash = match text(case, "hash") {
                "sha1" => Hash::Sha1,
                "sha224" => Hash::Sha224,
                "sha256" => Hash::Sha256,
                "sha384" => Hash::Sha384,
                "sha512" => Hash::Sha512,
                other => panic!("{other}"),
            };
            let key = bytes(case, "key");
            let mut out = vec![0; key.len()];
            x963(hash, &bytes(case, "secret"), &bytes(case, "info"), &mut out);
            assert_eq!(out, key, "{hash:?}");
        }
    }

    #[test]
    fn one_step_known_answers() {
        for case in list(&load("onestep_kdf.json"), "cases") {
            let hash = match text(case, "hash") {
                "sha224" => Hash::Sha224,
                "sha512" => Hash::Sha512,
                "sha3_512" => Hash::Sha3_512,
                other => panic!("{other}"),
            };
            let key = bytes(case, "key");
            let (secret, info) = (bytes(case, "secret"), bytes(case, "info"));
            let mut out = vec![0; key.len()];
            SharedKdf::OneStep(hash).derive(&secret, &info, &mut out);
            assert_eq!(out, key, "{hash:?}");
            SharedKdf::X963(hash).derive(&secret, &info, &mut out);
            assert_ne!(out, key, "{hash:?}");
        }
    }

    /// RFC 9106 section 5.3.
    #[test]
    fn argon2id_rfc9106() {
        let params = argon2::ParamsBuilder::new()
            .m_cost(32)
            .t_cost(3)
            .p_cost(4)
            .data(argon2::AssociatedData::new(&[4; 12]).unwrap())
            .output_len(32)
            .build()
            .unwrap();
        let tag = derive(params, &[1; 32], &[2; 16], Some(&[3; 8])).unwrap();
        let expected = "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659";
        assert_eq!(tag[..], hex(expected));
    }

    /// From the reference implementation's test program.
    #[test]
    fn argon2id_reference_implementation() {
        let params = |memory_kib, passes, lanes| Argon2Params {
            memory_kib,
            passes,
            lanes,
        };
        for (params, pin, expected) in [
            (
                params(65536, 2, 1),
                "password",
                "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7",
            ),
            (
                params(256, 2, 1),
                "password",
                "9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe",
            ),
            (
                params(256, 2, 2),
                "password",
                "6d093c501fd5999645e0ea3bf620d7b8be7fd2db59c20d9fff9539da2bf57037",
            ),
        ] {
            let tag = argon2id(&params, pin.as_bytes(), b"somesalt", None).unwrap();
            assert_eq!(tag[..], hex(expected));
        }
    }

    #[test]
    fn argon2id_depends_on_every_input() {
        let params = Argon2Params {
            memory_kib: 64,
            passes: 1,
            lanes: 1,
        };
        let tag = |pin, salt, secret| argon2id(&params, pin, salt, secret).unwrap().to_vec();
        let tags = [
            tag(b"1234", b"saltsalt", None),
            tag(b"1235", b"saltsalt", None),
            tag(b"1234", b"saltsalT", None),
            tag(b"1234", b"saltsalt", Some(b"key file")),
        ];
        for (i, one) in tags.iter().enumerate() {
            assert!(tags[i + 1..].iter().all(|other| other != one));
        }
    }

    #[test]
    fn argon2id_refuses_what_the_rfc_excludes() {
        let argon = |memory_kib, passes, lanes, salt| {
            argon2id(
                &Argon2Params {
                    memory_kib,
                    passes,
                    lanes,
                },
                b"pin",
                salt,
                None,
            )
            .err()
        };
        let cost = Some(Error::InvalidParameter("Argon2id cost"));
        assert_eq!(argon(7, 1, 1, b"saltsalt"), cost);
        assert_eq!(argon(64, 0, 1, b"saltsalt"), cost);
        assert_eq!(argon(64, 1, 0, b"saltsalt"), cost);
        let short = Some(Error::InvalidParameter("Argon2id input length"));
        assert_eq!(argon(64, 1, 1, b"salt"), short);
    }
}
