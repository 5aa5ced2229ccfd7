//! The key's owner with the public key of an import job: every RSA algorithm, by libraries that the
//! token does not use for it.

use aes::Aes256;
use aes::cipher::BlockCipherEncrypt;
use aes_kw::{KeyInit, KwpAes256};
use rsa::{BoxedUint, Oaep, Pkcs1v15Encrypt, RsaPublicKey};
use tenon_pkcs11::api::ck;

use super::outside::OutsideRng;

pub(crate) struct Owner(RsaPublicKey);

const INNER: [u8; 32] = [0x42; 32];

impl Owner {
    pub(crate) fn new(n: &[u8], e: &[u8]) -> Self {
        let number = BoxedUint::from_be_slice_vartime;
        Self(RsaPublicKey::new(number(n), number(e)).unwrap())
    }

    /// The mechanism and the blob of this CKA_TENON_WRAP_ALGORITHM.
    pub(crate) fn wrap(&self, algorithm: u64, material: &[u8]) -> (u64, Vec<u8>) {
        match algorithm {
            1 => (ck::CKM_RSA_PKCS_OAEP, self.oaep::<sha1::Sha1>(material)),
            2 => (ck::CKM_RSA_PKCS_OAEP, self.oaep::<sha2::Sha256>(material)),
            3 => (ck::CKM_RSA_PKCS, self.pkcs1(material)),
            4 => self.composite(self.oaep::<sha1::Sha1>(&INNER), material),
            5 => self.composite(self.oaep::<sha2::Sha256>(&INNER), material),
            6 => self.ecb(material),
            9 => self.composite(self.oaep::<sha2::Sha224>(&INNER), material),
            10 => self.composite(self.oaep::<sha2::Sha384>(&INNER), material),
            11 => self.composite(self.oaep::<sha2::Sha512>(&INNER), material),
            12 => (ck::CKM_RSA_PKCS_OAEP, self.oaep::<sha2::Sha384>(material)),
            13 => (ck::CKM_RSA_PKCS_OAEP, self.oaep::<sha2::Sha512>(material)),
            _ => panic!("no RSA algorithm has number {algorithm}"),
        }
    }

    /// With MGF1-SHA1, as Java's "OAEPWithSHA-256AndMGF1Padding" has it.
    pub(crate) fn wrap_as_java(&self, algorithm: u64, material: &[u8]) -> (u64, Vec<u8>) {
        let padding = || Oaep::<sha2::Sha256, sha1::Sha1>::new_with_mgf_hash();
        let seal = |clear: &[u8]| self.0.encrypt(&mut OutsideRng, padding(), clear).unwrap();
        match algorithm {
            2 => (ck::CKM_RSA_PKCS_OAEP, seal(material)),
            5 => self.composite(seal(&INNER), material),
            _ => panic!("not here"),
        }
    }

    fn oaep<D: sha2::Digest + sha2::digest::FixedOutputReset>(&self, clear: &[u8]) -> Vec<u8> {
        self.0
            .encrypt(&mut OutsideRng, Oaep::<D>::new(), clear)
            .unwrap()
    }

    fn pkcs1(&self, clear: &[u8]) -> Vec<u8> {
        self.0
            .encrypt(&mut OutsideRng, Pkcs1v15Encrypt, clear)
            .unwrap()
    }

    fn ecb(&self, material: &[u8]) -> (u64, Vec<u8>) {
        let aes = Aes256::new(&INNER.into());
        let mut blob = self.oaep::<sha2::Sha256>(&INNER);
        let missing = 16 - material.len() % 16;
        let padded = [material, &vec![u8::try_from(missing).unwrap(); missing]].concat();
        for block in padded.chunks(16) {
            let mut block = block.try_into().unwrap();
            aes.encrypt_block(&mut block);
            blob.extend(block);
        }
        (ck::CKM_TENON_RSA_AES_ECB_PKCS7, blob)
    }

    fn composite(&self, head: Vec<u8>, material: &[u8]) -> (u64, Vec<u8>) {
        let mut tail = vec![0; material.len().next_multiple_of(8) + 8];
        KwpAes256::new(&INNER.into())
            .wrap_key(material, &mut tail)
            .unwrap();
        (ck::CKM_RSA_AES_KEY_WRAP, [head, tail].concat())
    }
}
