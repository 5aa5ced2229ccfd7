//! `tenon manual`.

use std::fs;
use std::process::Command;

use super::common::Desk;

/// Commands and options that the completion for bash offers after `words`.
fn completed(desk: &Desk, words: &[&str]) -> Vec<String> {
    let script = "source completions/tenon.bash; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1))
        _tenon tenon \"${COMP_WORDS[COMP_CWORD]}\" \"${COMP_WORDS[COMP_CWORD-1]}\"; printf '%s\\n' \"${COMPREPLY[@]}\"";
    let output = Command::new("bash")
        .args(["-c", script, "bash"])
        .args(words)
        .current_dir(&desk.folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn every_command_has_a_page_and_help_has_none() {
    let desk = Desk::empty();
    desk.run(&["manual", "."]).ok();
    let mut pages: Vec<_> = fs::read_dir(desk.path("man1"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    pages.sort();
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/cli.md");
    let mut commands: Vec<_> = fs::read_to_string(document)
        .unwrap()
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .map(|command| format!("{}.1", command.replace(' ', "-")))
        .collect();
    commands.sort();
    assert!(commands.contains(&"tenon-byok-import.1".to_owned()));
    assert_eq!(pages, commands);

    let page = fs::read_to_string(desk.path("man1/tenon-byok-import.1")).unwrap();
    assert!(page.contains(r"\-\-import\-token"), "{page}");
}

#[test]
fn completions_know_the_commands_and_their_options() {
    let desk = Desk::empty();
    desk.run(&["manual", "."]).ok();
    assert_eq!(completed(&desk, &["tenon", "manu"]), ["manual"]);
    assert_eq!(completed(&desk, &["tenon", "byok", "impo"]), ["import"]);
    assert_eq!(
        completed(&desk, &["tenon", "init", "--if"]),
        ["--if-missing"]
    );
    for shell in ["_tenon", "tenon.fish"] {
        let text = fs::read_to_string(desk.path("completions").join(shell)).unwrap();
        assert!(text.contains("if-missing"), "{shell}");
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let desk = Desk::empty();
    desk.write("file", "");
    desk.run(&["manual", "file"])
        .refused(1, &["cannot make file/completions"]);
}
