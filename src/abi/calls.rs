//! The one list of functions. Each row is a C signature and the function that answers it; exports
//! and function tables are generated from the rows, so that they cannot drift apart.
//!
//! A row's body says what the call needs: `anytime =>` nothing, `module =>` an initialized
//! library, `h =>` the session whose handle is `h`, `h =>` both; and the function that answers, which gets
//! the session and the module first. The rows of `operation` name operation and phase.

#![allow(non_snake_case, reason = "the names of the C ABI")]

use super::args::{buffer, input, nothing, place, record, text};
use super::interfaces::{Interfaces, V2_40, V3_0, V3_2, interface};
use super::operation::Clear;
use super::output::{array, list, output};
use super::params::{mechanism, message_parameter as parameter};
use super::template::template;
use super::{
    door, general, interfaces, keys, message, message_signature, object, operation, random,
    session, slot, trace,
};
use crate::ck::*;
use crate::log;
use crate::module::Module;
use crate::session::Phase::{Final, Update, Whole};
use crate::session::{
    Decrypt, Digest, Encrypt, MessageDecrypt, MessageEncrypt, MessageSign, MessageVerify, Session,
    Sign, SignRecover, Verify, VerifyRecover, VerifySignature,
};

macro_rules! body {
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
            let mut call = || body!($as, $($body)*);
            if !log::is_tracing() {
                return call();
            }
            // SAFETY: as above.
            unsafe { trace::traced($as, &[$(traced_argument!($arg)),*], &mut call) }
        }
    };
}

