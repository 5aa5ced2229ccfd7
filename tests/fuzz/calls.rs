//! A client of the C functions that does what bytes tell it: with real handles, templates that are mostly right and
//! parameters that are mostly well formed, so that most calls get past the first check.
//!
//! Whatever it does, no call answers CKR_GENERAL_ERROR, which is what a panic inside becomes, and none writes beside
//! its buffer.

use std::ffi::c_void;
use std::ptr::null_mut;

use cryptoki_sys::*;

use super::choices::Choices;

// So that the C functions of the library are linked.
use tenon_pkcs11 as _;

unsafe extern "C" {
    fn C_GetFunctionList(list: *mut *const CK_FUNCTION_LIST) -> CK_RV;
}

const PIN: &[u8] = b"12345678";
const CANARY: u8 = 0xC7;
const ROOM: usize = 4_096;
/// Attributes that templates name, beside those of the kind that is wanted.
const FLAGS: &[CK_ATTRIBUTE_TYPE] = &[
    CKA_TOKEN,
    CKA_PRIVATE,
    CKA_MODIFIABLE,
    CKA_COPYABLE,
    CKA_DESTROYABLE,
    CKA_SENSITIVE,
    CKA_EXTRACTABLE,
    CKA_WRAP_WITH_TRUSTED,
    CKA_TRUSTED,
    CKA_ENCRYPT,
    CKA_DECRYPT,
    CKA_SIGN,
    CKA_VERIFY,
    CKA_WRAP,
    CKA_UNWRAP,
    CKA_DERIVE,
    CKA_ALWAYS_AUTHENTICATE,
    CKA_LOCAL,
];
const OTHERS: &[CK_ATTRIBUTE_TYPE] = &[
    CKA_LABEL,
    CKA_ID,
    CKA_VALUE,
    CKA_VALUE_LEN,
    CKA_START_DATE,
    CKA_END_DATE,
    CKA_ALLOWED_MECHANISMS,
    CKA_UNWRAP_TEMPLATE,
    CKA_MODULUS,
    CKA_PUBLIC_EXPONENT,
    CKA_PRIVATE_EXPONENT,
    CKA_EC_PARAMS,
    CKA_EC_POINT,
    CKA_PUBLIC_KEY_INFO,
    CKA_CHECK_VALUE,
    CKA_APPLICATION,
    CKA_SUBJECT,
    CKA_KEY_TYPE,
    CKA_CLASS,
    CKA_UNIQUE_ID,
    0x8054_4E03,
    0x8054_4E05,
    0x8054_4E08,
    0x8054_4E0B,
    0xFFFF_FFFF,
];
const KEY_TYPES: &[CK_KEY_TYPE] = &[
    CKK_AES,
    CKK_GENERIC_SECRET,
    CKK_RSA,
    CKK_EC,
    0x40,
    0x41,
    0x8054_4E01,
    0x99,
];
const LENGTHS: &[u8] = &[0, 1, 8, 15, 16, 24, 32, 33, 64];
const P256: &[u8] = &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
/// Mechanisms with a parameter that this client knows, and some without one; others are taken from the module's list.
const KNOWN: &[CK_MECHANISM_TYPE] = &[
    CKM_AES_ECB,
    CKM_AES_CBC,
    CKM_AES_CBC_PAD,
    CKM_AES_CTR,
    CKM_AES_GCM,
    CKM_AES_CCM,
    CKM_AES_KEY_WRAP,
    CKM_AES_KEY_WRAP_PAD,
    0x210B,
    CKM_RSA_PKCS,
    CKM_RSA_PKCS_OAEP,
    CKM_RSA_PKCS_PSS,
    CKM_RSA_AES_KEY_WRAP,
    CKM_SHA256_HMAC,
    CKM_AES_CMAC,
    CKM_ECDH1_DERIVE,
    CKM_CONCATENATE_BASE_AND_DATA,
    CKM_CONCATENATE_DATA_AND_BASE,
    CKM_XOR_BASE_AND_DATA,
    CKM_EXTRACT_KEY_FROM_KEY,
    CKM_AES_ECB_ENCRYPT_DATA,
    CKM_AES_CBC_ENCRYPT_DATA,
    CKM_ECDSA,
    CKM_SHA256,
    CKM_SHA256_RSA_PKCS,
    CKM_HKDF_DERIVE,
];

