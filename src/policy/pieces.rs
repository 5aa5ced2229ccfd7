//! What the value of a key consists of, so that no derived key tells a part of it.
//!
//! Two keys can be compared by what they encrypt or sign. If a caller could have K[0..31] ‖ g, with a
//! byte g of his choice, and K itself, 256 trials would tell him one byte of K, and so, byte by byte,
//! all of it. HMAC fills its key up with zeros, so that K[0..31] alone and K ⊕ δ compare in the same
//! way.
//!
//! Therefore a value consists of *pieces*, and a piece that the caller does not know is copied whole or
//! not at all. A value of 16·n bytes has pieces of 16 bytes, any other value is one piece. Then each
//! derived value is a row of whole pieces and of data that the caller chose, and the first place where
//! two such values differ makes the equality of the two depend on a whole piece: no trial tells less
//! than that.
//!
//! The pieces are a fact of the key. Its length tells them, unless the key was put together from known
//! data, or from pieces that its length does not tell: then they are stored. That the caller altered the
//! value is stored too. An altered key does not leave under a trusted key: what an unwrap says of the end of
//! a value (padding, zeros) would tell byte by byte what was altered.

/// Bytes that nobody guesses.
pub(crate) const UNGUESSABLE: usize = 16;

/// A value of more pieces is stored as one piece.
const MOST_STORED: usize = 256;

/// Stored for an altered value: the number of a known piece without bytes.
const ALTERED: u64 = 1;

/// What a secret key's value consists of, from its first byte to its last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pieces {
    row: Vec<Piece>,
    /// The caller chose a difference between it and another value.
    altered: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    len: usize,
    known: bool,
}

impl Pieces {
    /// A value of `len` bytes that was generated, created, or made by a one-way function.
    #[must_use]
    pub fn of(len: usize) -> Self {
        if len == 0 || !len.is_multiple_of(UNGUESSABLE) {
            return Self::undivided(len);
        }
        let piece = Piece {
            len: UNGUESSABLE,
            known: false,
        };
        Self {
            row: vec![piece; len / UNGUESSABLE],
            altered: false,
        }
    }

    #[must_use]
    pub fn undivided(len: usize) -> Self {
        Self::default().and(len, false)
    }

    /// The value of a secret key that was unwrapped. It is one piece, since the caller may know a part of
    /// it: padding of the mechanism that wrapped it, or blocks that he put together himself where
    /// the blob's integrity is not proven.
    #[must_use]
    pub fn of_unwrap(len: usize) -> Self {
        Self::undivided(len)
    }

    /// Whether these are the pieces of an unwrapped value.
    #[must_use]
    pub fn is_unwrapped(&self) -> bool {
        *self == Self::of_unwrap(self.len())
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.row.iter().map(|piece| piece.len).sum()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.row.is_empty()
    }

    /// As it is stored: twice the length of each piece, and 1 more where it is known; a known piece
    /// of no length says that the value was altered. `None` where the length of the value tells all.
    #[must_use]
    pub fn stored(&self) -> Option<Vec<u64>> {
        if *self == Self::of(self.len()) {
            return None;
        }
        let number = |piece: &Piece| (piece.len as u64) << 1 | u64::from(piece.known);
        let mut numbers: Vec<_> = match self.row.len() {
            0..=MOST_STORED => self.row.iter().map(number).collect(),
            _ => vec![(self.len() as u64) << 1],
        };
        if self.altered {
            numbers.push(ALTERED);
        }
        Some(numbers)
    }

    /// The inverse of `stored`.
    #[must_use]
    pub fn from_stored(numbers: &[u64]) -> Self {
        let piece = |pieces: Self, number: &u64| {
            let len = usize::try_from(number >> 1).unwrap_or(usize::MAX);
            pieces.and(len, number & 1 == 1)
        };
        let pieces = numbers.iter().fold(Self::default(), piece);
        match numbers.contains(&ALTERED) {
            true => pieces.altered(),
            false => pieces,
        }
    }

    /// The pieces with one more behind them. Known data beside known data is one piece.
    pub(super) fn and(mut self, len: usize, known: bool) -> Self {
        match self.row.last_mut() {
            _ if len == 0 => {}
            Some(last) if last.known && known => last.len += len,
            _ => self.row.push(Piece { len, known }),
        }
        self
    }

    pub(super) fn altered(self) -> Self {
        Self {
            altered: true,
            ..self
        }
    }

    pub(super) fn joined(parts: &[Self]) -> Self {
        let pieces = parts.iter().flat_map(|part| &part.row);
        let joined = pieces.fold(Self::default(), |row, piece| {
            row.and(piece.len, piece.known)
        });
        Self {
            altered: parts.iter().any(|part| part.altered),
            ..joined
        }
    }

    /// `len` bytes from bit `first` on; after the last byte comes the first. `None` where that would
    /// be a part of an unknown piece.
    pub(super) fn window(&self, first: usize, len: usize) -> Option<Self> {
        let aligned = first.is_multiple_of(8);
        // A window that does not begin with a whole byte touches one byte more.
        let mut left = if aligned { len } else { len + 1 };
        let mut skip = first / 8;
        let mut window = Self {
            row: Vec::new(),
            altered: self.altered,
        };
        for piece in self.row.iter().cycle() {
            if left == 0 {
                break;
            }
            if skip >= piece.len {
                skip -= piece.len;
                continue;
            }
            let taken = (piece.len - skip).min(left);
            if !piece.known && (taken != piece.len || !aligned) {
                return None;
            }
            window = window.and(taken, piece.known);
            left -= taken;
            skip = 0;
        }
        Some(match aligned {
            true => window,
            false => Self::default().and(len, true),
        })
    }

    /// Whether a caller may have a function that takes the first half and the second half of the value apart, and whose two
    /// outputs he can tell from each other: a piece that the middle cuts leaves parts of 8 bytes or more, which nobody
    /// tries. A value whose length is no multiple of 16 can hold known data that the token does not know of.
    #[must_use]
    pub fn may_be_halved(&self) -> bool {
        const LEAST_PART: usize = 8;
        let middle = self.len() / 2;
        let mut start = 0;
        let guarded = self.row.iter().all(|piece| {
            let end = start + piece.len;
            let cut = start < middle && middle < end;
            let parts = [middle.abs_diff(start), end.abs_diff(middle)];
            start = end;
            piece.known || !cut || parts.iter().all(|part| *part >= LEAST_PART)
        });
        self.len().is_multiple_of(UNGUESSABLE) && guarded
    }

    /// The fewest bytes of a key that a one-way function makes of these pieces alone: with fewer, the
    /// key would be easier to guess than they are.
    pub(super) fn least(&self) -> usize {
        let unknown = self.row.iter().filter(|piece| !piece.known);
        let longest = unknown.map(|piece| piece.len).max().unwrap_or(0);
        longest.min(UNGUESSABLE)
    }
}