macro_rules! traced_argument {
    (_) => {
        trace::unread()
    };
    ($name:ident) => {
        trace::argument(stringify!($name), &$name)
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

type SessionHandle = CK_SESSION_HANDLE;
type ObjectHandle = CK_OBJECT_HANDLE;
type SlotId = CK_SLOT_ID;
type Flags = CK_FLAGS;
type Ulong = CK_ULONG;
type VoidPtr = CK_VOID_PTR;
type BytePtr = CK_BYTE_PTR;
type Utf8CharPtr = CK_UTF8CHAR_PTR;
type UlongPtr = CK_ULONG_PTR;
type MechanismPtr = CK_MECHANISM_PTR;
type AttributePtr = CK_ATTRIBUTE_PTR;
type ObjectHandlePtr = CK_OBJECT_HANDLE_PTR;

calls! {
    since 2.40 {
        C_Initialize(args: VoidPtr) { anytime => general::initialize(record(args.cast())) }
        C_Finalize(reserved: VoidPtr) { anytime => general::finalize(reserved) }
        C_GetInfo(info: CK_INFO_PTR) { module => general::info(V2_40, place(info)) }
        C_GetFunctionList(table: CK_FUNCTION_LIST_PTR_PTR) { anytime => interfaces::function_list(&TABLE_2_40, place(table)) }

        C_GetSlotList(present: CK_BBOOL, slots: CK_SLOT_ID_PTR, count: UlongPtr) { module => slot::list(present, list(slots, count)) }
        C_GetSlotInfo(slot: SlotId, info: CK_SLOT_INFO_PTR) { module => slot::info(slot, place(info)) }
        C_GetTokenInfo(slot: SlotId, info: CK_TOKEN_INFO_PTR) { module => slot::token(slot, place(info)) }
        C_WaitForSlotEvent(flags: Flags, slot: CK_SLOT_ID_PTR, reserved: VoidPtr) { module => slot::wait(flags, place(slot), reserved) }
        C_GetMechanismList(slot: SlotId, types: CK_MECHANISM_TYPE_PTR, count: UlongPtr) { module => slot::mechanisms(slot, list(types, count)) }
        C_GetMechanismInfo(slot: SlotId, kind: CK_MECHANISM_TYPE, info: CK_MECHANISM_INFO_PTR) { module => slot::mechanism(slot, kind, place(info)) }
        C_InitToken(slot: SlotId, pin: Utf8CharPtr, len: Ulong, label: Utf8CharPtr) { module => slot::init_token(slot, input(pin, len), record(label.cast())) }
        C_InitPIN(h: SessionHandle, pin: Utf8CharPtr, len: Ulong) { h => slot::init_pin(input(pin, len)) }
        C_SetPIN(h: SessionHandle, old: Utf8CharPtr, old_len: Ulong, new: Utf8CharPtr, new_len: Ulong) { h => slot::set_pin(input(old, old_len), input(new, new_len)) }

        C_OpenSession(slot: SlotId, flags: Flags, _: VoidPtr, _: CK_NOTIFY, h: CK_SESSION_HANDLE_PTR) { module => session::open(slot, flags, place(h)) }
        C_CloseSession(h: SessionHandle) { module => Module::close_session(h) }
        C_CloseAllSessions(slot: SlotId) { module => Module::close_all_sessions(slot) }
        C_GetSessionInfo(h: SessionHandle, info: CK_SESSION_INFO_PTR) { h => session::info(place(info)) }
        C_GetOperationState(h: SessionHandle, state: BytePtr, len: UlongPtr) { h => session::operation_state(output(state, len)) }
        C_SetOperationState(h: SessionHandle, state: BytePtr, len: Ulong, encryption: ObjectHandle, authentication: ObjectHandle) {
            h => session::set_operation_state(input(state, len), encryption, authentication)
        }
        C_Login(h: SessionHandle, user: CK_USER_TYPE, pin: Utf8CharPtr, len: Ulong) { h => session::login(user, input(pin, len)) }
        C_Logout(h: SessionHandle) { h => Session::logout() }

        C_CreateObject(h: SessionHandle, attributes: AttributePtr, count: Ulong, object: ObjectHandlePtr) { h => object::create(template(attributes, count), place(object)) }
        C_CopyObject(h: SessionHandle, object: ObjectHandle, attributes: AttributePtr, count: Ulong, copy: ObjectHandlePtr) { h => object::copy(object, template(attributes, count), place(copy)) }
        C_DestroyObject(h: SessionHandle, object: ObjectHandle) { h => Session::destroy_object(object) }
        C_GetObjectSize(h: SessionHandle, object: ObjectHandle, size: UlongPtr) { h => object::size(object, place(size)) }
        C_GetAttributeValue(h: SessionHandle, object: ObjectHandle, attributes: AttributePtr, count: Ulong) { h => object::attributes(object, template(attributes, count)) }
        C_SetAttributeValue(h: SessionHandle, object: ObjectHandle, attributes: AttributePtr, count: Ulong) { h => object::set_attributes(object, template(attributes, count)) }
        C_FindObjectsInit(h: SessionHandle, attributes: AttributePtr, count: Ulong) { h => object::find_init(template(attributes, count)) }
        C_FindObjects(h: SessionHandle, objects: ObjectHandlePtr, most: Ulong, found: UlongPtr) { h => object::find(array(objects, most), place(found)) }
        C_FindObjectsFinal(h: SessionHandle) { h => Session::find_final() }

        C_EncryptInit(h: SessionHandle, chosen: MechanismPtr, key: ObjectHandle) { h => operation::init(Encrypt, mechanism(chosen), key) }
        C_Encrypt(h: SessionHandle, data: BytePtr, len: Ulong, out: BytePtr, out_len: UlongPtr) { h => operation::produce(Encrypt, Whole, input(data, len), output(out, out_len)) }
        C_EncryptUpdate(h: SessionHandle, part: BytePtr, len: Ulong, out: BytePtr, out_len: UlongPtr) { h => operation::produce(Encrypt, Update, input(part, len), output(out, out_len)) }
        C_EncryptFinal(h: SessionHandle, out: BytePtr, out_len: UlongPtr) { h => operation::produce(Encrypt, Final, nothing(), output(out, out_len)) }
        C_DecryptInit(h: SessionHandle, chosen: MechanismPtr, key: ObjectHandle) { h => operation::init(Decrypt, mechanism(chosen), key) }
        C_Decrypt(h: SessionHandle, data: BytePtr, len: Ulong, out: BytePtr, out_len: UlongPtr) { h => operation::produce(Decrypt, Whole, input(data, len), output(out, out_len)) }
        C_DecryptUpdate(h: SessionHandle, part: BytePtr, len: Ulong, out: BytePtr, out_len: UlongPtr) { h => operation::produce(Decrypt, Update, input(part, len), output(out, out_len)) }
        C_DecryptFinal(h: SessionHandle, out: BytePtr, out_len: UlongPtr) { h => operation::produce(Decrypt, Final, nothing(), output(out, out_len)) }

        C_DigestInit(h: SessionHandle, chosen: MechanismPtr) { h => operation::digest_init(mechanism(chosen)) }
        C_Digest(h: SessionHandle, data: BytePtr, len: Ulong, out: BytePtr, out_len: UlongPtr) { h => operation::produce(Digest, Whole, input(data, len), output(out, out_len)) }
        C_DigestUpdate(h: SessionHandle, part: BytePtr, len: Ulong) { h => operation::take(Digest, input(part, len)) }
        C_DigestKey(h: SessionHandle, key: ObjectHandle) { h => Session::digest_key(key) }
        C_DigestFinal(h: SessionHandle, out: BytePtr, out_len: UlongPtr) { h => operation::produce(Digest, Final, nothing(), output(out, out_len)) }

        C_SignInit(h: SessionHandle, chosen: MechanismPtr, key: ObjectHandle) { h => operation::init(Sign, mechanism(chosen), key) }
        C_Sign(h: SessionHandle, data: BytePtr, len: Ulong, out: BytePtr, out_len: UlongPtr) { h => operation::produce(Sign, Whole, input(data, len), output(out, out_len)) }
        C_SignUpdate(h: SessionHandle, part: BytePtr, len: Ulong) { h => operation::take(Sign, input(part, len)) }
        C_SignFinal(h: SessionHandle, out: BytePtr, out_len: UlongPtr) { h => operation::produce(Sign, Final, nothing(), output(out, out_len)) }
        C_SignRecoverInit(h: SessionHandle, chosen: MechanismPtr, key: ObjectHandle) { h => operation::init(SignRecover, mechanism(chosen), key) }
        C_SignRecover(h: SessionHandle, data: BytePtr, len: Ulong, out: BytePtr, out_len: UlongPtr) { h => operation::produce(SignRecover, Whole, input(data, len), output(out, out_len)) }

        C_VerifyInit(h: SessionHandle, chosen: MechanismPtr, key: ObjectHandle) { h => operation::init(Verify, mechanism(chosen), key) }
        C_Verify(h: SessionHandle, data: BytePtr, len: Ulong, signature: BytePtr, signature_len: Ulong) { h => operation::verify(Whole, input(data, len), input(signature, signature_len)) }
        C_VerifyUpdate(h: SessionHandle, part: BytePtr, len: Ulong) { h => operation::take(Verify, input(part, len)) }
        C_VerifyFinal(h: SessionHandle, signature: BytePtr, len: Ulong) { h => operation::verify(Final, nothing(), input(signature, len)) }
        C_VerifyRecoverInit(h: SessionHandle, chosen: MechanismPtr, key: ObjectHandle) { h => operation::init(VerifyRecover, mechanism(chosen), key) }
        C_VerifyRecover(h: SessionHandle, signature: BytePtr, len: Ulong, out: BytePtr, out_len: UlongPtr) { h => operation::produce(VerifyRecover, Whole, input(signature, len), output(out, out_len)) }

        C_DigestEncryptUpdate(h: SessionHandle, part: BytePtr, len: Ulong, out: BytePtr, out_len: UlongPtr) { h => operation::dual((Encrypt, Digest), Clear::Input, input(part, len), output(out, out_len)) }
        C_DecryptDigestUpdate(h: SessionHandle, part: BytePtr, len: Ulong, out: BytePtr, out_len: UlongPtr) { h => operation::dual((Decrypt, Digest), Clear::Output, input(part, len), output(out, out_len)) }
        C_SignEncryptUpdate(h: SessionHandle, part: BytePtr, len: Ulong, out: BytePtr, out_len: UlongPtr) { h => operation::dual((Encrypt, Sign), Clear::Input, input(part, len), output(out, out_len)) }
        C_DecryptVerifyUpdate(h: SessionHandle, part: BytePtr, len: Ulong, out: BytePtr, out_len: UlongPtr) { h => operation::dual((Decrypt, Verify), Clear::Output, input(part, len), output(out, out_len)) }

        C_GenerateKey(h: SessionHandle, chosen: MechanismPtr, attributes: AttributePtr, count: Ulong, key: ObjectHandlePtr) { h => keys::generate(mechanism(chosen), template(attributes, count), place(key)) }
        C_GenerateKeyPair(
            h: SessionHandle, chosen: MechanismPtr, public: AttributePtr, public_count: Ulong, private: AttributePtr, private_count: Ulong, public_key: ObjectHandlePtr, private_key: ObjectHandlePtr,
        ) {
            h => keys::generate_pair(
                mechanism(chosen), (template(public, public_count), template(private, private_count)), (place(public_key), place(private_key)),
            )
        }
        C_WrapKey(h: SessionHandle, chosen: MechanismPtr, wrapping: ObjectHandle, key: ObjectHandle, out: BytePtr, out_len: UlongPtr) { h => keys::wrap(mechanism(chosen), wrapping, key, output(out, out_len)) }
        C_UnwrapKey(h: SessionHandle, chosen: MechanismPtr, unwrapping: ObjectHandle, blob: BytePtr, len: Ulong, attributes: AttributePtr, count: Ulong, key: ObjectHandlePtr) {
            h => keys::unwrap(mechanism(chosen), unwrapping, input(blob, len), template(attributes, count), place(key))
        }
        C_DeriveKey(h: SessionHandle, chosen: MechanismPtr, base: ObjectHandle, attributes: AttributePtr, count: Ulong, key: ObjectHandlePtr) {
            h => keys::derive(mechanism(chosen), base, template(attributes, count), place(key))
        }

        C_SeedRandom(h: SessionHandle, seed: BytePtr, len: Ulong) { h => random::seed(input(seed, len)) }
        C_GenerateRandom(h: SessionHandle, out: BytePtr, len: Ulong) { h => random::generate(buffer(out, len)) }

        C_GetFunctionStatus(h: SessionHandle) { module => general::not_parallel() }
        C_CancelFunction(h: SessionHandle) { module => general::not_parallel() }
    }

    since 3.0 {
        C_GetInterfaceList(interfaces: CK_INTERFACE_PTR, count: UlongPtr) { anytime => interfaces::list_all(&INTERFACES, list(interfaces, count)) }
        C_GetInterface(name: Utf8CharPtr, version: CK_VERSION_PTR, interface: CK_INTERFACE_PTR_PTR, flags: Flags) {
            anytime => interfaces::find(&INTERFACES, text(name), record(version), place(interface), flags)
        }

        C_LoginUser(h: SessionHandle, user: CK_USER_TYPE, pin: Utf8CharPtr, len: Ulong, name: Utf8CharPtr, name_len: Ulong) { h => session::login_user(user, input(pin, len), input(name, name_len)) }
        C_SessionCancel(h: SessionHandle, operations: Flags) { h => session::cancel(operations) }

        C_MessageEncryptInit(h: SessionHandle, chosen: MechanismPtr, key: ObjectHandle) { h => message::init(MessageEncrypt, mechanism(chosen), key) }
        C_EncryptMessage(h: SessionHandle, params: VoidPtr, size: Ulong, aad: BytePtr, aad_len: Ulong, text: BytePtr, len: Ulong, out: BytePtr, out_len: UlongPtr) {
            h => message::whole(MessageEncrypt, parameter(params, size), input(aad, aad_len), input(text, len), output(out, out_len))
        }
        C_EncryptMessageBegin(h: SessionHandle, params: VoidPtr, size: Ulong, aad: BytePtr, aad_len: Ulong) { h => message::begin(MessageEncrypt, parameter(params, size), input(aad, aad_len)) }
        C_EncryptMessageNext(h: SessionHandle, params: VoidPtr, size: Ulong, part: BytePtr, len: Ulong, out: BytePtr, out_len: UlongPtr, flags: Flags) {
            h => message::next(MessageEncrypt, parameter(params, size), input(part, len), output(out, out_len), flags)
        }
        C_MessageEncryptFinal(h: SessionHandle) { h => operation::end(MessageEncrypt) }
        C_MessageDecryptInit(h: SessionHandle, chosen: MechanismPtr, key: ObjectHandle) { h => message::init(MessageDecrypt, mechanism(chosen), key) }
        C_DecryptMessage(h: SessionHandle, params: VoidPtr, size: Ulong, aad: BytePtr, aad_len: Ulong, sealed: BytePtr, len: Ulong, out: BytePtr, out_len: UlongPtr) {
            h => message::whole(MessageDecrypt, parameter(params, size), input(aad, aad_len), input(sealed, len), output(out, out_len))
        }
        C_DecryptMessageBegin(h: SessionHandle, params: VoidPtr, size: Ulong, aad: BytePtr, aad_len: Ulong) { h => message::begin(MessageDecrypt, parameter(params, size), input(aad, aad_len)) }
        C_DecryptMessageNext(h: SessionHandle, params: VoidPtr, size: Ulong, part: BytePtr, len: Ulong, out: BytePtr, out_len: UlongPtr, flags: Flags) {
            h => message::next(MessageDecrypt, parameter(params, size), input(part, len), output(out, out_len), flags)
        }
        C_MessageDecryptFinal(h: SessionHandle) { h => operation::end(MessageDecrypt) }
        C_MessageSignInit(h: SessionHandle, chosen: MechanismPtr, key: ObjectHandle) { h => message_signature::init(MessageSign, mechanism(chosen), key) }
        C_SignMessage(h: SessionHandle, params: VoidPtr, size: Ulong, data: BytePtr, len: Ulong, out: BytePtr, out_len: UlongPtr) {
            h => message_signature::sign(parameter(params, size), input(data, len), output(out, out_len))
        }
        C_SignMessageBegin(h: SessionHandle, params: VoidPtr, size: Ulong) { h => message_signature::sign_begin(parameter(params, size)) }
        C_SignMessageNext(h: SessionHandle, params: VoidPtr, size: Ulong, part: BytePtr, len: Ulong, out: BytePtr, out_len: UlongPtr) {
            h => message_signature::sign_next(parameter(params, size), input(part, len), output(out, out_len))
        }
        C_MessageSignFinal(h: SessionHandle) { h => operation::end(MessageSign) }
        C_MessageVerifyInit(h: SessionHandle, chosen: MechanismPtr, key: ObjectHandle) { h => message_signature::init(MessageVerify, mechanism(chosen), key) }
        C_VerifyMessage(h: SessionHandle, params: VoidPtr, size: Ulong, data: BytePtr, len: Ulong, signature: BytePtr, signature_len: Ulong) {
            h => message_signature::verify(parameter(params, size), input(data, len), input(signature, signature_len))
        }
        C_VerifyMessageBegin(h: SessionHandle, params: VoidPtr, size: Ulong) { h => message_signature::verify_begin(parameter(params, size)) }
        C_VerifyMessageNext(h: SessionHandle, params: VoidPtr, size: Ulong, part: BytePtr, len: Ulong, signature: BytePtr, signature_len: Ulong) {
            h => message_signature::verify_next(parameter(params, size), input(part, len), input(signature, signature_len))
        }
        C_MessageVerifyFinal(h: SessionHandle) { h => operation::end(MessageVerify) }
    }

    since 3.2 {
        C_EncapsulateKey(h: SessionHandle, chosen: MechanismPtr, public: ObjectHandle, attributes: AttributePtr, count: Ulong, out: BytePtr, out_len: UlongPtr, key: ObjectHandlePtr) {
            h => keys::encapsulate((mechanism(chosen), public), template(attributes, count), output(out, out_len), place(key))
        }
        C_DecapsulateKey(h: SessionHandle, chosen: MechanismPtr, private: ObjectHandle, attributes: AttributePtr, count: Ulong, sealed: BytePtr, len: Ulong, key: ObjectHandlePtr) {
            h => keys::decapsulate((mechanism(chosen), private), template(attributes, count), input(sealed, len), place(key))
        }
        C_VerifySignatureInit(h: SessionHandle, chosen: MechanismPtr, key: ObjectHandle, signature: BytePtr, len: Ulong) { h => operation::verify_signature_init(mechanism(chosen), key, input(signature, len)) }
        C_VerifySignature(h: SessionHandle, data: BytePtr, len: Ulong) { h => operation::verify_signature(Whole, input(data, len)) }
        C_VerifySignatureUpdate(h: SessionHandle, part: BytePtr, len: Ulong) { h => operation::take(VerifySignature, input(part, len)) }
        C_VerifySignatureFinal(h: SessionHandle) { h => operation::verify_signature(Final, nothing()) }
        C_GetSessionValidationFlags(h: SessionHandle, kind: CK_SESSION_VALIDATION_FLAGS_TYPE, flags: CK_FLAGS_PTR) { h => session::validation_flags(kind, place(flags)) }
        C_AsyncComplete(h: SessionHandle, function: Utf8CharPtr, _: CK_ASYNC_DATA_PTR) { h => general::nothing_pending(text(function)) }
        C_AsyncGetID(h: SessionHandle, function: Utf8CharPtr, _: UlongPtr) { h => general::nothing_pending(text(function)) }
        C_AsyncJoin(h: SessionHandle, function: Utf8CharPtr, _: Ulong, _: BytePtr, _: Ulong) { h => general::nothing_saved(text(function)) }
        C_WrapKeyAuthenticated(h: SessionHandle, chosen: MechanismPtr, wrapping: ObjectHandle, key: ObjectHandle, aad: BytePtr, aad_len: Ulong, out: BytePtr, out_len: UlongPtr) {
            h => keys::wrap_authenticated(mechanism(chosen), (wrapping, key), input(aad, aad_len), output(out, out_len))
        }
        C_UnwrapKeyAuthenticated(
            h: SessionHandle, chosen: MechanismPtr, unwrapping: ObjectHandle, blob: BytePtr, len: Ulong, attributes: AttributePtr, count: Ulong, aad: BytePtr, aad_len: Ulong, key: ObjectHandlePtr,
        ) {
            h => keys::unwrap_authenticated(
                mechanism(chosen), (unwrapping, input(blob, len)), template(attributes, count), input(aad, aad_len), place(key),
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
