//! What was answered otherwise than the specification says, so that a test tells all of it.

use std::collections::HashMap;

use cryptoki_sys::*;
use tenon_pkcs11::api::ck::rv_name;

use super::rows::{Arg, Row};

/// Codes that the text of section 5 calls for although the list of the function lacks them, or for which it has no
/// other.
const BEYOND: &[(&str, &str)] = &[
    // It names the error of a function that is not pending.
    ("C_AsyncGetID", "OPERATION_NOT_INITIALIZED"),
    // It returns what the function that is asked for returns.
    ("C_AsyncComplete", "OPERATION_NOT_INITIALIZED"),
    ("C_AsyncComplete", "ARGUMENTS_BAD"),
    ("C_AsyncComplete", "CRYPTOKI_NOT_INITIALIZED"),
    // It follows the convention of section 5.2.
    ("C_EncapsulateKey", "BUFFER_TOO_SMALL"),
    // NULL where something is needed, as in all functions beside these.
    ("C_EncryptInit", "ARGUMENTS_BAD"),
    ("C_MessageEncryptInit", "ARGUMENTS_BAD"),
    ("C_EncryptMessageBegin", "ARGUMENTS_BAD"),
    ("C_GetSessionValidationFlags", "ARGUMENTS_BAD"),
    // Section 5.1.6 has it for every use that the key's attributes do not allow.
    ("C_WrapKey", "KEY_FUNCTION_NOT_PERMITTED"),
    ("C_WrapKeyAuthenticated", "KEY_FUNCTION_NOT_PERMITTED"),
    ("C_UnwrapKey", "KEY_FUNCTION_NOT_PERMITTED"),
    ("C_UnwrapKeyAuthenticated", "KEY_FUNCTION_NOT_PERMITTED"),
    ("C_DeriveKey", "KEY_FUNCTION_NOT_PERMITTED"),
    ("C_EncapsulateKey", "KEY_FUNCTION_NOT_PERMITTED"),
    ("C_DecapsulateKey", "KEY_FUNCTION_NOT_PERMITTED"),
];

type Codes = Vec<&'static str>;

pub(super) struct Findings {
    /// The codes of each function, without CKR_.
    listed: HashMap<&'static str, Codes>,
    wrong: Vec<String>,
    calls: usize,
}

impl Findings {
    pub(super) fn new() -> Self {
        let lines = include_str!("returns.txt").lines();
        let rows = lines.filter(|line| !line.starts_with('#'));
        let listed = rows.map(|line| {
            let (name, codes) = line.split_once(':').unwrap();
            (name, codes.split_whitespace().collect())
        });
        Self {
            listed: listed.collect(),
            wrong: Vec::new(),
            calls: 0,
        }
    }

    fn allows(&self, row: &Row, code: &str) -> bool {
        // Section 5.1.2: any function that takes a session may answer the last one.
        let of_session = row.arguments.contains(&Arg::Session) && code == "SESSION_HANDLE_INVALID";
        code == "OK"
            || of_session
            || BEYOND.contains(&(row.name, code))
            || self.listed[row.name].contains(&code)
    }

    /// Takes an answer of a function. It is to be one of `expected`, or where that is empty, any that is listed.
    pub(super) fn take(&mut self, row: &Row, case: &str, rv: CK_RV, expected: &[CK_RV]) {
        self.calls += 1;
        let name = rv_name(rv);
        let allowed = self.allows(row, name.trim_start_matches("CKR_"));
        if allowed && (expected.is_empty() || expected.contains(&rv)) {
            return;
        }
        let listed = if allowed { "" } else { ", which is not listed" };
        let expected: Vec<_> = expected.iter().map(|rv| rv_name(*rv)).collect();
        let wrong = format!("{} {case}: {name}{listed}; wanted {expected:?}", row.name);
        self.wrong.push(wrong);
    }

    /// Ends the test, which must have made so many calls.
    pub(super) fn end(self, least: usize) {
        let Self { wrong, calls, .. } = self;
        assert!(
            wrong.is_empty(),
            "{} of {calls}:\n{}",
            wrong.len(),
            wrong.join("\n")
        );
        assert!(calls >= least, "{calls} calls were made");
    }
}
