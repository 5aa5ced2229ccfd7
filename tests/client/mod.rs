//! A PKCS#11 client of any module, through its C functions: for the benchmark, and for tests of the
//! built library. The crate `cryptoki` cannot stand in for it: it has no parameter whose length is
//! known at run time only (Wycheproof's IVs), and it returns values in buffers of its own, where the
//! memory test would find them.

#![allow(clippy::unwrap_used, reason = "the program ends where it cannot go on")]
#![allow(dead_code, reason = "each program uses its own part")]

/// Calls a function of the table.
macro_rules! call {
    ($client:expr, $name:ident ( $($argument:expr),* $(,)? )) => {{
        // SAFETY: the arguments are what the standard wants: pointers live through the call, and
        // lengths are theirs.
        let rv = unsafe { $client.functions.$name.unwrap()($($argument),*) };
        if rv == CKR_OK { Ok(()) } else { Err(rv) }
    }};
}

mod mechanism;
mod operations;

use std::ffi::{CString, c_char, c_void};
use std::path::{Path, PathBuf};
use std::ptr::null_mut;
use std::sync::OnceLock;

use cryptoki_sys::*;
use libloading::Library;

pub(crate) use mechanism::Mechanism;

/// CKA_EC_PARAMS: the curves' object identifiers in DER.
pub(crate) const P256: &[u8] = &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
pub(crate) const P384: &[u8] = &[6, 5, 0x2b, 0x81, 4, 0, 0x22];
pub(crate) const SECP256K1: &[u8] = &[6, 5, 0x2b, 0x81, 4, 0, 0x0a];

pub(crate) const PIN: &[u8] = b"12345678";

/// What a call gives, or the return value with which it is refused.
pub(crate) type Answer<T> = Result<T, CK_RV>;
pub(crate) type Key = CK_OBJECT_HANDLE;
pub(crate) type Attribute<'a> = (CK_ATTRIBUTE_TYPE, &'a [u8]);

#[derive(Default)]
pub(crate) struct Pair {
    pub(crate) public: Key,
    pub(crate) private: Key,
}

/// How data reach an operation.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Way {
    /// By one call.
    Whole,
    /// In parts of this many bytes.
    Parts(usize),
}

/// A logged-in session of a new token in the first slot.
pub(crate) struct Client {
    functions: &'static CK_FUNCTION_LIST,
    slot: CK_SLOT_ID,
    session: CK_SESSION_HANDLE,
}

/// The library that cargo built for this program: beside it.
pub(crate) fn library() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let path = program.with_file_name("libtenon_pkcs11.so");
    assert!(path.exists(), "{} was not built", path.display());
    path
}

/// The function table of the module at `path`, which stays loaded.
pub(crate) fn functions(path: &Path) -> &'static CK_FUNCTION_LIST {
    type GetFunctionList = unsafe extern "C" fn(*mut *const CK_FUNCTION_LIST) -> CK_RV;
    let mut list = std::ptr::null();
    // SAFETY: a PKCS#11 module, whose constructors are those of its C libraries, and whose function
    // has this type.
    unsafe {
        let library = Box::leak(Box::new(Library::new(path).unwrap()));
        let get = library.get::<GetFunctionList>(b"C_GetFunctionList\0");
        assert_eq!(get.unwrap()(&raw mut list), CKR_OK);
        &*list
    }
}

/// The newest function table of the module at `path`, which stays loaded.
pub(crate) fn newest_functions(path: &Path) -> &'static CK_FUNCTION_LIST_3_2 {
    type GetInterface = unsafe extern "C" fn(
        *mut CK_UTF8CHAR,
        *mut CK_VERSION,
        *mut *const CK_INTERFACE,
        CK_FLAGS,
    ) -> CK_RV;
    let mut version = CK_VERSION { major: 3, minor: 2 };
    let mut interface = std::ptr::null();
    // SAFETY: as in `functions`; the version says which table it is.
    unsafe {
        let library = Box::leak(Box::new(Library::new(path).unwrap()));
        let get = library.get::<GetInterface>(b"C_GetInterface\0").unwrap();
        assert_eq!(
            get(null_mut(), &raw mut version, &raw mut interface, 0),
            CKR_OK
        );
        &*(*interface).pFunctionList.cast()
    }
}

