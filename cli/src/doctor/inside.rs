//! What the token itself says: PINs, clock, anchor, and its file from within; with a PIN the audit
//! record, the objects against it, and the search index.

use std::error::Error;

use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::clock::{Clock, SystemClock};
use tenon_pkcs11::api::token::{Token, TokenStatus};

use super::arguments::Arguments;
use super::check::Check;
use super::tokens::ExaminedToken;
use crate::when::{DAY, span, utc};

/// Faults that are shown at most.
const SHOWN: usize = 5;
/// Seconds after which a backup is old.
const OLD_BACKUP: u64 = 7 * DAY;
/// Seconds within which an expiry is near.
const EXPIRES_SOON: u64 = 7 * DAY;

const RESTORE: &str = "put back a whole copy of the token's file, with the log (-wal) that belongs to it or made when no program had it open";

pub(super) fn examine(
    examined: &ExaminedToken,
    arguments: &Arguments,
    only_one: bool,
) -> Vec<Check> {
    let token = match &examined.token {
        Ok(token) => token,
        Err(reason) => {
            return vec![Check::failed(
                "opening",
                format!("unreadable: {reason}"),
                "mend what the reason says; the token is there, so do not make another in its place",
            )];
        }
    };
    let mut checks = match token.status() {
        Ok(status) if status.flags & ck::CKF_TOKEN_INITIALIZED == 0 => {
            return vec![Check::ok("opening", "a file without a token: `tenon init`")];
        }
        Ok(status) => vec![
            Check::ok("opening", opened(&status)),
            so_pin(&status),
            user_pin(&status),
        ],
        Err(error) => {
            return vec![Check::failed("opening", error.to_string(), RESTORE)];
        }
    };
    checks.extend([clock(token), anchor(token)]);
    checks.extend(examined.is_file.then(|| file(token)));
    checks.extend([backup(token), expiry(token)]);
    checks.extend(behind_a_login(token, arguments, only_one));
    checks
}

fn opened(status: &TokenStatus) -> String {
    let read_only = status.flags & ck::CKF_WRITE_PROTECTED != 0;
    let note = if read_only { ", read-only" } else { "" };
    format!("serial number {}{note}", status.serial)
}

fn user_pin(status: &TokenStatus) -> Check {
    const WHAT: &str = "user PIN";
    let has = |flag| status.flags & flag != 0;
    if !has(ck::CKF_USER_PIN_INITIALIZED) {
        return Check::warning(
            WHAT,
            "not set",
            "`tenon pin unlock` sets it with the security officer's",
        );
    }
    if has(ck::CKF_USER_PIN_LOCKED) {
        return Check::failed(
            WHAT,
            "locked after wrong tries",
            "`tenon pin unlock` sets a new one with the security officer's; `tenon audit list` shows when the tries were",
        );
    }
    tries(
        WHAT,
        has(ck::CKF_USER_PIN_FINAL_TRY),
        has(ck::CKF_USER_PIN_COUNT_LOW),
    )
}

fn so_pin(status: &TokenStatus) -> Check {
    const WHAT: &str = "SO PIN";
    let has = |flag| status.flags & flag != 0;
    if has(ck::CKF_SO_PIN_LOCKED) {
        return Check::failed(
            WHAT,
            "locked after wrong tries",
            "the user can still use the keys and wrap those that may leave; nothing unlocks the security officer's PIN",
        );
    }
    tries(
        WHAT,
        has(ck::CKF_SO_PIN_FINAL_TRY),
        has(ck::CKF_SO_PIN_COUNT_LOW),
    )
}

fn tries(what: &'static str, last: bool, wrong: bool) -> Check {
    const ADVICE: &str =
        "a right PIN sets the count back; `tenon audit list` shows when the tries were";
    match (last, wrong) {
        (true, _) => Check::warning(what, "one try left", ADVICE),
        (false, true) => Check::warning(what, "wrong tries since the last right one", ADVICE),
        (false, false) => Check::ok(what, "set, no wrong tries"),
    }
}

fn clock(token: &Token) -> Check {
    const WHAT: &str = "clock";
    let status = match token.clock() {
        Ok(status) => status,
        Err(error) => return Check::failed(WHAT, error.to_string(), RESTORE),
    };
    let found = format!("{}, mark {}", utc(status.reading), utc(status.mark));
    if let Some(database) = status.database.filter(|_| status.skewed) {
        return Check::failed(
            WHAT,
            format!("{found}, but the database's clock shows {}", utc(database)),
            "set the clock right, of this host or of the database's: until then this host does not move the token's time, and erases nothing",
        );
    }
    if !status.believed {
        return Check::warning(
            WHAT,
            format!("{found}: too far ahead to be believed"),
            "set the clock right, or say `tenon clock accept`; until then keys that have expired are refused and not erased",
        );
    }
    if status.reading < status.mark {
        let behind = span(status.mark - status.reading);
        return Check::warning(
            WHAT,
            format!("{found}: {behind} behind the mark"),
            "set the clock right; until then the token takes the mark for the time",
        );
    }
    Check::ok(WHAT, found)
}

fn anchor(token: &Token) -> Check {
    const WHAT: &str = "anchor";
    match token.anchor_status() {
        Ok(None) => Check::ok(
            WHAT,
            "store.anchor is not set: an older copy of the file is not noticed",
        ),
        Ok(Some(status)) => match status.refused {
            None => Check::ok(WHAT, format!("agrees at change {}", status.changes)),
            Some(why) => Check::failed(
                WHAT,
                why,
                "find out who replaced the file or the anchor before you accept it",
            ),
        },
        Err(error) => Check::failed(
            WHAT,
            error.to_string(),
            "see whether the folder of store.anchor is mounted",
        ),
    }
}

