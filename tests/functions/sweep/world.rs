//! What the arguments of the rows stand for: keys, bytes, mechanisms, templates and places.

use std::ptr::null_mut;

use cryptoki_sys::*;

use super::rows::{Arg, Row};
use crate::client::{Mechanism, Pair};
use crate::functions::hsm::{Hsm, len, plain};
use crate::functions::messages::Parameter;
use crate::functions::steps::{attribute, of};
use crate::functions::zeros::{AnyFunction, every};

/// Keys and objects.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Key {
    /// Encrypts, decrypts, wraps and unwraps.
    Aes,
    /// Signs, verifies and derives.
    Secret,
    RsaPublic,
    RsaPrivate,
    KemPublic,
    KemPrivate,
    /// An AES key that may leave, made anew for each call.
    Left,
}

/// What functions take.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Bytes {
    /// 32 bytes: two blocks.
    Data,
    Pin,
    Label,
    /// The name of a function, with NUL.
    Name,
    /// Of `Data` by C_Sign.
    Mac,
    /// By C_SignRecover.
    Recoverable,
    /// By C_WrapKey.
    Wrapped,
    /// By C_EncapsulateKey.
    Capsule,
    /// By C_GetOperationState.
    State,
    /// `Data`, or a key of the same bytes, encrypted by C_EncryptMessage; the tag is in the parameter.
    Sealed,
}

/// Mechanisms.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Means {
    Ecb,
    Gcm,
    Hmac,
    Pkcs,
    Sha256,
    AesKey,
    Pair,
    KeyWrap,
    Derivation,
    MlKem,
    /// CKM_AES_GCM with the parameter of a message.
    Sealing,
}

/// Templates.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Template {
    Nothing,
    DataObject,
    NewLabel,
    /// Places for attributes to be read.
    Read,
    KeySize,
    Point,
    NewKey,
}

const IV: &[u8] = &[9; 12];
const DATA: &[u8; 32] = &[0x5A; 32];
const ROOM: usize = 8192;

/// A token with keys, and what calls need.
pub(super) struct World<'a> {
    pub(super) hsm: &'a Hsm,
    functions: Vec<(&'static str, AnyFunction)>,
    keys: Vec<(Key, CK_OBJECT_HANDLE)>,
    made: Vec<(Bytes, Vec<u8>)>,
    tag: [u8; 16],
}

/// What one call points to.
pub(super) struct Call<'a, 'b> {
    world: &'b World<'a>,
    pub(super) session: CK_SESSION_HANDLE,
    left: CK_OBJECT_HANDLE,
    pub(super) output: Vec<u8>,
    pub(super) output_len: Box<CK_ULONG>,
    place: Box<[u64; 64]>,
    parameter: Box<Parameter>,
    #[allow(clippy::vec_box, reason = "their addresses must not change")]
    mechanisms: Vec<Box<CK_MECHANISM>>,
    templates: Vec<Vec<CK_ATTRIBUTE>>,
    read: Box<[u8; 64]>,
    /// Whether templates are of token objects.
    pub(super) on_token: bool,
}

impl Key {
    pub(super) fn is_public(self) -> bool {
        matches!(self, Self::RsaPublic | Self::KemPublic)
    }
}

impl Means {
    pub(super) fn number(self) -> CK_MECHANISM_TYPE {
        match self {
            Self::Ecb => CKM_AES_ECB,
            Self::Gcm | Self::Sealing => CKM_AES_GCM,
            Self::Hmac => CKM_SHA256_HMAC,
            Self::Pkcs => CKM_RSA_PKCS,
            Self::Sha256 => CKM_SHA256,
            Self::AesKey => CKM_AES_KEY_GEN,
            Self::Pair => CKM_EC_KEY_PAIR_GEN,
            Self::KeyWrap => CKM_AES_KEY_WRAP,
            Self::Derivation => CKM_SHA256_KEY_DERIVATION,
            Self::MlKem => CKM_ML_KEM,
        }
    }
}

const TRUE: &[u8] = &[CK_TRUE];
const FALSE: &[u8] = &[CK_FALSE];
const KEM_768: CK_ULONG = CKP_ML_KEM_768;
const SIZE: CK_ULONG = 32;
const CIPHER: [CK_ATTRIBUTE_TYPE; 4] = [CKA_ENCRYPT, CKA_DECRYPT, CKA_WRAP, CKA_UNWRAP];
const MACS: [CK_ATTRIBUTE_TYPE; 3] = [CKA_SIGN, CKA_VERIFY, CKA_DERIVE];

