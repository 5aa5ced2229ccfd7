//! What leaves the token, under whose key, and what comes back: nested templates, trust, roles, and
//! the attacks that combine them.
//!
//! The attacks are those of Clulow (2003) and of Delaune, Kremer, Steel, Bortolozzo, Centenaro and
//! Focardi ("Tookan", 2010): no key is broken, permitted calls are put in a clever order.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::useless_vec,
    reason = "what fails here fails the test"
)]

mod common;

mod trust {
    mod attacks;
    mod copies;
    mod derivations;
    mod heads;
    mod keys;
    mod officer;
    mod oracle;
    mod proof;
    mod roles;
    mod templates;
}
