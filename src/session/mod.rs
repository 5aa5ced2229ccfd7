//! One session: its active operations, its search, its state.

mod active;
mod external;
mod login;
mod message_based;
mod message_signatures;
mod messages;
mod objects;
mod open;
mod operation_state;
mod operations;
mod registry;
mod saved_operation;
mod work;

pub(crate) use active::ActiveOperation;
pub use active::{After, Phase};
pub(crate) use messages::Messages;
pub use open::Session;
pub use operations::{
    Decrypt, Digest, Encrypt, Find, Keyed, MessageDecrypt, MessageEncrypt, MessageSign,
    MessageVerify, Operation, Sign, SignRecover, Verify, VerifyRecover, VerifySignature,
};
pub(crate) use operations::{KeyedMessages, MessageSignature};
pub(crate) use registry::Sessions;
pub use work::{Produces, Takes};

pub(crate) use crate::token::DerivedKeys;