impl<'a> World<'a> {
    pub(super) fn new(hsm: &'a Hsm) -> Self {
        let set = KEM_768.to_ne_bytes();
        let rsa = hsm.rsa(&[]);
        let generate = Mechanism::Plain(CKM_ML_KEM_KEY_PAIR_GEN);
        let kem = hsm
            .client
            .generate_pair(generate, &[(CKA_PARAMETER_SET, &set)], &[])
            .unwrap();
        let keys = vec![
            (Key::Aes, hsm.secret(CKK_AES, &CIPHER)),
            (Key::Secret, hsm.secret(CKK_GENERIC_SECRET, &MACS)),
            (Key::RsaPublic, rsa.public),
            (Key::RsaPrivate, rsa.private),
            (Key::KemPublic, kem.public),
            (Key::KemPrivate, kem.private),
        ];
        let mut world = Self {
            hsm,
            functions: every(hsm.table),
            keys,
            made: Vec::new(),
            tag: [0; 16],
        };
        for (bytes, function) in [
            (Bytes::Mac, "C_Sign"),
            (Bytes::Recoverable, "C_SignRecover"),
            (Bytes::Wrapped, "C_WrapKey"),
            (Bytes::Capsule, "C_EncapsulateKey"),
            (Bytes::State, "C_GetOperationState"),
            (Bytes::Sealed, "C_EncryptMessage"),
        ] {
            let mut call = world.call(world.session());
            let row = super::row(function);
            call.prepare(row);
            assert_eq!(call.make(row), CKR_OK, "{function}");
            call.output
                .truncate(usize::try_from(*call.output_len).unwrap());
            let (output, tag) = (call.output.clone(), call.parameter.tag);
            world.made.push((bytes, output));
            world.tag = tag;
        }
        world
    }

    /// A new read/write session.
    pub(super) fn session(&self) -> CK_SESSION_HANDLE {
        self.open(CKF_RW_SESSION)
    }

    pub(super) fn open(&self, flags: CK_FLAGS) -> CK_SESSION_HANDLE {
        let mut session = 0;
        let flags = flags | CKF_SERIAL_SESSION;
        let place = &raw mut session;
        let rv = function!(
            self.hsm.table,
            C_OpenSession(0, flags, null_mut(), None, place)
        );
        assert_eq!(rv, CKR_OK);
        session
    }

    /// Arguments of their own for calls on `session`.
    pub(super) fn call(&self, session: CK_SESSION_HANDLE) -> Call<'a, '_> {
        let mut parameter = Parameter::given(IV, DATA.len());
        parameter.tag = self.tag;
        let (class, kind) = (CKO_SECRET_KEY.to_ne_bytes(), CKK_AES.to_ne_bytes());
        let left = self.hsm.client.on(session).create(&[
            (CKA_CLASS, &class[..]),
            (CKA_KEY_TYPE, &kind),
            (CKA_VALUE, DATA),
            (CKA_EXTRACTABLE, TRUE),
            (CKA_SENSITIVE, FALSE),
        ]);
        Call {
            world: self,
            session,
            // In a session that makes no objects no call needs it.
            left: left.unwrap_or(0),
            output: vec![0xC5; ROOM],
            output_len: Box::new(CK_ULONG::try_from(ROOM).unwrap()),
            place: Box::new([0; 64]),
            parameter,
            mechanisms: Vec::new(),
            templates: Vec::new(),
            read: Box::new([0; 64]),
            on_token: false,
        }
    }

    /// A token object that can be found without a login.
    pub(super) fn token_object(&self) -> CK_OBJECT_HANDLE {
        let class = CKO_DATA.to_ne_bytes();
        let template = [
            (CKA_CLASS, &class[..]),
            (CKA_TOKEN, TRUE),
            (CKA_PRIVATE, FALSE),
        ];
        self.hsm.client.create(&template).unwrap()
    }

    /// A pair for every use, of a type that no mechanism of the rows takes.
    pub(super) fn other_pair(&self) -> Pair {
        let with = |uses: &[CK_ATTRIBUTE_TYPE]| uses.iter().map(|kind| (*kind, TRUE)).collect();
        let mut public: Vec<_> = with(&[
            CKA_ENCRYPT,
            CKA_VERIFY,
            CKA_VERIFY_RECOVER,
            CKA_WRAP,
            CKA_ENCAPSULATE,
        ]);
        public.push((CKA_EC_PARAMS, crate::client::P256));
        let private: Vec<_> = with(&[
            CKA_DECRYPT,
            CKA_SIGN,
            CKA_SIGN_RECOVER,
            CKA_UNWRAP,
            CKA_DERIVE,
            CKA_DECAPSULATE,
        ]);
        let generate = Mechanism::Plain(CKM_EC_KEY_PAIR_GEN);
        let client = &self.hsm.client;
        client.generate_pair(generate, &public, &private).unwrap()
    }