fn backup(token: &Token) -> Check {
    const WHAT: &str = "backup";
    const ADVICE: &str =
        "`tenon backup FILE` makes one, also while programs use the token: let a job do it daily";
    if token.is_read_only() {
        return Check::ok(
            WHAT,
            "a token that is not written does not note its backups",
        );
    }
    match token.last_backup() {
        Ok(None) => Check::warning(WHAT, "none was made", ADVICE),
        Ok(Some(at)) => {
            let age = SystemClock.now().saturating_sub(at);
            let found = format!("{}, {} ago", utc(at), span(age));
            match age > OLD_BACKUP {
                true => Check::warning(WHAT, found, ADVICE),
                false => Check::ok(WHAT, found),
            }
        }
        Err(error) => Check::failed(WHAT, error.to_string(), RESTORE),
    }
}

/// Whether material of external keys ends soon. What has ended is erased, and no fault.
fn expiry(token: &Token) -> Check {
    const WHAT: &str = "expiring keys";
    let keys = match token.sealed_keys() {
        Ok(keys) => keys,
        Err(error) => return Check::failed(WHAT, error.to_string(), RESTORE),
    };
    let now = SystemClock.now();
    let soon = now..now + EXPIRES_SOON;
    let ends = keys.iter().map(|key| key.expires_at);
    let ends: Vec<_> = ends.filter(|end| soon.contains(end)).collect();
    let Some(first) = ends.iter().min() else {
        return Check::ok(WHAT, format!("none within {}", span(EXPIRES_SOON)));
    };
    Check::warning(
        WHAT,
        format!(
            "{} within {}, the first at {}",
            ends.len(),
            span(EXPIRES_SOON),
            utc(*first)
        ),
        "import the same material again with a later expiry: `tenon byok list --expiring 7d` names the keys",
    )
}

fn file(token: &Token) -> Check {
    const WHAT: &str = "SQLite's check";
    match token.file_faults() {
        Ok(faults) if faults.is_empty() => {
            Check::ok(WHAT, "pages, indexes and references are sound")
        }
        Ok(faults) => Check::failed(WHAT, some(&faults), RESTORE),
        Err(error) => Check::failed(WHAT, error.to_string(), RESTORE),
    }
}

/// The first of `faults`, and how many more there are.
fn some(faults: &[String]) -> String {
    let shown = faults.iter().take(SHOWN).map(String::as_str);
    let mut text = shown.collect::<Vec<_>>().join("; ");
    if faults.len() > SHOWN {
        text += &format!("; and {} more", faults.len() - SHOWN);
    }
    text
}

/// Whether the user's PIN was tried wrongly since it was last right. A PIN that is in the environment of a
/// job that runs again and again must not use up the tries that are left.
fn wrong_tries(token: &Token) -> bool {
    let flags = token.status().map(|status| status.flags);
    flags.is_ok_and(|flags| flags & ck::CKF_USER_PIN_COUNT_LOW != 0)
}

const LOGIN: &str = "login";
const OBJECTS: &str = "objects";
const RECORD: &str = "record and index";

fn behind_a_login(token: &Token, arguments: &Arguments, only_one: bool) -> Vec<Check> {
    let source = arguments.pin.source(arguments.so);
    if !source.is_given() && !arguments.login && !arguments.so {
        return vec![left_out(
            "no PIN",
            "give a PIN: --login, --so, --pin-file or $TENON_PIN",
        )];
    }
    let asked = arguments.login || arguments.so || source.file.is_some();
    if !asked && wrong_tries(token) {
        return vec![left_out(
            "$TENON_PIN may be a wrong one, for there were wrong tries: it is not tried again",
            "see that $TENON_PIN is right, and say --login",
        )];
    }
    if !only_one {
        return vec![left_out(
            "several tokens",
            "choose one with --slot or --token: a PIN is tried at one token alone",
        )];
    }
    let login = source
        .read()
        .and_then(|pin| Ok(token.login(arguments.so, pin.as_bytes())?));
    match login {
        Ok(_) => vec![
            Check::ok(LOGIN, "the PIN is right"),
            objects(token),
            record(token),
        ],
        Err(error) => vec![
            Check::failed(LOGIN, error.to_string(), after_a_login(&*error)),
            left_out("no login", "log in"),
        ],
    }
}

/// What to do when a login was refused.
fn after_a_login(error: &(dyn Error + 'static)) -> &'static str {
    let refusal: Option<&tenon_pkcs11::api::error::Error> = error.downcast_ref();
    match refusal.map(|refusal| refusal.rv) {
        Some(ck::CKR_PIN_INCORRECT) => "give the right PIN; nothing more is tried with this one",
        _ => "mend what is said above, and examine the token again",
    }
}

fn left_out(why: &str, advice: &'static str) -> Check {
    Check::left_out(
        "objects, index",
        format!("{why}: audit record, objects and search index are not compared"),
        advice,
    )
}

fn objects(token: &Token) -> Check {
    match token.differences() {
        Ok(differ) if differ.is_empty() => {
            Check::ok(OBJECTS, "each is as the audit record left it")
        }
        Ok(differ) => {
            let named: Vec<_> = differ
                .into_iter()
                .map(|(uid, how)| format!("{uid} {how}"))
                .collect();
            Check::failed(OBJECTS, some(&named), RESTORE)
        }
        Err(error) => Check::failed(OBJECTS, error.to_string(), RESTORE),
    }
}

fn record(token: &Token) -> Check {
    match token.verify_audit() {
        Ok(verified) => Check::ok(
            RECORD,
            format!(
                "{} records, {} objects and {} index rows are genuine",
                verified.records, verified.objects, verified.index_rows
            ),
        ),
        Err(error) => Check::failed(RECORD, error.to_string(), RESTORE),
    }
}
