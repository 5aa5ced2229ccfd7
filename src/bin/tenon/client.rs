//! A PKCS#11 client: what the commands ask of the built library, through its C functions.

use std::fmt;
use std::path::{Path, PathBuf};
use std::ptr;

use libloading::Library;
use tenon_pkcs11::ck::*;

use crate::Result;

/// File name of the built library.
const FILE_NAME: &str = "libtenon_pkcs11.so";

/// An answer other than CKR_OK.
#[derive(Debug)]
pub(crate) struct Refusal {
    call: &'static str,
    /// The CKR_ number.
    pub(crate) rv: CK_RV,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} answers {} ({:#x})",
            self.call,
            rv_name(self.rv),
            self.rv
        )
    }
}

impl std::error::Error for Refusal {}

/// Calls a function of the module's list.
macro_rules! call {
    ($module:expr, $name:ident($($argument:expr),* $(,)?)) => {{
        let refused = |rv| Refusal { call: stringify!($name), rv };
        let function = $module.functions.$name.ok_or(refused(CKR_FUNCTION_NOT_SUPPORTED))?;
        // SAFETY: the library that the function belongs to is loaded as long as `$module` lives,
        // and every pointer among the arguments is valid for the length passed beside it.
        match unsafe { function($($argument),*) } {
            CKR_OK => Ok(()),
            rv => Err(refused(rv)),
        }
    }};
}

type Answer<T> = std::result::Result<T, Refusal>;

/// A loaded and initialised library; finalised when dropped.
pub(crate) struct Module {
    functions: CK_FUNCTION_LIST,
    _library: Library,
}

/// What CK_TOKEN_INFO says of a token.
pub(crate) struct TokenInfo {
    pub(crate) label: String,
    pub(crate) serial: String,
    pub(crate) initialised: bool,
}

/// Who logs in.
#[derive(Clone, Copy)]
pub(crate) enum User {
    SecurityOfficer,
    Normal,
}

impl Module {
    /// Loads `path`, else the library beside this program.
    pub(crate) fn open(path: Option<&Path>) -> Result<Self> {
        let path = match path {
            Some(path) => path.to_owned(),
            None => beside_program()?,
        };
        let failed = |error| format!("cannot load {}: {error}", path.display());
        // SAFETY: the caller names a PKCS#11 library, whose initialisers are as trusted as we are.
        let library = unsafe { Library::new(&path) }.map_err(failed)?;
        let functions = {
            // SAFETY: PKCS#11 gives C_GetFunctionList this type.
            let get = unsafe {
                library.get::<unsafe extern "C" fn(CK_FUNCTION_LIST_PTR_PTR) -> CK_RV>(
                    b"C_GetFunctionList\0",
                )
            }
            .map_err(failed)?;
            let mut list = ptr::null_mut();
            // SAFETY: `list` is a valid place for the one pointer that is written.
            let rv = unsafe { get(&mut list) };
            if rv != CKR_OK || list.is_null() {
                return Err(format!("{} is no PKCS#11 library", path.display()).into());
            }
            // SAFETY: after CKR_OK the pointer is to a list that lives as long as the library.
            unsafe { *list }
        };
        let module = Self {
            functions,
            _library: library,
        };
        call!(module, C_Initialize(ptr::null_mut()))?;
        Ok(module)
    }

    /// Every slot with a token, initialised or not, in the module's order.
    pub(crate) fn slots(&self) -> Answer<Vec<(CK_SLOT_ID, TokenInfo)>> {
        let mut count = 0;
        call!(self, C_GetSlotList(CK_TRUE, ptr::null_mut(), &mut count))?;
        let mut slots = vec![0; length(count)];
        call!(self, C_GetSlotList(CK_TRUE, slots.as_mut_ptr(), &mut count))?;
        slots.truncate(length(count));
        slots
            .into_iter()
            .map(|slot| Ok((slot, self.token_info(slot)?)))
            .collect()
    }

    fn token_info(&self, slot: CK_SLOT_ID) -> Answer<TokenInfo> {
        let mut info = CK_TOKEN_INFO::default();
        call!(self, C_GetTokenInfo(slot, &mut info))?;
        let text = |field: &[u8]| {
            String::from_utf8_lossy(field)
                .trim_end_matches([' ', '\0'])
                .to_owned()
        };
        Ok(TokenInfo {
            label: text(&info.label),
            serial: text(&info.serialNumber),
            initialised: info.flags & CKF_TOKEN_INITIALIZED != 0,
        })
    }

