//! Every mechanism that the token offers, in every use that it has.

mod common;

mod mechanisms {
    mod cases;
    mod ciphers;
    mod digests;
    mod generation;
    mod refusals;
    mod signatures;
    mod wraps;
}
