//! Handles of token objects. They follow from the objects' uids, so no list of them is kept, however many objects a
//! search finds.
//!
//! Handle: the first 61 bits of the uid, changed with each epoch ‖ kind (3 bits). An epoch ends where all handles of
//! private objects do, or all of public ones: a handle of another epoch leads to bits with which no uid begins. Uids
//! are random, so two of a million objects begin alike with a probability of 1 in 4 million; both are refused then.
//!
//! An object that was destroyed is not in the store any more, and its uid never comes again, so its handle stays
//! invalid. An external key stays when its material is destroyed. It has another handle from then on, which is listed.

use std::ops::RangeInclusive;

use foldhash::HashMap;

use super::object::Handle;
use crate::store::Uid;
use crate::token::record::provided::Provided;

/// Bits of the kind.
const KIND: u32 = 3;
/// Bits of the number of an object that the token provides.
const NUMBER: u32 = 40;
const SESSION: u64 = 1;
const PUBLIC: u64 = 2;
const PRIVATE: u64 = 3;
const PROVIDED: u64 = 4;
const LISTED: u64 = 5;

/// What the handle of a token object names, as far as the handle says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::token) enum Named {
    /// The token object whose uid begins so, if there is one.
    Stored(UidStart),
    /// An object that the token provides itself.
    Provided(Provided),
}

/// The first 61 bits of the uid of a public or of a private object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::token) struct UidStart {
    bits: u64,
    pub(in crate::token) private: bool,
}

impl UidStart {
    fn of(uid: &Uid, private: bool) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = *uid;
        let bits = u64::from_be_bytes([a, b, c, d, e, f, g, h]) >> KIND;
        Self { bits, private }
    }

    /// The uids that begin so.
    pub(in crate::token) fn uids(self) -> RangeInclusive<Uid> {
        let first = u128::from(self.bits) << (64 + KIND);
        let last = first | (u128::MAX >> (64 - KIND));
        first.to_be_bytes()..=last.to_be_bytes()
    }
}

/// Whether the handle is one that `of_session_object` gives.
pub(super) fn is_of_session_object(handle: Handle) -> bool {
    kind(handle) == SESSION
}

/// The handle of the `number`th session object.
pub(super) fn of_session_object(number: u64) -> Handle {
    number << KIND | SESSION
}

#[derive(Default)]
pub(super) struct Handles {
    /// The epochs of public and private objects.
    epochs: [u64; 2],
    /// How many handles were listed.
    given: u64,
    /// The handles of objects that stayed in the store when their first handle ended.
    listed: HashMap<UidStart, Handle>,
    /// What these handles name; nothing where they have ended.
    exceptions: HashMap<Handle, Option<UidStart>>,
}

impl Handles {
    pub(super) fn of(&self, uid: &Uid, private: bool) -> Handle {
        let start = UidStart::of(uid, private);
        match self.listed.is_empty() {
            true => self.first(start),
            false => self
                .listed
                .get(&start)
                .copied()
                .unwrap_or(self.first(start)),
        }
    }

    fn first(&self, start: UidStart) -> Handle {
        let kind = if start.private { PRIVATE } else { PUBLIC };
        (start.bits ^ self.epochs[usize::from(start.private)]) << KIND | kind
    }

    /// What a handle names; `None` where it can name no token object.
    pub(super) fn named(&self, handle: Handle) -> Option<Named> {
        let number = handle >> KIND;
        let private = match kind(handle) {
            PROVIDED => {
                let provided = Provided::of_number(number & ((1 << NUMBER) - 1))?;
                let given = self.of_provided(provided) == handle;
                return given.then_some(Named::Provided(provided));
            }
            PUBLIC => false,
            PRIVATE => true,
            LISTED => return self.exceptions.get(&handle)?.map(Named::Stored),
            _ => return None,
        };
        if !self.exceptions.is_empty() && self.exceptions.contains_key(&handle) {
            return None;
        }
        let bits = number ^ self.epochs[usize::from(private)];
        Some(Named::Stored(UidStart { bits, private }))
    }

