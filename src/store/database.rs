//! What an operator wants to know of the database that has the tokens.

use std::time::Duration;

use crate::clock::SharedClock;

/// The database, and the server that answered for it.
#[derive(Debug, Default)]
pub struct DatabaseStatus {
    /// The host that takes changes, as `store.url` names it.
    pub host: String,
    /// The server's release, for example `15.18`.
    pub version: String,
    /// The version of TLS on the way to it; `None` without.
    pub encryption: Option<String>,
    /// It is reached by a socket of this machine.
    pub is_socket: bool,
    /// Its settings `synchronous_commit` and `synchronous_standby_names`.
    pub synchronous_commit: String,
    /// See `synchronous_commit`. Empty where no standby has to keep a change before it is acknowledged.
    pub standbys: String,
    /// Whether a change of a token was ever kept by a standby before it was acknowledged.
    pub had_standby: bool,
    /// Its clock.
    pub clock: SharedClock,
    /// How long the shortest of several statements took.
    pub round_trip: Duration,
    /// The shortest and the longest lease of the tokens; `None` where their tables are not there or cannot be read.
    pub leases: Option<(Duration, Duration)>,
    /// How many processes asked for a lease within 20 seconds, each counted once a token.
    pub processes: u64,
    /// Connections to the server, and how many it allows.
    pub connections: u64,
    /// See `connections`.
    pub most_connections: u64,
    /// Connections of this role, and how many it may have; `None` where that has no limit.
    pub own_connections: u64,
    /// See `own_connections`.
    pub most_own_connections: Option<u64>,
    /// What the role may not do that clients need: tables with the right that is missing.
    pub missing_rights: Vec<String>,
}
