//! May this be done, and what follows? Pure: facts, caller and time in, decision out.
//!
//! Whether a caller may do something with an object is decided by [`decide()`], and only there; with the
//! token itself by [`decide_on_token()`]; what a derived key may hold of others, and what that makes of
//! it, by [`derive()`].

mod action;
mod blob;
pub(crate) mod dates;
mod decide;
mod derive;
mod facts;
mod pieces;
mod roles;
#[cfg(test)]
mod tests;
mod token;

pub(crate) use action::{Action, Blob, Effect, Refusal};
pub(crate) use decide::decide;
pub(crate) use derive::{Derivation, Part, derive};
pub(crate) use facts::{Caller, Facts, KeyFacts};
pub use facts::{Login, Use};
pub(crate) use pieces::Pieces;
pub(crate) use token::{TokenAction, decide_on_token};
