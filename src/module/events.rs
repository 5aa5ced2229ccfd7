//! Slot events (section 5.5.4): tokens that others made, removed or replaced.

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::ck;

use super::slots::{Slot, Slots};

/// Serial number of the token in each slot that has one; empty for one that cannot be read.
type Contents = BTreeMap<ck::CK_SLOT_ID, String>;

#[derive(Default)]
pub(super) struct Events {
    /// What is in the slots, as far as the caller was told of it by an event or made it so.
    recognized: Mutex<Contents>,
    closed: Mutex<bool>,
    closing: Condvar,
}

impl Events {
    /// Takes what is in the slots for known.
    pub(super) fn recognize(&self, slots: &Slots) {
        let mut known = self.recognized.lock();
        *known = contents(slots, &known);
    }

    /// A slot whose content is another one than is known, which is known from now on.
    pub(super) fn next(&self, slots: &Slots) -> Option<ck::CK_SLOT_ID> {
        let mut known = self.recognized.lock();
        let present = contents(slots, &known);
        let mut ids = known.keys().chain(present.keys()).copied();
        let changed = ids.find(|id| known.get(id) != present.get(id))?;
        match present.get(&changed) {
            Some(serial) => known.insert(changed, serial.clone()),
            None => known.remove(&changed),
        };
        Some(changed)
    }

    /// Ends every waiting.
    pub(super) fn close(&self) {
        *self.closed.lock() = true;
        self.closing.notify_all();
    }

    /// Waits for `close`, so long at most. Whether it was called.
    pub(super) fn wait(&self, at_most: Duration) -> bool {
        let mut closed = self.closed.lock();
        if !*closed {
            self.closing.wait_for(&mut closed, at_most);
        }
        *closed
    }
}

fn contents(slots: &Slots, known: &Contents) -> Contents {
    let serial = |id, slot| match slot {
        Slot::Free => None,
        Slot::Unreadable(_) => Some(String::new()),
        Slot::Token(token) => match token.serial() {
            Ok(serial) => Some(serial),
            Err(_) if token.is_gone() => None,
            // It cannot be asked just now.
            Err(_) => known.get(&id).cloned(),
        },
    };
    let all = slots.all().into_iter();
    all.filter_map(|(id, slot)| Some((id, serial(id, slot)?)))
        .collect()
}
