//! Finding objects by the attributes that a template names.
//!
//! With `INDEXED BY`, a plan other than the one wanted is an error.

use std::ops::ControlFlow;

use rusqlite::{Connection, params};

use crate::store::error::Result;
use crate::store::row::{Head, Posting, SearchConditions};

use super::columns::head;

const POSTED: &str = "SELECT id, uid, class, key_type, private, hidden, expires_at, deletion_at \
     FROM posting AS p CROSS JOIN object AS o ON o.id = p.object WHERE p.value = ?1";
const POSTED_SIZE: &str = "SELECT count(*) FROM (SELECT 1 FROM posting WHERE value = ?1 LIMIT ?2)";
const HAS_POSTING: &str = "SELECT 1 FROM posting WHERE value = ?1 AND object = ?2";

/// The statements for one combination of class and key type. ?1 and ?2 are the accepted values of
/// `private`, ?3 is the class, ?4 the key type, ?5 of `size` the limit of the count.
struct ListStatements {
    list: &'static str,
    size: &'static str,
}

macro_rules! statements {
    ($index:literal, $also:literal) => {
        ListStatements {
            list: concat!(
                "SELECT id, uid, class, key_type, private, hidden, expires_at, deletion_at FROM object ",
                "INDEXED BY ",
                $index,
                " WHERE private IN (?1, ?2) ",
                $also
            ),
            size: concat!(
                "SELECT count(*) FROM (SELECT 1 FROM object INDEXED BY ",
                $index,
                " WHERE private IN (?1, ?2) ",
                $also,
                " LIMIT ?5)"
            ),
        }
    };
}

static ANY: ListStatements = statements!("object_class", "AND ?3 IS NULL AND ?4 IS NULL");
static CLASS: ListStatements = statements!("object_class", "AND class = ?3 AND ?4 IS NULL");
static KEY_TYPE: ListStatements =
    statements!("object_key_type", "AND key_type = ?4 AND ?3 IS NULL");
static CLASS_AND_KEY_TYPE: ListStatements =
    statements!("object_class", "AND class = ?3 AND key_type = ?4");

/// See `ReadRows::find`.
pub(super) fn find(
    conn: &Connection,
    search: &SearchConditions<'_>,
    each: &mut dyn FnMut(Head) -> ControlFlow<()>,
) -> Result<()> {
    match rarest(conn, search)? {
        Some(posting) => {
            let mut statement = conn.prepare_cached(POSTED)?;
            sift(
                conn,
                statement.query([posting])?,
                search,
                Some(posting),
                each,
            )
        }
        None => {
            let mut statement = conn.prepare_cached(statements_of(search).list)?;
            let (low, high) = privacies(search);
            let rows = statement.query(params![
                low,
                high,
                search.class.map(u64::cast_signed),
                search.key_type.map(u64::cast_signed),
            ])?;
            sift(conn, rows, search, None, each)
        }
    }
}

/// The posting with the shortest list, or `None` where fewer objects have the class and key type.
///
/// Sizes are counted up to a limit that grows until one list stays below it, so counting costs
/// no more than a small multiple of walking that list.
fn rarest<'a>(conn: &Connection, search: &SearchConditions<'a>) -> Result<Option<&'a Posting>> {
    let by_kind = search.class.is_some() || search.key_type.is_some();
    match search.postings {
        [] => return Ok(None),
        [only] if !by_kind => return Ok(Some(only)),
        _ => {}
    }
    let mut limit = 16;
    loop {
        let mut smallest = None;
        for posting in search.postings {
            let size = posted_size(conn, posting, limit)?;
            if smallest.is_none_or(|(least, _)| size < least) {
                smallest = Some((size, Some(posting)));
            }
            if size == 0 {
                return Ok(Some(posting));
            }
        }
        // Every list shorter than the first limit is short enough.
        if by_kind && smallest.is_none_or(|(least, _)| least == limit) {
            let size = kind_size(conn, search, limit)?;
            if size < limit {
                smallest = Some((size, None));
            }
        }
        match smallest {
            Some((size, rarest)) if size < limit => return Ok(rarest),
            _ => limit = limit.saturating_mul(16),
        }
    }
}

