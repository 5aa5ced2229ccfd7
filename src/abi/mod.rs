//! The C ABI: pointers in, pointers out. The only room that touches a caller's memory.
//!
//! `calls` is the one list of functions; the exports and every function table come from it. A row
//! turns raw arguments into the types of `args`, `params` and `template`, whose constructors are
//! the only promise about pointers; the functions of the other files are safe code on those types.

#[cfg(not(test))]
mod below;
#[cfg(test)]
#[path = "tests/below.rs"]
mod below;

mod args;
mod calls;
mod cipher;
mod digest;
mod door;
mod dual;
mod general;
mod keys;
mod object;
mod output;
mod params;
mod process;
mod session;
mod sign;
mod slot;
mod step;
mod tables;
mod template;

#[cfg(test)]
mod tests;