/// Calls a function of the table.
macro_rules! call {
    ($client:expr, $name:ident ( $($argument:expr),* $(,)? )) => {{
        // SAFETY: every pointer is to memory that lives through the call and has the length that is told.
        let rv = unsafe { $client.functions.$name.unwrap()($($argument),*) };
        $client.heard(stringify!($name), rv)
    }};
}

/// How many calls were made, and how many of them answered CKR_OK.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Count {
    pub(crate) calls: u64,
    pub(crate) right: u64,
}

pub(crate) struct Client {
    functions: &'static CK_FUNCTION_LIST,
    slot: CK_SLOT_ID,
    sessions: Vec<CK_SESSION_HANDLE>,
    objects: Vec<CK_OBJECT_HANDLE>,
    blobs: Vec<Vec<u8>>,
    mechanisms: Vec<CK_MECHANISM_TYPE>,
    pub(crate) count: Count,
}

/// A template, and the memory to which it points.
#[derive(Default)]
struct Template {
    attributes: Vec<CK_ATTRIBUTE>,
    kept: Vec<Vec<u8>>,
    nested: Vec<Template>,
}

impl Template {
    fn add(&mut self, kind: CK_ATTRIBUTE_TYPE, mut value: Vec<u8>) {
        self.attributes.push(CK_ATTRIBUTE {
            type_: kind,
            pValue: value.as_mut_ptr().cast(),
            ulValueLen: value.len() as CK_ULONG,
        });
        self.kept.push(value);
    }

    fn number(&mut self, kind: CK_ATTRIBUTE_TYPE, value: CK_ULONG) {
        self.add(kind, value.to_ne_bytes().to_vec());
    }

    fn nest(&mut self, kind: CK_ATTRIBUTE_TYPE, mut inner: Self) {
        self.attributes.push(CK_ATTRIBUTE {
            type_: kind,
            pValue: inner.attributes.as_mut_ptr().cast(),
            ulValueLen: size_of_val(inner.attributes.as_slice()) as CK_ULONG,
        });
        self.nested.push(inner);
    }

    fn len(&self) -> CK_ULONG {
        self.attributes.len() as CK_ULONG
    }

    fn pointer(&mut self) -> *mut CK_ATTRIBUTE {
        self.attributes.as_mut_ptr()
    }

    /// Attributes at random, mostly of the right form.
    fn more(&mut self, choices: &mut Choices<'_>, most: usize) {
        for _ in 0..choices.below(most + 1) {
            if choices.below(4) != 0 {
                let (kind, value) = (choices.one_of(FLAGS), choices.byte());
                let value = if choices.seldom(20) {
                    choices.bytes(3)
                } else {
                    vec![value & 1]
                };
                self.add(kind, value);
                continue;
            }
            let kind = choices.one_of(OTHERS);
            match kind {
                CKA_UNWRAP_TEMPLATE => {
                    let mut inner = Self::default();
                    inner.more(choices, if most > 1 { 3 } else { 0 });
                    self.nest(kind, inner);
                }
                CKA_VALUE_LEN => self.number(kind, CK_ULONG::from(choices.one_of(LENGTHS))),
                CKA_START_DATE | CKA_END_DATE => self.add(kind, b"20270115".to_vec()),
                _ => self.add(kind, choices.bytes(40)),
            }
        }
    }
}

/// A mechanism, and the memory to which its parameter points.
#[derive(Default)]
struct Mechanism {
    raw: CK_MECHANISM,
    words: Vec<CK_ULONG>,
    kept: Vec<Vec<u8>>,
}

