//! SoftHSM 2's database: a table of objects, and a table for each type of value. The first object is the token
//! itself. Arrays are in C's representation: numbers in the machine's order, tags of 4 bytes.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use tenon_pkcs11::api::attr::RawValue;
use tenon_pkcs11::api::ck;

use super::super::source::{self, Attributes};
use crate::Result;

/// Name of the file in the token's folder.
pub(super) const FILE_NAME: &str = "sqlite3.db";

/// The row of the token itself.
const TOKEN: i64 = 1;

const BOOLEAN: u32 = 1;
const NUMBER: u32 = 2;
const BYTES: u32 = 3;
const NUMBERS: u32 = 5;

pub(super) struct Database(Connection);

impl Database {
    /// Opens the database in `folder` for reading.
    pub(super) fn open(folder: &Path) -> Result<Self> {
        let file = folder.join(FILE_NAME);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&file, flags)
            .map_err(|error| format!("cannot open {}: {error}", file.display()))?;
        Ok(Self(connection))
    }

    /// The attributes of the token.
    pub(super) fn token(&self) -> Result<Attributes> {
        self.attributes(TOKEN)
    }

    /// The numbers of the objects, in ascending order.
    pub(super) fn objects(&self) -> Result<Vec<i64>> {
        let mut statement = self
            .0
            .prepare("select id from object where id <> ?1 order by id")?;
        let rows = statement.query_map([TOKEN], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    pub(super) fn attributes(&self, object: i64) -> Result<Attributes> {
        let mut all = Attributes::new();
        self.read("attribute_boolean", object, &mut all, |value: i64| {
            Some(source::flag(value != 0))
        })?;
        self.read("attribute_integer", object, &mut all, |value: i64| {
            Some(source::number(value.cast_unsigned()))
        })?;
        self.read("attribute_binary", object, &mut all, |value: Vec<u8>| {
            Some(RawValue::Bytes(value.into()))
        })?;
        self.read("attribute_array", object, &mut all, |value: Vec<u8>| {
            entries(&value).map(source::template)
        })?;
        Ok(all)
    }

    fn read<T: rusqlite::types::FromSql>(
        &self,
        table: &str,
        object: i64,
        all: &mut Attributes,
        convert: impl Fn(T) -> Option<RawValue>,
    ) -> Result<()> {
        let sql = format!("select type, value from {table} where object_id = ?1");
        let mut statement = self.0.prepare_cached(&sql)?;
        let mut rows = statement.query([object])?;
        while let Some(row) = rows.next()? {
            let kind = row.get::<_, i64>(0)?.cast_unsigned();
            let value = convert(row.get(1)?)
                .ok_or_else(|| format!("attribute {kind:#x} of object {object} is damaged"))?;
            all.insert(kind, value);
        }
        Ok(())
    }
}

/// The entries of a template; `None` where it ends early or has an unknown tag.
fn entries(mut bytes: &[u8]) -> Option<Attributes> {
    let mut all = Attributes::new();
    while !bytes.is_empty() {
        let kind: ck::CK_ATTRIBUTE_TYPE = number(&mut bytes)?;
        let (tag, rest) = bytes.split_first_chunk()?;
        bytes = rest;
        let value = match u32::from_ne_bytes(*tag) {
            BOOLEAN => {
                let (value, rest) = bytes.split_first()?;
                bytes = rest;
                source::flag(*value != 0)
            }
            NUMBER => source::number(number(&mut bytes)?),
            BYTES | NUMBERS => {
                let len = usize::try_from(number(&mut bytes)?).ok()?;
                let (value, rest) = bytes.split_at_checked(len)?;
                bytes = rest;
                source::bytes(value)
            }
            _ => return None,
        };
        all.insert(kind, value);
    }
    Some(all)
}

fn number(bytes: &mut &[u8]) -> Option<u64> {
    let (number, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u64::from_ne_bytes(*number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_and_cut_ones_refused() {
        let parts: [&[u8]; 9] = [
            &2_u64.to_ne_bytes(),
            &1_u32.to_ne_bytes(),
            &[1],
            &3_u64.to_ne_bytes(),
            &3_u32.to_ne_bytes(),
            &1_u64.to_ne_bytes(),
            b"x",
            &0_u64.to_ne_bytes(),
            &2_u32.to_ne_bytes(),
        ];
        let mut bytes = parts.concat();
        assert!(entries(&bytes).is_none());
        bytes.extend(4_u64.to_ne_bytes());
        let all = entries(&bytes).unwrap();
        assert_eq!(all.keys().copied().collect::<Vec<_>>(), [0, 2, 3]);
    }
}
