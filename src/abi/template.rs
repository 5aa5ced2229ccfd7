//! Arrays of CK_ATTRIBUTE: templates in, values out.

use std::ptr;

use smallvec::SmallVec;

use super::args::{count, extent, input};
use crate::attr::{self, RawAttribute, RawValue, Revealed, Shown, Value, revealed};
use crate::ck::{self, CK_ATTRIBUTE, CK_ATTRIBUTE_TYPE, CK_ULONG};
use crate::error::{Error, Result, refuse};
use crate::secret::Secret;

/// Greatest number of attributes of a template; a greater one is taken for a mistake of the caller.
const MOST: usize = 4096;

/// An array of CK_ATTRIBUTE.
pub(super) struct Template {
    start: *mut CK_ATTRIBUTE,
    len: CK_ULONG,
}

/// `len` attributes at `start`.
///
/// # Safety
/// `start` is NULL or readable for `len` attributes, and writable where the function writes into
/// it; so are their values for their lengths, or NULL. Ours alone while the call lasts.
pub(super) unsafe fn template(start: *mut CK_ATTRIBUTE, len: CK_ULONG) -> Template {
    Template { start, len }
}

impl Template {
    /// The attributes with copies of their values.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD, CKR_ATTRIBUTE_VALUE_INVALID.
    pub(super) fn read(&self) -> Result<Vec<RawAttribute>> {
        let len = self.checked_len()?;
        // SAFETY: readable by the promise of `template`.
        unsafe { attributes(self.start, len, Depth::Top) }
    }

    /// The types alone, of a template into which C_GetAttributeValue writes the values.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD.
    pub(super) fn kinds(&self) -> Result<SmallVec<[CK_ATTRIBUTE_TYPE; 8]>> {
        let len = self.checked_len()?;
        Ok((0..len)
            // SAFETY: readable by the promise of `template`.
            .map(|index| unsafe { self.start.add(index).read_unaligned() }.type_)
            .map(named)
            .collect())
    }

    /// Answers C_GetAttributeValue: each attribute gets its value or CK_UNAVAILABLE_INFORMATION, whatever the others
    /// get. `answers` has one answer for each of `kinds`, in the same order.
    ///
    /// # Errors
    /// CKR_ATTRIBUTE_SENSITIVE before CKR_ATTRIBUTE_TYPE_INVALID before CKR_BUFFER_TOO_SMALL; the error names the
    /// attributes that it is of.
    pub(super) fn reveal(&self, kinds: &[CK_ATTRIBUTE_TYPE], answers: &[Shown<'_>]) -> Result<()> {
        let len = self.checked_len()?;
        let mut outcomes = SmallVec::<[Answer; 8]>::new();
        for (index, shown) in answers.iter().take(len).enumerate() {
            // SAFETY: writable by the promise of `template`.
            outcomes.push(unsafe { show(self.start.add(index), shown) });
        }
        let worst = outcomes.iter().max().copied().unwrap_or(Answer::Given);
        let (rv, why) = match worst {
            Answer::Given => return Ok(()),
            Answer::TooSmall => (
                ck::CKR_BUFFER_TOO_SMALL,
                "an attribute's value is longer than its buffer",
            ),
            Answer::Invalid => (
                ck::CKR_ATTRIBUTE_TYPE_INVALID,
                "the object has no such attribute",
            ),
            Answer::Sensitive => (
                ck::CKR_ATTRIBUTE_SENSITIVE,
                "the value of a sensitive or unextractable key, or of one whose time is over, stays inside",
            ),
            Answer::NeedsLogin => (
                ck::CKR_ATTRIBUTE_SENSITIVE,
                "the attribute is there, and is read with the user's login alone: log in first",
            ),
        };
        let refused = kinds.iter().zip(&outcomes);
        let refused = refused.filter(|(_, outcome)| **outcome == worst);
        let names: Vec<_> = refused.map(|(kind, _)| attr::label(*kind)).collect();
        Err(Error::new(rv, why).at(names.join(", ")))
    }

    fn checked_len(&self) -> Result<usize> {
        if self.len == 0 {
            return Ok(0);
        }
        let len = extent(self.start, self.len)?;
        if len > MOST {
            return refuse(ck::CKR_ARGUMENTS_BAD, "a template has too many attributes");
        }
        Ok(len)
    }
}

/// Whether an attribute is in a template or in an attribute of one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// In the template of the call.
    Top,
    /// In an attribute that is a template, where no further one may be.
    Nested,
}