    /// The handle of an object that the token provides itself.
    pub(super) fn of_provided(&self, provided: Provided) -> Handle {
        (self.epochs[0] << NUMBER | provided.number()) << KIND | PROVIDED
    }

    /// Whether the handle can name a public token object.
    pub(super) fn is_of_public_object(&self, handle: Handle) -> bool {
        matches!(self.named(handle), Some(Named::Stored(start)) if !start.private)
    }

    /// Ends the handle of an object that stays in the store.
    pub(super) fn end(&mut self, handle: Handle) {
        let Some(Named::Stored(start)) = self.named(handle) else {
            return;
        };
        if self.listed.contains_key(&start) {
            self.exceptions.remove(&handle);
        } else {
            self.exceptions.insert(handle, None);
        }
        self.given += 1;
        let next = self.given << KIND | LISTED;
        self.listed.insert(start, next);
        self.exceptions.insert(next, Some(start));
    }

    /// Makes every handle of private objects invalid.
    pub(super) fn end_private(&mut self) {
        self.epochs[1] += 1;
        self.listed.retain(|start, _| !start.private);
        self.exceptions.retain(|handle, start| match start {
            Some(start) => !start.private,
            None => kind(*handle) != PRIVATE,
        });
    }

    /// Makes every handle invalid.
    pub(super) fn end_all(&mut self) {
        self.epochs = self.epochs.map(|epoch| epoch + 1);
        self.listed = HashMap::default();
        self.exceptions = HashMap::default();
    }
}

fn kind(handle: Handle) -> u64 {
    handle & ((1 << KIND) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ck;

    fn uid(number: u64) -> Uid {
        // As random as a uid's beginning is.
        let bits = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (u128::from(bits) << 64 | u128::from(number)).to_be_bytes()
    }

    fn names(handles: &Handles, handle: Handle, uid: &Uid) -> bool {
        match handles.named(handle) {
            Some(Named::Stored(start)) => start.uids().contains(uid),
            _ => false,
        }
    }

    #[test]
    fn a_handle_leads_to_the_uids_that_begin_so() {
        let handles = Handles::default();
        for number in 0..2000 {
            let private = number % 2 == 1;
            let handle = handles.of(&uid(number), private);
            assert!(names(&handles, handle, &uid(number)));
            assert!(!names(&handles, handle, &uid(number + 1)));
            let Some(Named::Stored(start)) = handles.named(handle) else {
                panic!("{handle}");
            };
            assert_eq!(start.private, private);
        }
        for other in [of_session_object(7), 0, 6, 7, 8] {
            assert!(!matches!(handles.named(other), Some(Named::Stored(_))));
        }
    }

    #[test]
    fn handles_end_with_their_epoch() {
        let mut handles = Handles::default();
        let [public, private] = [false, true].map(|private| handles.of(&uid(1), private));
        let mechanism = Provided::Mechanism(ck::CKM_TENON_SM3);
        let provided = handles.of_provided(mechanism);
        handles.end_private();
        assert_eq!(handles.named(provided), Some(Named::Provided(mechanism)));
        assert!(names(&handles, public, &uid(1)) && !names(&handles, private, &uid(1)));
        let again = handles.of(&uid(1), true);
        assert!(names(&handles, again, &uid(1)) && again != private);
        handles.end_all();
        assert!(!names(&handles, public, &uid(1)) && !names(&handles, again, &uid(1)));
        assert_eq!(handles.named(provided), None);
    }

    #[test]
    fn an_object_that_stays_has_another_handle_once_one_has_ended() {
        for private in [false, true] {
            let mut handles = Handles::default();
            let mut ended = Vec::new();
            for _ in 0..3 {
                let handle = handles.of(&uid(1), private);
                assert!(names(&handles, handle, &uid(1)) && !ended.contains(&handle));
                handles.end(handle);
                ended.push(handle);
                assert!(ended.iter().all(|ended| handles.named(*ended).is_none()));
            }
            let last = handles.of(&uid(1), private);
            handles.end_private();
            assert_eq!(handles.named(last).is_none(), private);
            assert_eq!(handles.listed.is_empty(), private);
            handles.end_all();
            assert_eq!(handles.named(last), None);
            assert!(handles.exceptions.is_empty());
        }
    }
}
