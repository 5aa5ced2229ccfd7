//! A row of the table, and the kinds of code that it carries.

use std::sync::Arc;

use crate::ck;
use crate::crypto::ec::Curve;
use crate::error::{Error, Result};
use crate::keytype::{self, Key, KeyLengths, KeyType, Material, PublicValues, Values};
use crate::rng::Rng;
use crate::secret::Secret;

use super::message::MessageKind;
use super::op::{Cipher, Digester, Signer, Verifier};
use super::params::{ParamKind, Params};

/// Makes the work of an operation with a ready key: a cipher, a signer or a verifier.
pub(crate) type Begin<W> = fn(&Arc<Key>, &Params) -> Result<Box<W>>;
/// Makes the work of C_DigestInit.
pub(crate) type BeginDigest = fn(&Params) -> Result<Box<dyn Digester>>;
/// Wraps the clear encoding of a key: raw bytes of a secret key; of a private key what
/// `Mechanism::private_form` says.
pub(crate) type WrapKey = fn(&Key, &Params, &dyn Rng, clear: &[u8]) -> Result<Vec<u8>>;
/// The initialization vector that belongs to a key made from a password.
pub(crate) type PasswordIv = fn(&Params) -> Result<Vec<u8>>;
/// Derives the value of a secret key from a base key and the `others` that the parameter names.
/// `len` is the CKA_VALUE_LEN asked for; without `len` the result is the mechanism's whole output.
pub(crate) type DeriveKey =
    fn(&Key, &Params, others: &[Arc<Key>], len: Option<usize>) -> Result<Secret>;
/// Derives the values of several secret keys, of these lengths, as `DeriveKey` does one.
pub(crate) type DeriveSeveral =
    fn(&Key, &Params, others: &[Arc<Key>], lens: &[usize]) -> Result<Vec<Secret>>;
/// Makes the keys of a connection from a master secret.
pub(crate) type DeriveKeys = fn(&Key, &Params) -> Result<KeyBlock>;

/// The keys of a connection, each of the client and then of the server; `None` where none are asked for.
pub struct KeyBlock {
    pub macs: Option<[Secret; 2]>,
    pub keys: Option<[Secret; 2]>,
    /// Initialization vectors, which the caller sees.
    pub ivs: Option<[Secret; 2]>,
}

/// How a derived value consists of the values of its operands, which policy has to know.
#[derive(Clone, Copy)]
pub enum Composition {
    /// Of these, one after the other; the end is cut off where a shorter value is asked for.
    Joined(&'static [Operand]),
    /// Of a run of the base key's bits, which begins where `Params::Extract` says.
    Extracted,
    /// Of the output of a one-way function.
    OneWay {
        /// Whether, with these parameters, the value that is derived without CKA_VALUE_LEN is all
        /// that the function gives.
        bounded: fn(&Params) -> bool,
    },
    /// Of the base key's first bytes, where the function says so of the parameters, the base key's length in bytes
    /// and the CKA_VALUE_LEN asked for, which may be unknown yet; else of the output of a one-way function.
    BeginningOrOneWay(fn(&Params, base: usize, len: Option<usize>) -> bool),
}

/// A part of a derived value that is joined of several (`Composition::Joined`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operand {
    Base,
    /// The base key, combined byte by byte with the data in the parameter.
    Altered,
    /// The other key that the parameter names.
    Other,
    Data,
}

/// Judges by its public form a blob that is to be unwrapped by this key. Errors are told to the caller.
pub(crate) type CheckBlob = fn(&Key, blob: &[u8]) -> Result<()>;
/// Makes the value of a secret key of `len` bytes. CKR_ATTRIBUTE_VALUE_INVALID for a length that keys of
/// the type do not have.
pub(crate) type GenerateKey = fn(&dyn Rng, &Params, len: usize) -> Result<Secret>;
/// Makes the key pair that these attributes ask for: what the two templates of C_GenerateKeyPair say
/// together. CKR_TEMPLATE_INCOMPLETE where they do not say the size.
pub(crate) type GeneratePair = fn(&dyn Values) -> Result<Material>;