    /// The keys of the rows, without the uses that the rows make of them.
    pub(super) fn keys_without_uses(&self) -> Vec<(Key, CK_OBJECT_HANDLE)> {
        let secret = |kind: CK_KEY_TYPE, denied: &[CK_ATTRIBUTE_TYPE]| {
            let (class, kind) = (CKO_SECRET_KEY.to_ne_bytes(), kind.to_ne_bytes());
            let mut template = vec![(CKA_CLASS, &class[..]), (CKA_KEY_TYPE, &kind)];
            template.push((CKA_VALUE, DATA));
            template.extend(denied.iter().map(|kind| (*kind, FALSE)));
            self.hsm.client.create(&template).unwrap()
        };
        let rsa = [CKA_SIGN, CKA_SIGN_RECOVER, CKA_VERIFY, CKA_VERIFY_RECOVER];
        let rsa = self.hsm.rsa(&rsa);
        let set = KEM_768.to_ne_bytes();
        let public = [(CKA_PARAMETER_SET, &set[..]), (CKA_ENCAPSULATE, FALSE)];
        let generate = Mechanism::Plain(CKM_ML_KEM_KEY_PAIR_GEN);
        let client = &self.hsm.client;
        let kem = client.generate_pair(generate, &public, &[(CKA_DECAPSULATE, FALSE)]);
        let kem = kem.unwrap();
        vec![
            (Key::Aes, secret(CKK_AES, &CIPHER)),
            (Key::Secret, secret(CKK_GENERIC_SECRET, &MACS)),
            (Key::RsaPublic, rsa.public),
            (Key::RsaPrivate, rsa.private),
            (Key::KemPublic, kem.public),
            (Key::KemPrivate, kem.private),
        ]
    }

    /// Token keys that are found without a login, and do nothing without one.
    pub(super) fn open_keys(&self) -> Vec<(Key, CK_OBJECT_HANDLE)> {
        let client = &self.hsm.client;
        let open = [(CKA_TOKEN, TRUE), (CKA_PRIVATE, FALSE)];
        let with = |uses: &[CK_ATTRIBUTE_TYPE]| -> Vec<_> {
            let uses = uses.iter().map(|kind| (*kind, TRUE));
            open.into_iter().chain(uses).collect()
        };
        let secret = |kind: CK_KEY_TYPE, uses: &[CK_ATTRIBUTE_TYPE]| {
            let (class, kind) = (CKO_SECRET_KEY.to_ne_bytes(), kind.to_ne_bytes());
            let mut template = with(uses);
            template.extend([
                (CKA_CLASS, &class[..]),
                (CKA_KEY_TYPE, &kind),
                (CKA_VALUE, DATA),
            ]);
            client.create(&template).unwrap()
        };
        let pair = |kind, (attribute, number): (_, CK_ULONG), uses: &[CK_ATTRIBUTE_TYPE]| {
            let (kind, value) = (Mechanism::Plain(kind), number.to_ne_bytes());
            let made = client.generate_pair(kind, &[(attribute, &value)], &with(uses));
            made.unwrap().private
        };
        let (bits, set) = ((CKA_MODULUS_BITS, 2048), (CKA_PARAMETER_SET, KEM_768));
        let recover = [CKA_SIGN, CKA_SIGN_RECOVER];
        vec![
            (Key::Aes, secret(CKK_AES, &CIPHER)),
            (Key::Secret, secret(CKK_GENERIC_SECRET, &MACS)),
            (
                Key::RsaPrivate,
                pair(CKM_RSA_PKCS_KEY_PAIR_GEN, bits, &recover),
            ),
            (
                Key::KemPrivate,
                pair(CKM_ML_KEM_KEY_PAIR_GEN, set, &[CKA_DECAPSULATE]),
            ),
        ]
    }

    pub(super) fn key(&self, key: Key) -> CK_OBJECT_HANDLE {
        self.keys.iter().find(|(name, _)| *name == key).unwrap().1
    }

    fn bytes(&self, bytes: Bytes) -> &[u8] {
        match bytes {
            Bytes::Data => DATA,
            Bytes::Pin => crate::client::PIN,
            Bytes::Label => b"sweep                           ",
            Bytes::Name => b"C_Sign\0",
            made => &self.made.iter().find(|(name, _)| *name == made).unwrap().1,
        }
    }
}

impl Call<'_, '_> {
    /// Calls the functions that the row wants before it.
    pub(super) fn prepare(&mut self, row: &Row) {
        for name in row.after {
            let rv = self.make(super::row(name));
            assert_eq!(rv, CKR_OK, "{name} before {}", row.name);
        }
    }

    /// Whether the row makes, changes or destroys an object of the token.
    pub(super) fn changes_token(&mut self, row: &Row) -> bool {
        let mut made = row.arguments.iter();
        let makes = made.any(|argument| matches!(argument, Arg::Template(_)))
            && row.arguments.contains(&Arg::Place);
        makes || matches!(row.name, "C_DestroyObject" | "C_SetAttributeValue")
    }

