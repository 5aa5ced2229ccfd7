//! kryoptic's SQLite database, in which a row is an attribute of an object: flags and numbers are integers, -1 being
//! CK_UNAVAILABLE_INFORMATION; a date is text with hyphens; arrays of numbers are in little-endian order.

use std::collections::HashMap;
use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use tenon_pkcs11::api::attr::{RawValue, ValueForm, known_attributes};
use tenon_pkcs11::api::ck;

use super::seal::TokenKey;
use crate::Result;
use crate::migrate::source::{self, Attributes, SourceObject};
use crate::output::printable;

/// The user in the table of sealed keys, beside "SO".
const USER: &str = "USER";

/// The values of private and secret keys, which are sealed.
const SEALED: [ck::CK_ATTRIBUTE_TYPE; 8] = [
    ck::CKA_VALUE,
    ck::CKA_SEED,
    ck::CKA_PRIVATE_EXPONENT,
    ck::CKA_PRIME_1,
    ck::CKA_PRIME_2,
    ck::CKA_EXPONENT_1,
    ck::CKA_EXPONENT_2,
    ck::CKA_COEFFICIENT,
];

/// A token of kryoptic.
pub(crate) struct Database {
    connection: Connection,
    pub(crate) label: String,
    pub(crate) serial: String,
    user_data: Option<Vec<u8>>,
}

impl Database {
    /// Opens `file` for reading.
    pub(crate) fn open(file: &Path) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let opened = Connection::open_with_flags(file, flags).and_then(Self::read);
        opened.map_err(|error| {
            let file = file.display();
            format!("{file} is no database of kryoptic: {error}").into()
        })
    }

    fn read(connection: Connection) -> rusqlite::Result<Self> {
        let meta = |name: &str, value: &str| -> rusqlite::Result<Option<Vec<u8>>> {
            let sql = "select data from meta where name = ?1 and value = ?2";
            let mut statement = connection.prepare_cached(sql)?;
            let mut rows = statement.query([name, value])?;
            rows.next()?.map(|row| row.get(0)).transpose()
        };
        let text = |value| -> rusqlite::Result<String> {
            let bytes = meta("TOKEN INFO", value)?.unwrap_or_default();
            Ok(printable(bytes.trim_ascii_end()))
        };
        let (label, serial) = (text("label")?, text("serial")?);
        let user_data = meta("USER DATA", USER)?;
        Ok(Self {
            connection,
            label,
            serial,
            user_data,
        })
    }

    /// The key of the sealed values.
    pub(super) fn unlock(&self, pin: &[u8]) -> Result<TokenKey> {
        let Some(sealed) = &self.user_data else {
            return Err(format!("the token {} of kryoptic has no user PIN", self.label).into());
        };
        TokenKey::open(pin, USER, sealed).ok_or_else(|| {
            format!("the PIN does not open the token {} of kryoptic", self.label).into()
        })
    }

    /// The objects, each read when it is asked for: by its name, with what is wrong where it cannot be read.
    pub(super) fn objects(
        &self,
        key: &TokenKey,
    ) -> Result<impl ExactSizeIterator<Item = (String, Result<SourceObject>)>> {
        let mut statement = self
            .connection
            .prepare("select distinct id from objects order by id")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        let rows: Vec<i64> = rows.collect::<rusqlite::Result<_>>()?;
        let known = known_attributes().into_iter();
        let forms: HashMap<_, _> = known.map(|row| (row.kind, row.form)).collect();
        Ok(rows.into_iter().map(move |row| {
            let name = format!("object {row}");
            let object = self.object(row, &name, &forms, key);
            (name, object)
        }))
    }

    fn object(
        &self,
        row: i64,
        name: &str,
        forms: &HashMap<ck::CK_ATTRIBUTE_TYPE, ValueForm>,
        key: &TokenKey,
    ) -> Result<SourceObject> {
        let sql = "select attr, val from objects where id = ?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([row])?;
        let mut object = SourceObject {
            name: name.to_owned(),
            attributes: Attributes::new(),
            unread: Vec::new(),
        };
        while let Some(row) = rows.next()? {
            let kind = row.get::<_, i64>(0)?.cast_unsigned();
            let value = value(forms.get(&kind), row.get_ref(1)?)
                .ok_or_else(|| format!("attribute {kind:#x} is damaged"))?;
            object.attributes.insert(kind, value);
        }
        unseal(&mut object, key)?;
        Ok(object)
    }
}

