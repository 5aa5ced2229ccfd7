//! `log.trace`. Every child process of these tests writes one, so that each test is a test of the trace too: it must
//! stand what they try, and never show the PIN.

use std::path::PathBuf;

use cryptoki_sys::*;

use super::hsm::{Hsm, TRACE, len, plain, pointer, test};
use crate::client::PIN;

/// The trace of this child process.
fn trace() -> String {
    let file = PathBuf::from(std::env::var_os(TRACE).unwrap());
    String::from_utf8(std::fs::read(file).unwrap()).unwrap()
}

/// The line of the last call of `function`.
fn last(function: &str) -> String {
    let trace = trace();
    let call = format!(" {function}(");
    let line = trace.lines().rfind(|line| line.contains(&call));
    line.unwrap_or_else(|| panic!("no {function} in {trace}"))
        .to_owned()
}

fn attribute(kind: CK_ATTRIBUTE_TYPE, value: &[u8]) -> CK_ATTRIBUTE {
    CK_ATTRIBUTE {
        type_: kind,
        pValue: pointer(value).cast(),
        ulValueLen: len(value),
    }
}

/// A value that is in no other place.
const VALUE: [u8; 32] = *b"a value of a key, seen by nobody";

fn key(hsm: &Hsm) -> CK_OBJECT_HANDLE {
    let (class, kind) = (
        CKO_SECRET_KEY.to_ne_bytes(),
        CKK_GENERIC_SECRET.to_ne_bytes(),
    );
    let mut template = [
        attribute(CKA_CLASS, &class),
        attribute(CKA_KEY_TYPE, &kind),
        attribute(CKA_LABEL, b"traced\nkey"),
        attribute(CKA_SIGN, &[CK_TRUE]),
        attribute(CKA_VALUE, &VALUE),
    ];
    let mut made = 0;
    let count = CK_ULONG::try_from(template.len()).unwrap();
    let rv = call!(
        hsm,
        C_CreateObject(template.as_mut_ptr(), count, &raw mut made)
    );
    assert_eq!(rv, CKR_OK);
    made
}

