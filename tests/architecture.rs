//! The layers of `src/`, and what only some places of it and of the program in `cli/` may do. Reads
//! the sources, not the compiled crates.

#![allow(clippy::panic, reason = "a failed helper is a failed test")]

mod architecture {
    mod clients;
    mod dependencies;
    mod index;
    mod layers;
    mod names;
    mod read;
    mod rules;
    mod security;
    mod self_test;
    mod self_test_layers;
}
