//! The attributes of one object.

use std::fmt;

use smallvec::SmallVec;

use crate::ck;
use crate::clock::UnixTime;
use crate::keytype;

use super::table;
use super::value::Value;

/// How many attributes an object mostly has at most.
const USUAL: usize = 48;

/// The attributes of one object, in ascending order of their kinds. Holds no key material.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Attributes(Vec<(ck::CK_ATTRIBUTE_TYPE, Value)>);

impl Attributes {
    /// A copy to which others are added: mostly nothing has to move for them.
    pub(super) fn to_be_filled(&self) -> Self {
        let mut entries = Vec::with_capacity(USUAL);
        entries.extend_from_slice(&self.0);
        Self(entries)
    }

    /// The value of `kind`, if the object has it.
    #[must_use]
    pub(crate) fn get(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> Option<&Value> {
        let place = self.place(kind).ok()?;
        Some(&self.0[place].1)
    }

    /// The value of a CK_BBOOL; `false` when the object lacks it.
    #[must_use]
    pub(crate) fn bool(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> bool {
        self.get(kind) == Some(&Value::Bool(true))
    }

    /// The kinds of every CK_BBOOL that is TRUE, for a caller that asks for many of them.
    #[must_use]
    pub(crate) fn set_flags(&self) -> SmallVec<[ck::CK_ATTRIBUTE_TYPE; 32]> {
        let set = |(_, value): &&(_, Value)| matches!(value, Value::Bool(true));
        self.0.iter().filter(set).map(|(kind, _)| *kind).collect()
    }

    /// The value of a CK_ULONG.
    #[must_use]
    pub(crate) fn ulong(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> Option<u64> {
        match self.get(kind)? {
            Value::Ulong(number) => Some(*number),
            _ => None,
        }
    }

    /// The value of a byte array, string, big integer, date or time.
    #[must_use]
    pub(crate) fn bytes(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> Option<&[u8]> {
        match self.get(kind)? {
            Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The value of a time; 0 for one that does not have 8 bytes.
    #[must_use]
    pub(crate) fn time(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> Option<UnixTime> {
        let bytes = self.bytes(kind)?;
        Some(bytes.try_into().map_or(0, UnixTime::from_be_bytes))
    }

    /// The value of an array of CK_ULONG: CKA_ALLOWED_MECHANISMS.
    #[must_use]
    pub(crate) fn ulongs(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> Option<&[u64]> {
        match self.get(kind)? {
            Value::Ulongs(numbers) => Some(numbers),
            _ => None,
        }
    }

    /// The entries of a nested template. `build` takes those of CKA_UNWRAP_TEMPLATE and CKA_DERIVE_TEMPLATE as
    /// implied, and `has_all` compares a key with those of CKA_WRAP_TEMPLATE.
    #[must_use]
    pub(crate) fn template(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> Option<Self> {
        match self.get(kind)? {
            Value::Template(entries) => Some(Self(entries.clone())),
            _ => None,
        }
    }

    /// How many bytes of memory the attributes take beside the value itself.
    #[must_use]
    pub(crate) fn len_in_memory(&self) -> usize {
        let values = self.0.iter().map(|(_, value)| value.len_in_memory());
        size_of_val(self.0.as_slice()) + values.sum::<usize>()
    }

    /// The same attributes, with the components of public keys in the form in which objects hold them.
    #[must_use]
    pub(crate) fn canonical(mut self) -> Self {
        for (kind, value) in keytype::canonical(self.key_type(), &self) {
            self.set(kind, value.into());
        }
        self
    }

    /// The object has every attribute of `wanted`, with that value.
    #[must_use]
    pub(crate) fn has_all(&self, wanted: &Self) -> bool {
        wanted
            .iter()
            .all(|(kind, value)| self.get(kind) == Some(value))
    }

    /// Gives `kind` a value, in place of one that it may have.
    pub(crate) fn set(&mut self, kind: ck::CK_ATTRIBUTE_TYPE, value: Value) {
        match self.place(kind) {
            Ok(place) => self.0[place].1 = value,
            Err(place) => self.0.insert(place, (kind, value)),
        }
    }

    /// Gives the kind of each row the value that `value` says, unless it has one. The kinds of `rows` ascend
    /// strictly.
    pub(super) fn fill<R>(
        &mut self,
        rows: &[R],
        kind: impl Fn(&R) -> ck::CK_ATTRIBUTE_TYPE,
        value: impl Fn(&R) -> Option<Value>,
    ) {
        let mut place = 0;
        for row in rows {
            let kind = kind(row);
            place += self.0[place..]
                .iter()
                .take_while(|(present, _)| *present < kind)
                .count();
            if self.0.get(place).is_none_or(|(present, _)| *present > kind)
                && let Some(value) = value(row)
            {
                self.0.insert(place, (kind, value));
            }
        }
    }

    /// Removes `kind` and returns its value.
    pub(crate) fn remove(&mut self, kind: ck::CK_ATTRIBUTE_TYPE) -> Option<Value> {
        let place = self.place(kind).ok()?;
        Some(self.0.remove(place).1)
    }

    /// CKA_CLASS; CK_UNAVAILABLE_INFORMATION, which no class has, when it is not set.
    #[must_use]
    pub(crate) fn class(&self) -> ck::CK_OBJECT_CLASS {
        self.ulong(ck::CKA_CLASS)
            .unwrap_or(ck::CK_UNAVAILABLE_INFORMATION)
    }

    /// CKA_KEY_TYPE; `None` for what is no key.
    #[must_use]
    pub(crate) fn key_type(&self) -> Option<ck::CK_KEY_TYPE> {
        self.ulong(ck::CKA_KEY_TYPE)
    }

    /// What tells apart the objects of a class that have different attributes: CKA_CERTIFICATE_TYPE of a
    /// certificate, CKA_KEY_TYPE of a key.
    #[must_use]
    pub(super) fn subtype(&self) -> Option<ck::CK_ULONG> {
        match self.class() {
            ck::CKO_CERTIFICATE => self.ulong(ck::CKA_CERTIFICATE_TYPE),
            _ => self.key_type(),
        }
    }

    /// Kinds and values, in ascending order of the kinds.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (ck::CK_ATTRIBUTE_TYPE, &Value)> {
        self.0.iter().map(|(kind, value)| (*kind, value))
    }

    /// Attributes out of entries whose kinds ascend strictly; `None` when they do not.
    pub(super) fn from_sorted(entries: Vec<(ck::CK_ATTRIBUTE_TYPE, Value)>) -> Option<Self> {
        let sorted = entries.is_sorted_by(|a, b| a.0 < b.0);
        sorted.then_some(Self(entries))
    }

    fn place(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> Result<usize, usize> {
        self.0.binary_search_by_key(&kind, |(kind, _)| *kind)
    }
}

impl fmt::Debug for Attributes {
    /// Kinds alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = self.iter().map(|(kind, _)| table::label(kind));
        f.debug_set().entries(kinds).finish()
    }
}

impl keytype::Values for Attributes {
    fn bytes(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> Option<&[u8]> {
        self.bytes(kind)
    }

    fn ulong(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> Option<ck::CK_ULONG> {
        self.ulong(kind)
    }
}
