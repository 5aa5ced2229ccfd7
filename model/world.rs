//! What the world looks like between two calls, and what in it is an attack.

use std::collections::{BTreeSet, HashMap};

use tenon_pkcs11::model::{Caller, External, Key, Who, Wrapping};

use crate::values::{Byte, Place, UNGUESSABLE, places, told_by_equality};

/// Numbers of a key's attributes and of a value in the `Bank`.
pub(crate) type Id = u16;

/// Seconds since the beginning, before and after the expiry that an import asks for.
pub(crate) const TIMES: [u64; 3] = [1_000, 2_000, 3_000_000];

/// What one call finds and leaves.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub who: Who,
    /// A read-only session is open beside the other.
    pub read_only: bool,
    /// Which of `TIMES` it is.
    pub time: u8,
    /// Attributes and value of each key, in ascending order.
    pub objects: Vec<(Id, Id)>,
    /// Values that the client has in clear.
    pub known: BTreeSet<Id>,
    /// Wrapped keys: under which value, what, and by which mechanism.
    pub blobs: BTreeSet<(Id, Id, Wrapping)>,
    /// Roots that must never be known: every key that holds them stayed inside from the first.
    pub guarded: BTreeSet<u16>,
    /// The value of the key with which C_DecryptInit was called, and no C_Decrypt yet.
    pub running: Option<Id>,
    /// How many roots there are.
    pub roots: u16,
    pub external: Option<ExternalKey>,
}

/// The external key, and what an observer outside of the token knows of it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct ExternalKey {
    pub key: Id,
    /// The owner or an operator ended its use, and nobody gave it back.
    pub revoked: bool,
    /// When its material ends; 0 = never.
    pub ends: u64,
    /// The material that it was first bound to.
    pub bound: Option<u8>,
    /// A rotation, or an import of new material, was answered since.
    pub rotated: bool,
    /// An operation was begun.
    pub running: bool,
}

/// What must never happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Attack {
    /// The client has a value in clear that must stay inside.
    Leak,
    /// A key that may be used depends on so few bytes of a closed one that they are guessed.
    Guess,
    /// Comparing two keys tells so few bytes of a closed one that they are guessed.
    Compare,
    /// An external key works with other material than it is bound to.
    SecondMaterial,
    /// A key worked after its use had ended.
    UseAfterRevocation,
    /// A key's value left the token whose use had ended, or which is external.
    ExternalLeft,
    /// Somebody did what only another login may do.
    Login,
}

/// Gives a number to each set of attributes, value and external key.
#[derive(Default)]
pub(crate) struct Bank {
    keys: Vec<Key>,
    key_ids: HashMap<Vec<u8>, Id>,
    values: Vec<Vec<Byte>>,
    value_ids: HashMap<Vec<Byte>, Id>,
    externals: Vec<External>,
    external_ids: HashMap<(String, Option<u8>, Vec<u8>, Option<u8>), Id>,
    /// Roots that one-way functions made, each of a value.
    made: HashMap<Vec<Id>, u16>,
    compared: HashMap<(Id, Id, Vec<u16>), bool>,
}

/// The first root of a one-way function.
pub(crate) const FIRST_MADE: u16 = 1_000;

impl Bank {
    pub(crate) fn key(&mut self, key: Key) -> Id {
        let keys = &mut self.keys;
        *self.key_ids.entry(key.encoded()).or_insert_with(|| {
            keys.push(key);
            number(keys.len())
        })
    }

    pub(crate) fn value(&mut self, value: Vec<Byte>) -> Id {
        let values = &mut self.values;
        *self.value_ids.entry(value).or_insert_with_key(|value| {
            values.push(value.clone());
            number(values.len())
        })
    }

    pub(crate) fn external(&mut self, key: External) -> Id {
        let code = (key.facts_text(), key.current, key.older.clone(), key.next);
        let externals = &mut self.externals;
        *self.external_ids.entry(code).or_insert_with(|| {
            externals.push(key);
            number(externals.len())
        })
    }

