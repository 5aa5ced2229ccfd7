//! One session: its active operations, its search, its state.

mod active;
mod external;
mod login;
mod messages;
mod objects;
mod open;
mod operations;
mod registry;
mod work;

pub(crate) use active::ActiveOperation;
pub use active::{After, Phase};
pub(crate) use messages::Messages;
pub use open::Session;
pub(crate) use operations::KeyedMessages;
pub use operations::{
    Decrypt, Digest, Encrypt, Find, Keyed, MessageDecrypt, MessageEncrypt, Operation, Sign,
    SignRecover, Verify, VerifyRecover, VerifySignature,
};
pub(crate) use registry::Sessions;
pub use work::{Produces, Takes};