/// # Safety
/// `start` is readable for `len` attributes, and their values for their lengths, or NULL.
unsafe fn attributes(
    start: *const CK_ATTRIBUTE,
    len: usize,
    depth: Depth,
) -> Result<Vec<RawAttribute>> {
    let mut read = Vec::with_capacity(len);
    for index in 0..len {
        // SAFETY: by the promise of this function.
        let attribute = unsafe { start.add(index).read_unaligned() };
        // SAFETY: as above.
        let value = unsafe { value(&attribute, depth) }
            .map_err(|error| error.at(format!("attribute {:#x}", attribute.type_)))?;
        read.push(RawAttribute {
            kind: named(attribute.type_),
            value,
        });
    }
    Ok(read)
}

/// # Safety
/// The value of `attribute` is readable for its length, or NULL.
unsafe fn value(attribute: &CK_ATTRIBUTE, depth: Depth) -> Result<RawValue> {
    if !is_template(named(attribute.type_)) {
        // SAFETY: by the promise of this function.
        let bytes = unsafe { input(attribute.pValue.cast(), attribute.ulValueLen) };
        // CK_UNAVAILABLE_INFORMATION is what C_GetAttributeValue says of a value that there is not.
        let given =
            !attribute.pValue.is_null() && attribute.ulValueLen != ck::CK_UNAVAILABLE_INFORMATION;
        let bytes = match bytes.value() {
            Err(error) if given => return Err(error),
            other => other.map_err(|_| bad_value())?,
        };
        return Ok(RawValue::Bytes(Secret::copy(bytes)));
    }
    if depth == Depth::Nested {
        return refuse(
            ck::CKR_ATTRIBUTE_VALUE_INVALID,
            "a template in an attribute may not hold another",
        );
    }
    if attribute.ulValueLen == 0 {
        return Ok(RawValue::Template(Vec::new()));
    }
    let bytes =
        extent(attribute.pValue.cast::<u8>(), attribute.ulValueLen).map_err(|_| bad_value())?;
    let len = bytes / size_of::<CK_ATTRIBUTE>();
    if bytes % size_of::<CK_ATTRIBUTE>() != 0 || len > MOST {
        return Err(bad_value());
    }
    // SAFETY: by the promise of this function; `len` attributes fit in the value's length.
    unsafe { attributes(attribute.pValue.cast(), len, Depth::Nested) }.map(RawValue::Template)
}

/// The number of an attribute that has two in the field, as the table has it; another number as it is.
fn named(kind: CK_ATTRIBUTE_TYPE) -> CK_ATTRIBUTE_TYPE {
    match kind {
        ck::FIRST_ENCAPSULATE_TEMPLATE => ck::CKA_ENCAPSULATE_TEMPLATE,
        ck::FIRST_DECAPSULATE_TEMPLATE => ck::CKA_DECAPSULATE_TEMPLATE,
        other => other,
    }
}

/// Attributes whose value is an array of CK_ATTRIBUTE.
fn is_template(kind: CK_ATTRIBUTE_TYPE) -> bool {
    matches!(
        kind,
        ck::CKA_WRAP_TEMPLATE
            | ck::CKA_UNWRAP_TEMPLATE
            | ck::CKA_DERIVE_TEMPLATE
            | ck::CKA_ENCAPSULATE_TEMPLATE
            | ck::CKA_DECAPSULATE_TEMPLATE
    )
}

fn bad_value() -> Error {
    Error::new(
        ck::CKR_ATTRIBUTE_VALUE_INVALID,
        "pValue is NULL, or ulValueLen impossible",
    )
}

/// The outcome for one attribute, from the best to the worst: the worst of all is the return value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Answer {
    Given,
    TooSmall,
    Invalid,
    Sensitive,
    NeedsLogin,
}

