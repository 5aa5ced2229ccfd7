//! Sources, their order, and what is refused.

use std::path::Path;

use super::*;

fn with(variables: &[(&str, &str)]) -> Result<Config> {
    settings(variables).map(|settings| settings.config)
}

fn settings(variables: &[(&str, &str)]) -> Result<Settings> {
    let variables = variables.iter();
    Settings::of(variables.map(|(name, value)| (name.into(), value.into())))
}

#[test]
fn works_without_any_configuration() {
    let config = with(&[("HOME", "/home/ada")]).unwrap();
    assert_eq!(config.token_dir, Path::new("/home/ada/.local/share/tenon"));
    assert_eq!(config.pin_min_length, 4);
    assert!(config.enforce_dates && config.bind_by_id && !config.read_only);
}

#[test]
fn environment_wins_over_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("softhsm.conf");
    std::fs::write(
        &file,
        "# a comment\n\npin.min_length = 8\nslots.removable = true\n",
    )
    .unwrap();
    let file = file.to_str().unwrap();
    let config = with(&[("TENON_CONF", file), ("TENON_PIN_MIN_LENGTH", "6")]).unwrap();
    assert_eq!(config.pin_min_length, 6);
    assert!(config.removable);
}

#[test]
fn errors_name_file_and_line() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("softhsm.conf");
    for (text, line, what) in [
        ("\nlog.levl = INFO\n", 2, "unknown key `log.levl`"),
        ("log.level = LOUD\n", 1, "expected ERROR"),
        ("pin.min_length = 3\n", 1, "from 4 to 255"),
        ("nonsense\n", 1, "key = value"),
    ] {
        std::fs::write(&file, text).unwrap();
        let error = with(&[("TENON_CONF", file.to_str().unwrap())])
            .unwrap_err()
            .to_string();
        assert!(error.contains(&format!("softhsm.conf:{line}")), "{error}");
        assert!(error.contains(what), "{error}");
    }
}

#[test]
fn every_mistake_is_reported_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("softhsm.conf");
    let text = "log.level = LOUD\npin.passes = 3\nnonsense\npin.passes = 4\nlog.levl = INFO\n";
    std::fs::write(&file, text).unwrap();
    let error = with(&[
        ("TENON_CONF", file.to_str().unwrap()),
        ("TENON_LOG_LEVEL", "INFO"),
        ("TENON_SLOTS_REMOVABLE", "yes"),
        ("TENON_POLICY_ENFORCE_DATE", "false"),
        // None of the groups of settings.
        ("TENON_PIN", "1234"),
        ("TENON_CHEEKS", "2"),
    ])
    .unwrap_err()
    .what
    .clone();
    let places: Vec<_> = error
        .lines()
        .map(|line| line.split(": ").next().unwrap().rsplit('/').next().unwrap())
        .collect();
    assert_eq!(
        places,
        [
            "softhsm.conf:1",
            "softhsm.conf:3",
            "softhsm.conf:4",
            "softhsm.conf:5",
            "$TENON_POLICY_ENFORCE_DATE",
            "$TENON_SLOTS_REMOVABLE",
        ],
        "{error}"
    );
    assert!(error.contains("already set in line 2"), "{error}");
}

#[test]
fn a_file_that_is_named_must_be_there() {
    let error = with(&[("TENON_CONF", "/nonexistent/x")]).unwrap_err();
    assert!(error.to_string().contains("/nonexistent/x: cannot be read"));
    assert!(with(&[("TENON_CONF", "")]).is_err());
    assert!(with(&[("HOME", "/nonexistent")]).is_ok());
}

#[test]
fn files_of_softhsm_are_understood() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("softhsm2.conf");
    let with_file = |text: &str| {
        std::fs::write(&file, text).unwrap();
        settings(&[("TENON_CONF", file.to_str().unwrap())])
    };
    let settings = with_file(
        "directories.tokendir = /var/lib/softhsm/tokens/\nobjectstore.backend = db\n\
         objectstore.umask = 0077\nlog.level = WARNING\nslots.removable = false\n\
         slots.mechanisms = -CKM_AES_ECB\nlibrary.reset_on_fork = true\n",
    )
    .unwrap();
    assert_eq!(settings.config.log_level, LogLevel::Warning);
    assert_eq!(
        settings.config.token_dir,
        Path::new("/var/lib/softhsm/tokens/")
    );
    assert_eq!(
        settings.config.mechanisms.choice("CKM_AES_ECB"),
        Choice::LeftOut
    );
    for (text, what) in [
        ("objectstore.backend = cloud", "expected file or db"),
        ("objectstore.umask = 0700", "owner"),
        ("log.level = \"INFO\"", "without quotes"),
        ("directories.tokendir = '/a b'", "without quotes"),
        ("objectstore.umask = 8", "octal"),
        ("objectstore.umask = 1000", "octal"),
        ("library.reset_on_fork = 1", "true or false"),
    ] {
        let error = with_file(text).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
}

