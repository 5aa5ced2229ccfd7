//! The store as the rooms above it see it.

mod store {
    mod basics;
    mod common;
}
