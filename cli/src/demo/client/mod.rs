//! A PKCS#11 client: the built library, driven through its C functions as any program would.

mod mechanism;
mod session;
mod template;

use std::fmt;
use std::path::{Path, PathBuf};
use std::ptr;

use libloading::Library;
use tenon_pkcs11::ck::*;

pub(super) use mechanism::Mechanism;
pub(super) use session::Session;
pub(super) use template::Template;

use crate::Result;

/// File name of the built library.
const FILE_NAME: &str = "libtenon_pkcs11.so";

/// An answer other than CKR_OK.
#[derive(Debug)]
pub(super) struct Refusal {
    call: &'static str,
    /// The CKR_ number.
    pub(super) rv: CK_RV,
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
use call;

type Answer<T> = std::result::Result<T, Refusal>;

/// A loaded and initialised library; finalised when dropped.
pub(super) struct Module {
    functions: CK_FUNCTION_LIST,
    _library: Library,
}

/// What CK_TOKEN_INFO says of a token.
pub(super) struct TokenInfo {
    pub(super) label: String,
    pub(super) serial: String,
    pub(super) initialised: bool,
}

/// Who logs in.
#[derive(Clone, Copy)]
pub(super) enum User {
    SecurityOfficer,
    Normal,
}

impl Module {
    /// Loads `path`, else the library beside this program.
    pub(super) fn open(path: Option<&Path>) -> Result<Self> {
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
    pub(super) fn slots(&self) -> Answer<Vec<(CK_SLOT_ID, TokenInfo)>> {
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
    pub(super) fn token(&self, label: &str) -> Result<(CK_SLOT_ID, TokenInfo)> {
        self.slots()?
            .into_iter()
            .find(|(_, token)| token.initialised && token.label == label)
            .ok_or_else(|| format!("there is no token named {label}").into())
    }

    /// Makes a token; `label` has at most 32 bytes.
    pub(super) fn init_token(&self, slot: CK_SLOT_ID, so_pin: &str, label: &str) -> Answer<()> {
        let mut padded = [b' '; 32];
        for (to, from) in padded.iter_mut().zip(label.bytes()) {
            *to = from;
        }
        let (pin, pin_len) = input(so_pin.as_bytes());
        call!(self, C_InitToken(slot, pin, pin_len, padded.as_mut_ptr()))
    }

    /// A read-write session.
    pub(super) fn session(&self, slot: CK_SLOT_ID) -> Answer<Session<'_>> {
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
