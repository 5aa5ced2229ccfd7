//! Tokens of the real SoftHSM 2 come in, object by object. Where its module is not installed, the tests say so and
//! end.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::common::{Desk, text};
use super::softhsm::{LARGE, MODULE, Mix, SMALL, SOURCE_PIN, as_database};

/// A folder with a token of SoftHSM's that holds a mix; `None` where SoftHSM is not installed.
struct Source {
    desk: Desk,
    mix: Mix,
}

impl Source {
    fn new(mix: Mix, name: &str) -> Option<Self> {
        if !Path::new(MODULE).exists() {
            eprintln!("left out: SoftHSM 2 is not installed");
            return None;
        }
        let desk = Desk::new();
        fs::create_dir(desk.path("softhsm")).unwrap();
        let conf = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\n",
            desk.path("softhsm").display()
        );
        desk.write("softhsm2.conf", conf);
        let source = Self { desk, mix };
        source.fill("cli::softhsm::fill", name);
        Some(source)
    }

    /// Runs an ignored test, which makes objects in the token of SoftHSM: that reads its variable, which a process
    /// cannot change for itself.
    fn fill(&self, test: &str, mix: &str) {
        let made = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--ignored", test])
            .env("SOFTHSM2_CONF", self.desk.path("softhsm2.conf"))
            .env("TENON_TEST_MIX", mix)
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(made.success());
    }

    fn command(&self, more: &[&str]) -> Command {
        let mut command = self
            .desk
            .command(&[&["migrate", "softhsm", "softhsm", "--json"], more].concat());
        command.env("TENON_SOURCE_PIN", SOURCE_PIN);
        command
    }

    /// The exit status and the report.
    fn migrate(&self, more: &[&str]) -> (i32, Value) {
        let output = self.command(more).output().unwrap();
        let report = serde_json::from_slice(&output.stdout);
        let report = report.unwrap_or_else(|_| panic!("{output:?}"));
        (output.status.code().unwrap(), report)
    }

    fn check_counts(&self, report: &Value, place: &str, compared: bool) {
        let count = |class: &str, place: &str| {
            let count = report["counts"][class][place].as_u64().unwrap_or_default();
            usize::try_from(count).unwrap()
        };
        let (secret, refused) = self.mix.secret_keys();
        let expected = [
            ("privkey", self.mix.pairs()),
            ("pubkey", self.mix.pairs()),
            ("secrkey", secret),
            ("data", self.mix.data),
            ("cert", self.mix.certificates),
        ];
        for (class, number) in expected {
            assert_eq!(
                count(class, place),
                number,
                "{class} {place}: {}",
                refusals(report)
            );
        }
        assert_eq!(count("secrkey", "refused"), refused);
        for class in ["privkey", "secrkey"] {
            assert_eq!(count(class, "different"), 0);
            assert_eq!(count(class, "not_compared"), 0, "{}", not_compared(report));
        }
        if compared {
            assert_eq!(count("privkey", "same"), self.mix.pairs());
            assert_eq!(count("secrkey", "same"), secret);
        }
    }
}

fn refusals(report: &Value) -> String {
    let all = report["objects"].as_array().unwrap().iter();
    let refused = all.filter(|one| one["result"] == "refused" && one["key"] != "des3");
    refused
        .map(|one| format!("{} {} {}\n", one["class"], one["key"], one["reason"]))
        .collect()
}

fn not_compared(report: &Value) -> String {
    let all = report["objects"].as_array().unwrap().iter();
    let left = all.filter(|one| one["comparison"]["result"] == "not_compared");
    left.map(|one| format!("{} {}\n", one["key"], one["comparison"]["reason"]))
        .collect()
}

#[test]
fn a_thousand_objects_come_in_and_every_key_computes_the_same() {
    let Some(source) = Source::new(LARGE, "large") else {
        return;
    };
    let (status, report) = source.migrate(&[]);
    source.check_counts(&report, "moved", true);
    let objects = report["objects"].as_array().unwrap();
    assert!(objects.len() >= 1000, "{}", objects.len());
    let refused = source.mix.secret_keys().1;
    assert_eq!(status, i32::from(refused != 0));
    // The same objects in SoftHSM's other format are recognised, each of them.
    fs::rename(source.desk.path("softhsm"), source.desk.path("files")).unwrap();
    as_database(&source.desk.path("files"), &source.desk.path("softhsm"));
    let (_, report) = source.migrate(&["--no-comparison"]);
    source.check_counts(&report, "present", false);
}