/// Makes the domain parameters that these attributes ask for. CKR_TEMPLATE_INCOMPLETE, CKR_KEY_SIZE_RANGE.
pub(crate) type GenerateParameters = fn(&dyn Values) -> Result<PublicValues>;

/// The clear encoding of a private key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrivateForm {
    /// PKCS#8 DER.
    Pkcs8,
    /// The scalar of a key on SM2's curve, 32 bytes. Other keys are not wrapped.
    Sm2Scalar,
    /// Wrapped as PKCS#8; unwrapped as that or, where it has 32 bytes, as the scalar of a key on
    /// SM2's curve.
    Pkcs8OrSm2Scalar,
}

/// Opens a wrapped key: its clear encoding, as `WrapKey` takes it.
pub(crate) type OpenBlob = fn(&Key, &Params, blob: &[u8]) -> std::result::Result<Secret, BadBlob>;

/// How a mechanism opens a wrapped key.
pub struct Unwrap {
    /// Judges the blob's length, and no other of its bytes, before any key operation.
    /// CKR_WRAPPED_KEY_LEN_RANGE, also for no bytes.
    pub length: fn(&Key, &Params, len: usize) -> Result<()>,
    /// Opens a blob whose length passed. All failures are the same error (BYOK rules: the uniform
    /// failure).
    pub open: OpenBlob,
    pub proof: Proof,
}

/// What a blob that opens proves. Where it proves no integrity, no error may say that the key
/// inside is not the bound material.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Nobody without the wrapping key made or changed it.
    Integrity,
    /// The same; but the blob is the key xored with a key stream (GCM, CCM), and whoever may
    /// encrypt chosen blocks with the wrapping key can compute the stream.
    Stream,
    /// Nothing; but a blob that the caller made up tells nothing of another blob: it opens as a
    /// pseudo-random key, or under an inner key of its own.
    Isolation,
    /// Nothing: every blob opens, to the decryption of its blocks.
    Nothing,
    /// Nothing: a blob opens where its decryption ends with padding.
    Padding,
}

impl Proof {
    /// Whether nobody without the wrapping key can have made or changed the blob.
    #[must_use]
    pub fn integrity(self) -> bool {
        matches!(self, Self::Integrity | Self::Stream)
    }
}

/// Opens a wrapped secret key, or gives a pseudo-random one in its place (implicit rejection):
/// always the same for one blob, and always of a length that fits. `BadBlob` only where anybody can
/// see that the blob is bad.
pub(crate) type UnwrapBlind =
    fn(&Key, &Params, blob: &[u8], fits: KeyLengths) -> std::result::Result<Opened, BadBlob>;

/// The key in a blob, or the pseudo-random one in its place.
pub struct Opened {
    pub clear: Secret,
    /// Whether the blob holds `clear`. The caller of the C function must not see the difference,
    /// unless the answer is the uniform failure either way.
    pub genuine: bool,
}

/// The blob did not open. The error says no more, so that a caller cannot learn more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadBlob;

/// How a mechanism makes a key that two parties share, of the public key of one.
pub struct Kem {
    /// Length of the ciphertext in bytes.
    pub ciphertext_len: fn(&Key, &Params) -> Result<usize>,
    /// C_EncapsulateKey, with the CKA_VALUE_LEN asked for.
    pub encapsulate: fn(&Key, &Params, &dyn Rng, len: Option<usize>) -> Result<Encapsulated>,
    pub decapsulate: Decapsulate,
}

/// A new secret, and the ciphertext that gives it to the owner of the private key.
pub struct Encapsulated {
    pub ciphertext: Vec<u8>,
    pub secret: Secret,
}

/// C_DecapsulateKey.
#[derive(Clone, Copy)]
pub enum Decapsulate {
    /// The secret of a ciphertext. CKR_WRAPPED_KEY_LEN_RANGE for one of a wrong length; a wrong one gives
    /// another secret, or CKR_WRAPPED_KEY_INVALID where anybody can see that it is wrong.
    By(fn(&Key, &Params, ciphertext: &[u8], len: Option<usize>) -> Result<Secret>),
    /// As C_UnwrapKey opens a wrapped secret key.
    Unwrap,
}

