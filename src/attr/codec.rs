//! The stored form of attributes: deterministic, so that equal attributes have equal bytes.
//!
//! ```text
//! attributes = version(1 byte, 1) entries
//! entries    = number(count) entry*         kinds ascend strictly
//! entry      = number(kind) tag(1 byte) payload
//! tag        = 0 false | 1 true | 2 ulong: number | 3 bytes: number(length) byte*
//!            | 4 ulongs: number(count) number* | 5 template: entries, not within a template
//! number     = LEB128, the shortest form, below 2^64
//! ```

use zeroize::Zeroizing;

use crate::ck;
use crate::error::{Error, Result};

use super::attributes::Attributes;
use super::value::Value;

const VERSION: u8 = 1;

const FALSE: u8 = 0;
const TRUE: u8 = 1;
const ULONG: u8 = 2;
const BYTES: u8 = 3;
const ULONGS: u8 = 4;
const TEMPLATE: u8 = 5;

impl Attributes {
    /// The stored form.
    #[must_use]
    pub(crate) fn encode(&self) -> Zeroizing<Vec<u8>> {
        // The buffer has its full size at once: one that grows leaves copies of its content in freed memory.
        let entries = self.iter().map(|(_, value)| entry_room(value));
        let room = 1 + LONGEST_NUMBER + entries.sum::<usize>();
        let mut out = Zeroizing::new(Vec::with_capacity(room));
        out.push(VERSION);
        write_entries(&mut out, self.iter());
        out
    }

    /// Attributes out of their stored form.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR for bytes that `encode` does not make.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        let mut decoder = Decoder(bytes);
        decode(&mut decoder)
            .filter(|_| decoder.0.is_empty())
            .ok_or_else(|| Error::new(ck::CKR_DEVICE_ERROR, "stored attributes are malformed"))
    }
}

/// Bytes of the longest number.
const LONGEST_NUMBER: usize = 10;

/// An upper bound on the stored length of an entry with this value, in bytes.
fn entry_room(value: &Value) -> usize {
    let payload = match value {
        Value::Bool(_) | Value::Ulong(_) => 0,
        Value::Bytes(bytes) => bytes.len(),
        Value::Ulongs(numbers) => numbers.len() * LONGEST_NUMBER,
        Value::Template(entries) => entries.iter().map(|(_, value)| entry_room(value)).sum(),
    };
    2 * LONGEST_NUMBER + 1 + payload
}

fn write_entries<'a>(
    out: &mut Vec<u8>,
    entries: impl ExactSizeIterator<Item = (ck::CK_ATTRIBUTE_TYPE, &'a Value)>,
) {
    write_len(out, entries.len());
    for (kind, value) in entries {
        write_number(out, kind);
        write_value(out, value);
    }
}

fn write_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Bool(false) => out.push(FALSE),
        Value::Bool(true) => out.push(TRUE),
        Value::Ulong(number) => {
            out.push(ULONG);
            write_number(out, *number);
        }
        Value::Bytes(bytes) => {
            out.push(BYTES);
            write_len(out, bytes.len());
            out.extend_from_slice(bytes);
        }
        Value::Ulongs(numbers) => {
            out.push(ULONGS);
            write_len(out, numbers.len());
            for number in numbers {
                write_number(out, *number);
            }
        }
        Value::Template(entries) => {
            out.push(TEMPLATE);
            write_entries(out, entries.iter().map(|(kind, value)| (*kind, value)));
        }
    }
}

fn write_len(out: &mut Vec<u8>, len: usize) {
    write_number(out, len as u64);
}

fn write_number(out: &mut Vec<u8>, mut number: u64) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            out.push(low & 0x7F);
            return;
        }
        out.push(low | 0x80);
    }
}

fn decode(decoder: &mut Decoder<'_>) -> Option<Attributes> {
    if decoder.byte()? != VERSION {
        return None;
    }
    Attributes::from_sorted(decoder.entries(Decoder::value)?)
}

/// Reads from the start of what is left; `None` at anything malformed.
struct Decoder<'a>(&'a [u8]);

impl<'a> Decoder<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7F);
            if part << shift >> shift != part {
                return None;
            }
            number |= part << shift;
            if byte & 0x80 == 0 {
                let shortest = byte != 0 || shift == 0;
                return shortest.then_some(number);
            }
        }
        None
    }

    /// A count, and that many items. No memory is reserved for the count: a damaged one may be huge.
    fn list<T>(&mut self, item: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.number()?;
        (0..count).map(|_| item(self)).collect()
    }

    fn entries(
        &mut self,
        value: fn(&mut Self) -> Option<Value>,
    ) -> Option<Vec<(ck::CK_ATTRIBUTE_TYPE, Value)>> {
        self.list(|decoder| Some((decoder.number()?, value(decoder)?)))
    }

    fn value(&mut self) -> Option<Value> {
        if self.0.first() != Some(&TEMPLATE) {
            return self.flat_value();
        }
        self.byte()?;
        let entries = self.entries(Self::flat_value)?;
        let sorted = entries.is_sorted_by(|a, b| a.0 < b.0);
        sorted.then_some(Value::Template(entries))
    }

    fn flat_value(&mut self) -> Option<Value> {
        match self.byte()? {
            FALSE => Some(Value::Bool(false)),
            TRUE => Some(Value::Bool(true)),
            ULONG => self.number().map(Value::Ulong),
            BYTES => self.bytes().map(|bytes| Value::Bytes(bytes.to_vec())),
            ULONGS => self.list(Self::number).map(Value::Ulongs),
            _ => None,
        }
    }
}
