//! Paths as people write them: a shell's abbreviations of the home folder are expanded, and what a
//! shell would expand besides is refused, since it would be taken for a name.

use std::path::Path;

/// `value` with `~`, `$HOME` or `${HOME}` at its beginning replaced by the home folder.
///
/// # Errors
/// The sentence for a path with another abbreviation or variable, or without a home folder.
pub(super) fn expand(value: &str, home: Option<&Path>) -> Result<String, String> {
    let rest = ["~", "$HOME", "${HOME}"].iter().find_map(|short| {
        let rest = value.strip_prefix(short)?;
        (rest.is_empty() || rest.starts_with('/')).then_some(rest)
    });
    let path = match (rest, home.and_then(Path::to_str)) {
        (None, _) => value.to_owned(),
        (Some(rest), Some(home)) => format!("{}{rest}", home.trim_end_matches('/')),
        (Some(_), None) => {
            return Err("$HOME is no absolute path here: write the whole path".into());
        }
    };
    if path.starts_with('~') || names_variable(&path) {
        return Err(
            "only ~ and $HOME at the beginning of a path are expanded: write the whole path".into(),
        );
    }
    Ok(path)
}

/// The path contains `$NAME` or `${NAME}`.
fn names_variable(path: &str) -> bool {
    let mut after = path.split('$').skip(1);
    after.any(|text| text.starts_with(|c: char| c == '{' || c == '_' || c.is_ascii_alphabetic()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_home_folder_has_short_names() {
        let expand = |value| expand(value, Some(Path::new("/home/ada/")));
        for (value, path) in [
            ("~", "/home/ada"),
            ("~/tokens", "/home/ada/tokens"),
            ("$HOME/tokens", "/home/ada/tokens"),
            ("${HOME}/tokens", "/home/ada/tokens"),
            ("/var/lib/tokens", "/var/lib/tokens"),
            ("/a/~b/5$", "/a/~b/5$"),
            ("", ""),
        ] {
            assert_eq!(expand(value).as_deref(), Ok(path), "{value}");
        }
        for value in [
            "~ada/tokens",
            "$HOMES/x",
            "$XDG_DATA_HOME/x",
            "/a/${POD}/x",
            "/a/$HOME",
        ] {
            assert!(expand(value).is_err(), "{value}");
        }
    }

    #[test]
    fn without_a_home_folder_the_short_names_mean_nothing() {
        assert!(expand("~/tokens", None).is_err());
        assert!(expand("$HOME", None).is_err());
        assert_eq!(expand("/tokens", None).as_deref(), Ok("/tokens"));
    }
}
