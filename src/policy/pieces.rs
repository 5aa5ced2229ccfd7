//! What a derived key may hold of a key whose value must not be read.
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
//! The pieces are a fact of the key. They are computed from its length, unless it was put together
//! from known data, or from pieces that its length does not tell. So is that a caller altered it: such
//! a key does not leave under a trusted key, for what an unwrap says of the end of a value
//! (padding, zeros) would then tell byte by byte what was altered.

use crate::ck;
use crate::error::{Error, Result, refuse};

use super::KeyFacts;

/// Bytes that nobody guesses.
pub const UNGUESSABLE: usize = 16;

/// Outputs of one function that are cut to different lengths begin with the same bytes; their lengths
/// differ by so many bytes at least.
const GRAIN: usize = 8;

/// A value of more pieces is taken for one piece.
const MOST: usize = 256;

/// A known piece of no length, as it is stored.
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
    /// A value of `len` bytes that was generated, created, unwrapped with its integrity proved, or
    /// made by a one-way function.
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

    /// A value of `len` bytes that is one piece.
    #[must_use]
    pub fn undivided(len: usize) -> Self {
        Self::default().and(len, false)
    }

    /// The value of a secret key that an unwrap without proof of integrity made: the caller may have
    /// chosen what its bytes belong to, so no part of it stands for itself.
    #[must_use]
    pub fn of_unproven_unwrap(len: usize) -> Self {
        Self::undivided(len)
    }

    /// Bytes of the value.
    #[must_use]
    pub fn len(&self) -> usize {
        self.row.iter().map(|piece| piece.len).sum()
    }

    /// There are none.
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
            0..=MOST => self.row.iter().map(number).collect(),
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
    fn and(mut self, len: usize, known: bool) -> Self {
        match self.row.last_mut() {
            _ if len == 0 => {}
            Some(last) if last.known && known => last.len += len,
            _ => self.row.push(Piece { len, known }),
        }
        self
    }

    fn altered(self) -> Self {
        Self {
            altered: true,
            ..self
        }
    }

    fn joined(parts: &[Self]) -> Self {
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
    fn window(&self, first: usize, len: usize) -> Option<Self> {
        let aligned = first.is_multiple_of(8);
        // Between two bytes, one byte more has a part in it.
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

    /// Bytes that a key must have that depends on these pieces and on nothing else.
    fn least(&self) -> usize {
        let unknown = self.row.iter().filter(|piece| !piece.known);
        let longest = unknown.map(|piece| piece.len).max().unwrap_or(0);
        longest.min(UNGUESSABLE)
    }
}

/// A part of a joined value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The operand with this number: the base key is 0.
    Operand(usize),
    /// That operand, combined byte by byte with data that the caller gives.
    Altered(usize),
    /// So many bytes that the caller gives.
    Data(usize),
}

/// How a derivation makes a value of those of its operands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// One part after the other, cut off behind the last byte wanted.
    Join(Vec<Part>),
    /// Bytes of the base key from this bit on; after the last byte comes the first.
    Extract(usize),
    /// A one-way function of all operands, cut to the length wanted.
    Mix {
        /// Nothing was cut off, and no other length could be had that is greater.
        whole: bool,
    },
}

/// The pieces of a value of `len` bytes that `step` makes of `operands`. `closed`: it must not be
/// read. A value that is read anyway is not guessed, so a one-way function may give any length of it.
///
/// # Errors
/// CKR_KEY_SIZE_RANGE where the value would hold a part of a piece of a closed key, or where a one-way
/// function of a closed key would be cut so short, or so fine, that it could be guessed.
pub fn derive(step: &Step, operands: &[&KeyFacts], len: usize, closed: bool) -> Result<Pieces> {
    match step {
        Step::Join(parts) => join(parts, operands, len),
        Step::Extract(first) => copy(operands.first().copied(), *first, len),
        Step::Mix { whole } => {
            if closed {
                mixable(operands, len, *whole)?;
            }
            Ok(Pieces::of(len))
        }
    }
}

fn join(parts: &[Part], operands: &[&KeyFacts], len: usize) -> Result<Pieces> {
    let mut left = len;
    let mut row = Vec::new();
    let copy = |number: usize, left: usize| {
        let operand = operands.get(number).copied();
        let whole = operand.map_or(0, |operand| operand.value_len);
        copy(operand, 0, whole.min(left))
    };
    for part in parts {
        let taken = match *part {
            Part::Data(data) => Pieces::default().and(data.min(left), true),
            Part::Operand(number) => copy(number, left)?,
            Part::Altered(number) => copy(number, left)?.altered(),
        };
        left -= taken.len();
        row.push(taken);
    }
    Ok(Pieces::joined(&row))
}

/// What is copied of an open key is as new: its reader knows all of it, and whoever does not read
/// it before it is closed knows nothing.
fn copy(operand: Option<&KeyFacts>, first: usize, len: usize) -> Result<Pieces> {
    let Some(operand) = operand.filter(|operand| operand.closed()) else {
        return Ok(Pieces::of(len));
    };
    operand.pieces().window(first, len).ok_or_else(|| {
        Error::new(
            ck::CKR_KEY_SIZE_RANGE,
            format!(
                "the derived key would hold a part of a key that must not be read ({len} of {} bytes): of such a key whole pieces are taken, 16 bytes each where its length is a multiple of 16, else all of it",
                operand.value_len
            ),
        )
    })
}

fn mixable(operands: &[&KeyFacts], len: usize, whole: bool) -> Result<()> {
    let closed = operands.iter().filter(|operand| operand.closed());
    let least = closed.map(|operand| operand.pieces().least()).max();
    let least = least.unwrap_or(0);
    if len < least || (least == UNGUESSABLE && !whole && !len.is_multiple_of(GRAIN)) {
        return refuse(
            ck::CKR_KEY_SIZE_RANGE,
            format!(
                "a key that must not be read, derived from one that must not either, has {least} bytes at least and a multiple of {GRAIN}, not {len}"
            ),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests;
