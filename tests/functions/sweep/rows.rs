//! Every function with right arguments, and what makes it right to call it.

use cryptoki_sys::*;

use super::world::Bytes::{
    Capsule, Data, Label, Mac, Name, Pin, Recoverable, Sealed, State, Wrapped,
};
use super::world::Key::{Aes, KemPrivate, KemPublic, Left, RsaPrivate, RsaPublic, Secret};
use super::world::Means::{
    AesKey, Derivation, Ecb, Gcm, Hmac, KeyWrap, MlKem, Pair, Pkcs, Sealing, Sha256,
};
use super::world::Template::{DataObject, KeySize, NewKey, NewLabel, Nothing, Point, Read};
use super::world::{Bytes, Key, Means, Template};

/// An argument of a function.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Arg {
    Session,
    /// The slot of the token.
    Slot,
    /// A slot without a token.
    FreeSlot,
    /// A key that does the work.
    Key(Key),
    /// An object that the function is about.
    Object(Key),
    Mechanism(Means),
    /// A template, and how many attributes it has.
    Template(Template),
    Count(Template),
    /// Bytes, and how many these are.
    Input(Bytes),
    Len(Bytes),
    /// A buffer, and the place of its length.
    Output,
    OutputLen,
    /// The place of one value that the function gives.
    Place,
    Number(CK_ULONG),
    /// A pointer that must be NULL.
    Reserved,
    /// A pointer that may be NULL, and is.
    Absent,
    /// The parameter of a message, and its size.
    Parameter,
    ParameterSize,
}

/// A function with right arguments.
#[derive(Clone, Copy)]
pub(super) struct Row {
    pub(super) name: &'static str,
    /// Functions to be called before, with right arguments too.
    pub(super) after: &'static [&'static str],
    pub(super) arguments: &'static [Arg],
    /// What the function answers.
    pub(super) answer: CK_RV,
}

