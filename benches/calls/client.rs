//! A PKCS#11 client of any module, which ends the program where a call fails.

use std::ffi::c_void;
use std::path::Path;
use std::ptr::null_mut;

use cryptoki_sys::*;
use libloading::Library;

/// CKA_EC_PARAMS: the curves' object identifiers in DER.
pub(super) const P256: &[u8] = &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
pub(super) const P384: &[u8] = &[6, 5, 0x2b, 0x81, 4, 0, 0x22];
pub(super) const SECP256K1: &[u8] = &[6, 5, 0x2b, 0x81, 4, 0, 0x0a];

const PIN: &[u8] = b"12345678";

pub(super) type Key = CK_OBJECT_HANDLE;

pub(super) struct Pair {
    pub(super) public: Key,
    pub(super) private: Key,
}

/// A logged-in session of a new token in the first slot.
pub(super) struct Client {
    functions: &'static CK_FUNCTION_LIST,
    slot: CK_SLOT_ID,
    session: CK_SESSION_HANDLE,
}

/// The return value of a function of the table.
macro_rules! call {
    ($client:expr, $name:ident ( $($argument:expr),* )) => {
        // SAFETY: the arguments are what the standard wants: pointers live through the call, and
        // lengths are theirs.
        unsafe { $client.functions.$name.unwrap()($($argument),*) }
    };
}

/// As `call`, and the function must succeed.
macro_rules! ok {
    ($client:expr, $name:ident $arguments:tt) => {
        assert_eq!(call!($client, $name $arguments), CKR_OK, stringify!($name))
    };
}

impl Client {
    /// Loads the module at `path` and makes its token.
    pub(super) fn start(path: &Path) -> Self {
        type GetFunctionList = unsafe extern "C" fn(*mut *const CK_FUNCTION_LIST) -> CK_RV;
        let mut list = std::ptr::null();
        // SAFETY: a PKCS#11 module, whose function has this type; it stays loaded.
        let functions = unsafe {
            let library = Box::leak(Box::new(Library::new(path).unwrap()));
            let get = library
                .get::<GetFunctionList>(b"C_GetFunctionList\0")
                .unwrap();
            assert_eq!(get(&raw mut list), CKR_OK);
            &*list
        };
        let mut client = Self {
            functions,
            slot: 0,
            session: 0,
        };
        ok!(client, C_Initialize(null_mut()));
        client.slot = client.first_slot();
        let mut label = *b"benchmark                       ";
        ok!(
            client,
            C_InitToken(client.slot, pointer(PIN), len(PIN), label.as_mut_ptr())
        );
        // SoftHSM2 gives an initialized token another slot.
        client.slot = client.first_slot();
        client.session = client.open();
        ok!(
            client,
            C_Login(client.session, CKU_SO, pointer(PIN), len(PIN))
        );
        ok!(client, C_InitPIN(client.session, pointer(PIN), len(PIN)));
        ok!(client, C_Logout(client.session));
        ok!(
            client,
            C_Login(client.session, CKU_USER, pointer(PIN), len(PIN))
        );
        client
    }

    fn first_slot(&self) -> CK_SLOT_ID {
        let (mut slots, mut count) = ([0; 16], 16);
        ok!(
            self,
            C_GetSlotList(CK_TRUE, slots.as_mut_ptr(), &raw mut count)
        );
        slots[0]
    }

    fn open(&self) -> CK_SESSION_HANDLE {
        let mut session = 0;
        let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
        ok!(
            self,
            C_OpenSession(self.slot, flags, null_mut(), None, &raw mut session)
        );
        session
    }

    pub(super) fn open_and_close(&self) {
        let session = self.open();
        ok!(self, C_CloseSession(session));
    }

    pub(super) fn random(&self, out: &mut [u8]) {
        ok!(
            self,
            C_GenerateRandom(self.session, out.as_mut_ptr(), len(out))
        );
    }

