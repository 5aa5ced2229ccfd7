//! PINs from a file, the environment or the terminal.

use std::fs;
use std::path::Path;

use zeroize::Zeroizing;

use crate::Result;

/// Where one PIN comes from: the first of file, environment and prompt that there is.
pub(crate) struct Source<'a> {
    /// What the prompt and errors call it.
    pub(crate) name: &'a str,
    /// File whose first line is the PIN.
    pub(crate) file: Option<&'a Path>,
    /// Environment variable that holds the PIN.
    pub(crate) variable: &'a str,
}

/// Reads a new PIN; one that is typed is asked for twice.
pub(crate) fn read(source: &Source<'_>) -> Result<Zeroizing<String>> {
    if let Some(file) = source.file {
        let text = fs::read_to_string(file)
            .map(Zeroizing::new)
            .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
        return Ok(Zeroizing::new(text.lines().next().unwrap_or("").to_owned()));
    }
    if let Ok(pin) = std::env::var(source.variable) {
        return Ok(Zeroizing::new(pin));
    }
    let ask = |prompt: String| {
        rpassword::prompt_password(prompt)
            .map(Zeroizing::new)
            .map_err(|error| format!("no {} given and no terminal to ask: {error}", source.name))
    };
    let pin = ask(format!("New {}: ", source.name))?;
    if *pin != *ask(format!("{} again: ", source.name))? {
        return Err(format!("the two {}s differ", source.name).into());
    }
    Ok(pin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_of_a_file_is_the_pin() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pin");
        let source = Source {
            name: "PIN",
            file: Some(&file),
            variable: "TENON_TEST_UNSET",
        };
        assert!(read(&source).is_err());
        for content in ["1234", "1234\n", "1234\r\n", "1234\nnot this\n"] {
            fs::write(&file, content).unwrap();
            assert_eq!(*read(&source).unwrap(), "1234");
        }
        fs::write(&file, "  with blanks \n").unwrap();
        assert_eq!(*read(&source).unwrap(), "  with blanks ");
    }
}
