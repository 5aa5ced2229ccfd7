//! An open session, and its steps through operations.

use std::fmt::Write as _;
use std::slice;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::{MappedMutexGuard, Mutex, MutexGuard};

use super::active::{ActiveOperation, After, Phase};
use super::message_signatures::{MessageSignatures, SignatureProcess};
use super::messages::{MessageProcess, Messages};
use super::operations::{
    Digest, Find, FoundObjects, Keyed, KeyedMessages, MessageSignature, Operation, Operations,
    Verify, VerifySignature,
};
use super::work::{SignatureVerifier, Takes};
use crate::attr::RawAttribute;
use crate::ck;
use crate::error::{Error, Result, refuse};
use crate::mechanism::{Digester, Ivs, Mechanism, Request, Resumable};
use crate::policy::Use;
use crate::token::{CallingSession, Handle, Object, SessionHandle, Token};

/// A session with the token in a slot.
pub struct Session {
    pub(super) handle: SessionHandle,
    pub(super) slot: ck::CK_SLOT_ID,
    pub(super) token: Arc<Token>,
    pub(super) read_write: bool,
    /// Held while a step computes: a session computes one thing at a time. `None` before the first operation.
    pub(super) operations: Mutex<Option<Box<Operations>>>,
    /// Session objects may belong to the session.
    pub(super) made_objects: AtomicBool,
    /// A key has left memory with which an operation may rest here.
    pub(super) key_ended: AtomicBool,
    /// The initialization vectors that message-based encryption makes, from its first use on.
    pub(super) ivs: OnceLock<Arc<Mutex<Ivs>>>,
    /// The last refusal, as the log has it; empty before the first.
    pub(super) last_refusal: Mutex<String>,
}

impl Session {
    /// The session's CK_SESSION_HANDLE.
    #[must_use]
    pub fn handle(&self) -> SessionHandle {
        self.handle
    }