test! {
    fn a_call_is_traced_with_its_arguments_and_result(hsm) {
        assert!(last("C_Initialize").contains(") = CKR_OK in "));
        let made = key(hsm);
        let line = last("C_CreateObject");
        assert!(line.contains(&format!("tenon[{}/", std::process::id())), "{line}");
        for part in [
            &format!("session={}", hsm.session)[..],
            r#""CKA_SIGN":true"#,
            // A line break in a label begins no other line.
            r#""CKA_LABEL":"7472616365640a6b6579""#,
            r#""CKA_VALUE":"(32 bytes)""#,
            &format!("object={made}")[..],
            ") = CKR_OK in ",
            " µs",
        ] {
            assert!(line.contains(part), "no {part} in {line}");
        }
        let mut mechanism = plain(CKM_SHA256_HMAC);
        assert_eq!(call!(hsm, C_SignInit(&raw mut mechanism, made)), CKR_OK);
        let line = last("C_SignInit");
        assert!(line.contains(&format!(r#"mechanism="CKM_SHA256_HMAC", key={made}"#)), "{line}");
        let (mut signature, mut room) = ([0_u8; 8], 8);
        let signed = call!(hsm, C_Sign(pointer(&VALUE), 32, signature.as_mut_ptr(), &raw mut room));
        assert_eq!(signed, CKR_BUFFER_TOO_SMALL);
        let line = last("C_Sign");
        assert!(line.contains("len=32, out_len=32) = CKR_BUFFER_TOO_SMALL"), "{line}");
    }

    fn parameters_of_mechanisms_are_traced_by_name(hsm) {
        let initialized = last("C_Initialize");
        assert!(initialized.contains("args={") || initialized.contains("args=null"), "{initialized}");
        let made = key(hsm);
        // A secret that is derived with, and a vector that is sent in clear.
        let mut data = CK_KEY_DERIVATION_STRING_DATA { pData: pointer(&VALUE), ulLen: 32 };
        let mut concatenate = CK_MECHANISM {
            mechanism: CKM_CONCATENATE_BASE_AND_DATA,
            pParameter: (&raw mut data).cast(),
            ulParameterLen: CK_ULONG::try_from(size_of_val(&data)).unwrap(),
        };
        let mut derived = 0;
        call!(hsm, C_DeriveKey(&raw mut concatenate, made, std::ptr::null_mut(), 0, &raw mut derived));
        let line = last("C_DeriveKey");
        assert!(line.contains(r#"parameter={"data_len":32}, mechanism="CKM_CONCATENATE_BASE_AND_DATA""#), "{line}");
        let (mut iv, mut aad) = ([0xA5_u8; 12], *b"bound to it");
        let mut gcm = CK_GCM_PARAMS {
            pIv: iv.as_mut_ptr(),
            ulIvLen: 12,
            ulIvBits: 96,
            pAAD: aad.as_mut_ptr(),
            ulAADLen: 11,
            ulTagBits: 96,
        };
        let mut mechanism = CK_MECHANISM {
            mechanism: CKM_AES_GCM,
            pParameter: (&raw mut gcm).cast(),
            ulParameterLen: CK_ULONG::try_from(size_of_val(&gcm)).unwrap(),
        };
        call!(hsm, C_EncryptInit(&raw mut mechanism, made));
        let line = last("C_EncryptInit");
        let shown = r#"parameter={"aad_len":11,"iv":"a5a5a5a5a5a5a5a5a5a5a5a5","tag_bits":96}"#;
        assert!(line.contains(shown), "{line}");
        gcm.ulTagBits = 7;
        mechanism.pParameter = (&raw mut gcm).cast();
        call!(hsm, C_EncryptInit(&raw mut mechanism, made));
        let line = last("C_EncryptInit");
        assert!(line.contains("the tag has 32, 64"), "a parameter that is none says why: {line}");
        // A message's parameter has the length of another structure, and is not read as that one.
        call!(hsm, C_MessageEncryptInit(&raw mut mechanism, made));
        let line = last("C_MessageEncryptInit");
        assert!(line.contains(r#"parameter="(48 bytes)""#), "{line}");
        let trace = trace();
        for secret in [&VALUE[..], &aad] {
            let text = std::str::from_utf8(secret).unwrap();
            assert!(!trace.contains(text), "{text} is in the trace");
        }
    }

    fn no_pin_and_no_value_is_in_the_trace(hsm) {
        let made = key(hsm);
        let mut read = [0_u8; 32];
        let mut wanted = [attribute(CKA_VALUE, &read)];
        wanted[0].pValue = read.as_mut_ptr().cast();
        call!(hsm, C_GetAttributeValue(made, wanted.as_mut_ptr(), 1));
        let mut mechanism = plain(CKM_SHA256_HMAC);
        call!(hsm, C_SignInit(&raw mut mechanism, made));
        call!(hsm, C_SignUpdate(pointer(&VALUE), 32));
        let mut search = [attribute(CKA_VALUE, &VALUE)];
        call!(hsm, C_FindObjectsInit(search.as_mut_ptr(), 1));
        call!(hsm, C_SetPIN(pointer(PIN), len(PIN), pointer(b"another-pin-1"), 13));
        call!(hsm, C_Logout());
        call!(hsm, C_Login(CKU_USER, pointer(b"another-pin-1"), 13));
        assert!(last("C_Login").contains("user=1) = CKR_OK"), "{}", last("C_Login"));
        let trace = trace();
        let secrets: [&[u8]; 3] = [PIN, &VALUE, b"another-pin-1"];
        for secret in secrets {
            let text = std::str::from_utf8(secret).unwrap();
            let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
            assert!(!trace.contains(text) && !trace.contains(&hex), "{text} is in the trace");
        }
        for function in ["C_GetAttributeValue", "C_SignUpdate", "C_FindObjectsInit", "C_SetPIN"] {
            assert!(last(function).contains(") = CKR_"));
        }
    }
}

/// A trace as JSON, in files of at most 1 MiB.
#[test]
fn a_trace_as_json_is_rotated() {
    const CALLS: &str = "TENON_TEST_TRACE_CALLS";
    if std::env::var_os(CALLS).is_some() {
        let table = crate::client::newest_functions(&crate::client::library());
        let none = std::ptr::null_mut();
        assert_eq!(function!(table, C_Initialize(none)), CKR_OK);
        for _ in 0..9000 {
            function!(table, C_CloseSession(7));
        }
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trace");
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "functions::trace::a_trace_as_json_is_rotated"])
        .env(CALLS, "1")
        .env("TENON_DIRECTORIES_TOKENDIR", folder.path().join("tokens"))
        .env("TENON_LOG_TARGET", "off")
        .env(TRACE, &file)
        .env("TENON_LOG_TRACE_FORMAT", "json")
        .env("TENON_LOG_TRACE_MIB", "1")
        .env("TENON_CONF", "/dev/null")
        .status()
        .unwrap();
    assert!(status.success());
    let (mut lines, mut last) = (0, serde_json::Value::Null);
    for name in ["trace.1", "trace"] {
        let text = std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(text.len() <= 1 << 20);
        for line in text.lines() {
            last = serde_json::from_str(line).unwrap();
            lines += 1;
        }
    }
    assert_eq!(last["call"], "C_CloseSession");
    assert_eq!(last["arguments"]["session"], 7);
    assert_eq!(last["result"], "CKR_SESSION_HANDLE_INVALID");
    assert!(last["pid"].is_u64() && last["thread"].is_i64() && last["microseconds"].is_u64());
    assert_eq!(lines, 9001);
}