impl Mechanism {
    fn new(
        choices: &mut Choices<'_>,
        list: &[CK_MECHANISM_TYPE],
        objects: &[CK_OBJECT_HANDLE],
    ) -> Self {
        let id = if choices.seldom(4) && !list.is_empty() {
            choices.one_of(list)
        } else {
            choices.one_of(KNOWN)
        };
        let mut made = Self::default();
        made.raw.mechanism = id;
        let hash =
            |choices: &mut Choices<'_>| choices.one_of(&[CKM_SHA256, CKM_SHA_1, CKM_SHA512, 0x77]);
        match id {
            CKM_AES_CBC | CKM_AES_CBC_PAD => made.bytes(choices.exactly(16)),
            CKM_AES_CTR => {
                let bits = CK_ULONG::from(choices.one_of(&[0_u8, 1, 32, 64, 128, 129]));
                made.words(&[bits, 7, 9]);
            }
            CKM_AES_GCM => {
                let (iv, aad) = (made.keep(choices.bytes(17)), made.keep(choices.bytes(9)));
                let tag = CK_ULONG::from(choices.one_of(&[0_u8, 8, 32, 96, 104, 127, 128, 200]));
                made.words(&[iv.0, iv.1, iv.1 * 8, aad.0, aad.1, tag]);
            }
            CKM_AES_CCM => {
                let len = CK_ULONG::from(choices.byte());
                let (nonce, aad) = (made.keep(choices.bytes(15)), made.keep(choices.bytes(9)));
                let mac = CK_ULONG::from(choices.one_of(&[0_u8, 3, 4, 8, 16, 17]));
                made.words(&[len, nonce.0, nonce.1, aad.0, aad.1, mac]);
            }
            CKM_RSA_PKCS_OAEP => {
                let label = made.keep(choices.bytes(8));
                made.words(&[
                    hash(choices),
                    CK_ULONG::from(choices.one_of(&[1_u8, 2, 4, 9])),
                    1,
                    label.0,
                    label.1,
                ]);
            }
            CKM_RSA_PKCS_PSS => {
                made.words(&[
                    hash(choices),
                    2,
                    CK_ULONG::from(choices.one_of(&[0_u8, 20, 32, 255])),
                ]);
            }
            CKM_RSA_AES_KEY_WRAP => {
                let oaep = [hash(choices), 2, 1, 0, 0]
                    .iter()
                    .flat_map(|word| word.to_ne_bytes())
                    .collect();
                let oaep = made.keep(oaep);
                made.words(&[
                    CK_ULONG::from(choices.one_of(&[0_u8, 128, 192, 255])),
                    oaep.0,
                ]);
            }
            CKM_ECDH1_DERIVE => {
                let (shared, public) = (made.keep(choices.bytes(8)), made.keep(choices.bytes(68)));
                made.words(&[
                    CK_ULONG::from(choices.one_of(&[1_u8, 2, 6, 77])),
                    shared.1,
                    shared.0,
                    public.1,
                    public.0,
                ]);
            }
            CKM_CONCATENATE_BASE_AND_DATA
            | CKM_CONCATENATE_DATA_AND_BASE
            | CKM_XOR_BASE_AND_DATA
            | CKM_AES_ECB_ENCRYPT_DATA => {
                let data = made.keep(choices.bytes(33));
                made.words(&[data.0, data.1]);
            }
            CKM_AES_CBC_ENCRYPT_DATA => {
                let data = made.keep(choices.bytes(33));
                made.words(&[1, 2, data.0, data.1]);
            }
            CKM_EXTRACT_KEY_FROM_KEY => made.words(&[CK_ULONG::from(choices.byte())]),
            CKM_HKDF_DERIVE => {
                let (salt, info) = (made.keep(choices.bytes(9)), made.keep(choices.bytes(9)));
                let stages =
                    CK_ULONG::from(choices.byte() & 1) | CK_ULONG::from(choices.byte() & 1) << 8;
                let key = if objects.is_empty() {
                    0
                } else {
                    choices.one_of(objects)
                };
                let kind = CK_ULONG::from(choices.one_of(&[1_u8, 2, 4, 3]));
                made.words(&[
                    stages,
                    hash(choices),
                    kind,
                    salt.0,
                    salt.1,
                    key,
                    info.0,
                    info.1,
                ]);
            }
            // A structure with pointers has 16 bytes at least, so that shorter ones are never taken for one.
            _ if choices.seldom(3) => made.bytes(choices.bytes(15)),
            _ => {}
        }
        if choices.seldom(16) {
            made.raw.ulParameterLen = made
                .raw
                .ulParameterLen
                .saturating_sub(CK_ULONG::from(choices.byte()));
        }
        made
    }

