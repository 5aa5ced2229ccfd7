//! Symbolic values of keys: who knows which bytes of them, and what their comparison tells.

use std::collections::{BTreeSet, HashMap};

/// Bytes that nobody guesses.
pub(crate) const UNGUESSABLE: usize = 16;

/// A byte of a value, as somebody sees it who knows every call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Byte {
    /// The client chose it.
    Known,
    /// Byte `place` of root `root`; altered by data that the client chose.
    Of { root: u16, place: u8, altered: bool },
}

pub(crate) type Place = (u16, u8);

impl Byte {
    fn name(self) -> Option<Place> {
        match self {
            Self::Known => None,
            Self::Of { root, place, .. } => Some((root, place)),
        }
    }
}

/// The first `len` bytes of a root.
pub(crate) fn of_root(root: u16, len: usize) -> Vec<Byte> {
    let byte = |place| Byte::Of {
        root,
        place,
        altered: false,
    };
    (0..u8::try_from(len).unwrap_or(u8::MAX))
        .map(byte)
        .collect()
}

pub(crate) fn altered(value: &[Byte]) -> Vec<Byte> {
    let alter = |byte: &Byte| match *byte {
        Byte::Of {
            root,
            place,
            altered,
        } => Byte::Of {
            root,
            place,
            altered: !altered,
        },
        known => known,
    };
    value.iter().map(alter).collect()
}

pub(crate) fn places(value: &[Byte]) -> BTreeSet<Place> {
    value.iter().filter_map(|byte| byte.name()).collect()
}

/// The bytes that the equality of two values determines, each filled up with zeros as HMAC does; none where it is
/// certain or impossible, whatever the known bytes are.
pub(crate) fn told_by_equality(one: &[Byte], other: &[Byte]) -> BTreeSet<Place> {
    let at = |bytes: &[Byte], place| bytes.get(place).copied().unwrap_or(Byte::Known);
    let mut leaders: HashMap<Place, Option<Place>> = HashMap::new();
    let leader = |leaders: &HashMap<Place, Option<Place>>, mut name: Option<Place>| {
        while let Some(next) = name.and_then(|name| leaders.get(&name)) {
            name = *next;
        }
        name
    };
    for place in 0..one.len().max(other.len()) {
        let (a, b) = (at(one, place), at(other, place));
        if let (Byte::Of { altered: x, .. }, Byte::Of { altered: y, .. }) = (a, b)
            && a.name() == b.name()
            && x != y
        {
            return BTreeSet::new();
        }
        let (a, b) = (leader(&leaders, a.name()), leader(&leaders, b.name()));
        match (a, b) {
            _ if a == b => {}
            (Some(name), _) => drop(leaders.insert(name, b)),
            (None, Some(name)) => drop(leaders.insert(name, None)),
            (None, None) => {}
        }
    }
    leaders.into_keys().collect()
}