    /// The root that a one-way function makes of these values.
    pub(crate) fn one_way(&mut self, of: Vec<Id>) -> u16 {
        let next = FIRST_MADE + u16::try_from(self.made.len()).unwrap_or(u16::MAX - FIRST_MADE);
        *self.made.entry(of).or_insert(next)
    }

    pub(crate) fn key_of(&self, id: Id) -> &Key {
        &self.keys[usize::from(id)]
    }

    pub(crate) fn bytes(&self, id: Id) -> &[Byte] {
        &self.values[usize::from(id)]
    }

    pub(crate) fn external_of(&self, id: Id) -> &External {
        &self.externals[usize::from(id)]
    }

    /// Whether the client knows every byte of the value.
    pub(crate) fn is_known(&self, state: &State, value: Id) -> bool {
        let told: BTreeSet<Place> = state
            .known
            .iter()
            .flat_map(|id| places(self.bytes(*id)))
            .collect();
        self.is_told(&told, value)
    }

    fn is_told(&self, told: &BTreeSet<Place>, value: Id) -> bool {
        places(self.bytes(value)).iter().all(|place| {
            told.contains(place)
                || place.0 >= FIRST_MADE
                    && self.made.iter().any(|(of, root)| {
                        *root == place.0 && of.iter().all(|of| self.is_told(told, *of))
                    })
        })
    }

    /// Opens what is wrapped under values that the client knows.
    pub(crate) fn close(&self, state: &mut State) {
        loop {
            let opened: Vec<Id> = state
                .blobs
                .iter()
                .filter(|(under, what, _)| {
                    !state.known.contains(what) && self.is_known(state, *under)
                })
                .map(|(_, what, _)| *what)
                .collect();
            if opened.is_empty() {
                return;
            }
            state.known.extend(opened);
        }
    }

    /// What is wrong with this state.
    pub(crate) fn attack(&mut self, state: &State) -> Option<Attack> {
        let guards = |place: &Place| state.guarded.contains(&place.0);
        if state
            .known
            .iter()
            .any(|id| places(self.bytes(*id)).iter().any(guards))
        {
            return Some(Attack::Leak);
        }
        let usable: Vec<Id> = state.objects.iter().map(|(_, value)| *value).collect();
        let few = |told: &BTreeSet<Place>| {
            let unknown = told.iter().filter(|place| guards(place)).count();
            // What hangs together with the client's own bytes alone.
            told.iter().all(guards) && unknown > 0 && unknown < UNGUESSABLE
        };
        for (at, one) in usable.iter().enumerate() {
            if few(&places(self.bytes(*one))) {
                return Some(Attack::Guess);
            }
            for other in &usable[..at] {
                let key = (
                    (*one).min(*other),
                    (*one).max(*other),
                    state.guarded.iter().copied().collect(),
                );
                let bytes = &self.values;
                let told = *self.compared.entry(key).or_insert_with(|| {
                    few(&told_by_equality(
                        &bytes[usize::from(*one)],
                        &bytes[usize::from(*other)],
                    ))
                });
                if told {
                    return Some(Attack::Compare);
                }
            }
        }
        None
    }
}

fn number(count: usize) -> Id {
    Id::try_from(count - 1).unwrap_or(Id::MAX)
}

impl State {
    pub(crate) fn empty() -> Self {
        Self {
            who: Who::Public,
            read_only: false,
            time: 0,
            objects: Vec::new(),
            known: BTreeSet::new(),
            blobs: BTreeSet::new(),
            guarded: BTreeSet::new(),
            running: None,
            roots: 0,
            external: None,
        }
    }

    pub(crate) fn now(&self) -> u64 {
        TIMES[usize::from(self.time)]
    }

    pub(crate) fn caller(&self, read_write: bool) -> Caller {
        Caller {
            who: self.who,
            read_write,
            now: self.now(),
        }
    }

    /// A new root; `guarded` where it must never be known.
    pub(crate) fn add_root(&mut self, guarded: bool) -> u16 {
        let root = self.roots;
        self.roots += 1;
        if guarded {
            self.guarded.insert(root);
        }
        root
    }

    pub(crate) fn add(&mut self, key: Id, value: Id) {
        self.objects.push((key, value));
        self.objects.sort_unstable();
    }
}