    fn bytes(&mut self, bytes: Vec<u8>) {
        let (pointer, len) = self.keep(bytes);
        self.raw.pParameter = pointer as *mut c_void;
        self.raw.ulParameterLen = len;
    }

    fn words(&mut self, words: &[CK_ULONG]) {
        self.words = words.to_vec();
        self.raw.pParameter = self.words.as_mut_ptr().cast();
        self.raw.ulParameterLen = size_of_val(words) as CK_ULONG;
    }

    /// Keeps bytes; their place and length as a structure has them.
    fn keep(&mut self, bytes: Vec<u8>) -> (CK_ULONG, CK_ULONG) {
        let place = (bytes.as_ptr() as CK_ULONG, bytes.len() as CK_ULONG);
        self.kept.push(bytes);
        place
    }
}

impl Client {
    /// Makes a token in the folder that the environment names, and logs in.
    pub(crate) fn start() -> Self {
        let mut list = std::ptr::null();
        // SAFETY: the place of one pointer.
        assert_eq!(unsafe { C_GetFunctionList(&raw mut list) }, CKR_OK);
        let mut client = Self {
            // SAFETY: the table is a static of the library.
            functions: unsafe { &*list },
            slot: 0,
            sessions: Vec::new(),
            objects: Vec::new(),
            blobs: vec![vec![0; 40]],
            mechanisms: Vec::new(),
            count: Count::default(),
        };
        let mut label = *b"fuzz                            ";
        assert_eq!(call!(client, C_Initialize(null_mut())), CKR_OK);
        assert_eq!(
            call!(
                client,
                C_InitToken(0, pin(), PIN.len() as CK_ULONG, label.as_mut_ptr())
            ),
            CKR_OK
        );
        client.open();
        let session = client.sessions[0];
        assert_eq!(
            call!(
                client,
                C_Login(session, CKU_SO, pin(), PIN.len() as CK_ULONG)
            ),
            CKR_OK
        );
        assert_eq!(
            call!(client, C_InitPIN(session, pin(), PIN.len() as CK_ULONG)),
            CKR_OK
        );
        assert_eq!(call!(client, C_Logout(session)), CKR_OK);
        client.login();
        let mut count = 0;
        assert_eq!(
            call!(
                client,
                C_GetMechanismList(client.slot, null_mut(), &raw mut count)
            ),
            CKR_OK
        );
        client.mechanisms = vec![0; usize::try_from(count).unwrap()];
        let place = client.mechanisms.as_mut_ptr();
        assert_eq!(
            call!(
                client,
                C_GetMechanismList(client.slot, place, &raw mut count)
            ),
            CKR_OK
        );
        client
    }

    fn heard(&mut self, name: &str, rv: CK_RV) -> CK_RV {
        assert_ne!(rv, CKR_GENERAL_ERROR, "{name} met a defect");
        self.count.calls += 1;
        self.count.right += u64::from(rv == CKR_OK);
        rv
    }

    fn open(&mut self) {
        let mut session = 0;
        let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
        if call!(
            self,
            C_OpenSession(self.slot, flags, null_mut(), None, &raw mut session)
        ) == CKR_OK
        {
            self.sessions.push(session);
        }
    }

    fn login(&mut self) {
        let session = self.sessions[0];
        let _ = call!(
            self,
            C_Login(session, CKU_USER, pin(), PIN.len() as CK_ULONG)
        );
    }

