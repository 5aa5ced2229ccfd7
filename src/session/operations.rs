//! The operations of a session: the one list of them, and the step that takes one out of its slot.

use super::active::{ActiveOperation, After, OperationSlot, Phase, TypedSlot};
use super::message_signatures::MessageSignatures;
use super::messages::Messages;
use super::work::SignatureVerifier;
use crate::ck;
use crate::error::{Error, Result, refuse};
use crate::mechanism::{Begin, Cipher, Digester, Mechanism, Resumable, Signer, Verifier};
use crate::out::too_small;
use crate::policy::Use;
use crate::token::{Object, Search};

/// A kind of operation. A session has at most one active operation of each kind. A pair of kinds
/// stands for a dual-function call.
pub trait Operation {
    /// The operation while it is active.
    type Active;

    /// Takes the operation out of its slot; `None` where it is not active.
    fn take(from: &mut Operations) -> Option<Self::Active>;

    /// Puts an operation that goes on into its slot.
    fn put(into: &mut Operations, active: Self::Active);

    /// Lets an operation that is over rest in its slot.
    fn let_rest(into: &mut Operations, over: Self::Active);

    /// Ends the operation, also the message-based process that stays in its slot during a step.
    fn end(all: &mut Operations);

    /// As `ActiveOperation::enter`.
    ///
    /// # Errors
    /// As `ActiveOperation::enter`.
    fn enter(
        active: &mut Self::Active,
        phase: Phase,
        may_continue: impl Fn(&Object) -> Result<()>,
    ) -> Result<()>;
}

/// A kind of operation that an Init function begins: no pair.
pub trait SingleOperation: Operation {
    /// Whether an operation is active.
    fn is_active(of: &Operations) -> bool;

    /// The operation that rests in the slot; `None` where none does.
    fn rested(of: &mut Operations) -> Option<&mut Self::Active>;
}

/// An operation that an Init function begins with a mechanism and a key.
pub trait Keyed: SingleOperation + Operation<Active = Box<ActiveOperation<Self::Work>>> {
    /// What the mechanism makes: a cipher, a signer or a verifier.
    type Work: ?Sized + Resumable;
    /// What the key must be allowed to do.
    const USE: Use;

    /// The mechanism's column; `None` where it does not have this use.
    fn begin(row: &Mechanism) -> Option<Begin<Self::Work>>;
}

macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident: $active:ty, $slot:ident, $flag:ident $(, $use:ident, $work:ty)?;)+) => {
        #[derive(Default)]
        pub struct Operations { $($slot: Option<$active>,)+ }

        impl Operations {
            /// Every slot, with its flag for C_SessionCancel.
            fn slots(&mut self) -> impl Iterator<Item = (ck::CK_FLAGS, &mut dyn OperationSlot)> {
                [$((ck::$flag, &mut self.$slot as &mut dyn OperationSlot),)+].into_iter()
            }
        }

        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy)]
            pub struct $name;

            impl Operation for $name {
                type Active = $active;

                fn take(from: &mut Operations) -> Option<Self::Active> {
                    from.$slot.take_out()
                }

                fn put(into: &mut Operations, active: Self::Active) {
                    into.$slot = Some(active);
                }

                fn let_rest(into: &mut Operations, over: Self::Active) {
                    into.$slot.let_rest(over);
                }

                fn end(all: &mut Operations) {
                    all.$slot = None;
                }

                fn enter(
                    active: &mut Self::Active,
                    phase: Phase,
                    may_continue: impl Fn(&Object) -> Result<()>,
                ) -> Result<()> {
                    active.enter(phase, may_continue)
                }
            }

            impl SingleOperation for $name {
                fn is_active(of: &Operations) -> bool {
                    of.$slot.is_active()
                }

                fn rested(of: &mut Operations) -> Option<&mut Self::Active> {
                    of.$slot.rested()
                }
            }

            $(impl Keyed for $name {
                type Work = $work;
                const USE: Use = Use::$use;

                fn begin(row: &Mechanism) -> Option<Begin<Self::Work>> {
                    row.$slot
                }
            })?
        )+
    };
}

