//! Who calls the library, and from where: the facts that each audit record carries. The process says them of
//! itself; whoever runs as the same user can run another program under the same name.

use std::cell::Cell;
use std::sync::LazyLock;

use parking_lot::RwLock;

use crate::ck::CK_SESSION_HANDLE;

/// Bytes of each text of a client that are kept at most.
pub(crate) const TEXT_MAX: usize = 255;

/// A caller of the library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The process's real user, by number.
    pub uid: u32,
    /// The process, by its number in its own namespace.
    pub pid: u32,
    /// CK_SESSION_HANDLE of the call; `None` for a call without a session.
    pub session: Option<CK_SESSION_HANDLE>,
    /// Path of the program; empty where the system does not tell it.
    pub program: String,
    /// Name of the host, which in a container is the container's.
    pub host: String,
    /// The setting `actor`: for whom the program acts; empty where it is not set.
    pub actor: String,
}

static ACTOR: RwLock<String> = RwLock::new(String::new());

/// A call of a C function.
#[derive(Clone, Copy)]
struct Call {
    function: &'static str,
    session: Option<CK_SESSION_HANDLE>,
}

thread_local! {
    /// The call that this thread is in.
    static CALL: Cell<Option<Call>> = const { Cell::new(None) };
}

impl Client {
    /// This process, and the session in whose call this thread is.
    pub(crate) fn present() -> Self {
        static PROGRAM: LazyLock<String> = LazyLock::new(|| {
            let path = std::env::current_exe().unwrap_or_default();
            shortened(&path.to_string_lossy()).to_owned()
        });
        static HOST: LazyLock<String> = LazyLock::new(|| {
            let system = rustix::system::uname();
            shortened(&system.nodename().to_string_lossy()).to_owned()
        });
        Self {
            uid: rustix::process::getuid().as_raw(),
            pid: std::process::id(),
            session: CALL.get().and_then(|call| call.session),
            program: PROGRAM.clone(),
            host: HOST.clone(),
            actor: ACTOR.read().clone(),
        }
    }
}

/// Says for whom this process acts from now on.
pub(crate) fn set_actor(actor: &str) {
    *ACTOR.write() = shortened(actor).to_owned();
}

/// Runs `call`, a call of this function, with this session if it has one.
pub(crate) fn in_call<T>(
    function: &'static str,
    session: Option<CK_SESSION_HANDLE>,
    call: impl FnOnce() -> T,
) -> T {
    /// Also after a panic, which the door turns into an error.
    struct Left;
    impl Drop for Left {
        fn drop(&mut self) {
            CALL.set(None);
        }
    }
    CALL.set(Some(Call { function, session }));
    let _left = Left;
    call()
}

/// The C function that this thread is in.
pub(crate) fn function() -> Option<&'static str> {
    CALL.get().map(|call| call.function)
}

/// The beginning of `text` that has at most `TEXT_MAX` bytes.
fn shortened(text: &str) -> &str {
    let mut end = text.len().min(TEXT_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_this_process_and_the_session_of_the_call() {
        let client = Client::present();
        assert_eq!(client.pid, std::process::id());
        assert!(client.program.contains("tenon"), "{}", client.program);
        assert_eq!(client.session, None);
        let inside = || (Client::present().session, function());
        assert_eq!(
            in_call("C_Sign", Some(7), inside),
            (Some(7), Some("C_Sign"))
        );
        assert_eq!(
            in_call("C_GetInfo", None, inside),
            (None, Some("C_GetInfo"))
        );
        assert_eq!(inside(), (None, None));
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(shortened(&"é".repeat(200)).len(), 254);
        assert_eq!(shortened("short"), "short");
    }
}
