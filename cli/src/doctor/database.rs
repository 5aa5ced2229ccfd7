//! The database that has the tokens, and its server.

use tenon_pkcs11::api::clock::{Clock, SystemClock, utc};
use tenon_pkcs11::api::config::Config;
use tenon_pkcs11::api::store::{self, DatabaseStatus};

use super::check::Check;
use crate::output::printable;

/// The oldest release of PostgreSQL that is tested.
const OLDEST: u64 = 15;
/// Milliseconds of a round trip from which on each first use of a key is slow.
const SLOW: u128 = 20;
/// Milliseconds of a lease from which on a revocation takes long.
const LONG_LEASE: u128 = 2000;

/// What `tenon doctor` says of the database; the first check alone where it cannot be used.
pub(super) fn examine(config: &Config) -> Vec<Check> {
    let catalog = store::catalog(config);
    let name = printable(catalog.name().as_bytes());
    let status = match catalog.database() {
        Ok(Some(status)) => status,
        Ok(None) => return Vec::new(),
        Err(error) => {
            return vec![Check::failed(
                "database",
                format!("{name}: {error}"),
                "see that a server of `store.url` runs, takes changes and lets the role log in; `tenon config` shows where the setting comes from",
            )];
        }
    };
    let mut checks = vec![
        Check::ok(
            "database",
            format!("{name}, by {}", printable(status.host.as_bytes())),
        ),
        version(&status),
        encryption(&status),
        commit(&status),
        standby(&status),
        clock(&status, config.clock_skew),
        round_trip(&status),
        connections(&status),
        rights(&status),
    ];
    checks.extend(lease(&status));
    checks
}

fn version(status: &DatabaseStatus) -> Check {
    const WHAT: &str = "version";
    let found = format!("PostgreSQL {}", printable(status.version.as_bytes()));
    let major = status.version.split(['.', ' ']).next();
    match major.and_then(|major| major.parse::<u64>().ok()) {
        Some(major) if major >= OLDEST => Check::ok(WHAT, found),
        _ => Check::warning(
            WHAT,
            found,
            "use PostgreSQL 15 or later: others are not tested",
        ),
    }
}

fn encryption(status: &DatabaseStatus) -> Check {
    const WHAT: &str = "TLS";
    match &status.encryption {
        Some(version) => Check::ok(WHAT, version),
        None if status.is_socket => Check::ok(WHAT, "none, by a socket of this machine"),
        None => Check::warning(
            WHAT,
            "none",
            "take `sslmode=disable` out of store.url, and name the CA's certificate with `sslrootcert`",
        ),
    }
}

fn commit(status: &DatabaseStatus) -> Check {
    const WHAT: &str = "synchronous_commit";
    let found = printable(status.synchronous_commit.as_bytes());
    const ADVICE: &str = "set synchronous_commit = on for the database or the role: else changes that were answered can be lost";
    match &*status.synchronous_commit {
        "on" | "remote_apply" => Check::ok(WHAT, found),
        "local" | "remote_write" if status.standbys.is_empty() => Check::ok(WHAT, found),
        _ => Check::failed(WHAT, found, ADVICE),
    }
}

fn standby(status: &DatabaseStatus) -> Check {
    const WHAT: &str = "standby";
    match (status.standbys.is_empty(), status.had_standby) {
        (false, _) => Check::ok(WHAT, printable(status.standbys.as_bytes())),
        (true, true) => Check::failed(
            WHAT,
            "none, and there was one: changes are kept by one server alone",
            "bring the synchronous standby back (Patroni: `synchronous_mode_strict`); `UPDATE tenon.token SET had_standby = false` where none is wanted any more",
        ),
        (true, false) => Check::warning(
            WHAT,
            "none: changes are kept by one server alone",
            "set synchronous_standby_names, or let Patroni do it with `synchronous_mode` and `synchronous_mode_strict`",
        ),
    }
}

fn clock(status: &DatabaseStatus, skew: u64) -> Check {
    const WHAT: &str = "database's clock";
    let Some(shown) = status.clock.now() else {
        return Check::left_out(WHAT, "the database does not say", "look at its server");
    };
    let apart = shown.abs_diff(SystemClock.now());
    let found = format!("{}, {apart} s from this host's", utc(shown));
    match apart {
        _ if apart > skew => Check::failed(
            WHAT,
            found,
            "set the clock of this host or of the database's right: farther apart than `clock.skew` this host does not move the tokens' time, and erases nothing",
        ),
        0..=2 => Check::ok(WHAT, found),
        _ => Check::warning(
            WHAT,
            found,
            "let NTP set the clocks of this host and of the database's",
        ),
    }
}

fn round_trip(status: &DatabaseStatus) -> Check {
    const WHAT: &str = "round trip";
    let found = format!("{:.2} ms", status.round_trip.as_secs_f64() * 1000.0);
    match status.round_trip.as_millis() {
        0..SLOW => Check::ok(WHAT, found),
        _ => Check::warning(
            WHAT,
            found,
            "put hosts and database near each other: a change takes three of these, the first use of a key one",
        ),
    }
}

fn connections(status: &DatabaseStatus) -> Check {
    const WHAT: &str = "connections";
    let DatabaseStatus {
        connections,
        most_connections,
        own_connections,
        ..
    } = status;
    let own = match status.most_own_connections {
        Some(most) => format!("{own_connections} of {most}"),
        None => own_connections.to_string(),
    };
    let found = format!("{connections} of {most_connections}, of this role {own}");
    let is_near = |used: u64, most: u64| used.saturating_mul(5) >= most.saturating_mul(4);
    let own_near = status
        .most_own_connections
        .is_some_and(|most| is_near(*own_connections, most));
    if own_near || is_near(*connections, *most_connections) {
        return Check::warning(
            WHAT,
            found,
            "raise max_connections or the role's CONNECTION LIMIT, or put a pooler (transaction mode) before the server: who gets no connection answers CKR_DEVICE_ERROR",
        );
    }
    Check::ok(WHAT, found)
}

fn rights(status: &DatabaseStatus) -> Check {
    const WHAT: &str = "rights";
    match &*status.missing_rights {
        [] => Check::ok(WHAT, "the role may do what clients need"),
        missing => Check::failed(
            WHAT,
            format!("missing: {}", printable(missing.join(", ").as_bytes())),
            "GRANT SELECT, INSERT, UPDATE, DELETE on all tables and USAGE on all sequences and the schema `tenon` to the role",
        ),
    }
}

fn lease(status: &DatabaseStatus) -> Option<Check> {
    const WHAT: &str = "lease";
    let (shortest, longest) = status.leases?;
    let (shortest, longest) = (shortest.as_millis(), longest.as_millis());
    let length = match shortest == longest {
        true => format!("{longest} ms"),
        false => format!("{shortest} to {longest} ms"),
    };
    let found = format!("{length}, of {} processes", status.processes);
    if longest > LONG_LEASE {
        return Some(Check::warning(
            WHAT,
            found,
            "`UPDATE tenon.token SET lease = 500`: a change or removal of an object waits 1.25 leases",
        ));
    }
    if shortest == 0 {
        return Some(Check::warning(
            WHAT,
            found,
            "`UPDATE tenon.token SET lease = 500`, unless each use of a key is to ask the database",
        ));
    }
    Some(Check::ok(WHAT, found))
}