/// What the slots offer of a mechanism that `slots.mechanisms` does not name.
#[derive(Clone, Copy)]
pub enum ByDefault {
    /// All uses.
    Offered,
    /// Nothing: new systems should not use the mechanism, and some old ones need it.
    Hidden,
    /// The uses of this row, which has fewer.
    Fewer(&'static Mechanism),
}

/// Unit of `sizes`: what ulMinKeySize and ulMaxKeySize count, as the standard says for each mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// RSA and EC keys.
    Bits,
    /// AES and generic secret keys.
    Bytes,
}

/// A row of the table.
pub struct Mechanism {
    /// CKM_ number.
    pub id: ck::CK_MECHANISM_TYPE,
    /// CKM_ name.
    pub name: &'static str,
    /// Whether it is offered where `slots.mechanisms` does not name it.
    pub by_default: ByDefault,
    /// CKK_ numbers of the keys that it takes or makes; empty for digests.
    pub key_types: &'static [ck::CK_KEY_TYPE],
    /// Least and greatest key size; (0, 0) where the standard has none.
    pub sizes: (u64, u64),
    /// What `sizes` counts.
    pub unit: Unit,
    /// Shape of the mechanism parameter.
    pub params: ParamKind,
    /// CKF_EC_… flags, which do not follow from the uses.
    pub flags: ck::CK_FLAGS,
    /// C_EncryptInit.
    pub encrypt: Option<Begin<dyn Cipher>>,
    /// C_DecryptInit.
    pub decrypt: Option<Begin<dyn Cipher>>,
    /// C_MessageEncryptInit and C_MessageDecryptInit, which use `encrypt` and `decrypt` for each
    /// message: the structure of a message's parameter.
    pub messages: Option<MessageKind>,
    /// C_SignInit.
    pub sign: Option<Begin<dyn Signer>>,
    /// C_VerifyInit and C_VerifySignatureInit.
    pub verify: Option<Begin<dyn Verifier>>,
    /// C_SignRecoverInit: the signature holds the data.
    pub sign_recover: Option<Begin<dyn Signer>>,
    /// C_VerifyRecoverInit: takes a signature and gives the data in it, or CKR_SIGNATURE_INVALID or
    /// CKR_SIGNATURE_LEN_RANGE.
    pub verify_recover: Option<Begin<dyn Cipher>>,
    /// C_DigestInit.
    pub digest: Option<BeginDigest>,
    /// C_WrapKey.
    pub wrap: Option<WrapKey>,
    /// C_UnwrapKey.
    pub unwrap: Option<&'static Unwrap>,
    /// Whether the mechanism is made to wrap keys (NIST SP 800-38F). With a stream cipher or a
    /// counter mode, whoever knows the keys in other blobs may open a blob; with these mechanisms
    /// nobody can.
    pub key_wrap: bool,
    /// C_UnwrapKey where a refusal would be an oracle: used in place of `unwrap.open`. Such a
    /// mechanism wraps and unwraps secret keys only.
    pub unwrap_blind: Option<UnwrapBlind>,
    /// C_UnwrapKey where only a PKCS#7 padding of one whole block may open: used in place of `unwrap.open`
    /// for secret keys. `None` for mechanisms without such padding.
    pub unwrap_whole: Option<OpenBlob>,
    /// Works with all versions of an external key: takes a `Keyring`, and no other key.
    pub keyring: bool,
    /// Takes values of the key's counter: takes a `HotpKey`, and no other key.
    pub counts: bool,
    /// What C_UnwrapKey refuses before it opens a blob: by what is public in the blob, and for a reason
    /// that may be told.
    pub check_blob: Option<CheckBlob>,
    /// C_GenerateKey.
    pub generate: Option<GenerateKey>,
    /// C_GenerateKey makes an external key, whose material comes later.
    pub generate_external: bool,
    /// C_GenerateKey makes a key that is no harder to guess than the password it is made from.
    pub from_password: bool,
    /// C_GenerateKey gives an initialization vector too.
    pub password_iv: Option<PasswordIv>,
    /// C_GenerateKeyPair.
    pub generate_pair: Option<GeneratePair>,
    /// C_GenerateKey makes domain parameters.
    pub generate_parameters: Option<GenerateParameters>,
    /// CKA_EC_PARAMS of the one curve on which C_GenerateKeyPair makes keys, which templates need
    /// not name.
    pub only_curve: Option<Curve>,
    /// C_DeriveKey.
    pub derive: Option<DeriveKey>,
    /// C_DeriveKey makes more keys at once than one, where the parameter asks for more.
    pub derive_several: Option<DeriveSeveral>,
    /// C_DeriveKey makes the keys of a connection together.
    pub derive_keys: Option<DeriveKeys>,
    /// The base key begins with the version of a protocol, which the caller may ask for.
    pub tells_version: bool,
    /// What is derived is guarded as the base key is, although a one-way function makes it.
    pub guards_derived: bool,
    /// CKA_ALLOWED_MECHANISMS of what is derived; empty for all.
    pub derived_for: &'static [ck::CK_MECHANISM_TYPE],
    /// CKA_KEY_TYPE of what is derived, where the template names none; `None` where the template must.
    pub derived_type: fn(&Params) -> Option<ck::CK_KEY_TYPE>,
    /// Uses of the key that C_GenerateKey or C_DeriveKey makes, where the template names none; empty for those of the key type.
    pub default_uses: &'static [ck::CK_ATTRIBUTE_TYPE],
    /// The only length of a key that C_GenerateKey makes, which templates need not state.
    pub only_len: Option<u64>,
    /// C_DeriveKey makes a data object and no key; whoever sees the object can read its value.
    pub derives_data: bool,
    /// C_DeriveKey makes the public key of a private key of any type.
    pub derives_public: bool,
    /// How C_DeriveKey makes the value. A key that is not made by a one-way function is guarded as its
    /// operands are.
    pub composition: Composition,
    /// C_EncapsulateKey and C_DecapsulateKey.
    pub kem: Option<&'static Kem>,
    /// How C_WrapKey encodes private keys, and C_UnwrapKey decodes them.
    pub private_form: PrivateForm,
    /// C_WrapKey fills keys up with zeros to a multiple of so many bytes, and C_UnwrapKey takes
    /// those away again.
    pub zero_padded: Option<usize>,
    /// C_WrapKey puts zeros before keys, and C_UnwrapKey takes as many bytes as CKA_VALUE_LEN says from the
    /// end of what it decrypts. Such a mechanism wraps and unwraps secret keys only.
    pub zeros_before: bool,
}