    /// Whether the argument is a template without attributes, which needs no address.
    pub(super) fn made_of(&mut self, argument: Arg) -> bool {
        matches!(argument, Arg::Template(template) if self.template(template).is_empty())
    }

    /// Calls the function of the row with its own arguments.
    pub(super) fn make(&mut self, row: &Row) -> CK_RV {
        let arguments = self.arguments(row);
        self.invoke(row, &arguments)
    }

    pub(super) fn arguments(&mut self, row: &Row) -> Vec<CK_ULONG> {
        row.arguments
            .iter()
            .map(|argument| self.word(*argument))
            .collect()
    }

    /// Calls the function of the row with these arguments.
    pub(super) fn invoke(&self, row: &Row, arguments: &[CK_ULONG]) -> CK_RV {
        let (_, function) = self
            .world
            .functions
            .iter()
            .find(|(name, _)| *name == row.name)
            .unwrap();
        let at = |place: usize| arguments.get(place).copied().unwrap_or(0);
        // SAFETY: the arguments are those of the function, but for one that a client could get wrong.
        unsafe {
            function(
                at(0),
                at(1),
                at(2),
                at(3),
                at(4),
                at(5),
                at(6),
                at(7),
                at(8),
                at(9),
            )
        }
    }

    /// The argument as a number or an address.
    fn word(&mut self, argument: Arg) -> CK_ULONG {
        match argument {
            Arg::Session => self.session,
            Arg::Slot | Arg::Reserved | Arg::Absent => 0,
            Arg::FreeSlot => self.free_slot(),
            Arg::Key(Key::Left) | Arg::Object(Key::Left) => self.left,
            Arg::Key(key) | Arg::Object(key) => self.world.key(key),
            Arg::Mechanism(means) => self.mechanism(means),
            Arg::Template(template) => {
                let list = self.template(template);
                self.templates.push(list);
                self.templates
                    .last_mut()
                    .map_or(0, |list| address(list.as_mut_ptr()))
            }
            Arg::Count(template) => CK_ULONG::try_from(self.template(template).len()).unwrap(),
            Arg::Input(bytes) => address(self.world.bytes(bytes).as_ptr().cast_mut()),
            Arg::Len(bytes) => len(self.world.bytes(bytes)),
            Arg::Output => address(self.output.as_mut_ptr()),
            Arg::OutputLen => {
                *self.output_len = len(&self.output);
                address(&raw mut *self.output_len)
            }
            Arg::Place => address(self.place.as_mut_ptr()),
            Arg::Number(number) => number,
            Arg::Parameter => address(self.parameter.of(CKM_AES_GCM).0),
            Arg::ParameterSize => self.parameter.of(CKM_AES_GCM).1,
        }
    }

    fn free_slot(&self) -> CK_SLOT_ID {
        let (mut slots, mut count) = ([0; 16], 16);
        let rv = function!(
            self.world.hsm.table,
            C_GetSlotList(CK_FALSE, slots.as_mut_ptr(), &raw mut count)
        );
        assert_eq!(rv, CKR_OK);
        slots[usize::try_from(count).unwrap() - 1]
    }

    fn mechanism(&mut self, means: Means) -> CK_ULONG {
        let mut mechanism = Box::new(plain(means.number()));
        if means == Means::Sealing {
            (mechanism.pParameter, mechanism.ulParameterLen) = self.parameter.of(CKM_AES_GCM);
        }
        self.mechanisms.push(mechanism);
        self.mechanisms
            .last_mut()
            .map_or(0, |mechanism| address(&raw mut **mechanism))
    }

    fn template(&mut self, template: Template) -> Vec<CK_ATTRIBUTE> {
        let mut list = self.own_template(template);
        if self.on_token && template != Template::Read {
            list.push(of(CKA_TOKEN, TRUE));
        }
        list
    }

    fn own_template(&mut self, template: Template) -> Vec<CK_ATTRIBUTE> {
        match template {
            Template::Nothing => Vec::new(),
            Template::DataObject => vec![attribute(CKA_CLASS, &CKO_DATA)],
            Template::NewLabel => vec![of(CKA_LABEL, b"another")],
            Template::Read => vec![CK_ATTRIBUTE {
                type_: CKA_CLASS,
                pValue: self.read.as_mut_ptr().cast(),
                ulValueLen: 64,
            }],
            Template::KeySize => vec![attribute(CKA_VALUE_LEN, &SIZE)],
            Template::Point => vec![of(CKA_EC_PARAMS, crate::client::P256)],
            Template::NewKey => vec![
                attribute(CKA_CLASS, &CKO_SECRET_KEY),
                attribute(CKA_KEY_TYPE, &CKK_AES),
            ],
        }
    }
}

fn address<T>(pointer: *mut T) -> CK_ULONG {
    CK_ULONG::try_from(pointer.expose_provenance()).unwrap()
}
