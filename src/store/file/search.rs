//! Finding objects by the attributes that a template names.
//!
//! A search walks the index rows of one posting, or the objects of one kind after the other: those that
//! share `private`, class and key type. Either way objects come in the order of their numbers, so a search
//! goes on behind the last one. With `INDEXED BY`, a plan other than the one wanted is an error.

use std::ops::ControlFlow;

use rusqlite::{Connection, OptionalExtension, params};

use crate::store::error::Result;
use crate::store::row::{Head, Kind, Posting, SearchConditions, SearchPlace, Walk};

use super::columns::{head, head_of_kind};

const POSTED: &str = "SELECT id, uid, class, key_type, private, hidden, expires_at, deletion_at \
     FROM posting AS p CROSS JOIN object AS o ON o.id = p.object \
     WHERE p.value = ?1 AND p.object > ?2 AND p.object <= ?3 ORDER BY p.object";
const POSTED_SIZE: &str = "SELECT count(*) FROM (SELECT 1 FROM posting WHERE value = ?1 LIMIT ?2)";
const HAS_POSTING: &str = "SELECT 1 FROM posting WHERE value = ?1 AND object = ?2";
/// Without the columns that objects of one kind share. The third is 0 where the following ones are.
const OF_KIND: &str = "SELECT id, uid, hidden | expires_at | deletion_at, hidden, expires_at, deletion_at \
     FROM object INDEXED BY object_head \
     WHERE private = ?1 AND class = ?2 AND key_type IS ?3 AND id > ?4 AND id <= ?5 ORDER BY id";
const KIND_SIZE: &str = "SELECT count(*) FROM (SELECT 1 FROM object INDEXED BY object_head \
     WHERE private = ?1 AND class = ?2 AND key_type IS ?3 LIMIT ?4)";
const NEXT_KEY_TYPE: &str = "SELECT key_type FROM object INDEXED BY object_head \
     WHERE private = ?1 AND class = ?2 AND key_type >= ?3 ORDER BY key_type LIMIT 1";
const NEXT_CLASS: &str = "SELECT class FROM object INDEXED BY object_head \
     WHERE private = ?1 AND class >= ?2 ORDER BY class LIMIT 1";
const LAST_ID: &str = "SELECT id FROM object WHERE id > 0 ORDER BY id DESC LIMIT 1";

/// See `ReadRows::find_from`.
pub(super) fn find_from(
    conn: &Connection,
    search: &SearchConditions<'_>,
    place: &mut SearchPlace,
    each: &mut dyn FnMut(Head) -> ControlFlow<()>,
) -> Result<()> {
    let begun = match place.walk {
        Some(walk) => Some(walk),
        None => first(conn, search)?,
    };
    let mut next = begun;
    while let Some(walk) = next {
        if begun != next {
            place.id = 0;
        }
        place.walk = next;
        let mut statement = match walk {
            Walk::Posting(_) => conn.prepare_cached(POSTED)?,
            Walk::Kind(_) => conn.prepare_cached(OF_KIND)?,
        };
        let last = place.last_id.unwrap_or(i64::MAX);
        let rows = match walk {
            Walk::Posting(posting) => statement.query(params![posting, place.id, last])?,
            Walk::Kind(Kind {
                private,
                class,
                key_type,
            }) => statement.query(params![private, class, key_type, place.id, last])?,
        };
        if sift(conn, rows, search, place, each)?.is_break() {
            return Ok(());
        }
        next = match walk {
            Walk::Posting(_) => None,
            Walk::Kind(kind) => next_kind(conn, search, Some(kind))?.map(Walk::Kind),
        };
    }
    Ok(())
}

/// What a search walks first; `None` where there is nothing to walk.
fn first(conn: &Connection, search: &SearchConditions<'_>) -> Result<Option<Walk>> {
    match rarest(conn, search)? {
        Some(posting) => Ok(Some(Walk::Posting(*posting))),
        None => Ok(next_kind(conn, search, None)?.map(Walk::Kind)),
    }
}

/// The kind after `last` among those that the search asks for; the first where `last` is `None`. It may have
/// no objects.
fn next_kind(
    conn: &Connection,
    search: &SearchConditions<'_>,
    last: Option<Kind>,
) -> Result<Option<Kind>> {
    let (private, next) = match last {
        Some(last) => (last.private, next_of_same_privacy(conn, search, last)?),
        None => {
            let private = search.private.unwrap_or(false);
            (private, first_kind(conn, search, private)?)
        }
    };
    if next.is_some() || private || search.private.is_some() {
        return Ok(next);
    }
    first_kind(conn, search, true)
}

fn first_kind(
    conn: &Connection,
    search: &SearchConditions<'_>,
    private: bool,
) -> Result<Option<Kind>> {
    let class = match search.class {
        Some(class) => Some(class.cast_signed()),
        None => next_class(conn, private, i64::MIN)?,
    };
    Ok(class.map(|class| Kind {
        private,
        class,
        key_type: search.key_type.map(u64::cast_signed),
    }))
}

