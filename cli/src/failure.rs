//! What is said of an error, and the exit status: text for people, with --json one JSON object on the last line of
//! standard error.

use std::error::Error;
use std::io;
use std::process::ExitCode;

use serde_json::{Value, json};
use tenon_pkcs11::api::ck;

use crate::advice;
use crate::output::printable_lines;
use crate::status::{FAILED, WRONG_USAGE};

/// Tells of an error of a command, with advice.
pub(crate) fn report(error: &(dyn Error + 'static)) -> ExitCode {
    // Who closes the pipe, as `tenon … | head` does, has all that was wanted.
    let closed = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    if error.downcast_ref().is_some_and(closed) {
        return ExitCode::SUCCESS;
    }
    let advice = advice::after(error);
    let message = words(&error.to_string());
    if wants_json() {
        let refusal: Option<&tenon_pkcs11::api::error::Error> = error.downcast_ref();
        let result = refusal.map(|refusal| ck::rv_name(refusal.rv));
        eprintln!("{}", json(&message, advice, result, FAILED));
    } else {
        eprintln!("tenon: {}", printable_lines(&message));
        if let Some(advice) = advice {
            eprintln!("tenon: {advice}");
        }
    }
    ExitCode::from(FAILED)
}

/// The text without the numbers of the system's errors, ` (os error 2)`, which std puts behind their words, and
/// without the name of CKR_GENERAL_ERROR before it, which says nothing more than that there is an error.
fn words(text: &str) -> String {
    let text = text.strip_prefix("CKR_GENERAL_ERROR: ").unwrap_or(text);
    let mut parts = text.split(" (os error ");
    let mut words = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        words.push_str(part.split_once(')').map_or(part, |(_, rest)| rest));
    }
    words
}

/// Tells of arguments that are wrong, or prints the help that was asked for.
pub(crate) fn report_usage(error: &clap::Error) -> ExitCode {
    if !wants_json() || !error.use_stderr() {
        error.exit();
    }
    let text = error.to_string();
    let message = text.trim_start_matches("error: ").lines();
    let message: Vec<_> = message.take_while(|line| !line.is_empty()).collect();
    eprintln!("{}", json(&message.join("\n"), None, None, WRONG_USAGE));
    ExitCode::from(WRONG_USAGE)
}

fn json(message: &str, advice: Option<&str>, result: Option<&str>, status: u8) -> Value {
    json!({
        "error": { "message": message, "advice": advice, "result": result, "exit_status": status },
    })
}

/// Whether --json is among the arguments, which may be wrong otherwise.
fn wants_json() -> bool {
    let mut arguments = std::env::args_os().take_while(|argument| argument != "--");
    arguments.any(|argument| argument == "--json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_nothing_is_left_out() {
        let missing = io::Error::from_raw_os_error(2);
        let said = words(&format!("cannot read a: {missing}; {missing}"));
        assert_eq!(
            said,
            "cannot read a: No such file or directory; No such file or directory"
        );
        assert_eq!(words("no error"), "no error");
        assert_eq!(words("CKR_GENERAL_ERROR: a:1: no key"), "a:1: no key");
        assert_eq!(words("CKR_DEVICE_ERROR: a"), "CKR_DEVICE_ERROR: a");
    }
}
