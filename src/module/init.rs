//! Making tokens: C_InitToken, and a token with both its PINs at once.

use crate::ck;
use crate::error::{Error, Result, refuse};
use crate::store::Ticket;
use crate::token::{self, Token, TokenCreation, made_meanwhile};

use super::Module;
use super::slots::{Slot, unreadable};

/// A token to be made, whose label no other token has.
pub struct NewToken<'a> {
    /// The token's label, padded with blanks.
    pub label: [u8; 32],
    /// The security officer's PIN.
    pub so_pin: &'a [u8],
    /// The user's PIN.
    pub user_pin: &'a [u8],
    /// The slot to use, which must be free; `None` for the first free one.
    pub slot: Option<ck::CK_SLOT_ID>,
    /// Refuse while any token cannot be read, since that token may have the label. Without a named
    /// slot that is refused anyway.
    pub sure_of_name: bool,
}

/// The slot of a token with the wanted label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenSlot {
    /// Number of the slot.
    pub slot: ck::CK_SLOT_ID,
    /// This call made the token; otherwise the token was there before.
    pub created: bool,
}

impl Module {
    /// C_InitToken: makes the token of a free slot, or empties the one that is there. A token that
    /// this caller was not shown, since another program made it meanwhile, is left alone.
    ///
    /// # Errors
    /// CKR_SESSION_EXISTS; CKR_TOKEN_NOT_RECOGNIZED for a token that cannot be opened, which is
    /// never erased; CKR_FUNCTION_FAILED for one that another program made meanwhile; and as
    /// `Token::init`.
    pub fn init_token(&self, id: ck::CK_SLOT_ID, so_pin: &[u8], label: &[u8; 32]) -> Result<()> {
        if self.sessions.count(id).all != 0 {
            return refuse(
                ck::CKR_SESSION_EXISTS,
                "a session is open with the token: close it first",
            );
        }
        // Asked before the lock is taken: where several threads were told that the slot is free, only
        // the first of them makes the token.
        let shown = self.slots.shown(id);
        let _turn = self.making.lock();
        self.slots.scan()?;
        match self.slots.get(id)? {
            Slot::Token(token) => token.init(shown, so_pin, label)?,
            Slot::Unreadable(_) => return Err(unreadable()),
            Slot::Free => {
                let creation = TokenCreation::new(&self.config, &*self.rng, label, so_pin, None)?;
                let _folder = self.lock_catalog()?;
                if !self.make_in(id, &creation)? {
                    return Err(made_meanwhile());
                }
            }
        }
        self.slots.scan()?;
        self.slots.show(id, &self.slots.get(id)?);
        self.events.recognize(&self.slots);
        Ok(())
    }

    /// Makes a token with both PINs, whole or not at all, unless a token of this label is there.
    /// Processes that do this wait for each other, so that no two tokens get one label.
    ///
    /// # Errors
    /// CKR_FUNCTION_FAILED when the slot is not free, or when a token that cannot be read may have
    /// the label; CKR_PIN_LEN_RANGE, CKR_TOKEN_WRITE_PROTECTED, CKR_DEVICE_ERROR.
    pub fn make_token(&self, new: &NewToken<'_>) -> Result<TokenSlot> {
        let user_pin = Some(new.user_pin);
        let creation =
            TokenCreation::new(&self.config, &*self.rng, &new.label, new.so_pin, user_pin)?;
        let _turn = self.making.lock();
        let _folder = self.lock_catalog()?;
        self.slots.scan()?;
        if let Some(slot) = self.slot_named(&new.label)? {
            let created = false;
            return Ok(TokenSlot { slot, created });
        }
        if new.sure_of_name || new.slot.is_none() {
            self.no_token_unreadable()?;
        }
        let slot = self.make_in_free_slot(new.slot, &creation)?;
        self.slots.scan()?;
        self.events.recognize(&self.slots);
        let created = true;
        Ok(TokenSlot { slot, created })
    }

    /// Makes the token in the wanted slot, or in the first free one, and returns the slot.
    fn make_in_free_slot(
        &self,
        wanted: Option<ck::CK_SLOT_ID>,
        creation: &TokenCreation,
    ) -> Result<ck::CK_SLOT_ID> {
        let candidates = self.slots.without_file();
        for id in candidates.filter(|id| wanted.is_none_or(|wanted| *id == wanted)) {
            // A file that somebody copies into the folder may take the slot at any time.
            if self.make_in(id, creation)? {
                return Ok(id);
            }
        }
        Err(Error::new(
            ck::CKR_FUNCTION_FAILED,
            wanted.map_or_else(
                || "there is no free slot".to_owned(),
                |id| format!("slot {id} is not free"),
            ),
        ))
    }

    fn lock_catalog(&self) -> Result<Ticket> {
        token::lock_catalog(&**self.slots.catalog(), self.config.busy_timeout)
    }

    fn make_in(&self, id: ck::CK_SLOT_ID, creation: &TokenCreation) -> Result<bool> {
        let now = self.clock.now();
        Token::make_in(&**self.slots.catalog(), id, &*self.rng, now, creation)
    }

    fn slot_named(&self, label: &[u8; 32]) -> Result<Option<ck::CK_SLOT_ID>> {
        for (id, slot) in self.slots.all() {
            if let Slot::Token(token) = slot
                && token.status()?.label == *label
            {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    fn no_token_unreadable(&self) -> Result<()> {
        for (id, slot) in self.slots.all() {
            if let Slot::Unreadable(why) = slot {
                return refuse(
                    ck::CKR_FUNCTION_FAILED,
                    format!(
                        "slot {id} is unreadable, and its token may have this name; make it readable, or move its files away: {why}"
                    ),
                );
            }
        }
        Ok(())
    }
}
