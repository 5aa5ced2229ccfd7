//! C_GetOperationState and C_SetOperationState (section 5.6).
//!
//! A state holds no key: C_SetOperationState is given the keys again, and is as strict as the Init
//! functions are.

use std::sync::Arc;

use super::active::ActiveOperation;
use super::open::Session;
use super::operations::{
    Decrypt, Digest, Encrypt, Keyed, Operation, Operations, Sign, Verify, VerifySignature,
};
use super::saved_operation::{Kind, Role, SavedOperation, read, written};
use crate::ck;
use crate::error::{Result, refuse};
use crate::mechanism::{Params, Request, Resumable, find, unusable};
use crate::token::{Handle, Object};

impl Session {
    /// C_GetOperationState.
    ///
    /// # Errors
    /// CKR_OPERATION_NOT_INITIALIZED where nothing is active that a state may hold, CKR_STATE_UNSAVEABLE
    /// where something that is active cannot be held.
    pub fn operation_state(&self) -> Result<Vec<u8>> {
        let saved = saved_operations(&mut self.operations())?;
        if saved.is_empty() {
            return refuse(
                ck::CKR_OPERATION_NOT_INITIALIZED,
                "no encryption, decryption, digest, signature or verification is active",
            );
        }
        for role in [Role::Encryption, Role::Authentication] {
            if needing(&saved, role) > 1 {
                return refuse(
                    ck::CKR_STATE_UNSAVEABLE,
                    "two active operations need a key for which C_SetOperationState has one argument",
                );
            }
        }
        self.token.seal_state(self.info()?.state, &written(&saved))
    }

    /// C_SetOperationState. Ends whatever was active in the session.
    ///
    /// # Errors
    /// CKR_SAVED_STATE_INVALID; CKR_KEY_NEEDED, CKR_KEY_NOT_NEEDED and CKR_KEY_CHANGED; those of
    /// `init`. Then everything stays as it was.
    pub fn set_operation_state(
        &self,
        state: &[u8],
        encryption_key: Handle,
        authentication_key: Handle,
    ) -> Result<()> {
        let saved = read(&self.token.open_state(self.info()?.state, state)?)?;
        check_given(&saved, Role::Encryption, encryption_key)?;
        check_given(&saved, Role::Authentication, authentication_key)?;
        let mut operations = self.operations();
        let mut restored = Operations::default();
        for operation in saved {
            let key = match operation.kind.role() {
                Some(Role::Encryption) => encryption_key,
                Some(Role::Authentication) => authentication_key,
                None => ck::CK_INVALID_HANDLE,
            };
            self.restore(operation, key, &mut restored)?;
        }
        *operations = restored;
        Ok(())
    }

    fn restore(&self, saved: SavedOperation, key: Handle, into: &mut Operations) -> Result<()> {
        match saved.kind {
            Kind::Encrypt => self.restore_keyed::<Encrypt>(saved, key, into),
            Kind::Decrypt => self.restore_keyed::<Decrypt>(saved, key, into),
            Kind::Sign => self.restore_keyed::<Sign>(saved, key, into),
            Kind::Verify => self.restore_keyed::<Verify>(saved, key, into),
            Kind::Digest => {
                let active = ActiveOperation::digest(saved.request()?)?;
                Digest::put(into, active.restored(&saved)?);
                Ok(())
            }
        }
    }

    fn restore_keyed<O: Keyed>(
        &self,
        saved: SavedOperation,
        key: Handle,
        into: &mut Operations,
    ) -> Result<()> {
        let same = |key: Arc<Object>| key.identity() == saved.key;
        if !self.token.object(key).is_ok_and(same) {
            return refuse(
                ck::CKR_KEY_CHANGED,
                "the operation was not begun with this key, or the key has other material since",
            );
        }
        let request = saved.request()?;
        let (work, object) = self.work::<O>(&request, key)?;
        let active = ActiveOperation::new(work, request, Some(object));
        O::put(into, active.restored(&saved)?);
        Ok(())
    }
}

/// How many operations need the key of this role.
fn needing(saved: &[SavedOperation], role: Role) -> usize {
    let needs = |operation: &&SavedOperation| operation.kind.role() == Some(role);
    saved.iter().filter(needs).count()
}

/// Refuses a key that no operation needs, and the lack of one that an operation needs.
fn check_given(saved: &[SavedOperation], role: Role, key: Handle) -> Result<()> {
    let needed = needing(saved, role) > 0;
    match (needed, key != ck::CK_INVALID_HANDLE) {
        (true, false) => refuse(
            ck::CKR_KEY_NEEDED,
            "the state holds no keys: give the key with which the operation was begun",
        ),
        (false, true) => refuse(
            ck::CKR_KEY_NOT_NEEDED,
            "no operation in the state needs this key",
        ),
        _ => Ok(()),
    }
}

/// Every operation that is active and may be in a state. CKR_STATE_UNSAVEABLE where one of them cannot be held.
fn saved_operations(operations: &mut Operations) -> Result<Vec<SavedOperation>> {
    refuse_given_signature(operations)?;
    let mut saved = Vec::new();
    saved.extend(saved_operation::<Encrypt, _>(operations, Kind::Encrypt)?);
    saved.extend(saved_operation::<Decrypt, _>(operations, Kind::Decrypt)?);
    saved.extend(saved_operation::<Digest, _>(operations, Kind::Digest)?);
    saved.extend(saved_operation::<Sign, _>(operations, Kind::Sign)?);
    saved.extend(saved_operation::<Verify, _>(operations, Kind::Verify)?);
    Ok(saved)
}

/// A state holds no signature, so none holds a verification that was given its signature at the beginning.
fn refuse_given_signature(operations: &mut Operations) -> Result<()> {
    let Some(active) = VerifySignature::take(operations) else {
        return Ok(());
    };
    VerifySignature::put(operations, active);
    refuse(
        ck::CKR_STATE_UNSAVEABLE,
        "the signature of C_VerifySignatureInit stays in the session",
    )
}

fn saved_operation<O, W>(operations: &mut Operations, kind: Kind) -> Result<Option<SavedOperation>>
where
    O: Operation<Active = Box<ActiveOperation<W>>>,
    W: ?Sized + Resumable,
{
    let Some(active) = O::take(operations) else {
        return Ok(None);
    };
    let saved = active.saved(kind);
    let name = active.request.row.name;
    O::put(operations, active);
    match saved {
        Some(saved) => Ok(Some(saved)),
        None => refuse(
            ck::CKR_STATE_UNSAVEABLE,
            format!("the state of {name}, as far as it has come, stays in the token"),
        ),
    }
}

impl<W: ?Sized + Resumable> ActiveOperation<W> {
    fn saved(&self, kind: Kind) -> Option<SavedOperation> {
        if self.took_key || self.pending.is_some() {
            return None;
        }
        let saved = self.work.save(&self.request.params)?;
        Some(SavedOperation {
            kind,
            phase: self.phase,
            mechanism: self.request.row.id,
            key: self
                .key
                .as_ref()
                .map_or_else(Vec::new, |key| key.identity()),
            params: saved.params.saved()?,
            state: saved.state,
        })
    }

    fn restored(mut self: Box<Self>, saved: &SavedOperation) -> Result<Box<Self>> {
        self.phase = saved.phase;
        self.work.restore(&saved.state)?;
        Ok(self)
    }
}

impl SavedOperation {
    fn request(&self) -> Result<Request> {
        let row = find(self.mechanism).ok_or_else(unusable)?;
        Request::new(row, Params::restored(&self.params)?)
    }
}
