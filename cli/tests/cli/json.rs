//! JSON, of every command.

use serde_json::Value;

use super::common::{Desk, text};

/// The commands that docs/cli.md describes: those without commands below them.
fn commands() -> Vec<Vec<String>> {
    let document = include_str!("../../../docs/cli.md");
    let mut sections = document.split("\n## tenon").skip(1);
    let mut commands = Vec::new();
    for section in &mut sections {
        let name = section.lines().next().unwrap();
        if !section.contains("\nCommands:\n") {
            commands.push(name.split_whitespace().map(str::to_owned).collect());
        }
    }
    commands
}

#[test]
fn every_command_says_its_errors_as_json() {
    let desk = Desk::empty();
    let commands = commands();
    assert!(commands.len() > 50, "{}", commands.len());
    for command in commands {
        // Each is refused for the settings, or earlier for arguments that are missing.
        for (status, extra) in [(None, "--json"), (Some(2), "--no-such-option")] {
            // The demonstration has settings of its own.
            if status.is_none() && command == ["demo"] {
                continue;
            }
            let mut arguments: Vec<_> = command.iter().map(String::as_str).collect();
            arguments.extend(["--json", extra]);
            arguments.dedup();
            let answer = desk.run_with(&[("TENON_CONF", "/nowhere/tenon.conf")], &arguments);
            let output = answer.0;
            let said = String::from_utf8(output.stderr).unwrap();
            let code = output.status.code().unwrap();
            if code == 0 {
                let asks_nothing = ["byok profiles", "client-config"];
                assert!(
                    asks_nothing.contains(&&*command.join(" ")),
                    "{command:?} succeeds"
                );
                continue;
            }
            if let Some(status) = status {
                assert_eq!(code, status, "{command:?}");
            }
            let line = said.lines().last().unwrap();
            let error: Value =
                serde_json::from_str(line).unwrap_or_else(|_| panic!("{command:?} says {said:?}"));
            assert_eq!(error["error"]["exit_status"], code, "{command:?}");
            assert!(!text(&error["error"], "message").is_empty(), "{command:?}");
            assert_eq!(said.lines().count(), 1, "{command:?}: {said}");
        }
    }
}

#[test]
fn an_error_names_the_token_s_answer_and_what_to_do() {
    let desk = Desk::new();
    let wrong = [("TENON_PIN", "wrong-0000")];
    let output = desk
        .run_with(&wrong, &["objects", "list", "--login", "--json"])
        .0;
    let error: Value = serde_json::from_slice(&output.stderr).unwrap();
    let error = &error["error"];
    assert_eq!(text(error, "result"), "CKR_PIN_INCORRECT");
    assert!(text(error, "advice").contains("tenon slots"), "{error}");
    assert_eq!(error["exit_status"], 1);
    let help = desk.run(&["slots", "--json", "--help"]).ok().out();
    assert!(help.starts_with("Lists the slots"), "{help}");
}
