//! `tenon client-config`, and other labels for tokens.

use super::common::{Desk, text};

#[test]
fn each_client_gets_lines_for_the_token_at_hand() {
    let desk = Desk::empty();
    desk.run(&["init", "--label", "web & mail"]).ok();
    desk.write("module.so", "");
    let slots = desk.run(&["slots", "--json"]).json();
    let serial = text(&slots[0], "serial");
    let clients = desk.run(&["client-config", "--json"]).json();
    let clients = clients.as_array().unwrap();
    assert!(clients.len() >= 14);
    let module = desk.path("module.so").canonicalize().unwrap();
    for client in clients {
        let name = text(client, "client");
        let config = [
            "client-config",
            name,
            "--module",
            "module.so",
            "--key",
            "tls key",
            "--json",
        ];
        let config = desk.run(&config).json();
        assert_eq!(
            text(&config, "uri"),
            format!("pkcs11:token=web%20%26%20mail;serial={serial}")
        );
        let lines = text(&config, "lines");
        // What stands in OpenSSL's section of this name belongs to no provider.
        assert!(!lines.contains("[default]"), "{name}: {lines}");
        let has_key = lines.contains("object=tls%20key;type=private");
        assert!(
            lines.contains(module.to_str().unwrap()) || has_key,
            "{name}: {lines}"
        );
    }
    let people = desk.run(&["client-config"]).ok().out();
    assert!(
        people.contains("a configuration of OpenSSL with libp11's engine"),
        "{people}"
    );
    desk.run(&["client-config", "no-such-client"])
        .refused(2, &["openssl-engine"]);
}

#[test]
fn a_token_gets_another_label_in_every_process() {
    use std::io::Write;
    use std::process::Stdio;
    let desk = Desk::new();
    desk.run_with(&[("TENON_PIN", "other-pin")], &["init", "--label", "other"])
        .ok();
    // A program that has the token open meanwhile goes on with its login.
    let pin = desk.pin_pipe();
    let generate = [
        "keys",
        "generate",
        "--type",
        "aes:128",
        "--slot",
        "0",
        "--pin-file",
        &pin,
    ];
    let mut open = desk
        .command(&generate)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut answer = super::common::asked(&pin, &mut open);
    let renamed = desk
        .run(&["token", "rename", "signing", "--token", "desk", "--json"])
        .json();
    assert_eq!(
        (text(&renamed, "old_label"), text(&renamed, "label")),
        ("desk", "signing")
    );
    answer.write_all(super::common::PIN.as_bytes()).unwrap();
    drop(answer);
    assert!(open.wait().unwrap().success());
    let slots = desk.run(&["slots", "--json"]).json();
    assert_eq!(text(&slots[0], "label"), "signing");
    assert_eq!(slots[0]["serial"], renamed["serial"]);
    desk.run(&["objects", "list", "--token", "signing", "--login"])
        .ok();
    desk.run(&["audit", "verify", "--token", "signing"]).ok();
    let list = desk
        .run(&["audit", "list", "--token", "signing", "--json"])
        .json();
    let events: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|one| text(one, "event"))
        .collect();
    assert_eq!(events, ["init-token", "init-pin", "rename", "generate"]);
    desk.run(&["token", "rename", "other", "--slot", "0"])
        .refused(1, &["slot 1 has this label already"]);
    desk.run_with(
        &[("TENON_SO_PIN", "wrong-pin")],
        &["token", "rename", "x", "--slot", "0"],
    )
    .refused(1, &["CKR_PIN_INCORRECT"]);
    desk.run(&["token", "rename", "", "--slot", "0"])
        .refused(2, &["1 to 32 bytes"]);
}
