//! Finding objects by the attributes that a template names: one round trip a page.
//!
//! Objects come in the order of their numbers, so a search goes on behind the last one. With postings the
//! statement counts them up to a limit, and walks the shortest list.

use std::fmt::Write;
use std::ops::ControlFlow;

use crate::store::error::Result;
use crate::store::row::{Head, SearchConditions, SearchPlace};

use super::answer::{Columns, Value};

/// Objects that one round trip brings.
const PAGE: usize = 500;

const RAREST: &str = "WITH wanted AS MATERIALIZED (SELECT value, (SELECT count(*) FROM \
     (SELECT 1 FROM tenon.posting p WHERE p.token = $1 AND p.value = w.value LIMIT 4096) AS few) AS size \
     FROM unnest($3) AS w (value)), \
     rarest AS MATERIALIZED (SELECT value FROM wanted ORDER BY size LIMIT 1) ";
const COLUMNS: &str =
    "SELECT o.id, uid, class, key_type, private, hidden, expires_at, deletion_at FROM ";
const POSTED: &str = "tenon.posting p JOIN tenon.object o ON o.token = p.token AND o.id = p.object \
     WHERE p.token = $1 AND p.object > $2 AND p.value = (SELECT value FROM rarest) \
     AND NOT EXISTS (SELECT 1 FROM unnest($3) AS w (value) WHERE NOT EXISTS (SELECT 1 \
     FROM tenon.posting q WHERE q.token = $1 AND q.value = w.value AND q.object = p.object))";
const OF_KIND: &str = "tenon.object o WHERE o.token = $1 AND o.id > $2";
const LAST_ID: &str = "SELECT coalesce(max(id), 0) FROM tenon.object WHERE token = $1";

/// Runs a statement of a token, whose first parameter is the token itself.
type Ask<'a> = dyn Fn(&str, &[Value<'_>]) -> Result<Vec<Columns>> + 'a;

/// See `ReadRows::find_from`.
pub(super) fn find_from(
    ask: &Ask<'_>,
    search: &SearchConditions<'_>,
    place: &mut SearchPlace,
    each: &mut dyn FnMut(Head) -> ControlFlow<()>,
) -> Result<()> {
    loop {
        let (sql, conditions) = statement(search, place.last_id);
        let mut values = vec![Value::Int(place.id)];
        values.extend(conditions);
        let page = ask(&sql, &values)?;
        for row in &page {
            place.id = row.int(0)?;
            if each(head(row)?).is_break() {
                if place.last_id.is_none() {
                    let last = ask(LAST_ID, &[])?;
                    place.last_id = last.first().map(|row| row.int(0)).transpose()?;
                }
                return Ok(());
            }
        }
        if page.len() < PAGE {
            return Ok(());
        }
    }
}

/// The statement and its parameters from the third on; the second is the place to go on after.
fn statement<'a>(search: &SearchConditions<'a>, last_id: Option<i64>) -> (String, Vec<Value<'a>>) {
    let mut values = Vec::new();
    let (mut sql, order) = match search.postings {
        [] => (format!("{COLUMNS}{OF_KIND}"), "o.id"),
        postings => {
            values.push(Value::List(postings));
            (format!("{RAREST}{COLUMNS}{POSTED}"), "p.object")
        }
    };
    let signed = |number: Option<u64>| number.map(|number| Value::Int(number.cast_signed()));
    let conditions = [
        ("o.class =", signed(search.class)),
        ("o.key_type =", signed(search.key_type)),
        ("o.private =", search.private.map(Value::Bool)),
        ("o.hidden =", search.hidden.map(Value::Bool)),
        ("o.id <=", last_id.map(Value::Int)),
    ];
    for (condition, value) in conditions {
        if let Some(value) = value {
            values.push(value);
            // Writing to a string does not fail.
            let _ = write!(sql, " AND {condition} ${}", values.len() + 2);
        }
    }
    let _ = write!(sql, " ORDER BY {order} LIMIT {PAGE}");
    (sql, values)
}

fn head(row: &Columns) -> Result<Head> {
    Ok(Head {
        uid: row.array(1)?,
        class: row.unsigned(2)?,
        key_type: row.optional_unsigned(3)?,
        private: row.bool(4)?,
        hidden: row.bool(5)?,
        expires_at: row.unsigned(6)?,
        deletion_at: row.unsigned(7)?,
    })
}
