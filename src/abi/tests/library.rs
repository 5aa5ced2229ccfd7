//! A module that does next to nothing, so that tests see what the door itself does.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::attr::{RawAttribute, Revealed};
use crate::ck::*;
use crate::error::{Result, refuse};
use crate::mechanism::{Cipher, Digester, Mechanism, ParamKind, ROW, Request, Signer, Verifier};
use crate::out::Out;
use crate::session::{
    ActiveOperation, After, Decrypt, Digest, Encrypt, Keyed, KeyedMessages, Operation, Operations,
    Phase, Sign, SignRecover, SignatureVerifier, Verify, VerifyRecover, VerifySignature,
};

/// Modules that are open, and the greatest number of them at once.
pub(super) static OPEN: AtomicUsize = AtomicUsize::new(0);
pub(super) static MOST_OPEN: AtomicUsize = AtomicUsize::new(0);
/// A call with the PIN `wait` is inside; it leaves when `LEAVE` is set.
pub(super) static WAITING: AtomicBool = AtomicBool::new(false);
pub(super) static LEAVE: AtomicBool = AtomicBool::new(false);

/// Each handle but these is a session: there is none, and one whose every use panics.
pub(super) const NO_SESSION: CK_SESSION_HANDLE = 404;
pub(super) const PANICS: CK_SESSION_HANDLE = 13;

thread_local! {
    /// Whether the operations of this thread's last step are still active.
    pub(in crate::abi) static GOES_ON: Cell<bool> = const { Cell::new(false) };
    /// What this thread's last `cancel` named.
    pub(in crate::abi) static CANCELLED: Cell<CK_FLAGS> = const { Cell::new(0) };
}

pub(super) struct Module(());

pub(super) fn open() -> Result<Module> {
    let open = OPEN.fetch_add(1, Ordering::SeqCst) + 1;
    MOST_OPEN.fetch_max(open, Ordering::SeqCst);
    Ok(Module(()))
}

impl Drop for Module {
    fn drop(&mut self) {
        OPEN.fetch_sub(1, Ordering::SeqCst);
    }
}

static ROWS: [Mechanism; 4] = [
    row(CKM_AES_ECB, ParamKind::None),
    row(CKM_AES_CBC, ParamKind::Iv(16)),
    row(CKM_AES_GCM, ParamKind::Gcm),
    row(CKM_RSA_PKCS_OAEP, ParamKind::Oaep),
];

const fn row(id: CK_MECHANISM_TYPE, params: ParamKind) -> Mechanism {
    Mechanism { id, params, ..ROW }
}

impl Module {
    pub(super) fn session(&self, handle: CK_SESSION_HANDLE) -> Result<Arc<Session>> {
        match handle {
            NO_SESSION => refuse(CKR_SESSION_HANDLE_INVALID, "no session"),
            PANICS => panic!("secret argument"),
            _ => Ok(Arc::new(Session::new())),
        }
    }

    pub(super) fn mechanism(&self, kind: CK_MECHANISM_TYPE) -> Result<&'static Mechanism> {
        match ROWS.iter().find(|row| row.id == kind) {
            Some(row) => Ok(row),
            None => refuse(CKR_MECHANISM_INVALID, "no mechanism"),
        }
    }

    pub(super) fn slots(&self) -> Vec<CK_SLOT_ID> {
        vec![7, 8, 9]
    }

    pub(super) fn slot_info(&self, _: CK_SLOT_ID) -> Result<CK_SLOT_INFO> {
        // SAFETY: every field of the structure may be zero.
        Ok(unsafe { std::mem::zeroed() })
    }

    pub(super) fn token_info(&self, _: CK_SLOT_ID) -> Result<CK_TOKEN_INFO> {
        Ok(CK_TOKEN_INFO::default())
    }

    pub(super) fn mechanisms(&self, _: CK_SLOT_ID) -> Result<Vec<CK_MECHANISM_TYPE>> {
        Ok(ROWS.iter().map(|row| row.id).collect())
    }

    pub(super) fn mechanism_info(
        &self,
        _: CK_SLOT_ID,
        _: CK_MECHANISM_TYPE,
    ) -> Result<CK_MECHANISM_INFO> {
        Ok(CK_MECHANISM_INFO::default())
    }

    /// Succeeds with the label `right` alone.
    pub(super) fn init_token(&self, _: CK_SLOT_ID, _: &[u8], label: &[u8; 32]) -> Result<()> {
        if label.starts_with(b"right ") && label.ends_with(b" ") {
            return Ok(());
        }
        refuse(CKR_DATA_INVALID, "the label did not arrive")
    }

    pub(super) fn open_session(&self, _: CK_SLOT_ID, _: CK_FLAGS) -> Result<CK_SESSION_HANDLE> {
        Ok(1)
    }

    pub(super) fn close_session(&self, handle: CK_SESSION_HANDLE) -> Result<()> {
        self.session(handle).map(drop)
    }

    pub(super) fn close_all_sessions(&self, _: CK_SLOT_ID) -> Result<()> {
        Ok(())
    }

    pub(super) fn wait_for_slot_event(&self, _: CK_FLAGS) -> Result<CK_SLOT_ID> {
        refuse(CKR_NO_EVENT, "nothing happens")
    }
}