    fn session(&mut self, choices: &mut Choices<'_>) -> CK_SESSION_HANDLE {
        if choices.seldom(64) {
            CK_ULONG::from(choices.byte())
        } else {
            choices.one_of(&self.sessions)
        }
    }

    fn object(&mut self, choices: &mut Choices<'_>) -> CK_OBJECT_HANDLE {
        if self.objects.is_empty() || choices.seldom(64) {
            return CK_ULONG::from(choices.byte());
        }
        choices.one_of(&self.objects)
    }

    fn made(&mut self, rv: CK_RV, object: CK_OBJECT_HANDLE) {
        if rv == CKR_OK {
            self.objects.push(object);
        }
    }

    /// Does what the bytes tell, and leaves the token as it was found.
    pub(crate) fn obey(&mut self, data: &[u8]) {
        let mut choices = Choices::new(data);
        while !choices.is_empty() {
            self.step(&mut choices);
        }
        while self.sessions.len() > 1 {
            let session = self.sessions.pop().unwrap();
            let _ = call!(self, C_CloseSession(session));
        }
        let session = self.sessions[0];
        self.login();
        for object in std::mem::take(&mut self.objects) {
            let _ = call!(self, C_DestroyObject(session, object));
        }
        self.blobs.truncate(1);
        // What was begun in the one session that stays is ended with it.
        let _ = call!(self, C_CloseSession(session));
        self.sessions.clear();
        self.open();
        self.login();
    }

    fn step(&mut self, choices: &mut Choices<'_>) {
        let session = self.session(choices);
        match choices.below(16) {
            0..=2 => self.create(choices, session),
            3 => self.generate(choices, session),
            4 => self.pair(choices, session),
            5 => self.attributes(choices, session),
            6 => self.copy(choices, session),
            7..=9 => self.operate(choices, session),
            10 => self.wrap(choices, session),
            11 => self.unwrap(choices, session),
            12 => self.derive(choices, session),
            13 => self.find(choices, session),
            14 => self.read(choices, session),
            _ => self.sessions_and_logins(choices, session),
        }
    }

    fn create(&mut self, choices: &mut Choices<'_>, session: CK_SESSION_HANDLE) {
        let mut template = Template::default();
        let key_type = choices.one_of(KEY_TYPES);
        let class = match key_type {
            CKK_RSA | CKK_EC | 0x40 | 0x41 => choices.one_of(&[CKO_PUBLIC_KEY, CKO_PRIVATE_KEY]),
            _ => choices.one_of(&[CKO_SECRET_KEY, CKO_SECRET_KEY, CKO_DATA, CKO_CERTIFICATE]),
        };
        template.number(CKA_CLASS, class);
        if class != CKO_DATA {
            template.number(CKA_KEY_TYPE, key_type);
        }
        if class != CKO_PUBLIC_KEY {
            // The encoding of a private key is unwrapped from such values.
            let len = usize::from(choices.one_of(LENGTHS));
            let value = if choices.yes() {
                choices.exactly(len)
            } else {
                pkcs8(choices)
            };
            template.add(CKA_VALUE, value);
        }
        if matches!(key_type, CKK_EC | 0x40 | 0x41) {
            template.add(CKA_EC_PARAMS, P256.to_vec());
        }
        template.more(choices, 6);
        let mut object = 0;
        let rv = call!(
            self,
            C_CreateObject(session, template.pointer(), template.len(), &raw mut object)
        );
        self.made(rv, object);
    }

    fn generate(&mut self, choices: &mut Choices<'_>, session: CK_SESSION_HANDLE) {
        let mut mechanism = CK_MECHANISM {
            mechanism: CKM_AES_KEY_GEN,
            ..CK_MECHANISM::default()
        };
        if choices.seldom(4) {
            mechanism.mechanism =
                choices.one_of(&[CKM_GENERIC_SECRET_KEY_GEN, 0x8054_4E01, 0x8054_4E12]);
        }
        let mut template = Template::default();
        template.number(
            CKA_VALUE_LEN,
            CK_ULONG::from(choices.one_of(&[16_u8, 32, 24, 17])),
        );
        template.more(choices, 8);
        let mut object = 0;
        let rv = call!(
            self,
            C_GenerateKey(
                session,
                &raw mut mechanism,
                template.pointer(),
                template.len(),
                &raw mut object
            )
        );
        self.made(rv, object);
    }

