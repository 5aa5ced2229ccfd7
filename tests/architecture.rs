//! The layers of `src/`, and what only some places may do. Reads the sources, not the compiled crate.

#![allow(clippy::panic, reason = "a failed helper is a failed test")]

mod architecture {
    mod layers;
    mod names;
    mod read;
    mod rules;
    mod self_test;
    mod self_test_layers;
}