fn next_of_same_privacy(
    conn: &Connection,
    search: &SearchConditions<'_>,
    last: Kind,
) -> Result<Option<Kind>> {
    if search.key_type.is_none() {
        let from = last
            .key_type
            .map_or(Some(i64::MIN), |last| last.checked_add(1));
        let key_type = match from {
            Some(from) => next_key_type(conn, last, from)?,
            None => None,
        };
        if key_type.is_some() {
            return Ok(Some(Kind { key_type, ..last }));
        }
    }
    let from = match search.class {
        Some(_) => None,
        None => last.class.checked_add(1),
    };
    let class = match from {
        Some(from) => next_class(conn, last.private, from)?,
        None => None,
    };
    Ok(class.map(|class| Kind {
        class,
        key_type: search.key_type.map(u64::cast_signed),
        ..last
    }))
}

fn next_key_type(conn: &Connection, kind: Kind, from: i64) -> Result<Option<i64>> {
    let mut statement = conn.prepare_cached(NEXT_KEY_TYPE)?;
    let next = statement.query_row(params![kind.private, kind.class, from], |row| row.get(0));
    Ok(next.optional()?)
}

fn next_class(conn: &Connection, private: bool, from: i64) -> Result<Option<i64>> {
    let mut statement = conn.prepare_cached(NEXT_CLASS)?;
    let next = statement.query_row(params![private, from], |row| row.get(0));
    Ok(next.optional()?)
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

/// How many objects have the class and key type of the search, at most `limit`.
fn kind_size(conn: &Connection, search: &SearchConditions<'_>, limit: i64) -> Result<i64> {
    let mut statement = conn.prepare_cached(KIND_SIZE)?;
    let mut size: i64 = 0;
    let mut next = next_kind(conn, search, None)?;
    while let Some(kind) = next
        && size < limit
    {
        let most = params![kind.private, kind.class, kind.key_type, limit - size];
        size += statement.query_row(most, |row| row.get::<_, i64>(0))?;
        next = next_kind(conn, search, Some(kind))?;
    }
    Ok(size)
}

/// Passes those of `rows` that meet the search on to `each`, and keeps the place where that breaks off.
fn sift(
    conn: &Connection,
    mut rows: rusqlite::Rows<'_>,
    search: &SearchConditions<'_>,
    place: &mut SearchPlace,
    each: &mut dyn FnMut(Head) -> ControlFlow<()>,
) -> Result<ControlFlow<()>> {
    let walked = match place.walk {
        Some(Walk::Posting(posting)) => Some(posting),
        _ => None,
    };
    while let Some(row) = rows.next()? {
        let head = match place.walk {
            Some(Walk::Kind(kind)) => head_of_kind(row, kind)?,
            _ => head(row)?,
        };
        if !fits(&head, search) || !has_all(conn, row, search.postings, walked)? {
            continue;
        }
        if each(head).is_break() {
            place.id = row.get(0)?;
            if place.last_id.is_none() {
                place.last_id = last_id(conn)?;
            }
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

fn last_id(conn: &Connection) -> Result<Option<i64>> {
    let mut statement = conn.prepare_cached(LAST_ID)?;
    Ok(statement.query_row([], |row| row.get(0)).optional()?)
}

/// Whether the object whose number is the first column of `row` has all of `postings`; it is known to have
/// `walked`.
fn has_all(
    conn: &Connection,
    row: &rusqlite::Row<'_>,
    postings: &[Posting],
    walked: Option<Posting>,
) -> Result<bool> {
    for posting in postings {
        if Some(*posting) == walked {
            continue;
        }
        let id: i64 = row.get(0)?;
        if !conn
            .prepare_cached(HAS_POSTING)?
            .exists(params![posting, id])?
        {
            return Ok(false);
        }
    }
    Ok(true)
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
        for sql in [
            POSTED,
            POSTED_SIZE,
            HAS_POSTING,
            OF_KIND,
            KIND_SIZE,
            NEXT_KEY_TYPE,
            NEXT_CLASS,
            LAST_ID,
        ] {
            testing::assert_searches(&conn, sql);
        }
    }

    #[test]
    fn searches_by_kind_use_every_column_given_and_read_the_index_alone() {
        let (_directory, conn) = testing::database();
        for (sql, columns) in [
            (
                OF_KIND,
                "(private=? AND class=? AND key_type=? AND id>? AND id<?)",
            ),
            (KIND_SIZE, "(private=? AND class=? AND key_type=?)"),
            (NEXT_KEY_TYPE, "(private=? AND class=? AND key_type>?)"),
            (NEXT_CLASS, "(private=? AND class>?)"),
        ] {
            let plan = testing::plan(&conn, sql);
            assert!(plan.iter().any(|step| step.ends_with(columns)), "{plan:?}");
            assert!(
                plan.iter().any(|step| step.contains("COVERING")),
                "{plan:?}"
            );
        }
    }
}
