//! Hash functions (FIPS 180-4, FIPS 202, GB/T 32905) and HMAC (FIPS 198-1).

use blake2::digest::consts::{U20, U32, U48, U64};
use sha2::Digest;
use sha2::digest::common::hazmat::{SerializableState, SerializedState};
use zeroize::Zeroizing;

use super::{Error, Result};
use crate::secret::Secret;

/// A hash function of FIPS 180-4 or FIPS 202, SM3 (GB/T 32905), BLAKE2b (RFC 7693), or MD5 (RFC 1321).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hash {
    /// SHA-1, 20 bytes.
    Sha1,
    /// SHA-224, 28 bytes.
    Sha224,
    /// SHA-256, 32 bytes.
    Sha256,
    /// SHA-384, 48 bytes.
    Sha384,
    /// SHA-512, 64 bytes.
    Sha512,
    /// SHA-512/224, 28 bytes.
    Sha512_224,
    /// SHA-512/256, 32 bytes.
    Sha512_256,
    /// SHA3-224, 28 bytes.
    Sha3_224,
    /// SHA3-256, 32 bytes.
    Sha3_256,
    /// SHA3-384, 48 bytes.
    Sha3_384,
    /// SHA3-512, 64 bytes.
    Sha3_512,
    /// SM3, 32 bytes.
    Sm3,
    /// BLAKE2b-160 (RFC 7693), 20 bytes.
    Blake2b160,
    /// BLAKE2b-256, 32 bytes.
    Blake2b256,
    /// BLAKE2b-384, 48 bytes.
    Blake2b384,
    /// BLAKE2b-512, 64 bytes.
    Blake2b512,
    /// MD5 (RFC 1321), 16 bytes.
    Md5,
}

#[expect(clippy::len_without_is_empty, reason = "no digest is empty")]
impl Hash {
    /// Length of the digest in bytes.
    #[must_use]
    pub const fn len(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 | Self::Blake2b160 => 20,
            Self::Sha224 | Self::Sha512_224 | Self::Sha3_224 => 28,
            Self::Sha256 | Self::Sha512_256 | Self::Sha3_256 | Self::Sm3 | Self::Blake2b256 => 32,
            Self::Sha384 | Self::Sha3_384 | Self::Blake2b384 => 48,
            Self::Sha512 | Self::Sha3_512 | Self::Blake2b512 => 64,
        }
    }

    /// Length of an input block in bytes, the B of FIPS 198-1.
    #[must_use]
    pub const fn block_len(self) -> usize {
        match self {
            Self::Md5 | Self::Sha1 | Self::Sha224 | Self::Sha256 | Self::Sm3 => 64,
            Self::Sha384 | Self::Sha512 | Self::Sha512_224 | Self::Sha512_256 => 128,
            Self::Blake2b160 | Self::Blake2b256 | Self::Blake2b384 | Self::Blake2b512 => 128,
            Self::Sha3_224 => 144,
            Self::Sha3_256 => 136,
            Self::Sha3_384 => 104,
            Self::Sha3_512 => 72,
        }
    }

    /// Digest of the parts one after another.
    #[must_use]
    pub fn digest(self, parts: &[&[u8]]) -> Vec<u8> {
        let mut hasher = Hasher::new(self);
        for part in parts {
            hasher.update(part);
        }
        hasher.finish()
    }
}

/// An enum of states and not a trait object, so that no call allocates.
macro_rules! states {
    ($($hash:ident => $digest:ty, $saved:ident, $restored:ident;)+) => {
        #[derive(Clone)]
        enum HasherState {
            $($hash($digest)),+
        }

        impl Hasher {
            #[must_use]
            pub fn new(hash: Hash) -> Self {
                Self(match hash {
                    $(Hash::$hash => HasherState::$hash(<$digest>::new())),+
                })
            }

            /// Forgets what has been taken, and wipes it.
            pub fn reset(&mut self) {
                match &mut self.0 {
                    $(HasherState::$hash(state) => *state = <$digest>::new()),+
                }
            }

            pub fn update(&mut self, message: &[u8]) {
                match &mut self.0 {
                    $(HasherState::$hash(state) => Digest::update(state, message)),+
                }
            }

            /// The digest, as long as [`Hash::len`] says.
            #[must_use]
            pub fn finish(self) -> Vec<u8> {
                match self.0 {
                    $(HasherState::$hash(state) => state.finalize().to_vec()),+
                }
            }

            /// Writes the digest to the start of `out` and returns its length.
            ///
            /// # Panics
            ///
            /// When `out` is shorter than the digest.
            pub fn finish_into(&mut self, out: &mut [u8]) -> usize {
                match &mut self.0 {
                    $(HasherState::$hash(state) => write(&state.finalize_reset(), out)),+
                }
            }

            /// What has been taken, as `restore` wants it; `None` for BLAKE2b.
            #[must_use]
            pub fn save(&self) -> Option<Secret> {
                match &self.0 {
                    $(HasherState::$hash(state) => $saved(state)),+
                }
            }

            /// Goes on where a hasher of the same hash was saved.
            ///
            /// # Errors
            /// `Error::InvalidParameter` for bytes that `save` did not give.
            pub fn restore(&mut self, saved: &[u8]) -> Result<()> {
                match &mut self.0 {
                    $(HasherState::$hash(state) => $restored(state, saved)),+
                }
            }
        }
    };
}

