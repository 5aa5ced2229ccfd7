//! `tenon metrics`, as Prometheus reads it.

use super::common::Desk;

#[test]
fn metrics_need_no_pin_and_follow_the_token() {
    let desk = Desk::new();
    let without = [("TENON_PIN", ""), ("TENON_SO_PIN", "")];
    let value = |name: &str| -> Option<u64> {
        let text = desk.run_with(&without, &["metrics"]).ok().out();
        let line = text.lines().find(|line| line.starts_with(name))?;
        assert!(line.contains("slot=\"0\",token=\"desk\",serial="), "{line}");
        assert!(text.contains(&format!("# TYPE {name} gauge")));
        line.rsplit_once(' ')?.1.parse().ok()
    };
    assert_eq!(value("tenon_token_readable"), Some(1));
    assert_eq!(value("tenon_objects"), Some(0));
    let (tries, records) = (
        value("tenon_user_pin_tries_left"),
        value("tenon_audit_records"),
    );
    desk.run(&["keys", "generate", "--type", "aes:128", "--label", "k"])
        .ok();
    assert_eq!(value("tenon_objects"), Some(1));
    assert!(value("tenon_audit_records") > records);
    desk.run_with(
        &[("TENON_PIN", "wrong-0000")],
        &["objects", "list", "--login"],
    )
    .refused(1, &["CKR_PIN_INCORRECT"]);
    assert_eq!(
        value("tenon_user_pin_tries_left"),
        tries.map(|left| left - 1)
    );
    assert_eq!(value("tenon_clock_behind_seconds"), Some(0));
    desk.write("tenon.prom", "old");
    desk.run(&["metrics", "--output", "tenon.prom"]).ok();
    let written = std::fs::read_to_string(desk.path("tenon.prom")).unwrap();
    assert!(written.starts_with("# HELP tenon_token_readable"));
}