/// The length of the input, then the input masked: what ciphers give.
pub(super) fn masked(input: &[u8]) -> Vec<u8> {
    let mut out = vec![0; input.len() + 1];
    mask(input, &mut out);
    out
}

/// What signatures and digests give: `masked(message)`, filled up with zeros.
pub(super) fn summary(message: &[u8]) -> Vec<u8> {
    let mut out = masked(message);
    out.resize(SUMMARY, 0);
    out
}

const SUMMARY: usize = 17;

/// Writes `masked(input)` in an order that shows whether the output lies on the input.
fn mask(input: &[u8], out: &mut [u8]) -> usize {
    out[0] = u8::try_from(input.len()).unwrap();
    for (index, byte) in input.iter().enumerate() {
        out[index + 1] = byte ^ 0x55;
    }
    input.len() + 1
}

/// What ends every message of a cipher.
pub(super) const FINAL: &[u8] = b"final";

/// The work of every operation. Takes nothing that ends with `bad`.
#[derive(Default)]
struct Mask {
    message: Vec<u8>,
}

impl Mask {
    fn take(&mut self, part: &[u8]) -> Result<()> {
        if part.ends_with(b"bad") {
            return refuse(CKR_DATA_INVALID, "bad");
        }
        self.message.extend(part);
        Ok(())
    }
}

impl Cipher for Mask {
    fn update_bound(&self, input: usize) -> usize {
        input + 1
    }

    fn finish_bound(&self) -> usize {
        FINAL.len() + 1
    }

    fn one_shot_bound(&self, input: usize) -> usize {
        input + 1
    }

    fn update(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        Ok(mask(input, out))
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        Ok(mask(FINAL, out))
    }

    fn one_shot(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        Ok(mask(input, out))
    }
}

macro_rules! summarizes {
    ($($work:ident)*) => {$(
        impl $work for Mask {
            fn len(&self) -> usize {
                SUMMARY
            }

            fn update(&mut self, part: &[u8]) -> Result<()> {
                self.take(part)
            }

            fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
                out[..SUMMARY].copy_from_slice(&summary(&self.message));
                Ok(SUMMARY)
            }
        }
    )*};
}
summarizes! { Signer Digester }

impl Verifier for Mask {
    fn update(&mut self, part: &[u8]) -> Result<()> {
        self.take(part)
    }

    fn finish(&mut self, signature: &[u8]) -> Result<()> {
        match summary(&self.message) == signature {
            true => Ok(()),
            false => refuse(CKR_SIGNATURE_INVALID, "another signature"),
        }
    }
}

/// A session in which every operation has just begun.
pub(super) struct Session(Mutex<Operations>);

impl Session {
    fn new() -> Self {
        let mut operations = Operations::default();
        macro_rules! begun {
            ($($operation:ident)*) => {
                $($operation::put(&mut operations, ActiveOperation::new(Box::new(Mask::default()), None));)*
            };
        }
        begun! { Encrypt Decrypt Sign SignRecover Verify VerifyRecover Digest }
        let signed = SignatureVerifier::new(Box::new(Mask::default()), summary(b""));
        VerifySignature::put(
            &mut operations,
            ActiveOperation::new(Box::new(signed), None),
        );
        Self(Mutex::new(operations))
    }

    pub(super) fn init<O: Keyed>(&self, _: O, _: Request, _: CK_OBJECT_HANDLE) -> Result<()> {
        Ok(())
    }

    pub(super) fn messages_init<O: KeyedMessages>(
        &self,
        _: O,
        _: &Mechanism,
        _: CK_OBJECT_HANDLE,
    ) -> Result<()> {
        Ok(())
    }

    pub(super) fn verify_signature_init(
        &self,
        _: Request,
        _: CK_OBJECT_HANDLE,
        _: &[u8],
    ) -> Result<()> {
        Ok(())
    }

    pub(super) fn step<O: Operation>(
        &self,
        operation: O,
        phase: Phase,
        run: impl FnOnce(O::Active) -> Result<After<O::Active>>,
    ) -> Result<()> {
        let mut operations = self.0.lock();
        let outcome = operations.step(operation, phase, |_| Ok(()), run);
        GOES_ON.set(O::take(&mut operations).is_some());
        outcome
    }

    pub(super) fn end<O: Operation>(&self, _: O) -> Result<()> {
        match O::take(&mut self.0.lock()) {
            Some(_) => Ok(()),
            None => refuse(CKR_OPERATION_NOT_INITIALIZED, "not active"),
        }
    }
}