    /// The initialised token named `label`.
    pub(crate) fn token(&self, label: &str) -> Result<(CK_SLOT_ID, TokenInfo)> {
        self.slots()?
            .into_iter()
            .find(|(_, token)| token.initialised && token.label == label)
            .ok_or_else(|| format!("there is no token named {label}").into())
    }

    /// Makes a token; `label` has at most 32 bytes.
    pub(crate) fn init_token(&self, slot: CK_SLOT_ID, so_pin: &str, label: &str) -> Answer<()> {
        let mut padded = [b' '; 32];
        for (to, from) in padded.iter_mut().zip(label.bytes()) {
            *to = from;
        }
        let (pin, pin_len) = input(so_pin.as_bytes());
        call!(self, C_InitToken(slot, pin, pin_len, padded.as_mut_ptr()))
    }

    /// A read-write session.
    pub(crate) fn session(&self, slot: CK_SLOT_ID) -> Answer<Session<'_>> {
        let mut handle = 0;
        let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
        call!(
            self,
            C_OpenSession(slot, flags, ptr::null_mut(), None, &mut handle)
        )?;
        Ok(Session {
            module: self,
            handle,
        })
    }

    fn finalize(&self) -> Answer<()> {
        call!(self, C_Finalize(ptr::null_mut()))
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        // The process ends or opens the module anew: there is nobody to tell.
        let _ = self.finalize();
    }
}

/// A mechanism with its parameter.
#[derive(Clone, Copy)]
pub(crate) enum Mechanism<'a> {
    /// Without a parameter.
    Plain(CK_MECHANISM_TYPE),
    /// CKM_RSA_PKCS_OAEP with SHA-256, MGF1-SHA256 and no label.
    OaepSha256,
    /// CKM_RSA_AES_KEY_WRAP: the same OAEP around an AES-256 key.
    RsaAesKeyWrapSha256,
    /// CKM_AES_GCM with a 128-bit tag.
    Gcm { iv: &'a [u8], aad: &'a [u8] },
}

impl Mechanism<'_> {
    /// Runs `call` with the C form, whose pointers are valid that long.
    fn with<T>(self, call: impl FnOnce(&mut CK_MECHANISM) -> T) -> T {
        let mut oaep = CK_RSA_PKCS_OAEP_PARAMS {
            hashAlg: CKM_SHA256,
            mgf: CKG_MGF1_SHA256,
            source: CKZ_DATA_SPECIFIED,
            pSourceData: ptr::null_mut(),
            ulSourceDataLen: 0,
        };
        match self {
            Self::Plain(mechanism) => call(&mut CK_MECHANISM {
                mechanism,
                pParameter: ptr::null_mut(),
                ulParameterLen: 0,
            }),
            Self::OaepSha256 => call(&mut parameter(CKM_RSA_PKCS_OAEP, &mut oaep)),
            Self::RsaAesKeyWrapSha256 => {
                let mut wrap = CK_RSA_AES_KEY_WRAP_PARAMS {
                    ulAESKeyBits: 256,
                    pOAEPParams: &mut oaep,
                };
                call(&mut parameter(CKM_RSA_AES_KEY_WRAP, &mut wrap))
            }
            Self::Gcm { iv, aad } => {
                let ((iv, iv_len), (aad, aad_len)) = (input(iv), input(aad));
                let mut gcm = CK_GCM_PARAMS {
                    pIv: iv,
                    ulIvLen: iv_len,
                    ulIvBits: iv_len * 8,
                    pAAD: aad,
                    ulAADLen: aad_len,
                    ulTagBits: 128,
                };
                call(&mut parameter(CKM_AES_GCM, &mut gcm))
            }
        }
    }
}

fn parameter<T>(mechanism: CK_MECHANISM_TYPE, parameter: &mut T) -> CK_MECHANISM {
    CK_MECHANISM {
        mechanism,
        pParameter: ptr::from_mut(parameter).cast(),
        ulParameterLen: ulong(size_of::<T>()),
    }
}

/// Attributes to give to a call.
#[derive(Clone, Default)]
pub(crate) struct Template(Vec<(CK_ATTRIBUTE_TYPE, Vec<u8>)>);

