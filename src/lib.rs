//! Tenon, a PKCS#11 software HSM.

mod abi;
pub mod attr;
pub mod ck;
pub mod clock;
pub mod config;
pub mod error;
pub mod log;
pub mod mechanism;
pub mod module;
pub mod out;
pub mod rng;
pub mod secret;
pub mod session;

/// Stand-in.
#[allow(missing_docs)]
pub mod crypto {
    pub mod hash;
    pub mod material;
    pub mod aes {
        pub struct Key;
        impl Key {
            pub fn bytes(&self) -> &[u8] {
                &[]
            }
        }
    }
    pub mod ec {
        #[derive(Debug, Clone, Copy)]
        pub struct Curve;
        impl Curve {
            pub fn bits(&self) -> usize {
                0
            }
        }
        pub struct PublicKey;
        pub struct PrivateKey;
        impl PublicKey {
            pub fn curve(&self) -> Curve {
                Curve
            }
        }
        impl PrivateKey {
            pub fn curve(&self) -> Curve {
                Curve
            }
        }
    }
    pub mod rsa {
        pub struct PublicKey;
        pub struct PrivateKey;
        impl PublicKey {
            pub fn bits(&self) -> usize {
                0
            }
        }
        impl PrivateKey {
            pub fn bits(&self) -> usize {
                0
            }
        }
    }
    pub mod rand {
        pub struct SystemRng;
        impl crate::rng::Rng for SystemRng {
            fn fill(&self, _: &mut [u8]) {}
        }
    }
}