// A line names the operation, what is active, the slot, which is the mechanism's column too, the
// flag of C_SessionCancel, and what the key must be allowed to do.
operations! {
    /// C_EncryptInit to C_EncryptFinal.
    Encrypt: Box<ActiveOperation<dyn Cipher>>, encrypt, CKF_ENCRYPT, Encrypt, dyn Cipher;
    /// C_DecryptInit to C_DecryptFinal.
    Decrypt: Box<ActiveOperation<dyn Cipher>>, decrypt, CKF_DECRYPT, Decrypt, dyn Cipher;
    /// C_SignInit to C_SignFinal.
    Sign: Box<ActiveOperation<dyn Signer>>, sign, CKF_SIGN, Sign, dyn Signer;
    /// C_VerifyInit to C_VerifyFinal.
    Verify: Box<ActiveOperation<dyn Verifier>>, verify, CKF_VERIFY, Verify, dyn Verifier;
    /// C_MessageEncryptInit to C_MessageEncryptFinal.
    MessageEncrypt: Messages, message_encrypt, CKF_MESSAGE_ENCRYPT;
    /// C_MessageDecryptInit to C_MessageDecryptFinal.
    MessageDecrypt: Messages, message_decrypt, CKF_MESSAGE_DECRYPT;
    /// C_MessageSignInit to C_MessageSignFinal.
    MessageSign: MessageSignatures<dyn Signer>, message_sign, CKF_MESSAGE_SIGN;
    /// C_MessageVerifyInit to C_MessageVerifyFinal.
    MessageVerify: MessageSignatures<dyn Verifier>, message_verify, CKF_MESSAGE_VERIFY;
    /// C_VerifySignatureInit to C_VerifySignatureFinal.
    VerifySignature: Box<ActiveOperation<SignatureVerifier>>, verify_signature, CKF_VERIFY;
    /// C_SignRecoverInit and C_SignRecover.
    SignRecover: Box<ActiveOperation<dyn Signer>>, sign_recover, CKF_SIGN_RECOVER, SignRecover, dyn Signer;
    /// C_VerifyRecoverInit and C_VerifyRecover.
    VerifyRecover: Box<ActiveOperation<dyn Cipher>>, verify_recover, CKF_VERIFY_RECOVER, VerifyRecover, dyn Cipher;
    /// C_DigestInit to C_DigestFinal.
    Digest: Box<ActiveOperation<dyn Digester>>, digest, CKF_DIGEST;
    /// C_FindObjectsInit to C_FindObjectsFinal.
    Find: FoundObjects, find, CKF_FIND_OBJECTS;
}

/// A message-based process. `begin` makes the cipher of each message.
pub trait KeyedMessages: SingleOperation + Operation<Active = Messages> {
    const USE: Use;

    fn begin(row: &Mechanism) -> Option<Begin<dyn Cipher>>;
}

impl KeyedMessages for MessageEncrypt {
    const USE: Use = Use::Encrypt;

    fn begin(row: &Mechanism) -> Option<Begin<dyn Cipher>> {
        row.encrypt
    }
}

impl KeyedMessages for MessageDecrypt {
    const USE: Use = Use::Decrypt;

    fn begin(row: &Mechanism) -> Option<Begin<dyn Cipher>> {
        row.decrypt
    }
}

/// A message-based process of signatures or verifications.
pub trait MessageSignature:
    SingleOperation + Operation<Active = MessageSignatures<<Self::Of as Keyed>::Work>>
{
    /// The operation of one message.
    type Of: Keyed;
}

impl MessageSignature for MessageSign {
    type Of = Sign;
}

impl MessageSignature for MessageVerify {
    type Of = Verify;
}

impl<A: Operation, B: Operation> Operation for (A, B) {
    type Active = (A::Active, B::Active);

    fn take(from: &mut Operations) -> Option<Self::Active> {
        Some((A::take(from)?, B::take(from)?))
    }

    fn put(into: &mut Operations, active: Self::Active) {
        A::put(into, active.0);
        B::put(into, active.1);
    }

    fn let_rest(into: &mut Operations, over: Self::Active) {
        A::let_rest(into, over.0);
        B::let_rest(into, over.1);
    }

    fn end(all: &mut Operations) {
        A::end(all);
        B::end(all);
    }

    fn enter(
        active: &mut Self::Active,
        phase: Phase,
        may_continue: impl Fn(&Object) -> Result<()>,
    ) -> Result<()> {
        A::enter(&mut active.0, phase, &may_continue)?;
        B::enter(&mut active.1, phase, &may_continue)
    }
}

/// What a search finds and C_FindObjects has not given yet.
pub struct FoundObjects(pub(super) Search);

impl FoundObjects {
    fn enter(&mut self, _: Phase, _: impl Fn(&Object) -> Result<()>) -> Result<()> {
        Ok(())
    }
}

impl TypedSlot for Option<FoundObjects> {
    type Active = FoundObjects;