    fn pair(&mut self, choices: &mut Choices<'_>, session: CK_SESSION_HANDLE) {
        let mut mechanism = CK_MECHANISM {
            mechanism: CKM_EC_KEY_PAIR_GEN,
            ..CK_MECHANISM::default()
        };
        let (mut public, mut private) = (Template::default(), Template::default());
        public.add(
            CKA_EC_PARAMS,
            if choices.seldom(8) {
                choices.bytes(12)
            } else {
                P256.to_vec()
            },
        );
        public.more(choices, 3);
        private.more(choices, 5);
        let mut objects = [0; 2];
        let [one, other] = &mut objects;
        let rv = call!(
            self,
            C_GenerateKeyPair(
                session,
                &raw mut mechanism,
                public.pointer(),
                public.len(),
                private.pointer(),
                private.len(),
                one,
                other,
            )
        );
        for object in objects {
            self.made(rv, object);
        }
    }

    fn attributes(&mut self, choices: &mut Choices<'_>, session: CK_SESSION_HANDLE) {
        let object = self.object(choices);
        let mut template = Template::default();
        template.more(choices, 3);
        let _ = call!(
            self,
            C_SetAttributeValue(session, object, template.pointer(), template.len())
        );
    }

    fn copy(&mut self, choices: &mut Choices<'_>, session: CK_SESSION_HANDLE) {
        let object = self.object(choices);
        let mut template = Template::default();
        template.more(choices, 3);
        let mut made = 0;
        let rv = call!(
            self,
            C_CopyObject(
                session,
                object,
                template.pointer(),
                template.len(),
                &raw mut made
            )
        );
        self.made(rv, made);
        if choices.yes() {
            let object = self.object(choices);
            let _ = call!(self, C_DestroyObject(session, object));
        }
    }

    fn operate(&mut self, choices: &mut Choices<'_>, session: CK_SESSION_HANDLE) {
        let key = self.object(choices);
        let mut mechanism = Mechanism::new(choices, &self.mechanisms, &self.objects);
        let with = &raw mut mechanism.raw;
        let what = choices.below(5);
        let begun = match what {
            0 => call!(self, C_EncryptInit(session, with, key)),
            1 => call!(self, C_DecryptInit(session, with, key)),
            2 => call!(self, C_SignInit(session, with, key)),
            3 => call!(self, C_VerifyInit(session, with, key)),
            _ => call!(self, C_DigestInit(session, with)),
        };
        // Without an operation too, now and then.
        if begun != CKR_OK && !choices.seldom(8) {
            return;
        }
        for _ in 0..choices.below(4) {
            let mut input = choices.bytes(40);
            let (text, len) = (input.as_mut_ptr(), input.len() as CK_ULONG);
            let mut out = Output::new(choices);
            let (place, told) = out.place();
            let _ = match (what, choices.below(3)) {
                (0, 0) => call!(self, C_EncryptUpdate(session, text, len, place, told)),
                (0, 1) => call!(self, C_Encrypt(session, text, len, place, told)),
                (0, _) => call!(self, C_EncryptFinal(session, place, told)),
                (1, 0) => call!(self, C_DecryptUpdate(session, text, len, place, told)),
                (1, 1) => call!(self, C_Decrypt(session, text, len, place, told)),
                (1, _) => call!(self, C_DecryptFinal(session, place, told)),
                (2, 0) => call!(self, C_SignUpdate(session, text, len)),
                (2, 1) => call!(self, C_Sign(session, text, len, place, told)),
                (2, _) => call!(self, C_SignFinal(session, place, told)),
                (3, 0) => call!(self, C_VerifyUpdate(session, text, len)),
                (3, 1) => call!(self, C_Verify(session, text, len, text, len)),
                (3, _) => call!(self, C_VerifyFinal(session, text, len)),
                (_, 0) => call!(self, C_DigestUpdate(session, text, len)),
                (_, 1) => call!(self, C_Digest(session, text, len, place, told)),
                _ => call!(self, C_DigestKey(session, key)),
            };
            out.check();
        }
    }