impl Template {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// CK_BBOOLs that are TRUE.
    #[must_use]
    pub(crate) fn yes(self, kinds: &[CK_ATTRIBUTE_TYPE]) -> Self {
        kinds
            .iter()
            .fold(self, |template, kind| template.bytes(*kind, &[CK_TRUE]))
    }

    /// A CK_ULONG.
    #[must_use]
    pub(crate) fn number(self, kind: CK_ATTRIBUTE_TYPE, value: CK_ULONG) -> Self {
        self.bytes(kind, &value.to_ne_bytes())
    }

    /// Any other value.
    #[must_use]
    pub(crate) fn bytes(mut self, kind: CK_ATTRIBUTE_TYPE, value: &[u8]) -> Self {
        self.0.push((kind, value.to_vec()));
        self
    }

    /// The C form, which points into `self`.
    fn attributes(&self) -> Vec<CK_ATTRIBUTE> {
        self.0
            .iter()
            .map(|(kind, value)| CK_ATTRIBUTE {
                type_: *kind,
                pValue: value.as_ptr().cast_mut().cast(),
                ulValueLen: ulong(value.len()),
            })
            .collect()
    }
}

/// An open session; closed when dropped.
pub(crate) struct Session<'m> {
    module: &'m Module,
    handle: CK_SESSION_HANDLE,
}

impl Session<'_> {
    pub(crate) fn login(&self, user: User, pin: &str) -> Answer<()> {
        let user = match user {
            User::SecurityOfficer => CKU_SO,
            User::Normal => CKU_USER,
        };
        let (pin, pin_len) = input(pin.as_bytes());
        call!(self.module, C_Login(self.handle, user, pin, pin_len))
    }

    pub(crate) fn logout(&self) -> Answer<()> {
        call!(self.module, C_Logout(self.handle))
    }

    /// Sets the user's PIN; the security officer is logged in.
    pub(crate) fn init_pin(&self, pin: &str) -> Answer<()> {
        let (pin, pin_len) = input(pin.as_bytes());
        call!(self.module, C_InitPIN(self.handle, pin, pin_len))
    }

    /// Makes a secret key.
    pub(crate) fn generate_key(
        &self,
        mechanism: Mechanism<'_>,
        template: &Template,
    ) -> Answer<CK_OBJECT_HANDLE> {
        let mut attributes = template.attributes();
        let (list, count) = (attributes.as_mut_ptr(), ulong(attributes.len()));
        let mut key = 0;
        mechanism.with(|mechanism| {
            call!(
                self.module,
                C_GenerateKey(self.handle, mechanism, list, count, &mut key)
            )
        })?;
        Ok(key)
    }

    /// Makes a key pair: the public and the private key.
    pub(crate) fn generate_key_pair(
        &self,
        mechanism: Mechanism<'_>,
        public: &Template,
        private: &Template,
    ) -> Answer<(CK_OBJECT_HANDLE, CK_OBJECT_HANDLE)> {
        let (mut public, mut private) = (public.attributes(), private.attributes());
        let (public_list, public_count) = (public.as_mut_ptr(), ulong(public.len()));
        let (private_list, private_count) = (private.as_mut_ptr(), ulong(private.len()));
        let (mut public_key, mut private_key) = (0, 0);
        mechanism.with(|mechanism| {
            call!(
                self.module,
                C_GenerateKeyPair(
                    self.handle,
                    mechanism,
                    public_list,
                    public_count,
                    private_list,
                    private_count,
                    &mut public_key,
                    &mut private_key,
                )
            )
        })?;
        Ok((public_key, private_key))
    }

    pub(crate) fn unwrap_key(
        &self,
        mechanism: Mechanism<'_>,
        unwrapping_key: CK_OBJECT_HANDLE,
        blob: &[u8],
        template: &Template,
    ) -> Answer<CK_OBJECT_HANDLE> {
        let (blob, blob_len) = input(blob);
        let mut attributes = template.attributes();
        let (list, count) = (attributes.as_mut_ptr(), ulong(attributes.len()));
        let mut key = 0;
        mechanism.with(|mechanism| {
            call!(
                self.module,
                C_UnwrapKey(
                    self.handle,
                    mechanism,
                    unwrapping_key,
                    blob,
                    blob_len,
                    list,
                    count,
                    &mut key,
                )
            )
        })?;
        Ok(key)
    }

    pub(crate) fn wrap_key(
        &self,
        mechanism: Mechanism<'_>,
        wrapping_key: CK_OBJECT_HANDLE,
        key: CK_OBJECT_HANDLE,
    ) -> Answer<Vec<u8>> {
        mechanism.with(|mechanism| {
            output(|out, out_len| {
                call!(
                    self.module,
                    C_WrapKey(self.handle, mechanism, wrapping_key, key, out, out_len,)
                )
            })
        })
    }

    /// The value of one attribute.
    pub(crate) fn attribute(
        &self,
        object: CK_OBJECT_HANDLE,
        kind: CK_ATTRIBUTE_TYPE,
    ) -> Answer<Vec<u8>> {
        output(|value, value_len| {
            let mut asked = CK_ATTRIBUTE {
                type_: kind,
                pValue: value.cast(),
                ulValueLen: *value_len,
            };
            call!(
                self.module,
                C_GetAttributeValue(self.handle, object, &mut asked, 1)
            )?;
            *value_len = asked.ulValueLen;
            Ok(())
        })
    }

    pub(crate) fn encrypt(
        &self,
        mechanism: Mechanism<'_>,
        key: CK_OBJECT_HANDLE,
        text: &[u8],
    ) -> Answer<Vec<u8>> {
        mechanism
            .with(|mechanism| call!(self.module, C_EncryptInit(self.handle, mechanism, key)))?;
        let (text, text_len) = input(text);
        output(|out, out_len| {
            call!(
                self.module,
                C_Encrypt(self.handle, text, text_len, out, out_len)
            )
        })
    }

    pub(crate) fn decrypt(
        &self,
        mechanism: Mechanism<'_>,
        key: CK_OBJECT_HANDLE,
        sealed: &[u8],
    ) -> Answer<Vec<u8>> {
        mechanism
            .with(|mechanism| call!(self.module, C_DecryptInit(self.handle, mechanism, key)))?;
        let (sealed, sealed_len) = input(sealed);
        output(|out, out_len| {
            call!(
                self.module,
                C_Decrypt(self.handle, sealed, sealed_len, out, out_len)
            )
        })
    }

    pub(crate) fn sign(
        &self,
        mechanism: Mechanism<'_>,
        key: CK_OBJECT_HANDLE,
        data: &[u8],
    ) -> Answer<Vec<u8>> {
        mechanism.with(|mechanism| call!(self.module, C_SignInit(self.handle, mechanism, key)))?;
        let (data, data_len) = input(data);
        output(|out, out_len| {
            call!(
                self.module,
                C_Sign(self.handle, data, data_len, out, out_len)
            )
        })
    }

    fn close(&self) -> Answer<()> {
        call!(self.module, C_CloseSession(self.handle))
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        // C_Finalize closes what cannot be closed now.
        let _ = self.close();
    }
}