fn posted_size(conn: &Connection, posting: &Posting, limit: i64) -> Result<i64> {
    let mut statement = conn.prepare_cached(POSTED_SIZE)?;
    Ok(statement.query_row(params![posting, limit], |row| row.get(0))?)
}

fn kind_size(conn: &Connection, search: &SearchConditions<'_>, limit: i64) -> Result<i64> {
    let mut statement = conn.prepare_cached(statements_of(search).size)?;
    let (low, high) = privacies(search);
    let class = search.class.map(u64::cast_signed);
    let key_type = search.key_type.map(u64::cast_signed);
    Ok(statement.query_row(params![low, high, class, key_type, limit], |row| row.get(0))?)
}

/// Passes those of `rows` that meet the search on to `each`. All of them have the posting `walked`.
fn sift(
    conn: &Connection,
    mut rows: rusqlite::Rows<'_>,
    search: &SearchConditions<'_>,
    walked: Option<&Posting>,
    each: &mut dyn FnMut(Head) -> ControlFlow<()>,
) -> Result<()> {
    while let Some(row) = rows.next()? {
        let head = head(row)?;
        if !fits(&head, search) {
            continue;
        }
        if !has_all(conn, row.get(0)?, search.postings, walked)? {
            continue;
        }
        if each(head).is_break() {
            break;
        }
    }
    Ok(())
}

/// Whether the object has all of `postings`; it is known to have `walked`.
fn has_all(
    conn: &Connection,
    id: i64,
    postings: &[Posting],
    walked: Option<&Posting>,
) -> Result<bool> {
    let mut statement = conn.prepare_cached(HAS_POSTING)?;
    for posting in postings {
        if Some(posting) != walked && !statement.exists(params![posting, id])? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn statements_of(search: &SearchConditions<'_>) -> &'static ListStatements {
    match (search.class, search.key_type) {
        (None, None) => &ANY,
        (Some(_), None) => &CLASS,
        (None, Some(_)) => &KEY_TYPE,
        (Some(_), Some(_)) => &CLASS_AND_KEY_TYPE,
    }
}

fn privacies(search: &SearchConditions<'_>) -> (bool, bool) {
    search
        .private
        .map_or((false, true), |private| (private, private))
}

fn fits(head: &Head, search: &SearchConditions<'_>) -> bool {
    search.class.is_none_or(|class| class == head.class)
        && (search.key_type.is_none() || search.key_type == head.key_type)
        && search.private.is_none_or(|private| private == head.private)
        && search.hidden.is_none_or(|hidden| hidden == head.hidden)
}

#[cfg(test)]
mod tests {
    use super::super::testing;
    use super::*;

    #[test]
    fn no_search_reads_more_than_it_returns() {
        let (_directory, conn) = testing::database();
        for sql in [POSTED, POSTED_SIZE, HAS_POSTING] {
            testing::assert_searches(&conn, sql);
        }
    }

    #[test]
    fn searches_by_kind_use_every_column_given() {
        let (_directory, conn) = testing::database();
        for (kind, columns) in [
            (&ANY, "(private=?)"),
            (&CLASS, "(private=? AND class=?)"),
            (&KEY_TYPE, "(private=? AND key_type=?)"),
            (
                &CLASS_AND_KEY_TYPE,
                "(private=? AND class=? AND key_type=?)",
            ),
        ] {
            for sql in [kind.list, kind.size] {
                testing::assert_searches(&conn, sql);
                let plan = testing::plan(&conn, sql);
                assert!(plan.iter().any(|step| step.ends_with(columns)), "{plan:?}");
            }
        }
    }
}