    fn wrap(&mut self, choices: &mut Choices<'_>, session: CK_SESSION_HANDLE) {
        let (wrapping, key) = (self.object(choices), self.object(choices));
        let mut mechanism = Mechanism::new(choices, &self.mechanisms, &self.objects);
        let mut out = Output::new(choices);
        let (place, told) = out.place();
        if call!(
            self,
            C_WrapKey(session, &raw mut mechanism.raw, wrapping, key, place, told)
        ) == CKR_OK
        {
            self.blobs.extend(out.written());
        }
        out.check();
    }

    fn unwrap(&mut self, choices: &mut Choices<'_>, session: CK_SESSION_HANDLE) {
        let key = self.object(choices);
        let mut mechanism = Mechanism::new(choices, &self.mechanisms, &self.objects);
        let mut blob = self.blobs[choices.below(self.blobs.len())].clone();
        if choices.seldom(3) && !blob.is_empty() {
            let at = choices.below(blob.len());
            blob[at] ^= choices.byte();
        }
        let mut template = Template::default();
        let private = choices.seldom(3);
        template.number(
            CKA_CLASS,
            if private {
                CKO_PRIVATE_KEY
            } else {
                CKO_SECRET_KEY
            },
        );
        let key_type = if private {
            choices.one_of(&[CKK_EC, CKK_RSA, 0x40])
        } else {
            choices.one_of(&[CKK_AES, CKK_GENERIC_SECRET])
        };
        template.number(CKA_KEY_TYPE, key_type);
        template.more(choices, 4);
        let mut made = 0;
        let rv = call!(
            self,
            C_UnwrapKey(
                session,
                &raw mut mechanism.raw,
                key,
                blob.as_mut_ptr(),
                blob.len() as CK_ULONG,
                template.pointer(),
                template.len(),
                &raw mut made,
            )
        );
        self.made(rv, made);
    }

    fn derive(&mut self, choices: &mut Choices<'_>, session: CK_SESSION_HANDLE) {
        let base = self.object(choices);
        let mut mechanism = Mechanism::new(choices, &self.mechanisms, &self.objects);
        let mut template = Template::default();
        template.number(CKA_CLASS, CKO_SECRET_KEY);
        template.number(CKA_KEY_TYPE, choices.one_of(&[CKK_GENERIC_SECRET, CKK_AES]));
        template.number(CKA_VALUE_LEN, CK_ULONG::from(choices.one_of(LENGTHS)));
        template.more(choices, 3);
        let mut made = 0;
        let rv = call!(
            self,
            C_DeriveKey(
                session,
                &raw mut mechanism.raw,
                base,
                template.pointer(),
                template.len(),
                &raw mut made
            )
        );
        self.made(rv, made);
    }

    fn find(&mut self, choices: &mut Choices<'_>, session: CK_SESSION_HANDLE) {
        let mut template = Template::default();
        template.more(choices, 2);
        if call!(
            self,
            C_FindObjectsInit(session, template.pointer(), template.len())
        ) != CKR_OK
        {
            return;
        }
        let mut found = [0; 8];
        let mut count = 0;
        let most = CK_ULONG::from(choices.one_of(&[0_u8, 1, 8]));
        let _ = call!(
            self,
            C_FindObjects(session, found.as_mut_ptr(), most, &raw mut count)
        );
        assert!(count <= most);
        let _ = call!(self, C_FindObjectsFinal(session));
    }

