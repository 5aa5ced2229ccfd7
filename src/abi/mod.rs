//! The C ABI: pointers in, pointers out. The only room that touches a caller's memory.
//!
//! `calls` is the one list of functions; the exports and every function table come from it. A row
//! turns raw arguments into the types of `args`, `params` and `template`, whose constructors are
//! the only promise about pointers; the functions of the other files are safe code on those types.

mod args;
mod calls;
mod door;
mod general;
mod interfaces;
mod keys;
mod message;
mod message_signature;
mod object;
mod operation;
mod output;
mod params;
mod process;
mod random;
mod session;
mod slot;
mod template;
mod trace;

#[cfg(test)]
mod tests;