/// A mechanism as a caller chose it: a row, and parameters of the row's kind.
#[derive(Clone)]
#[non_exhaustive]
pub struct Request {
    /// The mechanism.
    pub row: &'static Mechanism,
    /// `Params::None`, or the variant that belongs to `row.params`.
    pub params: Params,
}

impl Request {
    /// # Errors
    /// CKR_MECHANISM_PARAM_INVALID for parameters that are not of the row's kind.
    pub fn new(row: &'static Mechanism, params: Params) -> Result<Self> {
        if row.params.admits(&params) {
            return Ok(Self { row, params });
        }
        Err(Error::new(
            ck::CKR_MECHANISM_PARAM_INVALID,
            "the mechanism does not take this parameter",
        )
        .at(row.name))
    }
}

impl Mechanism {
    /// Whether keys of this many bits are within `sizes`.
    #[must_use]
    pub fn takes(&self, bits: u64) -> bool {
        let (least, most) = self.sizes;
        let unit = match self.unit {
            Unit::Bits => 1,
            Unit::Bytes => 8,
        };
        most == 0 || (least * unit..=most * unit).contains(&bits)
    }

    /// CKO_ number of the secret keys that C_GenerateKey makes.
    #[must_use]
    pub(crate) fn class_of_secret(&self) -> ck::CK_OBJECT_CLASS {
        let key_type = self.key_types.first().and_then(|id| keytype::find(*id));
        key_type
            .and_then(KeyType::secret_class)
            .unwrap_or(ck::CKO_SECRET_KEY)
    }

    /// Whether it wraps and unwraps secret keys, and no private ones.
    #[must_use]
    pub fn for_secrets_alone(&self) -> bool {
        self.unwrap_blind.is_some() || self.zeros_before
    }

