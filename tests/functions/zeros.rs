//! Every function of the newest table, called with 0 and NULL alone.

use cryptoki_sys::*;

use super::hsm::{Table, test};

/// A function that is called with more arguments than it has, which C's calling convention allows: the
/// longest has ten.
pub(super) type AnyFunction = unsafe extern "C" fn(
    CK_ULONG,
    CK_ULONG,
    CK_ULONG,
    CK_ULONG,
    CK_ULONG,
    CK_ULONG,
    CK_ULONG,
    CK_ULONG,
    CK_ULONG,
    CK_ULONG,
) -> CK_RV;

macro_rules! names {
    ($table:expr; $($name:ident)*) => {
        [$((stringify!($name), $table.$name.unwrap() as *const ())),*]
    };
}

/// Every function of the table but C_Initialize and C_Finalize.
pub(super) fn every(table: Table) -> Vec<(&'static str, AnyFunction)> {
    #[rustfmt::skip]
    let functions = names! { table;
        C_GetInfo C_GetFunctionList C_GetSlotList C_GetSlotInfo C_GetTokenInfo C_GetMechanismList
        C_GetMechanismInfo C_InitToken C_InitPIN C_SetPIN C_OpenSession C_CloseSession
        C_CloseAllSessions C_GetSessionInfo C_GetOperationState C_SetOperationState C_Login C_Logout
        C_CreateObject C_CopyObject C_DestroyObject C_GetObjectSize C_GetAttributeValue
        C_SetAttributeValue C_FindObjectsInit C_FindObjects C_FindObjectsFinal C_EncryptInit C_Encrypt
        C_EncryptUpdate C_EncryptFinal C_DecryptInit C_Decrypt C_DecryptUpdate C_DecryptFinal
        C_DigestInit C_Digest C_DigestUpdate C_DigestKey C_DigestFinal C_SignInit C_Sign C_SignUpdate
        C_SignFinal C_SignRecoverInit C_SignRecover C_VerifyInit C_Verify C_VerifyUpdate C_VerifyFinal
        C_VerifyRecoverInit C_VerifyRecover C_DigestEncryptUpdate C_DecryptDigestUpdate
        C_SignEncryptUpdate C_DecryptVerifyUpdate C_GenerateKey C_GenerateKeyPair C_WrapKey C_UnwrapKey
        C_DeriveKey C_SeedRandom C_GenerateRandom C_GetFunctionStatus C_CancelFunction
        C_WaitForSlotEvent C_GetInterfaceList C_GetInterface C_LoginUser C_SessionCancel
        C_MessageEncryptInit C_EncryptMessage C_EncryptMessageBegin C_EncryptMessageNext
        C_MessageEncryptFinal C_MessageDecryptInit C_DecryptMessage C_DecryptMessageBegin
        C_DecryptMessageNext C_MessageDecryptFinal C_MessageSignInit C_SignMessage C_SignMessageBegin
        C_SignMessageNext C_MessageSignFinal C_MessageVerifyInit C_VerifyMessage C_VerifyMessageBegin
        C_VerifyMessageNext C_MessageVerifyFinal C_EncapsulateKey C_DecapsulateKey
        C_VerifySignatureInit C_VerifySignature C_VerifySignatureUpdate C_VerifySignatureFinal
        C_GetSessionValidationFlags C_AsyncComplete C_AsyncGetID C_AsyncJoin C_WrapKeyAuthenticated
        C_UnwrapKeyAuthenticated
    };
    // The table holds a version, which takes a pointer's room, and the two that are left out.
    let entries = size_of::<CK_FUNCTION_LIST_3_2>() / size_of::<usize>() - 3;
    assert_eq!(functions.len(), entries);
    let any = |(name, function)| {
        // SAFETY: a function of the table, whose arguments are numbers and pointers.
        let function = unsafe { std::mem::transmute::<*const (), AnyFunction>(function) };
        (name, function)
    };
    functions.into_iter().map(any).collect()
}

