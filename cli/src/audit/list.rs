//! `tenon audit list`: the last records that match.

use clap::Args;
use tenon_pkcs11::api::clock::{Clock, SystemClock, UnixTime};
use tenon_pkcs11::api::store::Uid;
use tenon_pkcs11::api::token::{AuditEntry, Token};

use super::access::{PAGE, RecordAccess};
use super::record::{json, row};
use crate::Result;
use crate::number::whole;
use crate::output::{Format, uid as parse_uid};
use crate::table::table;
use crate::when::past;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    access: RecordAccess,
    /// Log in first, to see labels too; implied by --pin-file and by --so
    #[arg(long)]
    login: bool,
    /// Records since then: a day (2027-01-15), a second (2027-01-15T08:00:00Z), so long ago (30m,
    /// 24h, 7d), or Unix seconds
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<UnixTime>,
    /// Records of this object, by its CKA_UNIQUE_ID, and of what was done by it
    #[arg(long, value_name = "ID", value_parser = uid)]
    object: Option<Uid>,
    /// So many of the last ones
    #[arg(long, value_name = "NUMBER", value_parser = whole::<usize>(0..=u64::MAX), default_value_t = 100)]
    limit: usize,
    #[command(flatten)]
    format: Format,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let token = arguments.access.token(arguments.login)?;
    let records = last(&token, arguments)?;
    let answer = records
        .iter()
        .map(|(position, entry)| json(*position, entry));
    arguments.format.print(&answer.collect(), |out| {
        let rows: Vec<_> = records
            .iter()
            .map(|(position, entry)| row(*position, entry))
            .collect();
        let header = [
            "RECORD", "TIME", "EVENT", "ROLE", "RESULT", "CLIENT", "DETAILS",
        ];
        table(out, header, &rows)
    })
}

/// Reads backwards, page by page, until there are enough.
fn last(token: &Token, arguments: &Arguments) -> Result<Vec<(u64, AuditEntry)>> {
    let mut found = Vec::new();
    let mut end = token.audit_end()?;
    let begin = token.audit_begin()?;
    while end != 0 && end >= begin && found.len() < arguments.limit {
        let from = end.saturating_sub(PAGE as u64) + 1;
        let mut page = token.audit(from, PAGE)?;
        page.retain(|(position, entry)| *position <= end && matches(entry, arguments));
        let missing = arguments.limit - found.len();
        found.extend(page.into_iter().rev().take(missing));
        end = from - 1;
    }
    found.reverse();
    Ok(found)
}

fn matches(entry: &AuditEntry, arguments: &Arguments) -> bool {
    let concerns = |uid: &Uid| {
        [entry.by, entry.target].contains(&Some(*uid))
            || entry.objects.iter().any(|object| object.uid == *uid)
    };
    arguments.since.is_none_or(|since| entry.at >= since)
        && arguments.object.as_ref().is_none_or(concerns)
}

fn since(text: &str) -> std::result::Result<UnixTime, String> {
    past(text, SystemClock.now())
}

fn uid(text: &str) -> std::result::Result<Uid, String> {
    parse_uid(text)
        .ok_or_else(|| "expected the 32 hexadecimal digits of a CKA_UNIQUE_ID".to_owned())
}