#[test]
fn a_database_comes_in_too_and_a_dry_run_changes_nothing() {
    let Some(source) = Source::new(SMALL, "small") else {
        return;
    };
    fs::rename(source.desk.path("softhsm"), source.desk.path("files")).unwrap();
    as_database(&source.desk.path("files"), &source.desk.path("softhsm"));
    let (_, report) = source.migrate(&["--dry-run"]);
    source.check_counts(&report, "moved", false);
    assert_eq!(report["dry_run"], true);
    assert!(source.desk.objects(&[]).is_empty());
    let (_, report) = source.migrate(&["--no-comparison"]);
    source.check_counts(&report, "moved", false);
    assert_eq!(
        source.desk.objects(&["--type", "cert"]).len(),
        source.mix.certificates
    );
}

#[test]
fn attributes_are_kept_and_what_is_not_is_reported() {
    let Some(source) = Source::new(SMALL, "small") else {
        return;
    };
    let (_, report) = source.migrate(&[]);
    source.check_counts(&report, "moved", true);
    let show = ["objects", "show", "--login", "--json", "--label", "aes-1"];
    let shown = source.desk.run(&show).json();
    let key = &shown[0];
    for (name, value) in [
        ("CKA_SENSITIVE", true),
        ("CKA_EXTRACTABLE", false),
        ("CKA_MODIFIABLE", false),
        ("CKA_ENCRYPT", true),
        ("CKA_WRAP", true),
        ("CKA_LOCAL", false),
    ] {
        assert_eq!(key[name], value, "{name}");
    }
    assert_eq!(key["CKA_VALUE_LEN"], 24);
    assert_eq!(text(key, "CKA_END_DATE"), "20991231");
    assert_eq!(text(key, "CKA_ID"), "61657331");
    let objects = report["objects"].as_array().unwrap();
    let aes = objects.iter().find(|one| one["label"] == "aes-1").unwrap();
    let lost = aes["lost"].as_array().unwrap().iter();
    let lost: Vec<_> = lost.map(|one| text(one, "attribute")).collect();
    assert!(
        lost.contains(&"CKA_LOCAL") && lost.contains(&"CKA_NEVER_EXTRACTABLE"),
        "{lost:?}"
    );
    assert_eq!(aes["comparison"]["mechanism"], "CKM_AES_CBC");
}

#[test]
fn a_run_that_was_killed_is_finished_by_the_next() {
    let Some(source) = Source::new(SMALL, "small") else {
        return;
    };
    let mut first = source.command(&["--no-comparison"]).spawn().unwrap();
    while source.desk.objects(&[]).len() < 3 && first.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let _ = first.kill();
    first.wait().unwrap();
    let (_, report) = source.migrate(&[]);
    let objects = report["objects"].as_array().unwrap();
    let count = |result: &str| objects.iter().filter(|one| one["result"] == result).count();
    assert!(count("present") >= 3);
    assert_eq!(
        source.desk.objects(&[]).len(),
        count("present") + count("moved")
    );
    let (_, again) = source.migrate(&[]);
    source.check_counts(&again, "present", true);
}

#[test]
fn a_wrong_pin_and_a_wrong_folder_are_told() {
    let Some(source) = Source::new(SMALL, "small") else {
        return;
    };
    let wrong = [("TENON_SOURCE_PIN", "softhsm-4321")];
    source
        .desk
        .run_with(
            &wrong,
            &["migrate", "softhsm", "softhsm", "--no-comparison"],
        )
        .refused(1, &["the PIN does not open the token old"]);
    source
        .desk
        .run(&["migrate", "softhsm", "tokens"])
        .refused(1, &["holds no token of SoftHSM 2"]);
}

#[test]
fn tokens_of_softhsm_are_noticed() {
    let Some(source) = Source::new(SMALL, "small") else {
        return;
    };
    let conf = source.desk.path("softhsm2.conf");
    let variables = [("SOFTHSM2_CONF", conf.to_str().unwrap())];
    for command in [&["slots"][..], &["objects", "list"], &["metrics"]] {
        let told = source.desk.run_with(&variables, command);
        told.warned(&["SoftHSM's token old", "`tenon migrate softhsm"]);
    }
    let folder = source.desk.path("softhsm");
    let variables = [("TENON_DIRECTORIES_TOKENDIR", folder.to_str().unwrap())];
    let config = ["objects", "list"];
    source
        .desk
        .run_with(&variables, &config)
        .refused(1, &["SoftHSM's token old", "`tenon migrate softhsm"]);
}

