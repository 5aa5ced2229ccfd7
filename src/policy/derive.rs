//! What a derived key may hold of its operands, and what it then consists of.

use crate::ck;
use crate::error::{Error, Result, refuse};

use super::facts::KeyFacts;
use super::pieces::{Pieces, UNGUESSABLE};

/// Outputs of one function that are cut to different lengths begin with the same bytes. Their lengths
/// differ by at least so many bytes, since comparing the two tells the bytes between. Only the whole
/// output may have another length, and is one piece then.
const GRAIN: usize = 8;

/// A part of a joined value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The operand with this number: the base key is 0.
    Operand(usize),
    /// The operand with this number, combined byte by byte with data that the caller gives.
    Altered(usize),
    /// Bytes that the caller gives, of this length.
    Data(usize),
}

/// How a derivation makes a value of those of its operands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Derivation {
    /// One part after the other, cut off behind the last byte wanted.
    Join(Vec<Part>),
    /// Bytes of the base key from this bit on; after its last byte comes its first.
    Extract(usize),
    /// A one-way function of all operands, cut to the length wanted.
    Mix {
        /// The output is all that the function gives: the caller could ask for no greater length.
        whole: bool,
    },
}

/// The pieces of a value of `len` bytes that `step` makes of `operands`. `closed` says that the derived
/// key must not be read. If it may be read, nobody guesses it, so a one-way function may have any length.
///
/// # Errors
/// CKR_KEY_SIZE_RANGE where the value would hold a part of a piece of a closed key, or where a one-way
/// function of a closed key would be cut so short, or so fine, that it could be guessed.
pub(crate) fn derive(
    step: &Derivation,
    operands: &[&KeyFacts],
    len: usize,
    closed: bool,
) -> Result<Pieces> {
    match step {
        Derivation::Join(parts) => join(parts, operands, len),
        Derivation::Extract(first) => copy(operands.first().copied(), *first, len),
        Derivation::Mix { whole } => {
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

/// What is copied of an open key has the pieces of a new value: whoever reads the open key knows all of
/// it, and whoever does not read it knows nothing.
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