    /// What a blob proves that is unwrapped with `params`; `None` where the row does not unwrap.
    #[must_use]
    pub fn proof(&self, params: &Params) -> Option<Proof> {
        let proof = self.unwrap?.proof;
        Some(match proof {
            Proof::Stream if params.short_tag() => Proof::Padding,
            proof => proof,
        })
    }

    /// The structure of a message's parameter, by which keys are wrapped with associated data too.
    ///
    /// # Errors
    /// CKR_MECHANISM_INVALID for a mechanism that has none.
    pub fn message_kind(&self) -> Result<MessageKind> {
        self.messages.ok_or_else(|| {
            Error::new(
                ck::CKR_MECHANISM_INVALID,
                format!(
                    "{} takes no messages, and has no associated data",
                    self.name
                ),
            )
        })
    }

    /// C_GetMechanismInfo: sizes, and flags computed from the row's uses.
    #[must_use]
    pub fn info(&self) -> ck::CK_MECHANISM_INFO {
        let uses = [
            (self.encrypt.is_some(), ck::CKF_ENCRYPT),
            (self.decrypt.is_some(), ck::CKF_DECRYPT),
            (
                self.messages.is_some(),
                ck::CKF_MESSAGE_ENCRYPT | ck::CKF_MESSAGE_DECRYPT | ck::CKF_MULTI_MESSAGE,
            ),
            (
                self.sign.is_some(),
                ck::CKF_SIGN | ck::CKF_MESSAGE_SIGN | ck::CKF_MULTI_MESSAGE,
            ),
            (
                self.verify.is_some(),
                ck::CKF_VERIFY | ck::CKF_MESSAGE_VERIFY | ck::CKF_MULTI_MESSAGE,
            ),
            (self.sign_recover.is_some(), ck::CKF_SIGN_RECOVER),
            (self.verify_recover.is_some(), ck::CKF_VERIFY_RECOVER),
            (self.digest.is_some(), ck::CKF_DIGEST),
            (self.wrap.is_some(), ck::CKF_WRAP),
            (self.unwrap.is_some(), ck::CKF_UNWRAP),
            (
                self.generate.is_some()
                    || self.generate_external
                    || self.generate_parameters.is_some(),
                ck::CKF_GENERATE,
            ),
            (self.generate_pair.is_some(), ck::CKF_GENERATE_KEY_PAIR),
            (
                self.derive.is_some() || self.derives_public || self.derive_keys.is_some(),
                ck::CKF_DERIVE,
            ),
            (
                self.kem.is_some(),
                ck::CKF_ENCAPSULATE | ck::CKF_DECAPSULATE,
            ),
        ];
        let flags = uses
            .iter()
            .filter(|(used, _)| *used)
            .fold(self.flags, |flags, (_, flag)| flags | flag);
        ck::CK_MECHANISM_INFO {
            ulMinKeySize: self.sizes.0,
            ulMaxKeySize: self.sizes.1,
            flags,
        }
    }
}

/// A row without uses, for `..ROW` in the families' files.
pub(crate) const ROW: Mechanism = Mechanism {
    id: 0,
    name: "",
    by_default: ByDefault::Offered,
    key_types: &[],
    sizes: (0, 0),
    unit: Unit::Bits,
    params: ParamKind::None,
    flags: 0,
    encrypt: None,
    decrypt: None,
    messages: None,
    sign: None,
    verify: None,
    sign_recover: None,
    verify_recover: None,
    digest: None,
    wrap: None,
    unwrap: None,
    unwrap_blind: None,
    unwrap_whole: None,
    key_wrap: false,
    keyring: false,
    counts: false,
    check_blob: None,
    generate: None,
    generate_external: false,
    from_password: false,
    password_iv: None,
    generate_pair: None,
    generate_parameters: None,
    only_curve: None,
    derive: None,
    derive_several: None,
    derive_keys: None,
    tells_version: false,
    guards_derived: false,
    derived_for: &[],
    derived_type: |_| Some(ck::CKK_GENERIC_SECRET),
    default_uses: &[],
    only_len: None,
    derives_data: false,
    derives_public: false,
    kem: None,
    composition: Composition::OneWay { bounded: |_| false },
    private_form: PrivateForm::Pkcs8,
    zero_padded: None,
    zeros_before: false,
};