    /// As `Token::mechanism`.
    ///
    /// # Errors
    /// As `Token::mechanism`.
    pub fn mechanism(&self, id: ck::CK_MECHANISM_TYPE) -> Result<&'static Mechanism> {
        self.token.mechanism(id)
    }

    /// Remembers why `function` was refused, until the next refusal.
    pub fn note_refusal(&self, function: &str, error: &Error) {
        let mut text = self.last_refusal.lock();
        text.clear();
        // Writing to a String does not fail.
        let _ = write!(text, "{function}: {error}");
    }

    /// The session's operations. Waits for a step in another thread.
    pub(super) fn operations(&self) -> MappedMutexGuard<'_, Operations> {
        MutexGuard::map(self.operations.lock(), |operations| {
            &mut **operations.get_or_insert_default()
        })
    }

    /// The session as the caller of a call that may make session objects.
    pub(super) fn caller(&self) -> CallingSession {
        self.made_objects.store(true, Ordering::Release);
        CallingSession {
            session: self.handle,
            read_write: self.read_write,
        }
    }

    /// The Init function of an operation with a key.
    ///
    /// # Errors
    /// CKR_OPERATION_ACTIVE, CKR_MECHANISM_INVALID for a mechanism without this use, and those of
    /// `Token::usable_key` and of the mechanism.
    pub fn init<O: Keyed>(&self, operation: O, request: Request, key: Handle) -> Result<()> {
        let begun = self.begin(operation, request, key);
        self.drop_ended();
        begun
    }

    fn begin<O: Keyed>(&self, operation: O, request: Request, key: Handle) -> Result<()> {
        let mut operations = self.operations();
        let again = |rested: &mut Box<ActiveOperation<O::Work>>| {
            let is_same = rested.was_with(request.row, Some(key));
            let Some(object) = rested.key.as_deref().filter(|_| is_same) else {
                return Ok(false);
            };
            let usable = self.token.usable_again(object, O::USE, request.row)?;
            if usable {
                rested.work.begin_again(&request.params)?;
            }
            Ok(usable)
        };
        if let Some(rested) = operations.begin_again(&operation, again)? {
            rested.begins(request);
            return Ok(());
        }
        operations.begin(operation, || {
            let (work, object) = self.work::<O>(&request, key)?;
            Ok(ActiveOperation::new(work, request, Some(object)))
        })
    }

    /// C_VerifySignatureInit.
    ///
    /// # Errors
    /// As `init`.
    pub fn verify_signature_init(
        &self,
        request: Request,
        key: Handle,
        signature: &[u8],
    ) -> Result<()> {
        let mut operations = self.operations();
        operations.begin(VerifySignature, || {
            let (verifier, object) = self.work::<Verify>(&request, key)?;
            let signed = SignatureVerifier::new(verifier, signature.to_vec());
            Ok(ActiveOperation::new(
                Box::new(signed),
                request,
                Some(object),
            ))
        })
    }

    /// C_MessageEncryptInit and C_MessageDecryptInit.
    ///
    /// # Errors
    /// As `init`.
    pub fn messages_init<O: KeyedMessages>(
        &self,
        operation: O,
        row: &'static Mechanism,
        key: Handle,
    ) -> Result<()> {
        let mut operations = self.operations();
        operations.begin(operation, || {
            let (Some(kind), Some(begin)) = (row.messages, O::begin(row)) else {
                return not_for_this(row);
            };
            let usable = self.token.usable_key(key, O::USE, row)?;
            let encrypts = O::USE == Use::Encrypt;
            Ok(Messages::new(MessageProcess {
                kind,
                begin,
                key: usable.key,
                object: usable.object,
                ivs: encrypts.then(|| self.ivs_of_encryption()),
                token: Arc::clone(&self.token),
            }))
        })
    }

    fn ivs_of_encryption(&self) -> Arc<Mutex<Ivs>> {
        let begun = || Arc::new(Mutex::new(Ivs::new(self.token.rng())));
        let ivs = self.ivs.get_or_init(begun);
        ivs.lock().begin();
        Arc::clone(ivs)
    }

    /// C_MessageSignInit and C_MessageVerifyInit.
    ///
    /// # Errors
    /// As `init`.
    pub fn message_signatures_init<O: MessageSignature>(
        &self,
        operation: O,
        request: Request,
        key: Handle,
    ) -> Result<()> {
        let mut operations = self.operations();
        operations.begin(operation, || {
            let Request { row, params, .. } = request;
            let begin = O::Of::begin(row).map_or_else(|| not_for_this(row), Ok)?;
            let usable = self.token.usable_key(key, O::Of::USE, row)?;
            self.token.may_halve(&params, slice::from_ref(&usable))?;
            MessageSignatures::proven(SignatureProcess {
                begin,
                params,
                key: usable.key,
                object: usable.object,
            })
        })
    }

    /// What the mechanism makes for an operation with this key, and the key's object.
    pub(super) fn work<O: Keyed>(
        &self,
        request: &Request,
        key: Handle,
    ) -> Result<(Box<O::Work>, Arc<Object>)> {
        let row = request.row;
        let begin = O::begin(row).map_or_else(|| not_for_this(row), Ok)?;
        let usable = self.token.usable_key(key, O::USE, row)?;
        self.token
            .may_halve(&request.params, slice::from_ref(&usable))?;
        Ok((begin(&usable.key, &request.params)?, usable.object))
    }

    /// C_DigestInit.
    ///
    /// # Errors
    /// CKR_OPERATION_ACTIVE, CKR_MECHANISM_INVALID, and those of the mechanism.
    pub fn digest_init(&self, request: Request) -> Result<()> {
        let mut operations = self.operations();
        let again = |rested: &mut Box<ActiveOperation<dyn Digester>>| {
            let is_same = rested.was_with(request.row, None);
            if is_same {
                rested.work.begin_again(&request.params)?;
            }
            Ok(is_same)
        };
        if let Some(rested) = operations.begin_again(&Digest, again)? {
            rested.begins(request);
            return Ok(());
        }
        operations.begin(Digest, || ActiveOperation::digest(request))
    }

    /// Takes one step of an operation. `run` owns the operation, and reads the caller's arguments;
    /// the operation has ended unless `run` returns it in `After`.
    ///
    /// # Errors
    /// CKR_OPERATION_NOT_INITIALIZED; CKR_OPERATION_ACTIVE for a step that cannot be next;
    /// CKR_USER_NOT_LOGGED_IN where a context-specific login is missing; those of
    /// `Token::may_continue` and of `run`; CKR_BUFFER_TOO_SMALL, which alone leaves it active.
    pub fn step<O: Operation>(
        &self,
        operation: O,
        phase: Phase,
        run: impl FnOnce(O::Active) -> Result<After<O::Active>>,
    ) -> Result<()> {
        let may_continue = |key: &_| self.token.may_continue(key);
        let stepped = self.operations().step(operation, phase, may_continue, run);
        self.drop_ended();
        stepped
    }

    /// Drops what rests with keys that have left memory, here as another session has asked, and in all sessions of
    /// the slot where keys have ended elsewhere.
    fn drop_ended(&self) {
        if self.token.kept_ended()
            && let Some(peers) = self.token.peers()
        {
            peers.drop_keyless(self.slot);
        }
        if self.key_ended.load(Ordering::SeqCst) {
            self.drop_keyless();
        }
    }

    /// Drops what rests with a key that has left memory: now, or by the step that another thread is in.
    pub(super) fn drop_keyless(&self) {
        self.key_ended.store(true, Ordering::SeqCst);
        if let Some(mut operations) = self.operations.try_lock() {
            self.key_ended.store(false, Ordering::SeqCst);
            if let Some(operations) = &mut *operations {
                operations.drop_keyless();
            }
        }
    }

    /// C_DigestKey.
    ///
    /// # Errors
    /// CKR_KEY_INDIGESTIBLE for a key whose value must not be read, and as `step`.
    pub fn digest_key(&self, key: Handle) -> Result<()> {
        self.step(Digest, Phase::Update, |digest| {
            let value = self.token.digestible(key)?;
            let mut digest = digest.take(&value)?;
            digest.took_key = true;
            Ok(After::GoesOn(digest))
        })
    }

    /// An Init function without a mechanism: ends the operation.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD when it is not active.
    pub fn end<O: Operation>(&self, operation: O) -> Result<()> {
        self.operations().end(operation)
    }

    /// C_SessionCancel: ends those operations that `flags` names and that are active.
    pub fn cancel(&self, flags: ck::CK_FLAGS) {
        self.operations().cancel(flags);
    }

    /// C_FindObjectsInit.
    ///
    /// # Errors
    /// CKR_OPERATION_ACTIVE, and as `Token::find`.
    pub fn find_init(&self, template: &[RawAttribute]) -> Result<()> {
        let found = || Ok(FoundObjects(self.token.find(template)?));
        self.operations().begin(Find, found)
    }

    /// C_FindObjects: the next handles, at most `max`.
    ///
    /// # Errors
    /// CKR_OPERATION_NOT_INITIALIZED, and as `Token::found`.
    pub fn find(&self, max: usize) -> Result<Vec<Handle>> {
        let mut next = Vec::new();
        self.step(Find, Phase::Update, |mut search| {
            next = self.token.found(&mut search.0, max)?;
            Ok(After::GoesOn(search))
        })?;
        Ok(next)
    }

    /// C_FindObjectsFinal.
    ///
    /// # Errors
    /// CKR_OPERATION_NOT_INITIALIZED.
    pub fn find_final(&self) -> Result<()> {
        self.step(Find, Phase::Final, |_| Ok(After::Ended))
    }
}

impl ActiveOperation<dyn Digester> {
    /// A digest that has taken nothing yet.
    ///
    /// # Errors
    /// CKR_MECHANISM_INVALID, and those of the mechanism.
    pub(super) fn digest(request: Request) -> Result<Box<Self>> {
        let row = request.row;
        let begin = row.digest.map_or_else(|| not_for_this(row), Ok)?;
        Ok(Self::new(begin(&request.params)?, request, None))
    }
}

fn not_for_this<T>(row: &Mechanism) -> Result<T> {
    refuse(
        ck::CKR_MECHANISM_INVALID,
        format!("{} does not do this", row.name),
    )
}
