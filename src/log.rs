//! Log lines. A library inside someone else's program writes to neither stdout nor stderr unless
//! it is told to; by default errors go to syslog, by a plain datagram.
//!
//! Lines hold the function, the CKR name and the error's sentence, never argument bytes.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};

use parking_lot::RwLock;

use crate::ck;
use crate::config::{LogLevel, LogTarget};
use crate::error::Error;
use crate::limit;

static TARGET: RwLock<LogTarget> = RwLock::new(LogTarget::Syslog);
/// How many levels are logged, from `LogLevel::Error` on. Every call reads it.
static LEVELS: AtomicU8 = AtomicU8::new(1);

/// Sends the lines of this process to `target` from now on.
pub fn configure(target: LogTarget, level: LogLevel) {
    let levels = if target == LogTarget::Off {
        0
    } else {
        number(level)
    };
    *TARGET.write() = target;
    LEVELS.store(levels, Ordering::Relaxed);
}

/// The number of levels up to this one.
fn number(level: LogLevel) -> u8 {
    level as u8 + 1
}

pub(crate) fn called(function: &'static str) {
    if enabled(LogLevel::Debug) {
        line(LogLevel::Debug, &format!("{function} called"));
    }
}

/// Logs the error of a C function. Called once for each error, by the door.
pub(crate) fn refused(function: &'static str, error: &Error) {
    let level = level_of(error.rv);
    if enabled(level) {
        line(level, &format!("{function}: {error}"));
    }
}

/// Logs a fact that the operator should know.
pub(crate) fn note(level: LogLevel, text: &str) {
    if enabled(level) {
        line(level, text);
    }
}

/// Failures of the token are errors, refusals that a rule or a PIN decided are warnings, and what
/// clients provoke by ordinary probing is information.
fn level_of(rv: ck::CK_RV) -> LogLevel {
    match rv {
        ck::CKR_GENERAL_ERROR
        | ck::CKR_FUNCTION_FAILED
        | ck::CKR_HOST_MEMORY
        | ck::CKR_DEVICE_ERROR
        | ck::CKR_DEVICE_MEMORY
        | ck::CKR_TOKEN_NOT_RECOGNIZED => LogLevel::Error,
        ck::CKR_PIN_INCORRECT
        | ck::CKR_PIN_LOCKED
        | ck::CKR_KEY_FUNCTION_NOT_PERMITTED
        | ck::CKR_WRAPPED_KEY_INVALID
        | ck::CKR_TENON_MATERIAL_MISMATCH
        | ck::CKR_ACTION_PROHIBITED => LogLevel::Warning,
        _ => LogLevel::Info,
    }
}

fn enabled(level: LogLevel) -> bool {
    number(level) <= LEVELS.load(Ordering::Relaxed)
}

/// Writes a line, and ignores failures: a lost line is better than a failed call.
fn line(level: LogLevel, text: &str) {
    let text = text.replace(['\n', '\r'], " ");
    let process = std::process::id();
    match &*TARGET.read() {
        LogTarget::Off => {}
        LogTarget::Syslog => {
            // RFC 3164: facility user (1), severity error (3) to debug (7).
            let severity = match level {
                LogLevel::Error => 3,
                LogLevel::Warning => 4,
                LogLevel::Info => 6,
                LogLevel::Debug => 7,
            };
            let datagram = format!("<{}>tenon[{process}]: {text}", 8 + severity);
            let _ = UnixDatagram::unbound().and_then(|socket| {
                socket.set_nonblocking(true)?;
                socket.send_to(datagram.as_bytes(), "/dev/log")
            });
        }
        LogTarget::Stderr => {
            let _ = writeln!(std::io::stderr(), "tenon[{process}]: {text}");
        }
        LogTarget::File(path) => {
            let _ = append(path, &format!("tenon[{process}]: {text}\n"));
        }
    }
}

/// Never waits: opening a named pipe without a reader is an error here.
fn append(path: &Path, line: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)?;
    let length = file.metadata()?.len();
    limit::check_file_length(length + line.len() as u64)?;
    file.write_all(line.as_bytes())
}
