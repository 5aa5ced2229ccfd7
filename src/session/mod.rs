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

pub use active::{Active, After, Phase};
pub use messages::Messages;
pub use open::Session;
pub use operations::{
    Decrypt, Digest, Encrypt, Find, Keyed, KeyedMessages, MessageDecrypt, MessageEncrypt,
    Operation, Operations, Search, Sign, SignRecover, Verify, VerifyRecover, VerifySignature,
};
pub use registry::{Count, Sessions};
pub use work::{Produces, Signed, Takes};