/// The value in C's representation; `None` for what kryoptic does not write.
fn value(form: Option<&ValueForm>, stored: ValueRef<'_>) -> Option<RawValue> {
    Some(match (form, stored) {
        (Some(ValueForm::Bool), ValueRef::Integer(flag)) => source::flag(flag != 0),
        (_, ValueRef::Integer(number)) => source::number(number.cast_unsigned()),
        (_, ValueRef::Text(text)) => match text {
            [_, _, _, _, b'-', _, _, b'-', _, _] => {
                source::bytes(&[&text[..4], &text[5..7], &text[8..]].concat())
            }
            text => source::bytes(text),
        },
        (Some(ValueForm::Ulongs), ValueRef::Blob(array)) => {
            let (numbers, rest) = array.as_chunks();
            let numbers: Vec<_> = numbers
                .iter()
                .map(|bytes| u64::from_le_bytes(*bytes))
                .collect();
            rest.is_empty().then(|| source::numbers(&numbers))?
        }
        (Some(ValueForm::Template), ValueRef::Blob(bytes)) => source::template(entries(bytes)?),
        (_, ValueRef::Blob(bytes)) => source::bytes(bytes),
        (_, ValueRef::Null) => source::bytes(&[]),
        (_, ValueRef::Real(_)) => return None,
    })
}

/// The entries of a template: their count in 4 bytes, and of each its type in 8, its length in 4 and its value.
/// `None` where it ends early or late.
fn entries(bytes: &[u8]) -> Option<Attributes> {
    let mut all = Attributes::new();
    let Some((count, mut rest)) = bytes.split_first_chunk() else {
        return bytes.is_empty().then_some(all);
    };
    for _ in 0..u32::from_le_bytes(*count) {
        let (kind, after) = rest.split_first_chunk()?;
        let (len, after) = after.split_first_chunk()?;
        let len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
        let (value, after) = after.split_at_checked(len)?;
        all.insert(u64::from_le_bytes(*kind), source::bytes(value));
        rest = after;
    }
    rest.is_empty().then_some(all)
}

/// Opens the sealed values of a private or secret key.
fn unseal(object: &mut SourceObject, key: &TokenKey) -> Result<()> {
    let class = object.number(ck::CKA_CLASS);
    if !class.is_some_and(ck::holds_secret) {
        return Ok(());
    }
    let unique_id = String::from_utf8_lossy(object.bytes(ck::CKA_UNIQUE_ID)).into_owned();
    for kind in SEALED {
        let Some(RawValue::Bytes(value)) = object.attributes.get_mut(&kind) else {
            continue;
        };
        *value = key
            .unseal(&unique_id, value)
            .ok_or_else(|| format!("attribute {kind:#x} does not open with the token's key"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(form: ValueForm, stored: ValueRef<'_>) -> Option<Vec<u8>> {
        match value(Some(&form), stored)? {
            RawValue::Bytes(bytes) => Some(bytes.to_vec()),
            RawValue::Template(entries) => Some(vec![u8::try_from(entries.len()).unwrap()]),
        }
    }

    #[test]
    fn values_are_read_as_c_has_them_and_others_refused() {
        let numbers = [2_u64.to_le_bytes(), 3_u64.to_le_bytes()].concat();
        let template = [
            &1_u32.to_le_bytes()[..],
            &0x104_u64.to_le_bytes(),
            &1_u32.to_le_bytes(),
            &[1],
        ]
        .concat();
        for (form, stored, expected) in [
            (ValueForm::Bool, ValueRef::Integer(1), vec![1]),
            (ValueForm::Ulong, ValueRef::Integer(-1), vec![0xFF; 8]),
            (
                ValueForm::Text,
                ValueRef::Text(b"2099-12-31"),
                b"20991231".to_vec(),
            ),
            (
                ValueForm::Text,
                ValueRef::Text(b"a-label"),
                b"a-label".to_vec(),
            ),
            (
                ValueForm::Ulongs,
                ValueRef::Blob(&numbers),
                [2_u64.to_ne_bytes(), 3_u64.to_ne_bytes()].concat(),
            ),
            (ValueForm::Template, ValueRef::Blob(&template), vec![1]),
            (ValueForm::Template, ValueRef::Blob(b""), vec![0]),
        ] {
            assert_eq!(read(form, stored), Some(expected));
        }
        assert_eq!(read(ValueForm::Ulongs, ValueRef::Blob(&numbers[1..])), None);
        let cut = (1..template.len())
            .filter(|len| read(ValueForm::Template, ValueRef::Blob(&template[..*len])).is_some());
        assert_eq!(cut.count(), 0);
        assert_eq!(read(ValueForm::Ulong, ValueRef::Real(1.0)), None);
    }
}