const fn row(name: &'static str, after: &'static [&'static str], arguments: &'static [Arg]) -> Row {
    Row {
        name,
        after,
        arguments,
        answer: CKR_OK,
    }
}

/// A function whose answer to right arguments is an error.
const fn answers(name: &'static str, arguments: &'static [Arg], answer: CK_RV) -> Row {
    Row {
        answer,
        ..row(name, &[], arguments)
    }
}

use Arg::Key as By;
use Arg::{
    Absent, Count, FreeSlot, Input, Len, Mechanism, Number, Object, Output, OutputLen, Parameter,
    ParameterSize, Place, Reserved, Session, Slot, Template as With,
};

/// Functions that take a session and no more.
const ALONE: &[Arg] = &[Session];
const TEXT: &[Arg] = &[Session, Input(Data), Len(Data)];
const TEXT_TO: &[Arg] = &[Session, Input(Data), Len(Data), Output, OutputLen];
const TO: &[Arg] = &[Session, Output, OutputLen];
const MAC: &[Arg] = &[Session, Input(Mac), Len(Mac)];
const PART: &[Arg] = &[
    Session,
    Parameter,
    ParameterSize,
    Input(Data),
    Len(Data),
    Output,
    OutputLen,
    Number(CKF_END_OF_MESSAGE),
];
const BEGIN: &[Arg] = &[Session, Parameter, ParameterSize, Input(Data), Len(Data)];

/// All functions of the newest table but C_Initialize and C_Finalize.
#[rustfmt::skip]
pub(super) static ROWS: &[Row] = &[
    row("C_GetInfo", &[], &[Place]),
    row("C_GetFunctionList", &[], &[Place]),
    row("C_GetSlotList", &[], &[Number(0), Output, OutputLen]),
    row("C_GetSlotInfo", &[], &[Slot, Place]),
    row("C_GetTokenInfo", &[], &[Slot, Place]),
    answers("C_WaitForSlotEvent", &[Number(CKF_DONT_BLOCK), Place, Reserved], CKR_NO_EVENT),
    row("C_GetMechanismList", &[], &[Slot, Output, OutputLen]),
    row("C_GetMechanismInfo", &[], &[Slot, Number(CKM_SHA256), Place]),
    row("C_InitToken", &[], &[FreeSlot, Input(Pin), Len(Pin), Input(Label)]),
    // The session is the user's.
    answers("C_InitPIN", &[Session, Input(Pin), Len(Pin)], CKR_USER_NOT_LOGGED_IN),
    row("C_SetPIN", &[], &[Session, Input(Pin), Len(Pin), Input(Pin), Len(Pin)]),
    row("C_OpenSession", &[], &[Slot, Number(CKF_SERIAL_SESSION), Absent, Absent, Place]),
    row("C_CloseSession", &[], ALONE),
    row("C_CloseAllSessions", &[], &[Slot]),
    row("C_GetSessionInfo", &[], &[Session, Place]),
    row("C_GetOperationState", &["C_DigestInit"], TO),
    row("C_SetOperationState", &[], &[Session, Input(State), Len(State), Number(0), Number(0)]),
    answers("C_Login", &[Session, Number(CKU_USER), Input(Pin), Len(Pin)], CKR_USER_ALREADY_LOGGED_IN),
    row("C_Logout", &[], ALONE),

    row("C_CreateObject", &[], &[Session, With(DataObject), Count(DataObject), Place]),
    row("C_CopyObject", &[], &[Session, Object(Left), With(NewLabel), Count(NewLabel), Place]),
    row("C_DestroyObject", &[], &[Session, Object(Left)]),
    row("C_GetObjectSize", &[], &[Session, Object(Aes), Place]),
    row("C_GetAttributeValue", &[], &[Session, Object(Aes), With(Read), Count(Read)]),
    row("C_SetAttributeValue", &[], &[Session, Object(Aes), With(NewLabel), Count(NewLabel)]),
    row("C_FindObjectsInit", &[], &[Session, With(NewLabel), Count(NewLabel)]),
    row("C_FindObjects", &["C_FindObjectsInit"], &[Session, Output, Number(4), Place]),
    row("C_FindObjectsFinal", &["C_FindObjectsInit"], ALONE),

    row("C_EncryptInit", &[], &[Session, Mechanism(Ecb), By(Aes)]),
    row("C_Encrypt", &["C_EncryptInit"], TEXT_TO),
    row("C_EncryptUpdate", &["C_EncryptInit"], TEXT_TO),
    row("C_EncryptFinal", &["C_EncryptInit", "C_EncryptUpdate"], TO),
    row("C_DecryptInit", &[], &[Session, Mechanism(Ecb), By(Aes)]),
    row("C_Decrypt", &["C_DecryptInit"], TEXT_TO),
    row("C_DecryptUpdate", &["C_DecryptInit"], TEXT_TO),
    row("C_DecryptFinal", &["C_DecryptInit", "C_DecryptUpdate"], TO),
    row("C_DigestInit", &[], &[Session, Mechanism(Sha256)]),
    row("C_Digest", &["C_DigestInit"], TEXT_TO),
    row("C_DigestUpdate", &["C_DigestInit"], TEXT),
    row("C_DigestKey", &["C_DigestInit"], &[Session, By(Left)]),
    row("C_DigestFinal", &["C_DigestInit", "C_DigestUpdate"], TO),
    row("C_SignInit", &[], &[Session, Mechanism(Hmac), By(Secret)]),
    row("C_Sign", &["C_SignInit"], TEXT_TO),
    row("C_SignUpdate", &["C_SignInit"], TEXT),
    row("C_SignFinal", &["C_SignInit", "C_SignUpdate"], TO),
    row("C_SignRecoverInit", &[], &[Session, Mechanism(Pkcs), By(RsaPrivate)]),
    row("C_SignRecover", &["C_SignRecoverInit"], TEXT_TO),
    row("C_VerifyInit", &[], &[Session, Mechanism(Hmac), By(Secret)]),
    row("C_Verify", &["C_VerifyInit"], &[Session, Input(Data), Len(Data), Input(Mac), Len(Mac)]),
    row("C_VerifyUpdate", &["C_VerifyInit"], TEXT),
    row("C_VerifyFinal", &["C_VerifyInit", "C_VerifyUpdate"], MAC),
    row("C_VerifyRecoverInit", &[], &[Session, Mechanism(Pkcs), By(RsaPublic)]),
    row("C_VerifyRecover", &["C_VerifyRecoverInit"], &[Session, Input(Recoverable), Len(Recoverable), Output, OutputLen]),
    row("C_DigestEncryptUpdate", &["C_DigestInit", "C_EncryptInit"], TEXT_TO),
    row("C_DecryptDigestUpdate", &["C_DigestInit", "C_DecryptInit"], TEXT_TO),
    row("C_SignEncryptUpdate", &["C_SignInit", "C_EncryptInit"], TEXT_TO),
    row("C_DecryptVerifyUpdate", &["C_VerifyInit", "C_DecryptInit"], TEXT_TO),

    row("C_GenerateKey", &[], &[Session, Mechanism(AesKey), With(KeySize), Count(KeySize), Place]),
    row("C_GenerateKeyPair", &[], &[Session, Mechanism(Pair), With(Point), Count(Point), With(Nothing), Count(Nothing), Place, Place]),
    row("C_WrapKey", &[], &[Session, Mechanism(KeyWrap), By(Aes), Object(Left), Output, OutputLen]),
    row("C_UnwrapKey", &[], &[Session, Mechanism(KeyWrap), By(Aes), Input(Wrapped), Len(Wrapped), With(NewKey), Count(NewKey), Place]),
    row("C_DeriveKey", &[], &[Session, Mechanism(Derivation), By(Secret), With(NewKey), Count(NewKey), Place]),
    row("C_SeedRandom", &[], TEXT),
    row("C_GenerateRandom", &[], &[Session, Output, Number(32)]),
    answers("C_GetFunctionStatus", &[Number(0)], CKR_FUNCTION_NOT_PARALLEL),
    answers("C_CancelFunction", &[Number(0)], CKR_FUNCTION_NOT_PARALLEL),

    row("C_GetInterfaceList", &[], &[Output, OutputLen]),
    row("C_GetInterface", &[], &[Absent, Absent, Place, Number(0)]),
    answers("C_LoginUser", &[Session, Number(CKU_USER), Input(Pin), Len(Pin), Absent, Number(0)], CKR_USER_ALREADY_LOGGED_IN),
    row("C_SessionCancel", &[], &[Session, Number(CKF_ENCRYPT)]),

    row("C_MessageEncryptInit", &[], &[Session, Mechanism(Gcm), By(Aes)]),
    row("C_EncryptMessage", &["C_MessageEncryptInit"], &[Session, Parameter, ParameterSize, Input(Data), Len(Data), Input(Data), Len(Data), Output, OutputLen]),
    row("C_EncryptMessageBegin", &["C_MessageEncryptInit"], BEGIN),
    row("C_EncryptMessageNext", &["C_MessageEncryptInit", "C_EncryptMessageBegin"], PART),
    row("C_MessageEncryptFinal", &["C_MessageEncryptInit"], ALONE),
    row("C_MessageDecryptInit", &[], &[Session, Mechanism(Gcm), By(Aes)]),
    row("C_DecryptMessage", &["C_MessageDecryptInit"], &[Session, Parameter, ParameterSize, Input(Data), Len(Data), Input(Sealed), Len(Sealed), Output, OutputLen]),
    row("C_DecryptMessageBegin", &["C_MessageDecryptInit"], BEGIN),
    row("C_DecryptMessageNext", &["C_MessageDecryptInit", "C_DecryptMessageBegin"], &[Session, Parameter, ParameterSize, Input(Sealed), Len(Sealed), Output, OutputLen, Number(CKF_END_OF_MESSAGE)]),
    row("C_MessageDecryptFinal", &["C_MessageDecryptInit"], ALONE),
    row("C_MessageSignInit", &[], &[Session, Mechanism(Hmac), By(Secret)]),
    row("C_SignMessage", &["C_MessageSignInit"], &[Session, Absent, Number(0), Input(Data), Len(Data), Output, OutputLen]),
    row("C_SignMessageBegin", &["C_MessageSignInit"], &[Session, Absent, Number(0)]),
    row("C_SignMessageNext", &["C_MessageSignInit", "C_SignMessageBegin"], &[Session, Absent, Number(0), Input(Data), Len(Data), Output, OutputLen]),
    row("C_MessageSignFinal", &["C_MessageSignInit"], ALONE),
    row("C_MessageVerifyInit", &[], &[Session, Mechanism(Hmac), By(Secret)]),
    row("C_VerifyMessage", &["C_MessageVerifyInit"], &[Session, Absent, Number(0), Input(Data), Len(Data), Input(Mac), Len(Mac)]),
    row("C_VerifyMessageBegin", &["C_MessageVerifyInit"], &[Session, Absent, Number(0)]),
    row("C_VerifyMessageNext", &["C_MessageVerifyInit", "C_VerifyMessageBegin"], &[Session, Absent, Number(0), Input(Data), Len(Data), Input(Mac), Len(Mac)]),
    row("C_MessageVerifyFinal", &["C_MessageVerifyInit"], ALONE),

    row("C_EncapsulateKey", &[], &[Session, Mechanism(MlKem), By(KemPublic), With(NewKey), Count(NewKey), Output, OutputLen, Place]),
    row("C_DecapsulateKey", &[], &[Session, Mechanism(MlKem), By(KemPrivate), With(NewKey), Count(NewKey), Input(Capsule), Len(Capsule), Place]),
    row("C_VerifySignatureInit", &[], &[Session, Mechanism(Hmac), By(Secret), Input(Mac), Len(Mac)]),
    row("C_VerifySignature", &["C_VerifySignatureInit"], TEXT),
    row("C_VerifySignatureUpdate", &["C_VerifySignatureInit"], TEXT),
    row("C_VerifySignatureFinal", &["C_VerifySignatureInit", "C_VerifySignatureUpdate"], ALONE),
    row("C_GetSessionValidationFlags", &[], &[Session, Number(1), Place]),
    // Nothing is pending, and nothing was saved.
    answers("C_AsyncComplete", &[Session, Input(Name), Absent], CKR_OPERATION_NOT_INITIALIZED),
    answers("C_AsyncGetID", &[Session, Input(Name), Absent], CKR_OPERATION_NOT_INITIALIZED),
    answers("C_AsyncJoin", &[Session, Input(Name), Number(1), Output, Number(64)], CKR_SAVED_STATE_INVALID),
    row("C_WrapKeyAuthenticated", &[], &[Session, Mechanism(Sealing), By(Aes), Object(Left), Input(Data), Len(Data), Output, OutputLen]),
    row("C_UnwrapKeyAuthenticated", &[], &[Session, Mechanism(Sealing), By(Aes), Input(Sealed), Len(Sealed), With(NewKey), Count(NewKey), Input(Data), Len(Data), Place]),
];
