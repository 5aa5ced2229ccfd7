//! The one list of functions. Each row is a C signature and the function that answers it; exports
//! and function tables are generated from the rows, so that they cannot drift apart.
//!
//! A row's body says what the call needs: `anytime =>` nothing, `module =>` an initialized
//! library, `h =>` also the session whose handle is `h`; and the function that answers, which gets the
//! module or session first. The rows of `operation` name operation and phase. An empty body is a
//! function that this version does not have: CKR_FUNCTION_NOT_SUPPORTED.

#![allow(non_snake_case, reason = "the names of the C ABI")]

use super::args::{buffer, input, nothing, place, record, text};
use super::interfaces::{Interfaces, V2_40, V3_0, V3_2, interface};
use super::operation::Clear;
use super::output::{array, list, output};
use super::params::{mechanism, message_parameter as parameter};
use super::template::template;
use super::{
    door, general, interfaces, keys, message, message_signature, object, operation, random,
    session, slot,
};
use crate::ck::*;
use crate::error::refuse;
use crate::module::Module;
use crate::session::Phase::{Final, Update, Whole};
use crate::session::{
    Decrypt, Digest, Encrypt, MessageDecrypt, MessageEncrypt, MessageSign, MessageVerify, Session,
    Sign, SignRecover, Verify, VerifyRecover, VerifySignature,
};

macro_rules! body {
    ($name:expr,) => {
        door::with_module(const { door::Function::named($name) }, |_| {
            refuse(CKR_FUNCTION_NOT_SUPPORTED, "this version does not have the function")
        })
    };
    ($name:expr, anytime => $($call:ident)::+ ( $($value:expr),* $(,)? )) => {
        // SAFETY: the caller's arguments are what the specification asks for, as the export demands.
        door::anytime(const { door::Function::named($name) }, || $($call)::+($(unsafe { $value }),*))
    };
    ($name:expr, module => $($call:ident)::+ ( $($value:expr),* $(,)? )) => {
        // SAFETY: as above.
        door::with_module(const { door::Function::named($name) }, |module| $($call)::+(module, $(unsafe { $value }),*))
    };
    ($name:expr, $session:ident => $($call:ident)::+ ( $($value:expr),* $(,)? )) => {
        // SAFETY: as above.
        door::with_session(const { door::Function::named($name) }, $session, |session| $($call)::+(session, $(unsafe { $value }),*))
    };
}