    fn read(&mut self, choices: &mut Choices<'_>, session: CK_SESSION_HANDLE) {
        let object = self.object(choices);
        let mut memory = vec![[CANARY; 64]; choices.below(4)];
        let mut wanted: Vec<CK_ATTRIBUTE> = memory
            .iter_mut()
            .map(|room| CK_ATTRIBUTE {
                type_: if choices.yes() {
                    choices.one_of(FLAGS)
                } else {
                    choices.one_of(OTHERS)
                },
                pValue: if choices.seldom(4) {
                    null_mut()
                } else {
                    room.as_mut_ptr().cast()
                },
                ulValueLen: CK_ULONG::from(choices.one_of(&[0_u8, 1, 8, 32])),
            })
            // A nested template is an array, which the bytes here are not.
            .filter(|wanted| wanted.type_ != CKA_UNWRAP_TEMPLATE)
            .collect();
        let count = wanted.len() as CK_ULONG;
        let _ = call!(
            self,
            C_GetAttributeValue(session, object, wanted.as_mut_ptr(), count)
        );
        assert!(
            memory.iter().all(|room| room[32..] == [CANARY; 32]),
            "a value was written beside its buffer"
        );
    }

    fn sessions_and_logins(&mut self, choices: &mut Choices<'_>, session: CK_SESSION_HANDLE) {
        match choices.below(6) {
            0 if self.sessions.len() < 4 => self.open(),
            1 if self.sessions.len() > 1 => {
                let last = self.sessions.pop().unwrap();
                let _ = call!(self, C_CloseSession(last));
            }
            2 => drop(call!(self, C_Logout(session))),
            3 => {
                let mut info = CK_SESSION_INFO::default();
                let _ = call!(self, C_GetSessionInfo(session, &raw mut info));
            }
            4 => {
                let mut state = [0; ROOM];
                let mut len = ROOM as CK_ULONG;
                if call!(
                    self,
                    C_GetOperationState(session, state.as_mut_ptr(), &raw mut len)
                ) == CKR_OK
                {
                    let at = choices.below(usize::try_from(len).unwrap().max(1));
                    state[at] ^= choices.byte();
                    let key = self.object(choices);
                    let _ = call!(
                        self,
                        C_SetOperationState(session, state.as_mut_ptr(), len, key, key)
                    );
                }
            }
            _ => self.login(),
        }
    }
}

/// A buffer for output, with canaries behind it.
struct Output {
    memory: Vec<u8>,
    room: usize,
    len: CK_ULONG,
    null: bool,
}

impl Output {
    fn new(choices: &mut Choices<'_>) -> Self {
        let room = if choices.seldom(4) {
            choices.below(40)
        } else {
            ROOM
        };
        Self {
            memory: vec![CANARY; room + 16],
            room,
            len: room as CK_ULONG,
            null: choices.seldom(16),
        }
    }

    fn place(&mut self) -> (*mut u8, *mut CK_ULONG) {
        let memory = if self.null {
            null_mut()
        } else {
            self.memory.as_mut_ptr()
        };
        (memory, &raw mut self.len)
    }

    fn written(&self) -> Option<Vec<u8>> {
        let len = usize::try_from(self.len).ok()?;
        (!self.null).then(|| self.memory[..len].to_vec())
    }

    fn check(&self) {
        assert_eq!(
            self.memory[self.room..],
            [CANARY; 16],
            "output was written beside its buffer"
        );
    }
}

fn pin() -> *mut u8 {
    PIN.as_ptr().cast_mut()
}

/// The PKCS #8 of an EC key on P-256, with a byte of it changed now and then.
fn pkcs8(choices: &mut Choices<'_>) -> Vec<u8> {
    let mut der = vec![
        0x30, 0x41, 2, 1, 0, 0x30, 0x13, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1,
    ];
    der.extend(P256);
    der.extend([4, 0x27, 0x30, 0x25, 2, 1, 1, 4, 0x20]);
    der.extend([0x11; 32]);
    if choices.yes() {
        let at = choices.below(der.len());
        der[at] = choices.byte();
    }
    if choices.seldom(8) {
        der.truncate(choices.below(der.len()));
    }
    der
}