/// Writes one answer into the attribute at `place`. A value without parts is copied from where it is.
///
/// # Safety
/// As for `answer`.
unsafe fn show(place: *mut CK_ATTRIBUTE, shown: &Shown<'_>) -> Answer {
    let own = match shown {
        Shown::Own(own) => own,
        // SAFETY: by the promise of this function.
        Shown::Made(revealed) => return unsafe { answer(place, revealed) },
    };
    match own {
        // SAFETY: by the promise of this function.
        Value::Bool(flag) => unsafe { answer_bytes(place, &[u8::from(*flag)]) },
        // SAFETY: as above.
        Value::Ulong(number) => unsafe { answer_bytes(place, &number.to_ne_bytes()) },
        // SAFETY: as above.
        Value::Bytes(bytes) => unsafe { answer_bytes(place, bytes) },
        // SAFETY: as above.
        Value::Ulongs(_) | Value::Template(_) => unsafe { answer(place, &revealed(own)) },
    }
}

/// Writes a value into the attribute at `place`.
///
/// # Safety
/// As for `answer`.
unsafe fn answer_bytes(place: *mut CK_ATTRIBUTE, bytes: &[u8]) -> Answer {
    // SAFETY: by the promise of this function.
    let attribute = unsafe { place.read_unaligned() };
    let (outcome, len) = match room(&attribute, bytes.len()) {
        Room::TooSmall => (Answer::TooSmall, ck::CK_UNAVAILABLE_INFORMATION),
        Room::Query => (Answer::Given, count(bytes.len())),
        Room::Enough => {
            let to = attribute.pValue.cast::<u8>();
            // SAFETY: writable for `ulValueLen` bytes, which is enough.
            unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
            (Answer::Given, count(bytes.len()))
        }
    };
    // SAFETY: by the promise of this function.
    unsafe { (&raw mut (*place).ulValueLen).write_unaligned(len) };
    outcome
}

/// Writes one answer into the attribute at `place`.
///
/// # Safety
/// `place` is readable and writable; its value is writable for its length, or NULL, and holds
/// initialized attributes where the answer is a template.
unsafe fn answer(place: *mut CK_ATTRIBUTE, revealed: &Revealed) -> Answer {
    // SAFETY: by the promise of this function.
    let attribute = unsafe { place.read_unaligned() };
    let (outcome, len) = match revealed {
        Revealed::Sensitive => (Answer::Sensitive, ck::CK_UNAVAILABLE_INFORMATION),
        Revealed::NeedsLogin => (Answer::NeedsLogin, ck::CK_UNAVAILABLE_INFORMATION),
        Revealed::Invalid => (Answer::Invalid, ck::CK_UNAVAILABLE_INFORMATION),
        // SAFETY: by the promise of this function.
        Revealed::Value(bytes) => return unsafe { answer_bytes(place, bytes) },
        Revealed::Template(items) => {
            let len = items.len() * size_of::<CK_ATTRIBUTE>();
            match room(&attribute, len) {
                Room::TooSmall => (Answer::TooSmall, ck::CK_UNAVAILABLE_INFORMATION),
                Room::Query => (Answer::Given, count(len)),
                Room::Enough => {
                    let to = attribute.pValue.cast::<CK_ATTRIBUTE>();
                    // SAFETY: holds that many attributes, by the promise of this function.
                    (unsafe { answer_all(to, items) }, count(len))
                }
            }
        }
    };
    // SAFETY: by the promise of this function.
    unsafe { (&raw mut (*place).ulValueLen).write_unaligned(len) };
    outcome
}

/// # Safety
/// As for `answer`, for as many attributes as there are `items`.
unsafe fn answer_all(start: *mut CK_ATTRIBUTE, items: &[(CK_ATTRIBUTE_TYPE, Revealed)]) -> Answer {
    let mut worst = Answer::Given;
    for (index, (kind, revealed)) in items.iter().enumerate() {
        // SAFETY: by the promise of this function.
        let place = unsafe { start.add(index) };
        // SAFETY: as above.
        unsafe { (&raw mut (*place).type_).write_unaligned(*kind) };
        // SAFETY: as above.
        worst = worst.max(unsafe { answer(place, revealed) });
    }
    worst
}

enum Room {
    Query,
    TooSmall,
    Enough,
}

fn room(attribute: &CK_ATTRIBUTE, len: usize) -> Room {
    if attribute.pValue.is_null() {
        Room::Query
    } else if attribute.ulValueLen < count(len) {
        Room::TooSmall
    } else {
        Room::Enough
    }
}
