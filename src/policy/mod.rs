//! May this be done, and what follows? Pure: facts, caller and time in, decision out.
//!
//! Whether a caller may do something with an object is decided by [`decide()`], and only there; with the
//! token itself by [`decide_on_token()`]; what a derived key may hold of others, and what that makes of
//! it, by [`derive()`].

mod action;
mod blob;
pub mod dates;
mod decide;
mod derive;
mod facts;
mod pieces;
mod roles;
#[cfg(test)]
mod tests;
mod token;

pub use action::{Action, Effect, Refusal};
pub use blob::Blob;
pub use decide::decide;
pub use derive::{Part, Step, derive};
pub use facts::{Caller, Facts, KeyFacts, Login, Use};
pub use pieces::{Pieces, UNGUESSABLE};
pub use token::{TokenAction, decide_on_token};