/// As SoftHSM's SimpleConfigLoader does it.
#[test]
fn a_comment_ends_a_line_wherever_it_begins() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("softhsm2.conf");
    let text = "directories.tokendir = /a/b c # the tokens\nlog.level=INFO#loud\n  # = x\n\
                slots.removable = True\t# yes\nobjectstore.umask = 007\n";
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    let config = with(&[("TENON_CONF", file)]).unwrap();
    assert_eq!(config.token_dir, Path::new("/a/b c"));
    assert_eq!(config.log_level, LogLevel::Info);
    assert!(config.removable);
    assert_eq!((config.umask, config.warnings.len()), (0o007, 0));
    let config = with(&[("TENON_DIRECTORIES_TOKENDIR", "/a#b")]).unwrap();
    assert_eq!(config.token_dir, Path::new("/a#b"));
}

#[test]
fn paths_are_absolute_in_the_end() {
    let home = ("HOME", "/home/ada");
    let settings = settings(&[
        home,
        ("TENON_DIRECTORIES_TOKENDIR", "~/tokens"),
        ("TENON_STORE_ANCHOR", "$HOME/anchor"),
        ("TENON_LOG_TARGET", "${HOME}/log"),
        ("TENON_PIN_KEY_FILE", "secrets/../key"),
    ])
    .unwrap();
    let config = &settings.config;
    assert_eq!(config.token_dir, Path::new("/home/ada/tokens"));
    assert_eq!(
        config.anchor.as_deref(),
        Some(Path::new("/home/ada/anchor"))
    );
    assert_eq!(config.log_target, LogTarget::File("/home/ada/log".into()));
    let key_file = config.pin_key_file.as_ref().unwrap();
    assert!(key_file.is_absolute() && key_file.ends_with("secrets/../key"));
    assert_eq!(config.warnings.len(), 1);
    assert!(config.warnings[0].contains("`pin.key_file`"));
    let shown = settings
        .entries
        .iter()
        .find(|entry| entry.key == "pin.key_file");
    assert_eq!(Path::new(&shown.unwrap().value), key_file);

    for value in ["~ada/tokens", "$TMPDIR/tokens", "/run/${POD}/tokens"] {
        let error = with(&[home, ("TENON_DIRECTORIES_TOKENDIR", value)]).unwrap_err();
        assert!(
            error.to_string().contains("write the whole path"),
            "{error}"
        );
    }
    for home in ["", "ada"] {
        let variables = [("HOME", home), ("TENON_STORE_ANCHOR", "~/anchor")];
        assert!(with(&variables).is_err());
        assert_eq!(
            with(&variables[..1]).unwrap().token_dir,
            Path::new("/var/lib/tenon")
        );
    }
}

#[test]
fn a_umask_lets_no_others_in() {
    let config = with(&[("TENON_OBJECTSTORE_UMASK", "0002")]).unwrap();
    assert_eq!(config.umask, 0o007);
    assert!(
        config.warnings[0].contains("0007 is taken"),
        "{:?}",
        config.warnings
    );
}

#[test]
fn each_value_knows_its_origin() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("softhsm.conf");
    std::fs::write(&file, "\npin.passes = 3\npin.min_length = 6\n").unwrap();
    let name = file.to_str().unwrap();
    let settings = settings(&[("TENON_CONF", name), ("TENON_PIN_MIN_LENGTH", " 8 ")]).unwrap();
    assert_eq!(settings.file.as_deref(), Some(file.as_path()));
    let of = |key| {
        let entry = settings.entries.iter().find(|entry| entry.key == key);
        let entry = entry.unwrap();
        (entry.value.as_str(), entry.origin.to_string())
    };
    assert_eq!(of("pin.passes"), ("3", format!("{name}:2")));
    assert_eq!(
        of("pin.min_length"),
        ("8", "$TENON_PIN_MIN_LENGTH".to_owned())
    );
    assert_eq!(of("log.level"), ("ERROR", "default".to_owned()));
}

#[test]
fn example_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("softhsm.conf.example");
    if std::env::var_os("TENON_REGENERATE").is_some() {
        std::fs::write(&path, Config::example()).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), Config::example());
}

#[test]
fn mechanism_lists() {
    let choices = |setting| {
        let config = with(&[("TENON_SLOTS_MECHANISMS", setting)]).unwrap();
        ["CKM_AES_CBC", "CKM_AES_ECB"].map(|name| config.mechanisms.choice(name))
    };
    use Choice::{LeftOut, Named, Unnamed};
    assert_eq!(choices("CKM_SHA256, CKM_AES_CBC"), [Named, LeftOut]);
    assert_eq!(choices("-CKM_AES_ECB"), [Unnamed, LeftOut]);
    assert_eq!(choices("ALL"), [Unnamed, Unnamed]);
    assert_eq!(choices("ALL,CKM_SHA256, CKM_AES_CBC"), [Named, Unnamed]);
    for bad in [
        "",
        "aes",
        "CKM_SHA256,",
        "- ",
        "CKM_SHA256 CKM_AES_CBC",
        "ALL,",
        "CKM_SHA256,ALL",
    ] {
        assert!(with(&[("TENON_SLOTS_MECHANISMS", bad)]).is_err(), "{bad}");
    }
}
