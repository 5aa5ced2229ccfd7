//! Digests: SHA-1, SHA-2, SHA-3, BLAKE2b and SM3.

use super::op::Resumable;
use super::saved::Saved;
use super::{Digester, Mechanism, Params, ROW, no_params};
use crate::ck;
use crate::crypto::hash::{Hash, Hasher};
use crate::error::Result;

macro_rules! rows {
    ($($id:ident: $hash:ident;)+) => {
        &[$(Mechanism {
            id: ck::$id,
            name: stringify!($id),
            digest: Some(|params| begin(Hash::$hash, params)),
            ..ROW
        }),+]
    };
}

pub(super) static ROWS: &[Mechanism] = rows! {
    CKM_SHA_1: Sha1;
    CKM_SHA224: Sha224;
    CKM_SHA256: Sha256;
    CKM_SHA384: Sha384;
    CKM_SHA512: Sha512;
    CKM_SHA512_224: Sha512_224;
    CKM_SHA512_256: Sha512_256;
    CKM_SHA3_224: Sha3_224;
    CKM_SHA3_256: Sha3_256;
    CKM_SHA3_384: Sha3_384;
    CKM_SHA3_512: Sha3_512;
    CKM_BLAKE2B_160: Blake2b160;
    CKM_BLAKE2B_256: Blake2b256;
    CKM_BLAKE2B_384: Blake2b384;
    CKM_BLAKE2B_512: Blake2b512;
    CKM_TENON_SM3: Sm3;
};

pub(super) fn begin(hash: Hash, params: &Params) -> Result<Box<dyn Digester>> {
    no_params(params)?;
    Ok(Box::new(HashDigester {
        hash,
        hasher: Hasher::new(hash),
    }))
}

struct HashDigester {
    hash: Hash,
    hasher: Hasher,
}

impl Resumable for HashDigester {
    fn save(&self, params: &Params) -> Option<Saved> {
        Some(Saved::new(params.clone(), &self.hasher.save()?))
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        Ok(self.hasher.restore(state)?)
    }

    fn rest(&mut self) -> bool {
        self.hasher.reset();
        true
    }

    fn begin_again(&mut self, params: &Params) -> Result<()> {
        no_params(params)
    }
}

impl Digester for HashDigester {
    fn len(&self) -> usize {
        self.hash.len()
    }

    fn update(&mut self, message: &[u8]) -> Result<()> {
        self.hasher.update(message);
        Ok(())
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        Ok(self.hasher.finish_into(out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mechanism::find;

    #[test]
    fn digests_in_parts() {
        let begin = find(ck::CKM_SHA256).unwrap().digest.unwrap();
        let mut digest = begin(&Params::None).unwrap();
        digest.update(b"ab").unwrap();
        digest.update(b"c").unwrap();
        let mut out = [0; 40];
        assert_eq!(digest.finish(&mut out).unwrap(), 32);
        assert_eq!(out[..32], Hash::Sha256.digest(&[b"abc"]));
        assert_eq!(out[32..], [0; 8]);
    }

    #[test]
    fn every_row_announces_its_length() {
        for row in ROWS {
            let mut digest = row.digest.unwrap()(&Params::None).unwrap();
            let mut out = [0; 64];
            assert_eq!(
                digest.finish(&mut out).unwrap(),
                digest.len(),
                "{}",
                row.name
            );
        }
    }

    #[test]
    fn takes_no_parameter() {
        let begin = find(ck::CKM_SHA256).unwrap().digest.unwrap();
        let refused = begin(&Params::Iv(vec![0; 16].into())).err().unwrap();
        assert_eq!(refused.rv, ck::CKR_MECHANISM_PARAM_INVALID);
    }
}
