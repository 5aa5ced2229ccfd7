//! Records to the local syslog, each as a datagram.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use crate::Result;

/// The facility "authpriv" of RFC 3164, times eight.
const AUTHPRIV: u8 = 80;
/// How often a datagram that was refused is sent again, and how long is waited before.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(500);

/// The socket of a syslog daemon.
pub(super) struct Syslog {
    path: PathBuf,
    socket: UnixDatagram,
}

impl Syslog {
    pub(super) fn of(path: PathBuf) -> Result<Self> {
        Ok(Self {
            path,
            socket: UnixDatagram::unbound()?,
        })
    }

    /// Sends `text`: a refusal with severity "warning", else with "notice". While the daemon is started again, this
    /// waits for it.
    pub(super) fn send(&self, text: &str, is_success: bool) -> Result<()> {
        let severity = if is_success { 5 } else { 4 };
        let process = std::process::id();
        let datagram = format!("<{}>tenon[{process}]: {text}", AUTHPRIV + severity);
        let mut left = TRIES;
        loop {
            match self.socket.send_to(datagram.as_bytes(), &self.path) {
                Ok(_) => return Ok(()),
                Err(error) if left > 0 && is_passing(&error) => {
                    left -= 1;
                    thread::sleep(PAUSE);
                }
                Err(error) => {
                    return Err(format!("cannot send to {}: {error}", self.path.display()).into());
                }
            }
        }
    }
}

/// Whether the daemon may take the same datagram a moment later.
fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
            | io::ErrorKind::WouldBlock
    )
}
