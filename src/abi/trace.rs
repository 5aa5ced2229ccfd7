//! `log.trace`: each call as a line, with its arguments by name, its result, its duration, process and thread.
//!
//! A line has no byte that may be secret. Of a PIN it has not even the length; of data and values of keys
//! it has the lengths alone; of attributes the values of flags and numbers, and of the byte strings in `SHOWN`; of a
//! mechanism's parameter what `params::shown` names.

use std::any::Any;
use std::ffi::c_void;
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::args::{input, record};
use super::params;
use crate::attr::{self, AttributeInfo, ValueForm};
use crate::ck::{
    self, CK_ATTRIBUTE, CK_ATTRIBUTE_TYPE, CK_C_INITIALIZE_ARGS, CK_MECHANISM, CK_RV, CK_ULONG,
};
use crate::clock::{Clock, Deadline, SystemClock, utc};
use crate::log;
use crate::mechanism;

/// Attributes of a template that are shown at most.
const MOST: CK_ULONG = 64;
/// A greater number of attributes is a mistake of the caller.
const LIMIT: CK_ULONG = 4096;
/// Bytes of a value that are shown at most.
const LONGEST: usize = 64;

/// Byte strings that are shown: they name objects, or say of which kind a key is.
const SHOWN: [CK_ATTRIBUTE_TYPE; 8] = [
    ck::CKA_LABEL,
    ck::CKA_APPLICATION,
    ck::CKA_ID,
    ck::CKA_UNIQUE_ID,
    ck::CKA_OBJECT_ID,
    ck::CKA_EC_PARAMS,
    ck::CKA_START_DATE,
    ck::CKA_END_DATE,
];

/// Arguments that point to one number, which the function writes.
const PLACES: [&str; 13] = [
    "h",
    "len",
    "count",
    "out_len",
    "found",
    "size",
    "slot",
    "object",
    "copy",
    "key",
    "public_key",
    "private_key",
    "flags",
];

/// Arguments that point to a PIN. The length that follows is not shown.
const PINS: [&str; 3] = ["pin", "old", "new"];

/// An argument before the call.
pub(super) struct Argument {
    /// As in the list of calls; empty for an argument that no function reads.
    name: &'static str,
    value: Given,
}

enum Given {
    Number(u64),
    Place(*mut CK_ULONG),
    Mechanism(*mut CK_MECHANISM),
    /// What C_Initialize is given.
    Initialize(*mut CK_C_INITIALIZE_ARGS),
    Template(*mut CK_ATTRIBUTE),
    /// Another pointer: whether it is NULL.
    Pointer(bool),
}

