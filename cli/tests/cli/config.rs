//! `tenon config`.

use super::common::{Desk, text};

#[test]
fn every_setting_tells_where_it_comes_from() {
    let desk = Desk::empty();
    let tokens = desk.path("tokens");
    desk.write("softhsm.conf", "log.level = INFO\npin.passes = 3\n");
    let variables = [("TENON_CONF", "softhsm.conf"), ("TENON_PIN_PASSES", "4")];
    let answer = desk.run_with(&variables, &["config", "--json"]).json();
    assert_eq!(text(&answer, "file"), "softhsm.conf");
    let of = |key: &str| {
        let settings = answer["settings"].as_array().unwrap();
        let setting = settings.iter().find(|setting| setting["key"] == key);
        let setting = setting.unwrap();
        let place = setting["place"].as_str().unwrap_or("").to_owned();
        (
            text(setting, "value").to_owned(),
            text(setting, "origin").to_owned(),
            place,
        )
    };
    let expected = |value: &str, origin: &str, place: &str| {
        (value.to_owned(), origin.to_owned(), place.to_owned())
    };
    assert_eq!(of("log.level"), expected("INFO", "file", "softhsm.conf:1"));
    assert_eq!(
        of("pin.passes"),
        expected("4", "environment", "TENON_PIN_PASSES")
    );
    assert_eq!(of("log.target"), expected("syslog", "default", ""));
    assert_eq!(
        of("directories.tokendir"),
        expected(
            tokens.to_str().unwrap(),
            "environment",
            "TENON_DIRECTORIES_TOKENDIR"
        )
    );
    let table = desk.run_with(&variables, &["config"]).ok().out();
    assert!(table.contains("softhsm.conf:1") && table.contains("$TENON_PIN_PASSES"));
}

#[test]
fn the_default_folder_is_shown() {
    let desk = Desk::empty();
    let variables = [("TENON_DIRECTORIES_TOKENDIR", "")];
    let out = desk.run_with(&variables, &["config"]).ok().out();
    let folder = desk.path(".local/share/tenon");
    assert!(out.contains(folder.to_str().unwrap()), "{out}");
}

#[test]
fn mistakes_stop_every_command_and_are_all_shown() {
    let desk = Desk::empty();
    desk.write("softhsm.conf", "log.levl = INFO\npin.passes = 0\n");
    let variables = [("TENON_CONF", "softhsm.conf"), ("TENON_POLICY_X", "1")];
    for command in ["config", "slots"] {
        desk.run_with(&variables, &[command]).refused(
            1,
            &[
                "tenon: softhsm.conf:1: unknown key `log.levl`",
                "softhsm.conf:2: bad value for `pin.passes`",
                "$TENON_POLICY_X",
            ],
        );
    }
    desk.run_with(&[("TENON_CONF", "absent")], &["config"])
        .refused(1, &["tenon: absent: cannot be read"]);
}

#[test]
fn the_example_is_the_one_of_the_repository() {
    let example = Desk::empty().run(&["config", "--example"]).ok().out();
    assert_eq!(example, include_str!("../../../softhsm.conf.example"));
}
