//! Which slots there are, and what is in each: no token, an open token, or one that cannot be opened.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use crate::ck;
use crate::clock::Clock;
use crate::config::{Config, LogLevel};
use crate::error::{Error, Result};
use crate::log;
use crate::rng::Rng;
use crate::store::Catalog;
use crate::token::{self, Serial, Token};

#[derive(Clone)]
pub(super) enum Slot {
    /// No token, and nothing left of one: C_InitToken makes one.
    Free,
    Token(Arc<Token>),
    /// A token that cannot be opened, or whose file is missing, and why. Nobody knows what it holds, so
    /// the slot is never taken for a free one.
    Unreadable(Arc<str>),
}

impl Slot {
    /// Whether the slot lets go of a token whose file was replaced or removed, so that a scan opens the
    /// file anew. Where another file is at the path, at once: open sessions keep the old token. Where
    /// the file is the same one, when no session is left.
    fn is_given_up(&self) -> bool {
        matches!(self, Self::Token(token)
            if token.is_gone() && (token.is_replaced() || Arc::strong_count(token) == 1))
    }

    pub(super) fn token(self) -> Result<Arc<Token>> {
        match self {
            Self::Token(token) => Ok(token),
            other => other.open_token().cloned(),
        }
    }

    /// # Errors
    /// CKR_TOKEN_NOT_RECOGNIZED.
    pub(super) fn open_token(&self) -> Result<&Arc<Token>> {
        match self {
            Self::Token(token) => Ok(token),
            Self::Free => Err(Error::new(
                ck::CKR_TOKEN_NOT_RECOGNIZED,
                "the slot's token is not initialized: use C_InitToken or `tenon init`",
            )),
            Self::Unreadable(_) => Err(unreadable()),
        }
    }
}

/// The answer to every call on a token that cannot be opened. Clients that list tokens skip this
/// number and go on. The reason was logged when the token was found.
pub(super) fn unreadable() -> Error {
    Error::new(
        ck::CKR_TOKEN_NOT_RECOGNIZED,
        "the slot's token is unreadable: `tenon slots` and an earlier line of the log say why",
    )
}

/// The slots of one C_Initialize.
pub(super) struct Slots {
    catalog: Arc<dyn Catalog>,
    config: Arc<Config>,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    slots: RwLock<BTreeMap<ck::CK_SLOT_ID, Slot>>,
    /// For each slot that the caller knows, the serial number of the token that the caller was last
    /// told of; `None` where the caller was told that there is none.
    shown: Mutex<BTreeMap<ck::CK_SLOT_ID, Option<Serial>>>,
    /// Why the folder could not be read at the last scan.
    folder_failure: Mutex<Option<String>>,
}

