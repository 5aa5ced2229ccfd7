//! Objects: made, read, found, changed, copied, destroyed, and kept.

mod common;

mod objects {
    mod change;
    mod create;
    mod damage;
    mod facts;
    mod find;
    mod read;
    mod visibility;
    mod wrap;
}