fn number(len: usize) -> Result<CK_ULONG> {
    Ok(CK_ULONG::try_from(len).unwrap())
}

type Template<'a> = &'a [RawAttribute];

impl Session {
    pub(super) fn init_pin(&self, _: &[u8]) -> Result<()> {
        Ok(())
    }

    pub(super) fn seed_random(&self, _: &[u8]) {}

    pub(super) fn info(&self) -> Result<CK_SESSION_INFO> {
        Ok(CK_SESSION_INFO::default())
    }

    pub(super) fn set_pin(&self, _: &[u8], _: &[u8]) -> Result<()> {
        Ok(())
    }

    pub(super) fn login(&self, _: CK_USER_TYPE, pin: &[u8]) -> Result<()> {
        if pin == b"wait" {
            WAITING.store(true, Ordering::SeqCst);
            while !LEAVE.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
        }
        Ok(())
    }

    pub(super) fn logout(&self) -> Result<()> {
        Ok(())
    }

    pub(super) fn cancel(&self, operations: CK_FLAGS) {
        CANCELLED.set(operations);
    }

    /// The handles are the numbers of attributes.
    pub(super) fn create_object(&self, template: Template<'_>) -> Result<CK_OBJECT_HANDLE> {
        number(template.len())
    }

    pub(super) fn copy_object(
        &self,
        _: CK_OBJECT_HANDLE,
        template: Template<'_>,
    ) -> Result<CK_OBJECT_HANDLE> {
        number(template.len())
    }

    pub(super) fn destroy_object(&self, _: CK_OBJECT_HANDLE) -> Result<()> {
        Ok(())
    }

    pub(super) fn object_size(&self, _: CK_OBJECT_HANDLE) -> Result<u64> {
        Ok(1)
    }

    pub(super) fn attributes(
        &self,
        _: CK_OBJECT_HANDLE,
        kinds: &[CK_ATTRIBUTE_TYPE],
    ) -> Result<Vec<Revealed>> {
        let reveal = |kind: &CK_ATTRIBUTE_TYPE| match *kind {
            CKA_LABEL => Revealed::Value(b"label".to_vec()),
            CKA_ID => Revealed::Value(Vec::new()),
            CKA_VALUE => Revealed::Sensitive,
            CKA_WRAP_TEMPLATE => Revealed::Template(vec![
                (CKA_LABEL, Revealed::Value(b"inner".to_vec())),
                (CKA_ENCRYPT, Revealed::Value(vec![CK_TRUE])),
            ]),
            _ => Revealed::Invalid,
        };
        Ok(kinds.iter().map(reveal).collect())
    }

    pub(super) fn set_attributes(&self, _: CK_OBJECT_HANDLE, _: Template<'_>) -> Result<()> {
        Ok(())
    }

    pub(super) fn find_init(&self, _: Template<'_>) -> Result<()> {
        Ok(())
    }

    /// Three objects, however often one asks.
    pub(super) fn find(&self, most: usize) -> Result<Vec<CK_OBJECT_HANDLE>> {
        Ok([21, 22, 23].into_iter().take(most).collect())
    }

    pub(super) fn find_final(&self) -> Result<()> {
        Ok(())
    }

    pub(super) fn digest_init(&self, _: Request) -> Result<()> {
        Ok(())
    }

    pub(super) fn digest_key(&self, _: CK_OBJECT_HANDLE) -> Result<()> {
        Ok(())
    }

    pub(super) fn generate_key(&self, _: Request, template: Template<'_>) -> Result<CK_ULONG> {
        number(template.len())
    }

    pub(super) fn generate_key_pair(
        &self,
        _: Request,
        public: Template<'_>,
        private: Template<'_>,
    ) -> Result<(CK_OBJECT_HANDLE, CK_OBJECT_HANDLE)> {
        Ok((number(public.len())?, number(private.len())?))
    }

    pub(super) fn wrap_key(
        &self,
        _: Request,
        _: CK_OBJECT_HANDLE,
        _: CK_OBJECT_HANDLE,
        out: &mut Out<'_>,
    ) -> Result<()> {
        if let Some(buffer) = out.reserve(b"wrapped".len() + 1)? {
            mask(b"wrapped", buffer);
        }
        Ok(())
    }

    pub(super) fn unwrap_key(
        &self,
        _: Request,
        _: CK_OBJECT_HANDLE,
        blob: &[u8],
        _: Template<'_>,
    ) -> Result<CK_OBJECT_HANDLE> {
        number(blob.len())
    }

    pub(super) fn derive_key(
        &self,
        _: Request,
        _: CK_OBJECT_HANDLE,
        template: Template<'_>,
    ) -> Result<CK_OBJECT_HANDLE> {
        number(template.len())
    }

    pub(super) fn random(&self, out: &mut [u8]) {
        out.fill(0x5A);
    }
}