impl Slots {
    pub(super) fn new(
        catalog: Arc<dyn Catalog>,
        config: Arc<Config>,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Self {
        Self {
            catalog,
            config,
            clock,
            rng,
            slots: RwLock::default(),
            shown: Mutex::default(),
            folder_failure: Mutex::default(),
        }
    }

    /// Looks for tokens that other processes have made, tries those again that could not be opened,
    /// and offers a free slot.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR when the folder cannot be read. Then the slots stay as they were.
    pub(super) fn scan(&self) -> Result<()> {
        let mut slots = self.slots.write();
        let found = token::slots(&*self.catalog)?;
        slots.retain(|id, slot| !matches!(slot, Slot::Unreadable(_)) || found.contains(id));
        slots.retain(|_, slot| !slot.is_given_up());
        for id in found {
            let known = match slots.get(&id) {
                Some(Slot::Token(_)) => continue,
                Some(Slot::Unreadable(why)) => Some(why.clone()),
                Some(Slot::Free) | None => None,
            };
            slots.insert(id, self.open(id, known));
        }
        if !slots.values().any(|slot| matches!(slot, Slot::Free)) {
            let free = (0..self.config.slot_limit).find(|id| !slots.contains_key(id));
            slots.extend(free.map(|id| (id, Slot::Free)));
        }
        Ok(())
    }

    /// Tells the log of files that may be the token that a client misses: they are not used because of
    /// their names. Beside a token they may well be copies of it, and are left out.
    pub(super) fn note_misnamed(&self) {
        let free = |(_, slot): &(_, Slot)| matches!(slot, Slot::Free);
        if !self.all().iter().all(free) {
            return;
        }
        let names = self.catalog.misnamed().unwrap_or_default();
        if names.is_empty() {
            return;
        }
        let line = format!(
            "there is no token in {}, and files of other names than slot-NNNN.tenon are not used: {}",
            self.catalog.name(),
            names.join(", ")
        );
        log::note(LogLevel::Warning, &line);
    }

    /// Opens the token of a slot. A failure is logged, unless its reason is `known` already.
    fn open(&self, id: ck::CK_SLOT_ID, known: Option<Arc<str>>) -> Slot {
        let opened = Token::open(
            &*self.catalog,
            id,
            self.config.clone(),
            self.clock.clone(),
            self.rng.clone(),
        );
        let error = match opened {
            Ok(token) => return Slot::Token(Arc::new(token)),
            Err(error) => error,
        };
        let why = reason(&error);
        if let Some(known) = known.filter(|known| **known == why) {
            return Slot::Unreadable(known);
        }
        let place = self.catalog.location(id);
        let line = format!("slot {id} is unreadable ({place}): {why}");
        log::note(LogLevel::Error, &line);
        Slot::Unreadable(why.into())
    }

    pub(super) fn catalog(&self) -> &Arc<dyn Catalog> {
        &self.catalog
    }

    /// Every slot, after a scan. A folder that cannot be read changes nothing, and is logged once.
    pub(super) fn list(&self) -> Vec<ck::CK_SLOT_ID> {
        let failure = self.scan().err();
        let mut known = self.folder_failure.lock();
        let text = failure.as_ref().map(Error::to_string);
        if let Some(error) = failure.filter(|_| *known != text) {
            log::refused("C_GetSlotList", &error);
        }
        *known = text;
        self.show_new();
        self.slots.read().keys().copied().collect()
    }

    /// Scans again where no usable token is known, since another process may have made one.
    ///
    /// # Errors
    /// CKR_SLOT_ID_INVALID.
    pub(super) fn get(&self, id: ck::CK_SLOT_ID) -> Result<Slot> {
        self.get_unless(Token::is_gone, id)
    }

    /// As `get` for C_OpenSession: a token whose file was there a few milliseconds ago needs no further look.
    ///
    /// # Errors
    /// CKR_SLOT_ID_INVALID.
    pub(super) fn get_for_session(&self, id: ck::CK_SLOT_ID) -> Result<Slot> {
        self.get_unless(Token::is_gone_since_lately, id)
    }

    /// A token whose file was replaced or removed cannot be used.
    fn get_unless(&self, is_gone: fn(&Token) -> bool, id: ck::CK_SLOT_ID) -> Result<Slot> {
        let is_usable = |slot: &Slot| matches!(slot, Slot::Token(token) if !is_gone(token));
        let known = || self.slots.read().get(&id).cloned();
        if let Some(slot) = known().filter(is_usable) {
            return Ok(slot);
        }
        // No share of a token that is gone is held here during the scan: the scan opens its file anew only
        // where nobody uses it.
        if self.catalog.is_taken(id) {
            self.scan()?;
        }
        known()
            .ok_or_else(|| Error::new(ck::CKR_SLOT_ID_INVALID, "no such slot").at(id.to_string()))
    }

    pub(super) fn all(&self) -> Vec<(ck::CK_SLOT_ID, Slot)> {
        let slots = self.slots.read();
        let slots = slots.iter().map(|(id, slot)| (*id, slot.clone()));
        slots.collect()
    }

    /// Slots without a token at the last scan, the lowest first.
    pub(super) fn without_file(&self) -> impl Iterator<Item = ck::CK_SLOT_ID> {
        let slots = self.slots.read().clone();
        let is_free = move |id: &ck::CK_SLOT_ID| matches!(slots.get(id), None | Some(Slot::Free));
        (0..self.config.slot_limit).filter(is_free)
    }

    /// Notes what is in each slot that the caller is told of for the first time.
    pub(super) fn show_new(&self) {
        let mut shown = self.shown.lock();
        for (id, slot) in self.all() {
            shown.entry(id).or_insert_with(|| serial(&slot));
        }
    }

    /// Notes that the caller is told what is in the slot.
    pub(super) fn show(&self, id: ck::CK_SLOT_ID, slot: &Slot) {
        if matches!(slot, Slot::Token(token) if token.is_as_last_shown()) {
            return;
        }
        let serial = serial(slot);
        let mut shown = self.shown.lock();
        if shown.get(&id) != Some(&serial) {
            shown.insert(id, serial);
        }
    }

    /// Serial number of the token that the caller was last told of; `None` for a slot that the caller
    /// takes for free, or does not know.
    pub(super) fn shown(&self, id: ck::CK_SLOT_ID) -> Option<Serial> {
        self.shown.lock().get(&id).copied().flatten()
    }
}

fn serial(slot: &Slot) -> Option<Serial> {
    match slot {
        Slot::Token(token) => token.serial_number().ok(),
        Slot::Free | Slot::Unreadable(_) => None,
    }
}

/// The error's sentence without its number.
fn reason(error: &Error) -> String {
    let text = error.to_string();
    let number = format!("{}: ", ck::rv_name(error.rv));
    text.strip_prefix(&number).unwrap_or(&text).to_owned()
}
