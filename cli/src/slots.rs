//! `tenon slots`: what is where, and how its PINs stand.

use clap::Args;
use serde_json::json;
use tenon_pkcs11::api::ck;

use crate::Result;
use crate::output::{Format, printable};
use crate::table::{sentence, table};
use crate::token::{self, Slot};

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    format: Format,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let module = token::open()?;
    let slots = token::slots(&module)?;
    let misnamed = module.catalog().misnamed()?.join(", ");
    let answer = slots.iter().map(|slot| {
        json!({
            "slot": slot.id,
            "initialized": slot.unreadable.is_none().then(|| slot.initialised()),
            "label": slot.initialised().then_some(&slot.label),
            "serial": slot.initialised().then_some(&slot.serial),
            "unreadable": slot.unreadable,
            "read_only": slot.flags & ck::CKF_WRITE_PROTECTED != 0,
            "user_pin": slot.unreadable.is_none().then(|| user_pin(slot.flags)),
            "so_pin": slot.unreadable.is_none().then(|| so_pin(slot.flags)),
            "user_pin_tries_left": slot.user_tries,
            "so_pin_tries_left": slot.so_tries,
        })
    });
    arguments.format.print(&answer.collect(), |out| {
        let readable = slots.iter().filter(|slot| slot.unreadable.is_none());
        // No hint beside a token that cannot be read: nobody should make another in its place.
        let all = slots.iter().all(|slot| slot.unreadable.is_none());
        let hint = if all { ": tenon init" } else { "" };
        let rows: Vec<_> = readable.map(|slot| row(slot, hint)).collect();
        let header = ["SLOT", "TOKEN", "SERIAL NUMBER", "USER PIN", "SO PIN"];
        table(out, header, &rows)?;
        for slot in &slots {
            if let Some(why) = &slot.unreadable {
                sentence(out, &format!("{:<4}  unreadable: {why}", slot.id))?;
            }
        }
        if !misnamed.is_empty() {
            let misnamed = printable(misnamed.as_bytes());
            let why = "(a token's file is named slot-NNNN.tenon)";
            sentence(out, &format!("not used: {misnamed} {why}"))?;
        }
        Ok(())
    })?;
    let unreadable = slots.iter().filter(|slot| slot.unreadable.is_some());
    let unreadable: Vec<_> = unreadable.map(|slot| slot.id.to_string()).collect();
    if unreadable.is_empty() {
        return Ok(());
    }
    Err(format!("unreadable: slot {}", unreadable.join(", ")).into())
}

/// `hint`: what to do with a free slot.
fn row(slot: &Slot, hint: &str) -> [String; 5] {
    if !slot.initialised() {
        let free = format!("(free{hint})");
        return [slot.id.to_string(), free, "".into(), "".into(), "".into()];
    }
    [
        slot.id.to_string(),
        slot.label.clone(),
        slot.serial.clone(),
        with_tries(user_pin(slot.flags), slot.user_tries),
        with_tries(so_pin(slot.flags), slot.so_tries),
    ]
}

fn with_tries(state: &str, left: Option<u32>) -> String {
    match left {
        None | Some(0) => state.to_owned(),
        Some(left) => format!("{state} ({left} left)"),
    }
}

fn user_pin(flags: ck::CK_FLAGS) -> &'static str {
    if flags & ck::CKF_USER_PIN_INITIALIZED == 0 {
        return "unset";
    }
    state(
        flags,
        ck::CKF_USER_PIN_LOCKED,
        ck::CKF_USER_PIN_FINAL_TRY,
        ck::CKF_USER_PIN_COUNT_LOW,
    )
}

fn so_pin(flags: ck::CK_FLAGS) -> &'static str {
    if flags & ck::CKF_TOKEN_INITIALIZED == 0 {
        return "unset";
    }
    state(
        flags,
        ck::CKF_SO_PIN_LOCKED,
        ck::CKF_SO_PIN_FINAL_TRY,
        ck::CKF_SO_PIN_COUNT_LOW,
    )
}

fn state(
    flags: ck::CK_FLAGS,
    locked: ck::CK_FLAGS,
    final_try: ck::CK_FLAGS,
    count_low: ck::CK_FLAGS,
) -> &'static str {
    let states = [
        (locked, "locked"),
        (final_try, "last try"),
        (count_low, "wrong tries"),
    ];
    let known = states.iter().find(|(flag, _)| flags & flag != 0);
    known.map_or("set", |(_, state)| state)
}
