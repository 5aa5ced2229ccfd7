//! `tenon clock`, with tokens that have seen other times than the system's.

use std::sync::Arc;

use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::clock::{Clock, ManualClock, SystemClock};
use tenon_pkcs11::api::config::Config;
use tenon_pkcs11::api::crypto::rand::SystemRng;
use tenon_pkcs11::api::module::{Module, padded};

use super::common::{Desk, PIN, SO_PIN, text};

const DAY: u64 = 86_400;

/// A token whose mark is `at`.
pub(super) fn seen(at: u64) -> Desk {
    let desk = Desk::empty();
    let mut config = Config::defaults();
    config.token_dir = desk.path("tokens");
    let clock = Arc::new(ManualClock::at(at));
    let module = Module::open(config, clock, Arc::new(SystemRng)).unwrap();
    module
        .init_token(0, SO_PIN.as_bytes(), &padded("desk"))
        .unwrap();
    let flags = ck::CKF_SERIAL_SESSION | ck::CKF_RW_SESSION;
    let session = module
        .session(module.open_session(0, flags).unwrap())
        .unwrap();
    session.login(ck::CKU_SO, SO_PIN.as_bytes()).unwrap();
    session.init_pin(PIN.as_bytes()).unwrap();
    desk
}

fn last_event(desk: &Desk) -> String {
    let list = desk.run(&["audit", "list", "--json", "--limit", "1"]);
    text(&list.json()[0], "event").to_owned()
}

#[test]
fn a_clock_that_is_right_is_shown() {
    let desk = Desk::new();
    let shown = desk.run(&["clock", "show", "--json"]).json();
    assert_eq!(shown["believed"], true);
    assert!(shown["difference"].as_i64().unwrap() < 60, "{shown}");
    let people = desk.run(&["clock", "show"]).ok().out();
    assert!(people.contains("after the mark"), "{people}");
}

#[test]
fn a_clock_far_ahead_is_accepted_by_the_officer() {
    let desk = seen(SystemClock.now() - 500 * DAY);
    let shown = desk.run(&["clock", "show", "--json"]).json();
    assert_eq!(shown["believed"], false);
    let people = desk.run(&["clock", "show"]).ok().out();
    assert!(people.contains("500 d"), "{people}");
    assert!(people.contains("tenon clock accept"), "{people}");
    desk.run(&["clock", "accept"]).refused(1, &["--yes"]);
    let wrong = [("TENON_SO_PIN", "wrong")];
    desk.run_with(&wrong, &["clock", "accept", "--yes"])
        .refused(1, &["CKR_PIN_INCORRECT"]);
    let accepted = desk.run(&["clock", "accept", "--yes", "--json"]).json();
    assert_eq!(accepted["believed"], true);
    assert_eq!(last_event(&desk), "clock-accepted");
    desk.run(&["audit", "verify"]).ok();
}

#[test]
fn a_mark_in_the_future_is_lowered_on_demand_alone() {
    let desk = seen(SystemClock.now() + 100 * DAY);
    let shown = desk.run(&["clock", "show", "--json"]).json();
    assert!(shown["difference"].as_i64().unwrap() < -99 * 86_400);
    desk.run(&["clock", "accept", "--yes"])
        .refused(1, &["CKR_ACTION_PROHIBITED", "--lower"]);
    let lowered = desk.run(&["clock", "accept", "--yes", "--lower", "--json"]);
    let lowered = lowered.json();
    assert_eq!(lowered["mark"], lowered["now"]);
    assert_eq!(last_event(&desk), "clock-lowered");
    let shown = desk.run(&["clock", "show", "--json"]).json();
    assert!(shown["difference"].as_i64().unwrap() >= 0, "{shown}");
}
