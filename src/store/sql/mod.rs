//! The engine that keeps tokens in a PostgreSQL database, so that many hosts share one token.
//!
//! One row of `token` is one slot. Every change locks that row first, so changes of a token come one after
//! the other over all hosts, and each leaves a number, the generation, that is one higher (`writer`). A
//! process that has been told the generation by an acknowledged write may rely on it for a while, the
//! lease, without asking again (`lease`); who changes or removes what others may rely on waits until
//! their leases have ended. How COMMIT may end is in `settle`.
//!
//! This room speaks the protocol itself, by `postgres-protocol`, over a blocking socket (`link`): it has to
//! see the tag of COMMIT and the warnings in it, to end each wait at its deadline, and to leave a
//! parent's connections alone in a forked child.

mod answer;
mod catalog;
mod decoded;
mod examine;
mod lease;
mod link;
mod patience;
mod places;
mod pool;
mod rows;
mod schema;
mod search;
mod sql_store;
mod stream;
mod writer;

pub(in crate::store) use catalog::SqlCatalog;
pub(in crate::store) use lease::Losses;