    pub(super) fn digest(&self, kind: CK_MECHANISM_TYPE, data: &[u8]) -> [u8; 64] {
        let (mut out, mut out_len) = ([0; 64], 64);
        let mut mechanism = mechanism(kind, null_mut(), 0);
        ok!(self, C_DigestInit(self.session, &raw mut mechanism));
        ok!(
            self,
            C_Digest(
                self.session,
                pointer(data),
                len(data),
                out.as_mut_ptr(),
                &raw mut out_len
            )
        );
        out
    }

    pub(super) fn sign(&self, kind: CK_MECHANISM_TYPE, key: Key, data: &[u8]) -> [u8; 256] {
        let (mut out, mut out_len) = ([0; 256], 256);
        let mut mechanism = mechanism(kind, null_mut(), 0);
        ok!(self, C_SignInit(self.session, &raw mut mechanism, key));
        ok!(
            self,
            C_Sign(
                self.session,
                pointer(data),
                len(data),
                out.as_mut_ptr(),
                &raw mut out_len
            )
        );
        out
    }

    pub(super) fn encrypt_gcm(&self, key: Key, data: &[u8], out: &mut [u8]) {
        let mut iv = [2; 12];
        let mut params = CK_GCM_PARAMS {
            pIv: iv.as_mut_ptr(),
            ulIvLen: 12,
            ulIvBits: 96,
            pAAD: null_mut(),
            ulAADLen: 0,
            ulTagBits: 128,
        };
        let size = size_of::<CK_GCM_PARAMS>();
        self.encrypt(
            &mut mechanism(CKM_AES_GCM, (&raw mut params).cast(), size),
            key,
            data,
            out,
        );
    }

    pub(super) fn encrypt_cbc(&self, key: Key, data: &[u8], out: &mut [u8]) {
        let mut iv = [2_u8; 16];
        let mut mechanism = mechanism(CKM_AES_CBC, iv.as_mut_ptr().cast(), 16);
        self.encrypt(&mut mechanism, key, data, out);
    }

    fn encrypt(&self, mechanism: &mut CK_MECHANISM, key: Key, data: &[u8], out: &mut [u8]) {
        let mut out_len = len(out);
        ok!(self, C_EncryptInit(self.session, mechanism, key));
        ok!(
            self,
            C_Encrypt(
                self.session,
                pointer(data),
                len(data),
                out.as_mut_ptr(),
                &raw mut out_len
            )
        );
    }

    /// A 256-bit secret key.
    pub(super) fn secret(
        &self,
        kind: CK_MECHANISM_TYPE,
        key_type: CK_KEY_TYPE,
        token: bool,
    ) -> Key {
        let token = [u8::from(token)];
        let (key_type, size) = (key_type.to_ne_bytes(), 32_u64.to_ne_bytes());
        let mut template = [
            attribute(CKA_TOKEN, &token),
            attribute(CKA_KEY_TYPE, &key_type),
            attribute(CKA_VALUE_LEN, &size),
            attribute(CKA_ENCRYPT, &[1]),
            attribute(CKA_SIGN, &[1]),
        ];
        let mut mechanism = mechanism(kind, null_mut(), 0);
        let mut key = 0;
        ok!(
            self,
            C_GenerateKey(
                self.session,
                &raw mut mechanism,
                template.as_mut_ptr(),
                5,
                &raw mut key
            )
        );
        key
    }

    pub(super) fn rsa_pair(&self) -> Key {
        let bits = 2048_u64.to_ne_bytes();
        let attributes = [
            (CKA_MODULUS_BITS, &bits[..]),
            (CKA_PUBLIC_EXPONENT, &[1, 0, 1]),
        ];
        self.pair(CKM_RSA_PKCS_KEY_PAIR_GEN, &attributes, true)
            .unwrap()
            .private
    }

    /// `None` for a curve that the module does not have.
    pub(super) fn ec_pair(&self, curve: &[u8], token: bool) -> Option<Pair> {
        self.pair(CKM_EC_KEY_PAIR_GEN, &[(CKA_EC_PARAMS, curve)], token)
    }