/// The newest function table of the library that cargo built.
fn newest() -> &'static CK_FUNCTION_LIST_3_2 {
    static NEWEST: OnceLock<&CK_FUNCTION_LIST_3_2> = OnceLock::new();
    NEWEST.get_or_init(|| newest_functions(&library()))
}

/// Attributes of a secret key whose value can be read.
pub(crate) const READABLE: [Attribute<'static>; 2] =
    [(CKA_SENSITIVE, &[CK_FALSE]), (CKA_EXTRACTABLE, &[CK_TRUE])];

impl Client {
    /// A secret session key of this value, for every use of its type; its value can be read.
    pub(crate) fn secret(&self, key_type: CK_KEY_TYPE, value: &[u8]) -> Answer<Key> {
        let uses: [Attribute<'_>; 7] = [
            CKA_ENCRYPT,
            CKA_DECRYPT,
            CKA_SIGN,
            CKA_VERIFY,
            CKA_WRAP,
            CKA_UNWRAP,
            CKA_DERIVE,
        ]
        .map(|kind| (kind, &[CK_TRUE][..]));
        let class = CKO_SECRET_KEY.to_ne_bytes();
        let key_type = key_type.to_ne_bytes();
        let template: [Attribute<'_>; 3] = [
            (CKA_CLASS, &class),
            (CKA_KEY_TYPE, &key_type),
            (CKA_VALUE, value),
        ];
        self.create(&[&template[..], &READABLE, &uses].concat())
    }

    /// Loads the module at `path` and makes its token.
    pub(crate) fn start(path: &Path) -> Self {
        let functions = functions(path);
        let (slot, session) = (0, 0);
        let mut client = Self {
            functions,
            slot,
            session,
        };
        client.make_token().unwrap();
        client
    }

    /// Loads NSS's module at `path`, whose token is there when it is initialized with a folder for it.
    pub(crate) fn start_nss(path: &Path, folder: &Path) -> Self {
        /// CK_C_INITIALIZE_ARGS, as NSS has it.
        #[repr(C)]
        struct Arguments {
            mutexes: [*mut c_void; 4],
            flags: CK_FLAGS,
            parameters: *const c_char,
            reserved: *mut c_void,
        }
        let parameters = format!(
            "configdir='sql:{}' certPrefix='' keyPrefix='' secmod='' flags=noModDB",
            folder.display()
        );
        let parameters = CString::new(parameters).unwrap();
        let mut arguments = Arguments {
            mutexes: [null_mut(); 4],
            flags: CKF_OS_LOCKING_OK,
            parameters: parameters.as_ptr(),
            reserved: null_mut(),
        };
        let mut client = Self {
            functions: functions(path),
            slot: 0,
            session: 0,
        };
        call!(client, C_Initialize((&raw mut arguments).cast())).unwrap();
        // The first slot is for what needs no token.
        let (mut slots, mut count) = ([0; 16], 16);
        call!(
            client,
            C_GetSlotList(CK_TRUE, slots.as_mut_ptr(), &raw mut count)
        )
        .unwrap();
        client.slot = slots[size(count) - 1];
        client.session = client.open().unwrap();
        // The security officer of a new token has an empty PIN.
        client.login_officer(&[]).unwrap();
        client.init_pin(PIN).unwrap();
        client.logout().unwrap();
        client.login(PIN).unwrap();
        client
    }

    /// Loads the module at `path`, which has a token of `start` already, and logs in.
    pub(crate) fn join(path: &Path) -> Self {
        let mut client = Self {
            functions: functions(path),
            slot: 0,
            session: 0,
        };
        client.initialize().unwrap();
        client.slot = client.first_slot().unwrap();
        client.session = client.open().unwrap();
        client.login(PIN).unwrap();
        client
    }

    fn initialize(&self) -> Answer<()> {
        // Threads may call the module, which locks by the system's means.
        let mut arguments = CK_C_INITIALIZE_ARGS {
            CreateMutex: None,
            DestroyMutex: None,
            LockMutex: None,
            UnlockMutex: None,
            flags: CKF_OS_LOCKING_OK,
            pReserved: null_mut(),
        };
        call!(self, C_Initialize((&raw mut arguments).cast()))
    }

    fn make_token(&mut self) -> Answer<()> {
        self.initialize()?;
        self.slot = self.first_slot()?;
        let (pin, pin_len) = (pointer(PIN), len(PIN));
        let mut label = *b"client                          ";
        call!(
            self,
            C_InitToken(self.slot, pin, pin_len, label.as_mut_ptr())
        )?;
        // SoftHSM2 gives an initialized token another slot.
        self.slot = self.first_slot()?;
        self.session = self.open()?;
        call!(self, C_Login(self.session, CKU_SO, pin, pin_len))?;
        call!(self, C_InitPIN(self.session, pin, pin_len))?;
        call!(self, C_Logout(self.session))?;
        call!(self, C_Login(self.session, CKU_USER, pin, pin_len))
    }

    /// The same client on another session.
    pub(crate) fn on(&self, session: CK_SESSION_HANDLE) -> Self {
        Self { session, ..*self }
    }

    pub(crate) fn session(&self) -> CK_SESSION_HANDLE {
        self.session
    }

    fn first_slot(&self) -> Answer<CK_SLOT_ID> {
        let (mut slots, mut count) = ([0; 16], 16);
        call!(
            self,
            C_GetSlotList(CK_TRUE, slots.as_mut_ptr(), &raw mut count)
        )?;
        Ok(slots[0])
    }

    pub(crate) fn open(&self) -> Answer<CK_SESSION_HANDLE> {
        let mut session = 0;
        let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
        call!(
            self,
            C_OpenSession(self.slot, flags, null_mut(), None, &raw mut session)
        )?;
        Ok(session)
    }

    pub(crate) fn open_and_close(&self) -> Answer<()> {
        let session = self.open()?;
        call!(self, C_CloseSession(session))
    }

    pub(crate) fn info(&self, kind: CK_MECHANISM_TYPE) -> Answer<CK_MECHANISM_INFO> {
        let mut info = CK_MECHANISM_INFO::default();
        call!(self, C_GetMechanismInfo(self.slot, kind, &raw mut info))?;
        Ok(info)
    }

    pub(crate) fn random(&self, out: &mut [u8]) -> Answer<()> {
        call!(
            self,
            C_GenerateRandom(self.session, out.as_mut_ptr(), len(out))
        )
    }

    /// The object of a template.
    pub(crate) fn create(&self, template: &[Attribute<'_>]) -> Answer<Key> {
        let (mut list, count) = attributes(template);
        let mut object = 0;
        call!(
            self,
            C_CreateObject(self.session, list.as_mut_ptr(), count, &raw mut object)
        )?;
        Ok(object)
    }

    pub(crate) fn generate(
        &self,
        mechanism: Mechanism<'_>,
        template: &[Attribute<'_>],
    ) -> Answer<Key> {
        let (mut list, count) = attributes(template);
        let (list, mut key) = (list.as_mut_ptr(), 0);
        mechanism.with(|mechanism| {
            call!(
                self,
                C_GenerateKey(self.session, mechanism, list, count, &raw mut key)
            )
        })?;
        Ok(key)
    }

    pub(crate) fn generate_pair(
        &self,
        mechanism: Mechanism<'_>,
        public: &[Attribute<'_>],
        private: &[Attribute<'_>],
    ) -> Answer<Pair> {
        let ((mut public, publics), (mut private, privates)) =
            (attributes(public), attributes(private));
        let (public, private) = (public.as_mut_ptr(), private.as_mut_ptr());
        let mut pair = Pair::default();
        mechanism.with(|mechanism| {
            call!(
                self,
                C_GenerateKeyPair(
                    self.session,
                    mechanism,
                    public,
                    publics,
                    private,
                    privates,
                    &raw mut pair.public,
                    &raw mut pair.private,
                )
            )
        })?;
        Ok(pair)
    }

    pub(crate) fn derive(
        &self,
        mechanism: Mechanism<'_>,
        base: Key,
        template: &[Attribute<'_>],
    ) -> Answer<Key> {
        let (mut list, count) = attributes(template);
        let (list, mut key) = (list.as_mut_ptr(), 0);
        mechanism.with(|mechanism| {
            call!(
                self,
                C_DeriveKey(self.session, mechanism, base, list, count, &raw mut key)
            )
        })?;
        Ok(key)
    }

    /// Writes to `out`, and says how many bytes.
    pub(crate) fn wrap(
        &self,
        mechanism: Mechanism<'_>,
        with: Key,
        key: Key,
        out: &mut [u8],
    ) -> Answer<usize> {
        let (out, mut out_len) = (out.as_mut_ptr(), len(out));
        mechanism.with(|mechanism| {
            call!(
                self,
                C_WrapKey(self.session, mechanism, with, key, out, &raw mut out_len)
            )
        })?;
        Ok(size(out_len))
    }

    pub(crate) fn unwrap(
        &self,
        mechanism: Mechanism<'_>,
        with: Key,
        blob: &[u8],
        template: &[Attribute<'_>],
    ) -> Answer<Key> {
        let (blob, blob_len) = (pointer(blob), len(blob));
        let (mut list, count) = attributes(template);
        let (list, mut key) = (list.as_mut_ptr(), 0);
        mechanism.with(|mechanism| {
            call!(
                self,
                C_UnwrapKey(
                    self.session,
                    mechanism,
                    with,
                    blob,
                    blob_len,
                    list,
                    count,
                    &raw mut key,
                )
            )
        })?;
        Ok(key)
    }

    /// By the library that cargo built: the ciphertext.
    pub(crate) fn encapsulate(
        &self,
        mechanism: Mechanism<'_>,
        public: Key,
        template: &[Attribute<'_>],
    ) -> Answer<Vec<u8>> {
        let encapsulate = newest().C_EncapsulateKey.unwrap();
        let (mut list, count) = attributes(template);
        let (list, mut key) = (list.as_mut_ptr(), 0);
        let mut ciphertext = vec![0; 4096];
        let (out, mut out_len) = (ciphertext.as_mut_ptr(), len(&ciphertext));
        let rv = mechanism.with(|mechanism| {
            let (session, out_len, key) = (self.session, &raw mut out_len, &raw mut key);
            // SAFETY: pointers live through the call, and lengths are theirs.
            unsafe { encapsulate(session, mechanism, public, list, count, out, out_len, key) }
        });
        ciphertext.truncate(size(out_len));
        if rv == CKR_OK {
            Ok(ciphertext)
        } else {
            Err(rv)
        }
    }

    /// By the library that cargo built.
    pub(crate) fn decapsulate(
        &self,
        mechanism: Mechanism<'_>,
        private: Key,
        ciphertext: &[u8],
        template: &[Attribute<'_>],
    ) -> Answer<Key> {
        let decapsulate = newest().C_DecapsulateKey.unwrap();
        let (bytes, bytes_len) = (pointer(ciphertext), len(ciphertext));
        let (mut list, count) = attributes(template);
        let (list, mut key) = (list.as_mut_ptr(), 0);
        let rv = mechanism.with(|mechanism| {
            let (session, key) = (self.session, &raw mut key);
            // SAFETY: as in `encapsulate`.
            unsafe {
                decapsulate(
                    session, mechanism, private, list, count, bytes, bytes_len, key,
                )
            }
        });
        if rv == CKR_OK { Ok(key) } else { Err(rv) }
    }

    pub(crate) fn set_pin(&self, old: &[u8], new: &[u8]) -> Answer<()> {
        let ((old, old_len), (new, new_len)) = ((pointer(old), len(old)), (pointer(new), len(new)));
        call!(self, C_SetPIN(self.session, old, old_len, new, new_len))
    }

    /// Sets the user's PIN, as the security officer.
    pub(crate) fn init_pin(&self, pin: &[u8]) -> Answer<()> {
        call!(self, C_InitPIN(self.session, pointer(pin), len(pin)))
    }

    pub(crate) fn login(&self, pin: &[u8]) -> Answer<()> {
        self.login_as(CKU_USER, pin)
    }

    pub(crate) fn login_officer(&self, pin: &[u8]) -> Answer<()> {
        self.login_as(CKU_SO, pin)
    }

    fn login_as(&self, user: CK_USER_TYPE, pin: &[u8]) -> Answer<()> {
        call!(self, C_Login(self.session, user, pointer(pin), len(pin)))
    }

    pub(crate) fn logout(&self) -> Answer<()> {
        call!(self, C_Logout(self.session))
    }

    pub(crate) fn finalize(&self) -> Answer<()> {
        call!(self, C_Finalize(null_mut()))
    }

    pub(crate) fn change(&self, object: Key, template: &[Attribute<'_>]) -> Answer<()> {
        let (mut list, count) = attributes(template);
        call!(
            self,
            C_SetAttributeValue(self.session, object, list.as_mut_ptr(), count)
        )
    }

    pub(crate) fn copy(&self, object: Key, template: &[Attribute<'_>]) -> Answer<Key> {
        let (mut list, count) = attributes(template);
        let mut copy = 0;
        call!(
            self,
            C_CopyObject(
                self.session,
                object,
                list.as_mut_ptr(),
                count,
                &raw mut copy
            )
        )?;
        Ok(copy)
    }

    pub(crate) fn destroy(&self, key: Key) -> Answer<()> {
        call!(self, C_DestroyObject(self.session, key))
    }

    /// Reads as many attributes as there are places; says how many bytes each has.
    pub(crate) fn attributes(
        &self,
        object: Key,
        places: &mut [(CK_ATTRIBUTE_TYPE, &mut [u8])],
    ) -> Answer<Vec<usize>> {
        let mut list: Vec<_> = places
            .iter_mut()
            .map(|(kind, value)| attribute(*kind, value.as_mut_ptr(), len(value)))
            .collect();
        let count = len(&list);
        call!(
            self,
            C_GetAttributeValue(self.session, object, list.as_mut_ptr(), count)
        )?;
        Ok(list.iter().map(|entry| size(entry.ulValueLen)).collect())
    }

    pub(crate) fn find(&self, template: &[Attribute<'_>]) -> Answer<Vec<Key>> {
        self.find_up_to(8, template)
    }

    /// One call of C_FindObjects for `most` objects.
    pub(crate) fn find_up_to(&self, most: usize, template: &[Attribute<'_>]) -> Answer<Vec<Key>> {
        let (mut list, count) = attributes(template);
        call!(
            self,
            C_FindObjectsInit(self.session, list.as_mut_ptr(), count)
        )?;
        let (mut found, mut number) = (vec![0; most], 0);
        let room = most as CK_ULONG;
        call!(
            self,
            C_FindObjects(self.session, found.as_mut_ptr(), room, &raw mut number)
        )?;
        call!(self, C_FindObjectsFinal(self.session))?;
        found.truncate(size(number));
        Ok(found)
    }
}

/// A template, which a module only reads, and its length.
fn attributes(template: &[Attribute<'_>]) -> (Vec<CK_ATTRIBUTE>, CK_ULONG) {
    let list = template
        .iter()
        .map(|(kind, value)| attribute(*kind, pointer(value), len(value)));
    (list.collect(), len(template))
}

fn attribute(kind: CK_ATTRIBUTE_TYPE, value: *mut u8, len: CK_ULONG) -> CK_ATTRIBUTE {
    CK_ATTRIBUTE {
        type_: kind,
        pValue: value.cast(),
        ulValueLen: len,
    }
}

fn pointer(bytes: &[u8]) -> *mut u8 {
    bytes.as_ptr().cast_mut()
}

fn len<T>(items: &[T]) -> CK_ULONG {
    CK_ULONG::try_from(items.len()).unwrap()
}

fn size(len: CK_ULONG) -> usize {
    usize::try_from(len).unwrap()
}
