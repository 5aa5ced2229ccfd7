//! What statements are given and what the server answers, in the binary formats of PostgreSQL.

use bytes::{Bytes, BytesMut};
use postgres_protocol::IsNull;
use postgres_protocol::types::ArrayDimension;
use postgres_protocol::types::{
    array_to_sql, bool_to_sql, bytea_to_sql, float8_to_sql, int8_to_sql, text_to_sql,
};

use crate::store::error::{Error, Result};

type Oid = u32;

const BOOL: Oid = 16;
const BYTEA: Oid = 17;
const INT8: Oid = 20;
const TEXT: Oid = 25;
const FLOAT8: Oid = 701;
const INT8_ARRAY: Oid = 1016;
const BYTEA_ARRAY: Oid = 1001;

/// A parameter of a statement.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'a> {
    Bytes(&'a [u8]),
    Int(i64),
    OptionalInt(Option<i64>),
    Bool(bool),
    Text(&'a str),
    Double(f64),
    /// Byte strings of 16 bytes each.
    List(&'a [[u8; 16]]),
    Numbers(&'a [i64]),
}

impl Value<'_> {
    pub(super) fn oid(&self) -> Oid {
        match self {
            Self::Bytes(_) => BYTEA,
            Self::Int(_) | Self::OptionalInt(_) => INT8,
            Self::Bool(_) => BOOL,
            Self::Text(_) => TEXT,
            Self::Double(_) => FLOAT8,
            Self::List(_) => BYTEA_ARRAY,
            Self::Numbers(_) => INT8_ARRAY,
        }
    }

    pub(super) fn write(
        &self,
        out: &mut BytesMut,
    ) -> std::result::Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Bytes(bytes) => bytea_to_sql(bytes, out),
            Self::Int(number) | Self::OptionalInt(Some(number)) => int8_to_sql(*number, out),
            Self::Bool(value) => bool_to_sql(*value, out),
            Self::OptionalInt(None) => return Ok(IsNull::Yes),
            Self::Text(text) => text_to_sql(text, out),
            Self::Double(number) => float8_to_sql(*number, out),
            Self::List(list) => array(list, BYTEA, |item, out| bytea_to_sql(item, out), out)?,
            Self::Numbers(list) => array(list, INT8, |item, out| int8_to_sql(*item, out), out)?,
        }
        Ok(IsNull::No)
    }
}

/// An array of one dimension.
fn array<T>(
    list: &[T],
    oid: Oid,
    write: impl Fn(&T, &mut BytesMut),
    out: &mut BytesMut,
) -> std::result::Result<(), Box<dyn std::error::Error + Sync + Send>> {
    let dimension = ArrayDimension {
        len: i32::try_from(list.len())?,
        lower_bound: 1,
    };
    let write = |item: &T, out: &mut BytesMut| {
        write(item, out);
        Ok(IsNull::No)
    };
    array_to_sql([dimension], oid, list, write, out)
}

/// A row of an answer.
#[derive(Debug)]
pub(super) struct Columns(pub(super) Vec<Option<Bytes>>);

fn strange() -> Error {
    Error::Database("the server answers what was not asked".into())
}

impl Columns {
    fn column(&self, place: usize) -> Result<&Bytes> {
        self.optional(place)?.ok_or_else(strange)
    }

    fn optional(&self, place: usize) -> Result<Option<&Bytes>> {
        self.0.get(place).map(Option::as_ref).ok_or_else(strange)
    }

    pub(super) fn int(&self, place: usize) -> Result<i64> {
        let bytes = self.column(place)?;
        let bytes = <[u8; 8]>::try_from(&bytes[..]).map_err(|_| strange())?;
        Ok(i64::from_be_bytes(bytes))
    }

    pub(super) fn optional_int(&self, place: usize) -> Result<Option<i64>> {
        match self.optional(place)? {
            Some(_) => self.int(place).map(Some),
            None => Ok(None),
        }
    }

    /// The number whose bit pattern the column has.
    pub(super) fn unsigned(&self, place: usize) -> Result<u64> {
        self.int(place).map(i64::cast_unsigned)
    }

    pub(super) fn optional_unsigned(&self, place: usize) -> Result<Option<u64>> {
        Ok(self.optional_int(place)?.map(i64::cast_unsigned))
    }

    pub(super) fn bool(&self, place: usize) -> Result<bool> {
        Ok(self.column(place)?[..] == [1])
    }

    pub(super) fn bytes(&self, place: usize) -> Result<Vec<u8>> {
        Ok(self.column(place)?.to_vec())
    }

    pub(super) fn optional_bytes(&self, place: usize) -> Result<Option<Vec<u8>>> {
        Ok(self.optional(place)?.map(|bytes| bytes.to_vec()))
    }

    pub(super) fn array<const N: usize>(&self, place: usize) -> Result<[u8; N]> {
        <[u8; N]>::try_from(&self.column(place)?[..]).map_err(|_| strange())
    }

    pub(super) fn text(&self, place: usize) -> Result<String> {
        String::from_utf8(self.bytes(place)?).map_err(|_| strange())
    }
}

/// What the server answered to one statement.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) rows: Vec<Columns>,
    /// The command tag, for example `INSERT 0 1`.
    pub(super) tag: String,
}

impl Answer {
    /// How many rows a change touched.
    pub(super) fn touched(&self) -> u64 {
        let is_change = ["INSERT", "UPDATE", "DELETE"]
            .iter()
            .any(|command| self.tag.starts_with(command));
        let count = self.tag.rsplit(' ').next().and_then(|n| n.parse().ok());
        count.filter(|_| is_change).unwrap_or(0)
    }

    /// The only row.
    pub(super) fn one(self) -> Result<Columns> {
        self.rows.into_iter().next().ok_or_else(strange)
    }
}
