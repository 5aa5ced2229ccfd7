//! Log lines. A library inside someone else's program writes to neither stdout nor stderr unless
//! it is told to; by default errors go to syslog, by a plain datagram.
//!
//! Lines hold the function, the CKR name and the error's sentence, never argument bytes.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use arc_swap::ArcSwapOption;
use parking_lot::RwLock;

use crate::ck;
use crate::config::{LogLevel, LogTarget};
use crate::error::Error;
use crate::limit;

/// Whether each call is traced. Every call reads it.
static TRACING: AtomicBool = AtomicBool::new(false);
/// No lock: a child that is forked while another thread writes a line must be able to trace.
static TRACE: ArcSwapOption<Trace> = ArcSwapOption::const_empty();

/// Where the trace of calls goes.
#[derive(Debug, Clone)]
pub(crate) struct Trace {
    /// Where its lines go.
    pub(crate) target: LogTarget,
    /// Each line is a JSON object.
    pub(crate) json: bool,
    /// A file that would become longer than so many bytes is renamed, with `.1` behind its name, and begun anew.
    pub(crate) limit: u64,
}

/// Sends the trace of this process to `trace` from now on.
pub(crate) fn configure_trace(trace: Trace) {
    let is_on = trace.target != LogTarget::Off;
    TRACE.store(Some(Arc::new(trace)));
    TRACING.store(is_on, Ordering::Relaxed);
}

/// Whether each call is traced.
pub(crate) fn is_tracing() -> bool {
    TRACING.load(Ordering::Relaxed)
}

/// Whether the lines of the trace are JSON objects.
pub(crate) fn traces_json() -> bool {
    TRACE.load().as_ref().is_some_and(|trace| trace.json)
}

/// Writes a line of the trace, and ignores failures: a lost line is better than a failed call.
pub(crate) fn trace(line: &str) {
    let Some(trace) = TRACE.load_full() else {
        return;
    };
    match &trace.target {
        LogTarget::Off => {}
        LogTarget::Syslog => to_syslog(7, line),
        LogTarget::Stderr => {
            let _ = writeln!(std::io::stderr(), "{line}");
        }
        LogTarget::File(path) => {
            let line = format!("{line}\n");
            let written = append(path, &line, trace.limit);
            if written.is_err_and(|error| error.kind() == io::ErrorKind::FileTooLarge) {
                let mut older = path.clone().into_os_string();
                older.push(".1");
                let _ = fs::rename(path, older);
                let _ = append(path, &line, u64::MAX);
            }
        }
    }
}

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
            // RFC 3164: error (3) to debug (7).
            let severity = match level {
                LogLevel::Error => 3,
                LogLevel::Warning => 4,
                LogLevel::Info => 6,
                LogLevel::Debug => 7,
            };
            to_syslog(severity, &text);
        }
        LogTarget::Stderr => {
            let _ = writeln!(std::io::stderr(), "tenon[{process}]: {text}");
        }
        LogTarget::File(path) => {
            let _ = append(path, &format!("tenon[{process}]: {text}\n"), u64::MAX);
        }
    }
}

/// Sends a datagram to the local syslog socket. `severity` is that of RFC 3164.
fn to_syslog(severity: u8, text: &str) {
    /// The facility "user" of RFC 3164.
    const USER: u8 = 8;
    let datagram = format!("<{}>tenon[{}]: {text}", USER + severity, std::process::id());
    let _ = UnixDatagram::unbound().and_then(|socket| {
        socket.set_nonblocking(true)?;
        socket.send_to(datagram.as_bytes(), "/dev/log")
    });
}

/// Appends `line`, unless the file would then have more than `most` bytes. Never waits: opening a named pipe without a reader is an error here.
fn append(path: &Path, line: &str, most: u64) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)?;
    let length = file.metadata()?.len();
    let longer = length + line.len() as u64;
    if longer > most {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    limit::check_file_length(longer)?;
    file.write_all(line.as_bytes())
}