#[test]
fn what_any_module_lets_out_comes_in_and_the_rest_is_named() {
    let Some(source) = Source::new(SMALL, "small") else {
        return;
    };
    source.fill("cli::softhsm::fill_template", "");
    let desk = &source.desk;
    let migrate = |more: &[&str]| {
        let arguments = [
            "migrate", "pkcs11", "--module", MODULE, "--from", "old", "--json",
        ];
        let mut command = desk.command(&[&arguments[..], more].concat());
        command
            .env("SOFTHSM2_CONF", desk.path("softhsm2.conf"))
            .env("TENON_SOURCE_PIN", SOURCE_PIN);
        let output = command.output().unwrap();
        let report: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        (output.status.code(), report)
    };
    for (kind, label) in [("EC:prime256v1", "leaving-ec"), ("rsa:2048", "leaving-rsa")] {
        let mut tool = Command::new("pkcs11-tool");
        let made = tool
            .args([
                "--module",
                MODULE,
                "--login",
                "--pin",
                SOURCE_PIN,
                "--keypairgen",
                "--key-type",
                kind,
            ])
            .args([
                "--label",
                label,
                "--id",
                "77",
                "--sensitive",
                "--extractable",
                "--usage-sign",
            ])
            .env("SOFTHSM2_CONF", desk.path("softhsm2.conf"))
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
    }
    let (_, report) = migrate(&["--dry-run"]);
    assert_eq!(report["dry_run"], true);
    assert!(desk.objects(&[]).is_empty());
    let (status, report) = migrate(&[]);
    assert_eq!(status, Some(1), "some keys do not leave");
    let objects = report["objects"].as_array().unwrap();
    let is_key = |one: &&Value| one["class"] != "pubkey";
    let named = |label: &str| {
        let mut keys = objects.iter().filter(is_key);
        keys.find(|one| text(one, "label") == label)
    };
    // Extractable and sensitive: wrapped out, and the same in both modules.
    for label in ["aes-0", "aes-2", "leaving-ec", "leaving-rsa"] {
        let key = named(label).unwrap();
        assert_eq!(text(key, "result"), "moved", "{key}");
        assert_eq!(key["comparison"]["result"], "same", "{key}");
    }
    let template = named("template-0").unwrap();
    assert_eq!(text(template, "result"), "moved", "{template}");
    let lost = objects.iter().flat_map(|one| {
        let lost = one["lost"].as_array().unwrap().iter();
        lost.map(|loss| (text(one, "label"), text(loss, "attribute")))
    });
    let templates = lost.filter(|(_, attribute)| attribute.ends_with("_TEMPLATE"));
    assert_eq!(
        templates.collect::<Vec<_>>(),
        [("template-0", "CKA_WRAP_TEMPLATE")]
    );
    let kept: Vec<_> = objects
        .iter()
        .filter(|one| one["result"] == "refused")
        .collect();
    assert!(
        kept.iter()
            .any(|one| text(one, "source").contains("label=\"aes-1\"")),
        "{kept:?}"
    );
    for one in &kept {
        let why = text(one, "reason");
        assert!(
            why.contains("CKA_EXTRACTABLE is false") || one["key"] == "des3",
            "{one}"
        );
    }
    let count = |class: &str| {
        report["counts"][class]["moved"]
            .as_u64()
            .unwrap_or_default()
    };
    assert_eq!(count("cert"), source.mix.certificates as u64);
    assert_eq!(count("data"), source.mix.data as u64);
    assert_eq!(count("pubkey"), source.mix.pairs() as u64 + 2);
    assert!(
        objects
            .iter()
            .all(|one| one["comparison"]["result"] != "different"),
        "{report}"
    );
    let before = desk.objects(&[]).len();
    let (_, again) = migrate(&["--no-comparison"]);
    assert_eq!(desk.objects(&[]).len(), before, "nothing comes twice");
    assert_eq!(
        again["counts"]["cert"]["present"],
        source.mix.certificates as u64
    );
}