/// Every function but C_Initialize and C_Finalize, called with zeros alone; or every function of an open
/// session but C_CloseSession, called with its handle and zeros.
pub(crate) fn zeroed(
    table: Table,
    session: Option<CK_SESSION_HANDLE>,
) -> Vec<(&'static str, CK_RV)> {
    let call = |(name, function): (_, AnyFunction)| {
        // SAFETY: NULL and 0 are allowed to a caller.
        let rv = unsafe { function(session.unwrap_or(0), 0, 0, 0, 0, 0, 0, 0, 0, 0) };
        (name, rv)
    };
    let takes_session = |name| !SESSIONLESS.contains(&name) && name != "C_CloseSession";
    let wanted = |(name, _): &(&'static str, _)| session.is_none() || takes_session(*name);
    every(table).into_iter().filter(wanted).map(call).collect()
}

/// Functions whose first argument is no session.
const SESSIONLESS: [&str; 13] = [
    "C_GetInfo",
    "C_GetFunctionList",
    "C_GetSlotList",
    "C_GetSlotInfo",
    "C_GetTokenInfo",
    "C_GetMechanismList",
    "C_GetMechanismInfo",
    "C_InitToken",
    "C_OpenSession",
    "C_CloseAllSessions",
    "C_WaitForSlotEvent",
    "C_GetInterfaceList",
    "C_GetInterface",
];

/// Functions that answer every session, and none, alike (section 5.20).
const LEGACY: [&str; 2] = ["C_GetFunctionStatus", "C_CancelFunction"];

/// What a function of a session says, in which nothing is active, to NULL and 0.
fn with_session(name: &str) -> CK_RV {
    match name {
        "C_Logout" | "C_FindObjectsInit" | "C_FindObjectsFinal" | "C_SeedRandom"
        | "C_GenerateRandom" | "C_SessionCancel" => CKR_OK,
        // No object has the handle 0.
        "C_DestroyObject" | "C_GetAttributeValue" | "C_SetAttributeValue" => {
            CKR_OBJECT_HANDLE_INVALID
        }
        name if LEGACY.contains(&name) => CKR_FUNCTION_NOT_PARALLEL,
        "C_InitPIN"
        | "C_SetPIN"
        | "C_GetSessionInfo"
        | "C_GetOperationState"
        | "C_SetOperationState"
        | "C_Login"
        | "C_LoginUser"
        | "C_CreateObject"
        | "C_CopyObject"
        | "C_GetObjectSize"
        | "C_FindObjects"
        | "C_GenerateKey"
        | "C_GenerateKeyPair"
        | "C_WrapKey"
        | "C_UnwrapKey"
        | "C_DeriveKey"
        | "C_EncapsulateKey"
        | "C_DecapsulateKey"
        | "C_WrapKeyAuthenticated"
        | "C_UnwrapKeyAuthenticated"
        | "C_GetSessionValidationFlags"
        | "C_AsyncComplete"
        | "C_AsyncGetID"
        | "C_AsyncJoin" => CKR_ARGUMENTS_BAD,
        // Without a mechanism it ends an operation, and there is none.
        name if name.ends_with("Init") => CKR_ARGUMENTS_BAD,
        _ => CKR_OPERATION_NOT_INITIALIZED,
    }
}

test! {
    fn every_function_survives_zeros(hsm) {
        for (name, rv) in zeroed(hsm.table, Some(hsm.session)) {
            assert_eq!(rv, with_session(name), "{name}");
        }
        for (name, rv) in zeroed(hsm.table, None) {
            let expected = match name {
                // The slot 0 has a token.
                "C_CloseAllSessions" => CKR_OK,
                name if SESSIONLESS.contains(&name) => CKR_ARGUMENTS_BAD,
                name if LEGACY.contains(&name) => CKR_FUNCTION_NOT_PARALLEL,
                _ => CKR_SESSION_HANDLE_INVALID,
            };
            assert_eq!(rv, expected, "{name}");
        }
    }
}