macro_rules! function {
    ($(#[$attribute:meta])* fn $name:ident as $as:expr, ($($arg:tt: $type:ty),*) { $($body:tt)* }) => {
        #[doc = concat!("`", $as, "` of PKCS #11.")]
        ///
        /// # Safety
        /// The arguments are what the specification asks of a caller; pointers may be NULL.
        $(#[$attribute])*
        #[allow(unused_unsafe, reason = "plain numbers need no promise")]
        pub(super) unsafe extern "C" fn $name($($arg: $type),*) -> CK_RV {
            body!($as, $($body)*)
        }
    };
}

macro_rules! calls {
    (
        since 2.40 { $($n2:ident($($a2:tt: $t2:ty),* $(,)?) $b2:tt)* }
        since 3.0 { $($n3:ident($($a3:tt: $t3:ty),* $(,)?) $b3:tt)* }
        since 3.2 { $($n4:ident($($a4:tt: $t4:ty),* $(,)?) $b4:tt)* }
    ) => {
        $(function! { #[unsafe(no_mangle)] fn $n2 as stringify!($n2), ($($a2: $t2),*) $b2 })*
        $(function! { #[unsafe(no_mangle)] fn $n3 as stringify!($n3), ($($a3: $t3),*) $b3 })*
        $(function! { #[unsafe(no_mangle)] fn $n4 as stringify!($n4), ($($a4: $t4),*) $b4 })*

        const LIST_2_40: CK_FUNCTION_LIST = CK_FUNCTION_LIST {
            version: V2_40,
            $($n2: Some($n2),)*
        };
        const LIST_3_0: CK_FUNCTION_LIST_3_0 = CK_FUNCTION_LIST_3_0 {
            version: V3_0,
            $($n2: Some($n2),)*
            $($n3: Some($n3),)*
        };
        const LIST_3_2: CK_FUNCTION_LIST_3_2 = CK_FUNCTION_LIST_3_2 {
            version: V3_2,
            $($n2: Some($n2),)*
            $($n3: Some($n3),)*
            $($n4: Some($n4),)*
        };
    };
}

type Handle = CK_SESSION_HANDLE;
type Key = CK_OBJECT_HANDLE;
type Object = CK_OBJECT_HANDLE;
type Slot = CK_SLOT_ID;
type Flags = CK_FLAGS;
type Len = CK_ULONG;
type Void = CK_VOID_PTR;
type Bytes = CK_BYTE_PTR;
type Utf8 = CK_UTF8CHAR_PTR;
type ULongs = CK_ULONG_PTR;
type Mechanism = CK_MECHANISM_PTR;
type Attributes = CK_ATTRIBUTE_PTR;
type Handles = CK_OBJECT_HANDLE_PTR;

calls! {
    since 2.40 {
        C_Initialize(args: Void) { anytime => general::initialize(record(args.cast())) }
        C_Finalize(reserved: Void) { anytime => general::finalize(reserved) }
        C_GetInfo(info: CK_INFO_PTR) { module => general::info(V2_40, place(info)) }
        C_GetFunctionList(table: CK_FUNCTION_LIST_PTR_PTR) { anytime => interfaces::function_list(&TABLE_2_40, place(table)) }

        C_GetSlotList(present: CK_BBOOL, slots: CK_SLOT_ID_PTR, count: ULongs) { module => slot::list(present, list(slots, count)) }
        C_GetSlotInfo(slot: Slot, info: CK_SLOT_INFO_PTR) { module => slot::info(slot, place(info)) }
        C_GetTokenInfo(slot: Slot, info: CK_TOKEN_INFO_PTR) { module => slot::token(slot, place(info)) }
        C_WaitForSlotEvent(flags: Flags, slot: CK_SLOT_ID_PTR, reserved: Void) { module => slot::wait(flags, place(slot), reserved) }
        C_GetMechanismList(slot: Slot, types: CK_MECHANISM_TYPE_PTR, count: ULongs) { module => slot::mechanisms(slot, list(types, count)) }
        C_GetMechanismInfo(slot: Slot, kind: CK_MECHANISM_TYPE, info: CK_MECHANISM_INFO_PTR) { module => slot::mechanism(slot, kind, place(info)) }
        C_InitToken(slot: Slot, pin: Utf8, len: Len, label: Utf8) { module => slot::init_token(slot, input(pin, len), record(label.cast())) }
        C_InitPIN(h: Handle, pin: Utf8, len: Len) { h => slot::init_pin(input(pin, len)) }
        C_SetPIN(h: Handle, old: Utf8, old_len: Len, new: Utf8, new_len: Len) { h => slot::set_pin(input(old, old_len), input(new, new_len)) }

        C_OpenSession(slot: Slot, flags: Flags, _: Void, _: CK_NOTIFY, h: CK_SESSION_HANDLE_PTR) { module => session::open(slot, flags, place(h)) }
        C_CloseSession(h: Handle) { module => Module::close_session(h) }
        C_CloseAllSessions(slot: Slot) { module => Module::close_all_sessions(slot) }
        C_GetSessionInfo(h: Handle, info: CK_SESSION_INFO_PTR) { h => session::info(place(info)) }
        C_GetOperationState(_: Handle, _: Bytes, _: ULongs) {}
        C_SetOperationState(_: Handle, _: Bytes, _: Len, _: Key, _: Key) {}
        C_Login(h: Handle, user: CK_USER_TYPE, pin: Utf8, len: Len) { h => session::login(user, input(pin, len)) }
        C_Logout(h: Handle) { h => Session::logout() }

        C_CreateObject(h: Handle, attributes: Attributes, count: Len, object: Handles) { h => object::create(template(attributes, count), place(object)) }
        C_CopyObject(h: Handle, object: Object, attributes: Attributes, count: Len, copy: Handles) { h => object::copy(object, template(attributes, count), place(copy)) }
        C_DestroyObject(h: Handle, object: Object) { h => Session::destroy_object(object) }
        C_GetObjectSize(h: Handle, object: Object, size: ULongs) { h => object::size(object, place(size)) }
        C_GetAttributeValue(h: Handle, object: Object, attributes: Attributes, count: Len) { h => object::attributes(object, template(attributes, count)) }
        C_SetAttributeValue(h: Handle, object: Object, attributes: Attributes, count: Len) { h => object::set_attributes(object, template(attributes, count)) }
        C_FindObjectsInit(h: Handle, attributes: Attributes, count: Len) { h => object::find_init(template(attributes, count)) }
        C_FindObjects(h: Handle, objects: Handles, most: Len, found: ULongs) { h => object::find(array(objects, most), place(found)) }
        C_FindObjectsFinal(h: Handle) { h => Session::find_final() }

        C_EncryptInit(h: Handle, chosen: Mechanism, key: Key) { module => operation::init(h, Encrypt, mechanism(chosen), key) }
        C_Encrypt(h: Handle, data: Bytes, len: Len, out: Bytes, out_len: ULongs) { h => operation::produce(Encrypt, Whole, input(data, len), output(out, out_len)) }
        C_EncryptUpdate(h: Handle, part: Bytes, len: Len, out: Bytes, out_len: ULongs) { h => operation::produce(Encrypt, Update, input(part, len), output(out, out_len)) }
        C_EncryptFinal(h: Handle, out: Bytes, out_len: ULongs) { h => operation::produce(Encrypt, Final, nothing(), output(out, out_len)) }
        C_DecryptInit(h: Handle, chosen: Mechanism, key: Key) { module => operation::init(h, Decrypt, mechanism(chosen), key) }
        C_Decrypt(h: Handle, data: Bytes, len: Len, out: Bytes, out_len: ULongs) { h => operation::produce(Decrypt, Whole, input(data, len), output(out, out_len)) }
        C_DecryptUpdate(h: Handle, part: Bytes, len: Len, out: Bytes, out_len: ULongs) { h => operation::produce(Decrypt, Update, input(part, len), output(out, out_len)) }
        C_DecryptFinal(h: Handle, out: Bytes, out_len: ULongs) { h => operation::produce(Decrypt, Final, nothing(), output(out, out_len)) }

        C_DigestInit(h: Handle, chosen: Mechanism) { module => operation::digest_init(h, mechanism(chosen)) }
        C_Digest(h: Handle, data: Bytes, len: Len, out: Bytes, out_len: ULongs) { h => operation::produce(Digest, Whole, input(data, len), output(out, out_len)) }
        C_DigestUpdate(h: Handle, part: Bytes, len: Len) { h => operation::take(Digest, input(part, len)) }
        C_DigestKey(h: Handle, key: Key) { h => Session::digest_key(key) }
        C_DigestFinal(h: Handle, out: Bytes, out_len: ULongs) { h => operation::produce(Digest, Final, nothing(), output(out, out_len)) }

        C_SignInit(h: Handle, chosen: Mechanism, key: Key) { module => operation::init(h, Sign, mechanism(chosen), key) }
        C_Sign(h: Handle, data: Bytes, len: Len, out: Bytes, out_len: ULongs) { h => operation::produce(Sign, Whole, input(data, len), output(out, out_len)) }
        C_SignUpdate(h: Handle, part: Bytes, len: Len) { h => operation::take(Sign, input(part, len)) }
        C_SignFinal(h: Handle, out: Bytes, out_len: ULongs) { h => operation::produce(Sign, Final, nothing(), output(out, out_len)) }
        C_SignRecoverInit(h: Handle, chosen: Mechanism, key: Key) { module => operation::init(h, SignRecover, mechanism(chosen), key) }
        C_SignRecover(h: Handle, data: Bytes, len: Len, out: Bytes, out_len: ULongs) { h => operation::produce(SignRecover, Whole, input(data, len), output(out, out_len)) }

        C_VerifyInit(h: Handle, chosen: Mechanism, key: Key) { module => operation::init(h, Verify, mechanism(chosen), key) }
        C_Verify(h: Handle, data: Bytes, len: Len, signature: Bytes, signature_len: Len) { h => operation::verify(Whole, input(data, len), input(signature, signature_len)) }
        C_VerifyUpdate(h: Handle, part: Bytes, len: Len) { h => operation::take(Verify, input(part, len)) }
        C_VerifyFinal(h: Handle, signature: Bytes, len: Len) { h => operation::verify(Final, nothing(), input(signature, len)) }
        C_VerifyRecoverInit(h: Handle, chosen: Mechanism, key: Key) { module => operation::init(h, VerifyRecover, mechanism(chosen), key) }
        C_VerifyRecover(h: Handle, signature: Bytes, len: Len, out: Bytes, out_len: ULongs) { h => operation::produce(VerifyRecover, Whole, input(signature, len), output(out, out_len)) }

        C_DigestEncryptUpdate(h: Handle, part: Bytes, len: Len, out: Bytes, out_len: ULongs) { h => operation::dual((Encrypt, Digest), Clear::Input, input(part, len), output(out, out_len)) }
        C_DecryptDigestUpdate(h: Handle, part: Bytes, len: Len, out: Bytes, out_len: ULongs) { h => operation::dual((Decrypt, Digest), Clear::Output, input(part, len), output(out, out_len)) }
        C_SignEncryptUpdate(h: Handle, part: Bytes, len: Len, out: Bytes, out_len: ULongs) { h => operation::dual((Encrypt, Sign), Clear::Input, input(part, len), output(out, out_len)) }
        C_DecryptVerifyUpdate(h: Handle, part: Bytes, len: Len, out: Bytes, out_len: ULongs) { h => operation::dual((Decrypt, Verify), Clear::Output, input(part, len), output(out, out_len)) }

        C_GenerateKey(h: Handle, chosen: Mechanism, attributes: Attributes, count: Len, key: Handles) { module => keys::generate(h, mechanism(chosen), template(attributes, count), place(key)) }
        C_GenerateKeyPair(
            h: Handle, chosen: Mechanism, public: Attributes, public_count: Len, private: Attributes, private_count: Len, public_key: Handles, private_key: Handles,
        ) {
            module => keys::generate_pair(
                h, mechanism(chosen), (template(public, public_count), template(private, private_count)), (place(public_key), place(private_key)),
            )
        }
        C_WrapKey(h: Handle, chosen: Mechanism, wrapping: Key, key: Key, out: Bytes, out_len: ULongs) { module => keys::wrap(h, mechanism(chosen), wrapping, key, output(out, out_len)) }
        C_UnwrapKey(h: Handle, chosen: Mechanism, unwrapping: Key, blob: Bytes, len: Len, attributes: Attributes, count: Len, key: Handles) {
            module => keys::unwrap(h, mechanism(chosen), unwrapping, input(blob, len), template(attributes, count), place(key))
        }
        C_DeriveKey(h: Handle, chosen: Mechanism, base: Key, attributes: Attributes, count: Len, key: Handles) {
            module => keys::derive(h, mechanism(chosen), base, template(attributes, count), place(key))
        }

        C_SeedRandom(h: Handle, seed: Bytes, len: Len) { h => random::seed(input(seed, len)) }
        C_GenerateRandom(h: Handle, out: Bytes, len: Len) { h => random::generate(buffer(out, len)) }

        C_GetFunctionStatus(h: Handle) { h => general::not_parallel() }
        C_CancelFunction(h: Handle) { h => general::not_parallel() }
    }

    since 3.0 {
        C_GetInterfaceList(interfaces: CK_INTERFACE_PTR, count: ULongs) { anytime => interfaces::list_all(&INTERFACES, list(interfaces, count)) }
        C_GetInterface(name: Utf8, version: CK_VERSION_PTR, interface: CK_INTERFACE_PTR_PTR, flags: Flags) {
            anytime => interfaces::find(&INTERFACES, text(name), record(version), place(interface), flags)
        }

        C_LoginUser(h: Handle, user: CK_USER_TYPE, pin: Utf8, len: Len, name: Utf8, name_len: Len) { h => session::login_user(user, input(pin, len), input(name, name_len)) }
        C_SessionCancel(h: Handle, operations: Flags) { h => session::cancel(operations) }

        C_MessageEncryptInit(h: Handle, chosen: Mechanism, key: Key) { module => message::init(h, MessageEncrypt, mechanism(chosen), key) }
        C_EncryptMessage(h: Handle, params: Void, size: Len, aad: Bytes, aad_len: Len, text: Bytes, len: Len, out: Bytes, out_len: ULongs) {
            h => message::whole(MessageEncrypt, parameter(params, size), input(aad, aad_len), input(text, len), output(out, out_len))
        }
        C_EncryptMessageBegin(h: Handle, params: Void, size: Len, aad: Bytes, aad_len: Len) { h => message::begin(MessageEncrypt, parameter(params, size), input(aad, aad_len)) }
        C_EncryptMessageNext(h: Handle, params: Void, size: Len, part: Bytes, len: Len, out: Bytes, out_len: ULongs, flags: Flags) {
            h => message::next(MessageEncrypt, parameter(params, size), input(part, len), output(out, out_len), flags)
        }
        C_MessageEncryptFinal(h: Handle) { h => operation::end(MessageEncrypt) }
        C_MessageDecryptInit(h: Handle, chosen: Mechanism, key: Key) { module => message::init(h, MessageDecrypt, mechanism(chosen), key) }
        C_DecryptMessage(h: Handle, params: Void, size: Len, aad: Bytes, aad_len: Len, sealed: Bytes, len: Len, out: Bytes, out_len: ULongs) {
            h => message::whole(MessageDecrypt, parameter(params, size), input(aad, aad_len), input(sealed, len), output(out, out_len))
        }
        C_DecryptMessageBegin(h: Handle, params: Void, size: Len, aad: Bytes, aad_len: Len) { h => message::begin(MessageDecrypt, parameter(params, size), input(aad, aad_len)) }
        C_DecryptMessageNext(h: Handle, params: Void, size: Len, part: Bytes, len: Len, out: Bytes, out_len: ULongs, flags: Flags) {
            h => message::next(MessageDecrypt, parameter(params, size), input(part, len), output(out, out_len), flags)
        }
        C_MessageDecryptFinal(h: Handle) { h => operation::end(MessageDecrypt) }
        C_MessageSignInit(h: Handle, chosen: Mechanism, key: Key) { module => message_signature::init(h, MessageSign, mechanism(chosen), key) }
        C_SignMessage(h: Handle, params: Void, size: Len, data: Bytes, len: Len, out: Bytes, out_len: ULongs) {
            h => message_signature::sign(parameter(params, size), input(data, len), output(out, out_len))
        }
        C_SignMessageBegin(h: Handle, params: Void, size: Len) { h => message_signature::sign_begin(parameter(params, size)) }
        C_SignMessageNext(h: Handle, params: Void, size: Len, part: Bytes, len: Len, out: Bytes, out_len: ULongs) {
            h => message_signature::sign_next(parameter(params, size), input(part, len), output(out, out_len))
        }
        C_MessageSignFinal(h: Handle) { h => operation::end(MessageSign) }
        C_MessageVerifyInit(h: Handle, chosen: Mechanism, key: Key) { module => message_signature::init(h, MessageVerify, mechanism(chosen), key) }
        C_VerifyMessage(h: Handle, params: Void, size: Len, data: Bytes, len: Len, signature: Bytes, signature_len: Len) {
            h => message_signature::verify(parameter(params, size), input(data, len), input(signature, signature_len))
        }
        C_VerifyMessageBegin(h: Handle, params: Void, size: Len) { h => message_signature::verify_begin(parameter(params, size)) }
        C_VerifyMessageNext(h: Handle, params: Void, size: Len, part: Bytes, len: Len, signature: Bytes, signature_len: Len) {
            h => message_signature::verify_next(parameter(params, size), input(part, len), input(signature, signature_len))
        }
        C_MessageVerifyFinal(h: Handle) { h => operation::end(MessageVerify) }
    }

    since 3.2 {
        C_EncapsulateKey(h: Handle, chosen: Mechanism, public: Key, attributes: Attributes, count: Len, out: Bytes, out_len: ULongs, key: Handles) {
            module => keys::encapsulate(h, (mechanism(chosen), public), template(attributes, count), output(out, out_len), place(key))
        }
        C_DecapsulateKey(h: Handle, chosen: Mechanism, private: Key, attributes: Attributes, count: Len, sealed: Bytes, len: Len, key: Handles) {
            module => keys::decapsulate(h, (mechanism(chosen), private), template(attributes, count), input(sealed, len), place(key))
        }
        C_VerifySignatureInit(h: Handle, chosen: Mechanism, key: Key, signature: Bytes, len: Len) { module => operation::verify_signature_init(h, mechanism(chosen), key, input(signature, len)) }
        C_VerifySignature(h: Handle, data: Bytes, len: Len) { h => operation::verify_signature(Whole, input(data, len)) }
        C_VerifySignatureUpdate(h: Handle, part: Bytes, len: Len) { h => operation::take(VerifySignature, input(part, len)) }
        C_VerifySignatureFinal(h: Handle) { h => operation::verify_signature(Final, nothing()) }
        C_GetSessionValidationFlags(h: Handle, kind: CK_SESSION_VALIDATION_FLAGS_TYPE, flags: CK_FLAGS_PTR) { h => session::validation_flags(kind, place(flags)) }
        C_AsyncComplete(h: Handle, function: Utf8, _: CK_ASYNC_DATA_PTR) { h => general::nothing_pending(text(function)) }
        C_AsyncGetID(h: Handle, function: Utf8, _: ULongs) { h => general::nothing_pending(text(function)) }
        C_AsyncJoin(h: Handle, function: Utf8, _: Len, _: Bytes, _: Len) { h => general::nothing_saved(text(function)) }
        C_WrapKeyAuthenticated(h: Handle, chosen: Mechanism, wrapping: Key, key: Key, aad: Bytes, aad_len: Len, out: Bytes, out_len: ULongs) {
            module => keys::wrap_authenticated(h, mechanism(chosen), (wrapping, key), input(aad, aad_len), output(out, out_len))
        }
        C_UnwrapKeyAuthenticated(
            h: Handle, chosen: Mechanism, unwrapping: Key, blob: Bytes, len: Len, attributes: Attributes, count: Len, aad: Bytes, aad_len: Len, key: Handles,
        ) {
            module => keys::unwrap_authenticated(
                h, mechanism(chosen), (unwrapping, input(blob, len)), template(attributes, count), input(aad, aad_len), place(key),
            )
        }
    }
}

// What the tables of 3.x call in place of C_GetInfo: the row differs in the version alone, which is
// what clients of 3.x look at.
function! { fn info_3_0 as "C_GetInfo", (info: CK_INFO_PTR) { module => general::info(V3_0, place(info)) } }
function! { fn info_3_2 as "C_GetInfo", (info: CK_INFO_PTR) { module => general::info(V3_2, place(info)) } }

static TABLE_2_40: CK_FUNCTION_LIST = LIST_2_40;
static TABLE_3_0: CK_FUNCTION_LIST_3_0 = CK_FUNCTION_LIST_3_0 {
    C_GetInfo: Some(info_3_0),
    ..LIST_3_0
};
static TABLE_3_2: CK_FUNCTION_LIST_3_2 = CK_FUNCTION_LIST_3_2 {
    C_GetInfo: Some(info_3_2),
    ..LIST_3_2
};

static INTERFACES: Interfaces = Interfaces([
    interface(&raw const TABLE_3_2),
    interface(&raw const TABLE_3_0),
    interface(&raw const TABLE_2_40),
]);