    fn take_out(&mut self) -> Option<FoundObjects> {
        self.take()
    }

    fn is_active(&self) -> bool {
        self.is_some()
    }
}

impl OperationSlot for Option<FoundObjects> {
    fn end(&mut self) {
        *self = None;
    }

    /// A search may have found private objects.
    fn ends_at_logout(&self) -> bool {
        self.is_some()
    }

    fn awaits_login(&self) -> bool {
        false
    }

    fn authenticate(&mut self) {}
}

impl Operations {
    /// Begins the operation that `begin` makes.
    ///
    /// # Errors
    /// CKR_OPERATION_ACTIVE, with the active operation left alone; those of `begin`.
    pub(super) fn begin<O: SingleOperation>(
        &mut self,
        _: O,
        begin: impl FnOnce() -> Result<O::Active>,
    ) -> Result<()> {
        if O::is_active(self) {
            return refuse(
                ck::CKR_OPERATION_ACTIVE,
                "such an operation is already active in the session",
            );
        }
        O::end(self);
        O::put(self, begin()?);
        Ok(())
    }

    /// The operation that rests in the slot, if `again` says that it is begun again; `None` where none rests either.
    ///
    /// # Errors
    /// Those of `again`, after which nothing rests.
    pub(super) fn begin_again<O: SingleOperation>(
        &mut self,
        _: &O,
        again: impl FnOnce(&mut O::Active) -> Result<bool>,
    ) -> Result<Option<&mut O::Active>> {
        match O::rested(self).map(again) {
            Some(Ok(true)) => Ok(O::rested(self)),
            Some(Ok(false)) | None => Ok(None),
            Some(Err(error)) => {
                O::end(self);
                Err(error)
            }
        }
    }

    /// Takes a step of `phase`. The operation is over unless `run` returns it in `After`.
    ///
    /// # Errors
    /// CKR_OPERATION_NOT_INITIALIZED; those of `ActiveOperation::enter` and `run`; CKR_BUFFER_TOO_SMALL where
    /// `run` says so.
    pub(crate) fn step<O: Operation>(
        &mut self,
        _: O,
        phase: Phase,
        may_continue: impl Fn(&Object) -> Result<()>,
        run: impl FnOnce(O::Active) -> Result<After<O::Active>>,
    ) -> Result<()> {
        let mut active = O::take(self).ok_or_else(not_initialized)?;
        if let Err(refused) = O::enter(&mut active, phase, may_continue) {
            O::end(self);
            return Err(refused);
        }
        match run(active)? {
            After::Ended => {
                O::end(self);
                Ok(())
            }
            After::Rests(over) => {
                O::let_rest(self, over);
                Ok(())
            }
            After::GoesOn(active) => {
                O::put(self, active);
                Ok(())
            }
            After::TooSmall(active) => {
                O::put(self, active);
                Err(too_small())
            }
        }
    }

    /// Ends the operation, as its Init function without a mechanism asks.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD when it is not active: the mechanism is missing then.
    pub(super) fn end<O: Operation>(&mut self, _: O) -> Result<()> {
        if O::take(self).is_none() {
            return refuse(
                ck::CKR_ARGUMENTS_BAD,
                "pMechanism is NULL, and no operation is active that this could end",
            );
        }
        O::end(self);
        Ok(())
    }

    /// C_SessionCancel.
    pub(super) fn cancel(&mut self, flags: ck::CK_FLAGS) {
        self.end_where(|flag, _| flags & flag != 0);
    }

    /// Ends every operation that must not outlive the user's login.
    pub(super) fn end_private(&mut self) {
        self.end_where(|_, slot| slot.ends_at_logout());
    }

    /// Drops what rests with a key that has left memory.
    pub(super) fn drop_keyless(&mut self) {
        self.end_where(|_, slot| slot.rests_without_key());
    }

    fn end_where(&mut self, ends: impl Fn(ck::CK_FLAGS, &dyn OperationSlot) -> bool) {
        for (flag, slot) in self.slots() {
            if ends(flag, slot) {
                slot.end();
            }
        }
    }

    pub(super) fn awaits_login(&mut self) -> bool {
        self.slots().any(|(_, slot)| slot.awaits_login())
    }

    /// Lets the operations go on that wait for a context-specific login.
    pub(super) fn authenticate(&mut self) {
        self.slots().for_each(|(_, slot)| slot.authenticate());
    }
}

fn not_initialized() -> Error {
    Error::new(
        ck::CKR_OPERATION_NOT_INITIALIZED,
        "no such operation is active in the session",
    )
}