    fn pair(
        &self,
        kind: CK_MECHANISM_TYPE,
        attributes: &[(CK_ATTRIBUTE_TYPE, &[u8])],
        token: bool,
    ) -> Option<Pair> {
        let token = [u8::from(token)];
        let mut public = vec![attribute(CKA_TOKEN, &token), attribute(CKA_VERIFY, &[1])];
        public.extend(
            attributes
                .iter()
                .map(|(kind, value)| attribute(*kind, value)),
        );
        let mut private = [attribute(CKA_TOKEN, &token), attribute(CKA_SIGN, &[1])];
        let (mut mechanism, mut pair) = (
            mechanism(kind, null_mut(), 0),
            Pair {
                public: 0,
                private: 0,
            },
        );
        let count = CK_ULONG::try_from(public.len()).unwrap();
        let made = call!(
            self,
            C_GenerateKeyPair(
                self.session,
                &raw mut mechanism,
                public.as_mut_ptr(),
                count,
                private.as_mut_ptr(),
                2,
                &raw mut pair.public,
                &raw mut pair.private
            )
        );
        (made == CKR_OK).then_some(pair)
    }

    pub(super) fn destroy(&self, key: Key) {
        ok!(self, C_DestroyObject(self.session, key));
    }

    /// A data object on the token.
    pub(super) fn data(&self, label: &str) -> Key {
        let class = CKO_DATA.to_ne_bytes();
        let mut template = [
            attribute(CKA_CLASS, &class),
            attribute(CKA_TOKEN, &[1]),
            attribute(CKA_LABEL, label.as_bytes()),
            attribute(CKA_VALUE, label.as_bytes()),
        ];
        let mut object = 0;
        ok!(
            self,
            C_CreateObject(self.session, template.as_mut_ptr(), 4, &raw mut object)
        );
        object
    }

    /// Reads four attributes of a key.
    pub(super) fn attributes(&self, key: Key) -> [[u8; 8]; 4] {
        let mut values = [[0; 8]; 4];
        let kinds = [CKA_CLASS, CKA_KEY_TYPE, CKA_TOKEN, CKA_SENSITIVE];
        let mut template = [CK_ATTRIBUTE {
            type_: 0,
            pValue: null_mut(),
            ulValueLen: 8,
        }; 4];
        for ((entry, kind), value) in template.iter_mut().zip(kinds).zip(&mut values) {
            entry.type_ = kind;
            entry.pValue = value.as_mut_ptr().cast();
        }
        ok!(
            self,
            C_GetAttributeValue(self.session, key, template.as_mut_ptr(), 4)
        );
        values
    }

    pub(super) fn find(&self, label: &str) -> Vec<Key> {
        let (mut found, mut count) = (vec![0; 8], 0);
        let mut template = [attribute(CKA_LABEL, label.as_bytes())];
        ok!(
            self,
            C_FindObjectsInit(self.session, template.as_mut_ptr(), 1)
        );
        ok!(
            self,
            C_FindObjects(self.session, found.as_mut_ptr(), 8, &raw mut count)
        );
        ok!(self, C_FindObjectsFinal(self.session));
        found.truncate(usize::try_from(count).unwrap());
        found
    }
}

fn mechanism(kind: CK_MECHANISM_TYPE, parameter: *mut c_void, size: usize) -> CK_MECHANISM {
    CK_MECHANISM {
        mechanism: kind,
        pParameter: parameter,
        ulParameterLen: CK_ULONG::try_from(size).unwrap(),
    }
}

/// An attribute of a template, which a module only reads.
fn attribute(kind: CK_ATTRIBUTE_TYPE, value: &[u8]) -> CK_ATTRIBUTE {
    CK_ATTRIBUTE {
        type_: kind,
        pValue: pointer(value).cast(),
        ulValueLen: len(value),
    }
}

fn pointer(bytes: &[u8]) -> *mut u8 {
    bytes.as_ptr().cast_mut()
}

fn len(bytes: &[u8]) -> CK_ULONG {
    CK_ULONG::try_from(bytes.len()).unwrap()
}
