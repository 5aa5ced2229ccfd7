//! Handles of token objects, each in few bytes: a search may give a million of them.

use std::hash::BuildHasher;

use foldhash::HashMap;
use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::store::Uid;

use super::object::Handle;

/// Handles that lie together. Their memory is given back when all of them are invalid.
const CHUNK: usize = 256;

/// The handles of token objects are even. They are given in ascending order, and never twice.
#[derive(Default)]
pub(super) struct Handles {
    /// How many were given.
    given: u64,
    chunks: HashMap<u64, Box<Chunk>>,
    by_uid: HashTable<Handle>,
    hasher: RandomState,
}

struct Chunk {
    uids: [Uid; CHUNK],
    states: [State; CHUNK],
    valid: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Invalid,
    Public,
    Private,
}

/// Whether the handle is one that `Handles` gives.
pub(super) fn is_of_token_object(handle: Handle) -> bool {
    handle.is_multiple_of(2)
}

fn place(handle: Handle) -> (u64, usize) {
    let number = handle / 2;
    let chunk = number / CHUNK as u64;
    (chunk, (number % CHUNK as u64) as usize)
}

impl Handles {
    pub(super) fn of(&self, uid: &Uid) -> Option<Handle> {
        self.hashed(self.hasher.hash_one(uid), uid)
    }

    /// As `of`, where the hash of the uid is known.
    fn hashed(&self, hash: u64, uid: &Uid) -> Option<Handle> {
        let found = self
            .by_uid
            .find(hash, |handle| self.uid(*handle) == Some(*uid));
        found.copied()
    }

    pub(super) fn uid(&self, handle: Handle) -> Option<Uid> {
        let (chunk, at) = place(handle);
        let chunk = self.chunks.get(&chunk)?;
        (chunk.states[at] != State::Invalid).then(|| chunk.uids[at])
    }

    /// The handle of `uid`; a new one where it has none.
    pub(super) fn get_or_add(&mut self, uid: Uid, private: bool) -> Handle {
        let hash = self.hasher.hash_one(uid);
        if let Some(handle) = self.hashed(hash, &uid) {
            return handle;
        }
        self.given += 1;
        let handle = self.given * 2;
        let (number, at) = place(handle);
        let chunk = self.chunks.entry(number).or_insert_with(Chunk::empty);
        chunk.uids[at] = uid;
        chunk.states[at] = match private {
            true => State::Private,
            false => State::Public,
        };
        chunk.valid += 1;
        let (chunks, hasher) = (&self.chunks, &self.hasher);
        self.by_uid.insert_unique(hash, handle, |handle| {
            hasher.hash_one(known_uid(chunks, *handle))
        });
        handle
    }

    /// Makes the handle invalid. Whether it was valid.
    pub(super) fn remove(&mut self, handle: Handle) -> bool {
        let Some(uid) = self.uid(handle) else {
            return false;
        };
        let entry = self
            .by_uid
            .find_entry(self.hasher.hash_one(uid), |known| *known == handle);
        if let Ok(entry) = entry {
            entry.remove();
        }
        let (number, at) = place(handle);
        if let Some(chunk) = self.chunks.get_mut(&number) {
            chunk.states[at] = State::Invalid;
            chunk.valid -= 1;
            if chunk.valid == 0 {
                self.chunks.remove(&number);
            }
        }
        true
    }

    /// The valid handles of private objects.
    pub(super) fn private(&self) -> Vec<Handle> {
        let mut found = Vec::new();
        for (number, chunk) in &self.chunks {
            for (at, state) in (0_u64..).zip(&chunk.states) {
                if *state == State::Private {
                    found.push((number * CHUNK as u64 + at) * 2);
                }
            }
        }
        found
    }

    /// Makes every handle invalid.
    pub(super) fn clear(&mut self) {
        self.chunks = HashMap::default();
        self.by_uid = HashTable::new();
    }
}

fn known_uid(chunks: &HashMap<u64, Box<Chunk>>, handle: Handle) -> Uid {
    let (number, at) = place(handle);
    chunks.get(&number).map_or([0; 16], |chunk| chunk.uids[at])
}

impl Chunk {
    fn empty() -> Box<Self> {
        Box::new(Self {
            uids: [[0; 16]; CHUNK],
            states: [State::Invalid; CHUNK],
            valid: 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uid(number: u64) -> Uid {
        u128::from(number).to_be_bytes()
    }

    #[test]
    fn a_handle_names_one_object_and_is_never_given_again() {
        let mut handles = Handles::default();
        let first: Vec<_> = (0..2000)
            .map(|number| handles.get_or_add(uid(number), number % 2 == 1))
            .collect();
        for (number, handle) in (0_u64..).zip(&first) {
            assert!(is_of_token_object(*handle));
            assert_eq!(handles.get_or_add(uid(number), false), *handle);
            assert_eq!(handles.uid(*handle), Some(uid(number)));
            assert!(handles.remove(*handle) && !handles.remove(*handle));
            assert_eq!(
                (handles.uid(*handle), handles.of(&uid(number))),
                (None, None)
            );
        }
        assert!(handles.chunks.is_empty());
        let again = handles.get_or_add(uid(7), false);
        assert!(again > first[1999]);
    }

    #[test]
    fn a_handle_takes_few_bytes() {
        let each = size_of::<Chunk>() / CHUNK;
        assert!(each <= 17, "{each} bytes");
        let mut handles = Handles::default();
        for number in 0..100_000 {
            handles.get_or_add(uid(number), true);
        }
        let slots = handles.by_uid.capacity() * 8 / 7 + 1;
        assert!(slots * (size_of::<Handle>() + 1) <= 100_000 * 24);
        assert_eq!(handles.private().len(), 100_000);
    }
}