fn saved<D: SerializableState>(state: &D) -> Option<Secret> {
    Some(Secret::copy(&Zeroizing::new(state.serialize())))
}

fn restored<D: SerializableState>(state: &mut D, saved: &[u8]) -> Result<()> {
    let saved = SerializedState::<D>::try_from(saved).ok();
    *state = saved
        .and_then(|saved| D::deserialize(&saved).ok())
        .ok_or(Error::InvalidParameter("the state of another hash"))?;
    Ok(())
}

fn unsaved<D>(_: &D) -> Option<Secret> {
    None
}

fn not_restored<D>(_: &mut D, _: &[u8]) -> Result<()> {
    Err(Error::InvalidParameter("a hash that has no saved state"))
}

/// A digest of a message in progress.
#[derive(Clone)]
pub struct Hasher(HasherState);

/// An HMAC in progress (FIPS 198-1 section 4). The states, which stand for the key, are zeroized when
/// dropped.
#[derive(Clone)]
pub struct Hmac {
    inner: Hasher,
    outer: Hasher,
}

impl Hmac {
    /// An HMAC that has taken nothing yet, under a key of any length.
    #[must_use]
    pub fn new(hash: Hash, key: &[u8]) -> Self {
        let mut block = Zeroizing::new([0; LONGEST_BLOCK]);
        let block = &mut block[..hash.block_len()];
        if key.len() > block.len() {
            let mut hasher = Hasher::new(hash);
            hasher.update(key);
            hasher.finish_into(block);
        } else {
            block[..key.len()].copy_from_slice(key);
        }
        Self {
            inner: padded(hash, block, 0x36),
            outer: padded(hash, block, 0x36 ^ 0x5C),
        }
    }

    /// Takes more of the message.
    pub fn update(&mut self, message: &[u8]) {
        self.inner.update(message);
    }

    /// Writes the MAC to the start of `out` and returns its length, the hash's. Nothing is taken afterwards.
    ///
    /// # Panics
    ///
    /// When `out` is shorter than the MAC.
    pub fn finish_into(&mut self, out: &mut [u8]) -> usize {
        let len = self.inner.finish_into(out);
        self.outer.update(&out[..len]);
        self.outer.finish_into(out)
    }

    /// As `Hasher::save`.
    #[must_use]
    pub fn save(&self) -> Option<Secret> {
        self.inner.save()
    }

    /// Goes on where an HMAC with the same hash and key was saved.
    ///
    /// # Errors
    /// As `Hasher::restore`.
    pub fn restore(&mut self, saved: &[u8]) -> Result<()> {
        self.inner.restore(saved)
    }
}

/// The longest of `Hash::block_len`.
const LONGEST_BLOCK: usize = 144;

/// A hasher that has taken `block`, each byte of which was combined with `pad`; the block stays so.
fn padded(hash: Hash, block: &mut [u8], pad: u8) -> Hasher {
    block.iter_mut().for_each(|byte| *byte ^= pad);
    let mut hasher = Hasher::new(hash);
    hasher.update(block);
    hasher
}

states! {
    Sha1 => sha1::Sha1, saved, restored;
    Sha224 => sha2::Sha224, saved, restored;
    Sha256 => sha2::Sha256, saved, restored;
    Sha384 => sha2::Sha384, saved, restored;
    Sha512 => sha2::Sha512, saved, restored;
    Sha512_224 => sha2::Sha512_224, saved, restored;
    Sha512_256 => sha2::Sha512_256, saved, restored;
    Sha3_224 => sha3::Sha3_224, saved, restored;
    Sha3_256 => sha3::Sha3_256, saved, restored;
    Sha3_384 => sha3::Sha3_384, saved, restored;
    Sha3_512 => sha3::Sha3_512, saved, restored;
    Sm3 => sm3::Sm3, saved, restored;
    Md5 => md5::Md5, saved, restored;
    Blake2b160 => blake2::Blake2b<U20>, unsaved, not_restored;
    Blake2b256 => blake2::Blake2b<U32>, unsaved, not_restored;
    Blake2b384 => blake2::Blake2b<U48>, unsaved, not_restored;
    Blake2b512 => blake2::Blake2b<U64>, unsaved, not_restored;
}

