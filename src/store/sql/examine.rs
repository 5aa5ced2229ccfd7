//! What a database and its server are like, for the operator.

use std::time::Duration;

use crate::clock::{Deadline, SharedClock, boot_time};
use crate::store::database::DatabaseStatus;
use crate::store::error::Result;

use super::link::Link;
use super::schema;

/// Round trips of which the shortest counts.
const ROUNDS: usize = 5;

const SERVER: &str = "SELECT current_setting('synchronous_commit'), current_setting('synchronous_standby_names'), \
     (extract(epoch FROM clock_timestamp()) * 1000)::bigint, \
     (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'), \
     current_setting('max_connections')::bigint, \
     (SELECT count(*) FROM pg_stat_activity WHERE usename = current_user), \
     (SELECT rolconnlimit::bigint FROM pg_roles WHERE rolname = current_user)";
const TOKENS: &str = "SELECT coalesce(min(lease), 0), coalesce(max(lease), 0), coalesce(bool_or(had_standby), false), \
     (SELECT count(*) FROM tenon.lease WHERE seen > clock_timestamp() - interval '20 seconds') FROM tenon.token";
const MISSING_RIGHTS: &str = "SELECT c.relname::text || ' (' || p || ')' FROM pg_class c \
     JOIN pg_namespace n ON n.oid = c.relnamespace \
     CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'USAGE']) AS p \
     WHERE n.nspname = 'tenon' AND CASE \
     WHEN c.relkind = 'S' THEN p = 'USAGE' AND NOT has_sequence_privilege(c.oid, p) \
     WHEN c.relkind = 'r' AND c.relname = 'version' THEN p = 'SELECT' AND NOT has_table_privilege(c.oid, p) \
     WHEN c.relkind = 'r' THEN p <> 'USAGE' AND NOT has_table_privilege(c.oid, p) \
     ELSE false END ORDER BY 1";
const IS_IN_SCHEMA: &str = "SELECT has_schema_privilege('tenon', 'USAGE')";

/// Examines the server at the other end, and the tables there.
pub(super) fn examine(link: &mut Link, deadline: Deadline) -> Result<DatabaseStatus> {
    let mut round_trip = Duration::MAX;
    for _ in 0..ROUNDS {
        let begun = boot_time();
        link.collect("SELECT 1", &[])?;
        link.run(deadline)?;
        round_trip = round_trip.min(Duration::from_nanos(boot_time() - begun));
    }
    let begun = boot_time();
    link.collect(SERVER, &[])?;
    let row = link.run(deadline)?.last().one()?;
    let clock = SharedClock::default();
    clock.learn(row.unsigned(2)?, begun);
    let mut status = DatabaseStatus {
        host: link.host().to_string(),
        version: link.reported("server_version").unwrap_or("?").to_owned(),
        encryption: link.encryption(),
        is_socket: link.host().is_socket(),
        synchronous_commit: row.text(0)?,
        standbys: row.text(1)?,
        clock,
        round_trip,
        connections: row.unsigned(3)?,
        most_connections: row.unsigned(4)?,
        own_connections: row.unsigned(5)?,
        most_own_connections: u64::try_from(row.int(6)?).ok(),
        ..DatabaseStatus::default()
    };
    if !schema::is_there(link, deadline)? {
        return Ok(status);
    }
    link.collect(IS_IN_SCHEMA, &[])?;
    if !link.run(deadline)?.last().one()?.bool(0)? {
        status.missing_rights.push("the schema (USAGE)".into());
        return Ok(status);
    }
    link.collect(MISSING_RIGHTS, &[])?;
    let answer = link.run(deadline)?.last();
    for row in &answer.rows {
        status.missing_rights.push(row.text(0)?);
    }
    if status.missing_rights.is_empty() {
        schema::admit(link, deadline)?;
        link.collect(TOKENS, &[])?;
        let row = link.run(deadline)?.last().one()?;
        let milliseconds = |place| row.unsigned(place).map(Duration::from_millis);
        status.leases = Some((milliseconds(0)?, milliseconds(1)?));
        status.had_standby = row.bool(2)?;
        status.processes = row.unsigned(3)?;
    }
    Ok(status)
}
