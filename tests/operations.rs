//! When an operation begins, goes on and ends.

mod common;

mod operations {
    mod authentication;
    mod dates;
    mod endings;
    mod find;
    mod phases;
}