/// HMAC-SHA-256 of the parts one after another.
#[must_use]
pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::new(Hash::Sha256, key);
    for part in parts {
        mac.update(part);
    }
    let mut out = [0; 32];
    mac.finish_into(&mut out);
    out
}

fn write(from: &[u8], out: &mut [u8]) -> usize {
    out[..from.len()].copy_from_slice(from);
    from.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::crypto::vectors::records;

    impl Hash {
        fn is_blake2b(self) -> bool {
            use Hash::*;
            matches!(self, Blake2b160 | Blake2b256 | Blake2b384 | Blake2b512)
        }
    }

    const ALL: [Hash; 17] = [
        Hash::Sha1,
        Hash::Sha224,
        Hash::Sha256,
        Hash::Sha384,
        Hash::Sha512,
        Hash::Sha512_224,
        Hash::Sha512_256,
        Hash::Sha3_224,
        Hash::Sha3_256,
        Hash::Sha3_384,
        Hash::Sha3_512,
        Hash::Sm3,
        Hash::Md5,
        Hash::Blake2b160,
        Hash::Blake2b256,
        Hash::Blake2b384,
        Hash::Blake2b512,
    ];

    fn mac(hash: Hash, key: &[u8], message: &[u8]) -> Vec<u8> {
        let mut hmac = Hmac::new(hash, key);
        let (head, tail) = message.split_at(message.len() / 2);
        hmac.update(head);
        hmac.clone().update(b"a clone goes its own way");
        hmac.update(tail);
        let mut out = [0; 64];
        let len = hmac.finish_into(&mut out);
        out[..len].to_vec()
    }

    /// HMAC of the crate `hmac`.
    fn others<D: ::hmac::EagerHash>(key: &[u8], message: &[u8]) -> Vec<u8> {
        use ::hmac::{KeyInit, Mac};
        let mut mac = ::hmac::Hmac::<D>::new_from_slice(key).unwrap();
        mac.update(message);
        mac.finalize().into_bytes().to_vec()
    }

    #[test]
    fn a_state_of_another_hash_is_refused() {
        let saved = Hasher::new(Hash::Sha256).save().unwrap();
        for state in [&saved[1..], &[]] {
            assert!(Hasher::new(Hash::Sha256).restore(state).is_err());
        }
        assert!(Hasher::new(Hash::Sha3_256).restore(&saved).is_err());
    }

    #[test]
    fn digests_known_answers() {
        for (hash, file) in ALL.into_iter().zip([
            include_str!("../../tests/vectors/sha1.rsp"),
            include_str!("../../tests/vectors/sha224.rsp"),
            include_str!("../../tests/vectors/sha256.rsp"),
            include_str!("../../tests/vectors/sha384.rsp"),
            include_str!("../../tests/vectors/sha512.rsp"),
            include_str!("../../tests/vectors/sha512_224.rsp"),
            include_str!("../../tests/vectors/sha512_256.rsp"),
            include_str!("../../tests/vectors/sha3_224.rsp"),
            include_str!("../../tests/vectors/sha3_256.rsp"),
            include_str!("../../tests/vectors/sha3_384.rsp"),
            include_str!("../../tests/vectors/sha3_512.rsp"),
            include_str!("../../tests/vectors/sm3.rsp"),
            include_str!("../../tests/vectors/md5.rsp"),
            include_str!("../../tests/vectors/blake2b_160.rsp"),
            include_str!("../../tests/vectors/blake2b_256.rsp"),
            include_str!("../../tests/vectors/blake2b_384.rsp"),
            include_str!("../../tests/vectors/blake2b_512.rsp"),
        ]) {
            for record in records(file) {
                let digest = hash.digest(&[&record["message"]]);
                assert_eq!(digest, record["digest"], "{hash:?}");
                assert_eq!(digest.len(), hash.len());
            }
        }
    }

    #[test]
    fn hmac_known_answers() {
        for (hash, file) in ALL
            .into_iter()
            .zip([
                include_str!("../../tests/vectors/sha1_hmac.rsp"),
                include_str!("../../tests/vectors/sha224_hmac.rsp"),
                include_str!("../../tests/vectors/sha256_hmac.rsp"),
                include_str!("../../tests/vectors/sha384_hmac.rsp"),
                include_str!("../../tests/vectors/sha512_hmac.rsp"),
            ])
            .chain([
                (Hash::Md5, include_str!("../../tests/vectors/md5_hmac.rsp")),
                (
                    Hash::Blake2b160,
                    include_str!("../../tests/vectors/blake2b_160_hmac.rsp"),
                ),
                (
                    Hash::Blake2b256,
                    include_str!("../../tests/vectors/blake2b_256_hmac.rsp"),
                ),
                (
                    Hash::Blake2b384,
                    include_str!("../../tests/vectors/blake2b_384_hmac.rsp"),
                ),
                (
                    Hash::Blake2b512,
                    include_str!("../../tests/vectors/blake2b_512_hmac.rsp"),
                ),
            ])
        {
            for record in records(file) {
                let mac = mac(hash, &record["key"], &record["message"]);
                assert_eq!(mac, record["mac"], "{hash:?}");
            }
        }
    }

    /// Does not compile where a hash's `zeroize` feature gets lost. HMAC states consist of these.
    #[test]
    fn states_are_zeroized_when_dropped() {
        fn wiped<T: zeroize::ZeroizeOnDrop>() {}
        wiped::<sha1::Sha1>();
        wiped::<sha2::Sha256>();
        wiped::<sha2::Sha512>();
        wiped::<sha3::Sha3_256>();
        wiped::<sm3::Sm3>();
        wiped::<md5::Md5>();
        // A state is a core and a block, of which the crate names only the core.
        wiped::<blake2::Blake2bVarCore>();
    }

    /// FIPS 198-1 section 4: keys longer than B are hashed first, so B decides where.
    #[test]
    fn the_block_length_is_where_hmac_begins_to_hash_the_key() {
        for hash in ALL {
            let longer = vec![7; hash.block_len() + 1];
            let hashed = hash.digest(&[&longer]);
            assert_eq!(mac(hash, &longer, b"text"), mac(hash, &hashed, b"text"));
            let full = &longer[1..];
            assert_ne!(
                mac(hash, full, b"text"),
                mac(hash, &hash.digest(&[full]), b"text")
            );
        }
    }

    #[test]
    fn a_finished_hasher_begins_anew() {
        for hash in ALL {
            let mut hasher = Hasher::new(hash);
            let mut out = [0xEE; 65];
            for _ in 0..2 {
                hasher.update(b"abc");
                assert_eq!(hasher.finish_into(&mut out), hash.len());
                assert_eq!(out[..hash.len()], hash.digest(&[b"abc"]));
                assert_eq!(out[hash.len()], 0xEE);
            }
        }
    }

    proptest! {
        #[test]
        fn parts_make_the_whole(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..5),
        ) {
            let slices: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
            let whole = parts.concat();
            for hash in ALL {
                prop_assert_eq!(hash.digest(&slices), hash.digest(&[&whole]));
            }
            let mac = hmac_sha256(b"key", &slices);
            prop_assert_eq!(mac, hmac_sha256(b"key", &[&whole]));
            prop_assert_eq!(&mac[..], &self::mac(Hash::Sha256, b"key", &whole));
        }

        #[test]
        fn hmac_is_that_of_another_implementation(
            key in prop::collection::vec(any::<u8>(), 0..300),
            message in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            prop_assert_eq!(mac(Hash::Sha1, &key, &message), others::<sha1::Sha1>(&key, &message));
            prop_assert_eq!(mac(Hash::Sha256, &key, &message), others::<sha2::Sha256>(&key, &message));
            prop_assert_eq!(mac(Hash::Sha512_256, &key, &message), others::<sha2::Sha512_256>(&key, &message));
            prop_assert_eq!(mac(Hash::Sha3_224, &key, &message), others::<sha3::Sha3_224>(&key, &message));
            prop_assert_eq!(mac(Hash::Sm3, &key, &message), others::<sm3::Sm3>(&key, &message));
        }

        #[test]
        fn a_saved_state_goes_on(head in prop::collection::vec(any::<u8>(), 0..300)) {
            for hash in ALL {
                let (mut hasher, mut other) = (Hasher::new(hash), Hasher::new(hash));
                hasher.update(&head);
                other.update(b"forgotten");
                let Some(saved) = hasher.save() else {
                    prop_assert!(hash.is_blake2b() && other.restore(b"").is_err());
                    continue;
                };
                other.restore(&saved).unwrap();
                other.update(b"tail");
                prop_assert_eq!(other.finish(), hash.digest(&[&head, b"tail"]));
            }
        }
    }
}