/// An argument as it is shown: its name and its value.
type Shown = (&'static str, Value);

/// The argument called `name`.
pub(super) fn argument<T: Any>(name: &'static str, value: &T) -> Argument {
    let value: &dyn Any = value;
    let number = value.downcast_ref().copied();
    let byte = value.downcast_ref().map(|byte: &u8| u64::from(*byte));
    let value = if let Some(number) = number.or(byte) {
        Given::Number(number)
    } else if let Some(mechanism) = value.downcast_ref() {
        Given::Mechanism(*mechanism)
    } else if let Some(template) = value.downcast_ref() {
        Given::Template(*template)
    } else if let Some(args) = value
        .downcast_ref::<*mut c_void>()
        .filter(|_| name == "args")
    {
        Given::Initialize(args.cast())
    } else if let Some(place) = value.downcast_ref::<*mut CK_ULONG>() {
        match PLACES.contains(&name) {
            true => Given::Place(*place),
            false => Given::Pointer(place.is_null()),
        }
    } else {
        let bytes = value.downcast_ref::<*mut u8>();
        Given::Pointer(bytes.is_some_and(|bytes| bytes.is_null()))
    };
    Argument { name, value }
}

/// An argument that no function reads.
pub(super) fn unread() -> Argument {
    Argument {
        name: "",
        value: Given::Pointer(true),
    }
}

/// Runs `call`, and writes its line.
///
/// # Safety
/// The arguments are those of the call, and what the specification asks of a caller.
pub(super) unsafe fn traced(
    function: &'static str,
    arguments: &[Argument],
    call: &mut dyn FnMut() -> CK_RV,
) -> CK_RV {
    // A call may write where its arguments lie.
    // SAFETY: by the promise of this function.
    let before = unsafe { before(function, arguments) };
    let watch = Deadline::after(Duration::ZERO);
    let rv = call();
    let took = watch.waited();
    let mut shown = before;
    if matches!(rv, ck::CKR_OK | ck::CKR_BUFFER_TOO_SMALL) {
        for argument in arguments {
            if let Given::Place(place) = argument.value {
                // SAFETY: by the promise of this function; the call has written the number.
                if let Some(number) = unsafe { record(place) }.read() {
                    shown.push((name(argument.name), json!(number)));
                }
            }
        }
    }
    line(function, shown, rv, took);
    rv
}

/// Writes the line of the C_Initialize that turned the trace on.
pub(super) fn initialized(args: Option<&CK_C_INITIALIZE_ARGS>) {
    if log::is_tracing() {
        let shown = vec![("args", of_initialize(args))];
        line("C_Initialize", shown, ck::CKR_OK, Duration::ZERO);
    }
}

fn of_initialize(args: Option<&CK_C_INITIALIZE_ARGS>) -> Value {
    let Some(args) = args else {
        return Value::Null;
    };
    let functions = [
        args.CreateMutex.is_some(),
        args.DestroyMutex.is_some(),
        args.LockMutex.is_some(),
        args.UnlockMutex.is_some(),
    ];
    let names = [
        (
            ck::CKF_LIBRARY_CANT_CREATE_OS_THREADS,
            "CKF_LIBRARY_CANT_CREATE_OS_THREADS",
        ),
        (ck::CKF_OS_LOCKING_OK, "CKF_OS_LOCKING_OK"),
    ];
    let flags = names.iter().filter(|(flag, _)| args.flags & flag != 0);
    let unknown = args.flags & !names.iter().fold(0, |all, (flag, _)| all | flag);
    let mut flags: Vec<_> = flags.map(|(_, name)| (*name).to_owned()).collect();
    flags.extend((unknown != 0).then(|| format!("{unknown:#x}")));
    json!({
        "mutex_functions": functions.iter().filter(|given| **given).count(),
        "flags": flags,
        "reserved_is_null": args.pReserved.is_null(),
    })
}

/// The arguments by name, but those that the call writes.
///
/// # Safety
/// As for `traced`.
unsafe fn before(function: &str, arguments: &[Argument]) -> Vec<Shown> {
    let mut shown = Vec::new();
    let mut hidden = false;
    for (index, argument) in arguments.iter().enumerate() {
        let value = match argument.value {
            _ if argument.name.is_empty() => continue,
            Given::Number(_) if hidden => continue,
            Given::Number(number) => of_number(function, argument.name, number),
            Given::Place(_) => continue,
            Given::Mechanism(start) => {
                // SAFETY: NULL or readable, as the caller promised.
                let chosen = unsafe { record(start) }.read();
                if let Some(chosen) = chosen.filter(|chosen| chosen.ulParameterLen != 0) {
                    // SAFETY: the parameter is the mechanism's, as the caller promised.
                    shown.push(("parameter", unsafe { of_parameter(function, &chosen) }));
                }
                chosen.map_or(Value::Null, |chosen| {
                    mechanism_name(chosen.mechanism).into()
                })
            }
            Given::Initialize(start) => {
                // SAFETY: NULL or readable, as the caller promised.
                of_initialize(unsafe { record(start) }.read().as_ref())
            }
            Given::Template(start) => {
                let count = match arguments.get(index + 1).map(|next| &next.value) {
                    Some(Given::Number(count)) => *count,
                    _ => 0,
                };
                // SAFETY: NULL or readable for so many attributes, as the caller promised.
                unsafe { of_template(function, start, count) }
            }
            Given::Pointer(true) => Value::Null,
            Given::Pointer(false) => {
                hidden = PINS.contains(&argument.name);
                continue;
            }
        };
        hidden = false;
        shown.push((name(argument.name), value));
    }
    shown
}

/// What the specification calls an argument of the list of calls.
fn name(argument: &'static str) -> &'static str {
    match argument {
        "h" => "session",
        "chosen" => "mechanism",
        "attributes" => "template",
        other => other,
    }
}

fn of_number(function: &str, name: &str, number: u64) -> Value {
    match (function, name) {
        ("C_GetMechanismInfo", "kind") => mechanism_name(number).into(),
        _ => json!(number),
    }
}

fn mechanism_name(id: u64) -> String {
    mechanism::find(id).map_or_else(|| format!("{id:#x}"), |row| row.name.to_owned())
}

/// The parts of the parameter by name; its length where it is none of the mechanism's.
///
/// # Safety
/// The parameter is readable for its length; where that is the length of the mechanism's structure, it is that structure,
/// but in a function of messages, whose mechanisms have another one.
unsafe fn of_parameter(function: &str, chosen: &CK_MECHANISM) -> Value {
    let len = chosen.ulParameterLen;
    let of_messages = function.contains("Message") || function.contains("Authenticated");
    let row = mechanism::find(chosen.mechanism).filter(|_| !of_messages);
    let Some(row) = row else {
        return format!("({len} bytes)").into();
    };
    // SAFETY: by the promise of this function.
    match unsafe { params::read(row.params, chosen.pParameter, len) } {
        Ok(params) => params::shown(&params),
        Err(error) => format!("({len} bytes): {error}").into(),
    }
}

/// # Safety
/// `start` is NULL or readable for `count` attributes, and their values for their lengths, but where the function
/// writes the values.
unsafe fn of_template(function: &str, start: *mut CK_ATTRIBUTE, count: CK_ULONG) -> Value {
    if start.is_null() {
        return Value::Null;
    }
    // The call refuses such a count too, before it reads an attribute.
    if count > LIMIT {
        return format!("({count} attributes)").into();
    }
    let mut shown = Map::new();
    for index in 0..count.min(MOST) {
        let Ok(index) = usize::try_from(index) else {
            break;
        };
        // SAFETY: within the template.
        let Some(attribute) = unsafe { record(start.wrapping_add(index)) }.read() else {
            break;
        };
        let value = if function == "C_GetAttributeValue" {
            Value::Null
        } else {
            // SAFETY: the value is readable for its length.
            unsafe { of_attribute(&attribute) }
        };
        let kind = attribute.type_;
        let name = attr::name(kind).map_or_else(|| format!("{kind:#x}"), str::to_owned);
        shown.insert(name, value);
    }
    if count > MOST {
        shown.insert("more".into(), json!(count - MOST));
    }
    Value::Object(shown)
}

/// # Safety
/// The value is NULL or readable for its length.
unsafe fn of_attribute(attribute: &CK_ATTRIBUTE) -> Value {
    let len = usize::try_from(attribute.ulValueLen).unwrap_or(usize::MAX);
    let hidden = || Value::from(format!("({} bytes)", attribute.ulValueLen));
    let form = form(attribute.type_);
    let is_number = matches!(form, Some(ValueForm::Bool | ValueForm::Ulong));
    let is_shown = SHOWN.contains(&attribute.type_) || is_number;
    if attribute.pValue.is_null() || !is_shown || len > LONGEST {
        return hidden();
    }
    // SAFETY: the value is readable for its length.
    let value = unsafe { input(attribute.pValue.cast(), attribute.ulValueLen) };
    let Ok(bytes) = value.bytes().map(<[u8]>::to_vec) else {
        return hidden();
    };
    match form {
        Some(ValueForm::Bool) if len == 1 => json!(bytes != [ck::CK_FALSE]),
        Some(ValueForm::Ulong) => match bytes.try_into().map(CK_ULONG::from_ne_bytes) {
            Ok(number) => json!(number),
            Err(_) => hidden(),
        },
        Some(ValueForm::Bool) => hidden(),
        _ => printable(attribute.type_, &bytes).into(),
    }
}

/// Text as it is, without what could begin another line; other bytes in hexadecimal digits.
fn printable(kind: CK_ATTRIBUTE_TYPE, bytes: &[u8]) -> String {
    let is_text = kind != ck::CKA_ID && kind != ck::CKA_EC_PARAMS;
    match std::str::from_utf8(bytes) {
        Ok(text) if is_text && !text.contains(char::is_control) => text.to_owned(),
        _ => params::digits(bytes),
    }
}

fn form(kind: CK_ATTRIBUTE_TYPE) -> Option<ValueForm> {
    static KNOWN: LazyLock<Vec<AttributeInfo>> = LazyLock::new(attr::known_attributes);
    let info = KNOWN.iter().find(|info| info.kind == kind)?;
    Some(info.form)
}

fn line(function: &str, arguments: Vec<Shown>, rv: CK_RV, took: Duration) {
    let time = utc(SystemClock.now());
    // Not libc's, which a glibc before 2.30 does not have.
    let thread = rustix::thread::gettid().as_raw_nonzero().get();
    let micros = took.as_micros();
    let result = ck::rv_name(rv);
    if log::traces_json() {
        let arguments = arguments.into_iter();
        let arguments: Map<_, _> = arguments
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        let micros = u64::try_from(micros).unwrap_or(u64::MAX);
        let line = json!({
            "time": time, "pid": std::process::id(), "thread": thread, "call": function,
            "arguments": arguments, "result": result, "microseconds": micros,
        });
        return log::trace(&line.to_string());
    }
    let shown: Vec<_> = arguments
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    log::trace(&format!(
        "{time} tenon[{}/{thread}] {function}({}) = {result} in {micros} µs",
        std::process::id(),
        shown.join(", ")
    ));
}