/// The two-call convention (PKCS#11 section 5.2): asks for the length, then for the bytes.
fn output(mut call: impl FnMut(*mut CK_BYTE, &mut CK_ULONG) -> Answer<()>) -> Answer<Vec<u8>> {
    let mut len = 0;
    call(ptr::null_mut(), &mut len)?;
    let mut out = vec![0; length(len)];
    call(out.as_mut_ptr(), &mut len)?;
    out.truncate(length(len));
    Ok(out)
}

/// Pointer and length of bytes that the module only reads.
fn input(bytes: &[u8]) -> (*mut CK_BYTE, CK_ULONG) {
    (bytes.as_ptr().cast_mut(), ulong(bytes.len()))
}

/// A length as C has it; no buffer of ours is longer.
fn ulong(len: usize) -> CK_ULONG {
    CK_ULONG::try_from(len).unwrap_or(CK_ULONG::MAX)
}

/// A length that the module reported.
fn length(len: CK_ULONG) -> usize {
    usize::try_from(len).unwrap_or(0)
}

/// The library in the folder of this program, of its build, or of its installation.
fn beside_program() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let folder = program.parent().unwrap_or(Path::new("."));
    ["", "deps", "../lib", "../lib/pkcs11"]
        .iter()
        .map(|place| folder.join(place).join(FILE_NAME))
        .find(|path| path.is_file())
        .ok_or_else(|| {
            format!(
                "no {FILE_NAME} beside {}; name it with --module",
                program.display()
            )
            .into()
        })
}
