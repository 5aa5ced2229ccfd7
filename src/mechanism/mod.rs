//! ONE table of mechanisms.
//!
//! A row says what a mechanism is called, which keys and parameters it takes, and carries the code
//! for each of its uses. C_GetMechanismList, C_GetMechanismInfo, the CKF_ flags and
//! `docs/mechanisms.md` are all computed from the rows.

mod aes;
mod blocks;
mod buffer;
mod camellia;
mod cbc_mac;
mod chacha;
mod cipher_wrap;
mod context_signature;
mod derive;
mod des;
mod dh;
mod digest;
mod dsa;
mod ec;
mod envelope;
mod external;
mod gcm;
mod hmac;
mod hotp;
mod hpke;
mod ike;
mod kbkdf;
mod kdf;
mod keyring;
mod mac;
mod md5;
mod message;
mod mldsa;
mod mlkem;
mod okp;
mod one_part;
mod op;
mod params;
mod pbe;
mod poly1305;
mod row;
mod rsa;
mod saved;
mod secret;
mod slhdsa;
mod sm2;
mod sm4;
mod stream;
mod table;
mod tls;
mod whole;

pub use crate::keytype::Key;
pub(crate) use crate::keytype::{KeyLengths, Material};
pub(crate) use hotp::{HotpKey, TakeCounter};
pub use ike::{IkeBase, IkeParam, IkeParams, IkeStep};
pub(crate) use keyring::{Keyring, KeyringVersion};
pub(crate) use message::{Generator, Ivs, MessageKind, MessageParams};
pub(crate) use op::{Cipher, Digester, Resumable, Signer, Verifier};
pub use params::{
    Ecdh, EcdhWrap, Hedge, HkdfSalt, Kbkdf, KbkdfMode, KbkdfPart, KbkdfPrf, NumberFormat, Oaep,
    OtpParams, ParamKind, Params, Pss, Scheme, SharedKdf, SignContext,
};
pub(crate) use row::{
    BadBlob, Begin, Composition, Decapsulate, Encapsulated, GenerateParameters, Kem, KeyBlock,
    OpenBlob, Opened, Operand, Proof, Unwrap,
};
pub use row::{ByDefault, Mechanism, PrivateForm, Request, Unit};
pub(crate) use saved::unusable;
pub(crate) use table::{Offered, offered};
pub use table::{all, find};
pub use tls::{TlsKeys, TlsParam, TlsParams, TlsPrf};

use params::bad_param;
pub(crate) use params::{Iv, no_params};
pub(crate) use row::ROW;
