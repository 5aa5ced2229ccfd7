//! `tenon store move` between files and a database, where `TENON_TEST_SERVER` names the folder of a server's socket.

use std::time::Duration;

use tenon_pkcs11::api::clock::Deadline;

use super::common::{Answer, Desk, text};
use crate::database;

const URL: &str = "TENON_STORE_URL";

/// A desk with a token in a file, and the URL of an empty database.
fn desk() -> (Desk, String) {
    let desk = Desk::new();
    for label in ["a", "b", "c"] {
        desk.run(&["keys", "generate", "--type", "aes:128", "--label", label])
            .ok();
    }
    desk.run(&["keys", "generate", "--type", "ec:P-256", "--label", "pair"])
        .ok();
    let url = database::for_folder(&desk.path("")).unwrap();
    (desk, url)
}

fn there(desk: &Desk, url: &str, arguments: &[&str]) -> Answer {
    desk.run_with(&[(URL, url)], arguments)
}

/// Class and label of each object.
fn content(answer: Answer) -> Vec<String> {
    let objects = answer.json();
    let mut labels: Vec<_> = objects
        .as_array()
        .unwrap()
        .iter()
        .map(|object| format!("{} {}", text(object, "class"), text(object, "label")))
        .collect();
    labels.sort();
    labels
}

const DELETE: [&str; 5] = ["token", "delete", "--slot", "0", "--yes"];
const LIST: [&str; 4] = ["objects", "list", "--json", "--login"];

#[test]
#[ignore = "needs a server"]
fn a_token_moves_into_a_database_and_back() {
    let (desk, url) = desk();
    let before = content(desk.run(&LIST));
    let records = desk.run(&["audit", "verify", "--json"]).json()["records"].clone();

    let moved = desk.run(&["store", "move", "--to", &url, "--json"]).json();
    assert_eq!(moved["verified"]["records"], records);
    assert_eq!(content(there(&desk, &url, &LIST)), before);
    there(&desk, &url, &["audit", "verify"]).ok();
    let list = there(&desk, &url, &["audit", "list", "--json", "--login"]).out();
    assert!(list.contains("\"moved\""), "{list}");
    // The source says where it went, to every command, and holds its slot.
    for command in [
        &LIST[..],
        &["keys", "generate", "--type", "aes:128"],
        &["backup", "b.tenon"],
    ] {
        desk.run(command)
            .failed(&["was moved to postgresql://tenon@"]);
    }
    desk.run(&["init", "--label", "other"])
        .failed(&["was moved to postgresql://tenon@"]);
    // Once more is no harm, and elsewhere it does not go.
    desk.run(&["store", "move", "--to", &url])
        .warned(&["was moved to "]);
    desk.run(&[
        "store",
        "move",
        "--to",
        "postgresql://tenon@localhost/other?sslmode=disable",
    ])
    .failed(&["was moved to postgresql://tenon@"]);

    // Back into the file: what is left there is to be removed first.
    there(&desk, &url, &["store", "move", "--to", "file"]).failed(&["there is a token already"]);
    assert_eq!(content(there(&desk, &url, &LIST)), before);
    desk.run(&DELETE).warned(&["was moved to "]);
    there(&desk, &url, &["store", "move", "--to", "file"]).ok();
    assert_eq!(content(desk.run(&LIST)), before);
    desk.run(&["audit", "verify"]).ok();
    there(&desk, &url, &LIST).failed(&["was moved to ", "slot-0000.tenon"]);
    // What is left in the database is used again where somebody says so.
    there(&desk, &url, &["store", "take-back", "--slot", "0"]).failed(&["--yes"]);
    there(&desk, &url, &["store", "take-back", "--slot", "0", "--yes"]).ok();
    assert_eq!(content(there(&desk, &url, &LIST)), before);
    desk.run(&["store", "take-back", "--slot", "0", "--yes"])
        .failed(&["was not moved"]);
}

#[test]
#[ignore = "needs a server"]
fn a_target_with_a_token_is_left_alone() {
    let (desk, url) = desk();
    let arguments = ["init", "--label", "second", "--store-url", &url];
    desk.run(&arguments).ok();
    let there_before = content(there(&desk, &url, &LIST));
    let before = content(desk.run(&LIST));
    desk.run(&["store", "move", "--to", &url])
        .failed(&["there is a token already", "slot 0"]);
    assert_eq!(content(desk.run(&LIST)), before);
    assert_eq!(content(there(&desk, &url, &LIST)), there_before);
    desk.run(&["store", "move", "--to", "file"])
        .failed(&["already"]);
    desk.run(&[
        "store",
        "move",
        "--to",
        "postgresql://tenon:secret@db/x?sslrootcert=/ca",
    ])
    .refused(2, &["passfile"]);
}

/// Wherever the end comes, exactly one of both sides is used, or the same command ends the move.
#[test]
#[ignore = "needs a server"]
fn a_move_that_is_killed_leaves_one_token() {
    const ROUNDS: u32 = 16;
    let (desk, url) = desk();
    let before = content(desk.run(&LIST));
    let to = ["store", "move", "--to", &url];
    let begun = Deadline::after(Duration::ZERO);
    desk.run(&to).ok();
    let whole = begun.waited();
    let mut ends = [0; 3];
    for round in 0..ROUNDS {
        // Back again.
        desk.run(&DELETE).warned(&["was moved to "]);
        there(&desk, &url, &["store", "move", "--to", "file"]).ok();
        there(&desk, &url, &DELETE).warned(&["was moved to "]);

        let mut child = desk.command(&to).spawn().unwrap();
        std::thread::sleep(whole * (round + 1) / ROUNDS);
        let _ = child.kill();
        child.wait_with_output().unwrap();
        let here = desk.run(&LIST).0.status.success();
        let other = there(&desk, &url, &LIST).0.status.success();
        assert!(!(here && other), "two tokens");
        ends[usize::from(here) + 2 * usize::from(other)] += 1;
        desk.run(&to).warned(&[]);
        assert_eq!(content(there(&desk, &url, &LIST)), before);
        there(&desk, &url, &["audit", "verify"]).ok();
    }
    println!("neither, source, target: {ends:?}");
}
