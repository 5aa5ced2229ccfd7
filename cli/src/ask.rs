//! PINs and passwords, from a file, the environment or the terminal; and yes or no.

use std::fs::File;
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use rustix::io::Errno;
use tenon_pkcs11::api::config::Config;
use tenon_pkcs11::api::token::check_new_pin;
use zeroize::Zeroizing;

use crate::{Result, encoding, files};

#[derive(Args)]
pub(crate) struct UserPin {
    /// File with the user's PIN in its first line, - for standard input; else $TENON_PIN; else a
    /// prompt
    #[arg(long, value_name = "FILE")]
    pub(crate) pin_file: Option<PathBuf>,
}

impl UserPin {
    pub(crate) fn source(&self) -> SecretSource<'_> {
        SecretSource {
            name: "user PIN",
            file: self.pin_file.as_deref(),
            variable: "TENON_PIN",
            may_be_empty: false,
        }
    }
}

#[derive(Args)]
pub(crate) struct SoPin {
    /// File with the security officer's PIN in its first line, - for standard input; else
    /// $TENON_SO_PIN; else a prompt
    #[arg(long, value_name = "FILE")]
    so_pin_file: Option<PathBuf>,
}

impl SoPin {
    pub(crate) fn source(&self) -> SecretSource<'_> {
        SecretSource {
            name: "SO PIN",
            file: self.so_pin_file.as_deref(),
            variable: "TENON_SO_PIN",
            may_be_empty: false,
        }
    }
}

/// The PIN of the user or of the security officer, whichever of the two logs in.
#[derive(Args)]
pub(crate) struct EitherPin {
    #[command(flatten)]
    pub(crate) user: UserPin,
    #[command(flatten)]
    so: SoPin,
}

impl EitherPin {
    pub(crate) fn source(&self, so: bool) -> SecretSource<'_> {
        if so {
            self.so.source()
        } else {
            self.user.source()
        }
    }
}

#[derive(Args)]
pub(crate) struct NewPin {
    /// File with the new PIN in its first line, - for standard input; else $TENON_NEW_PIN; else a
    /// prompt
    #[arg(long, value_name = "FILE")]
    new_pin_file: Option<PathBuf>,
}

impl NewPin {
    pub(crate) fn source(&self) -> SecretSource<'_> {
        SecretSource {
            name: "new PIN",
            file: self.new_pin_file.as_deref(),
            variable: "TENON_NEW_PIN",
            may_be_empty: false,
        }
    }
}

#[derive(Args, Default)]
pub(crate) struct KeyPassword {
    /// File with the password of an encrypted key in its first line, - for standard input; else
    /// $TENON_IMPORT_PASSWORD; else a prompt
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

impl KeyPassword {
    pub(crate) fn source(&self) -> SecretSource<'_> {
        SecretSource {
            name: "password of the key",
            file: self.password_file.as_deref(),
            variable: "TENON_IMPORT_PASSWORD",
            may_be_empty: true,
        }
    }
}

/// Warns where the security officer and the user have one PIN between them.
pub(crate) fn warn_of_equal_pins(so_pin: &str, user_pin: &str) {
    if so_pin == user_pin {
        eprintln!(
            "tenon: the SO PIN and the user PIN are the same, so that the user is the security officer too: `tenon pin change --so` sets another"
        );
    }
}

/// Where a secret comes from: its file, else the environment, else a prompt.
pub(crate) struct SecretSource<'a> {
    /// What the prompt and errors call it.
    pub(crate) name: &'a str,
    /// File whose first line is the secret; `-` is the next line of standard input.
    pub(crate) file: Option<&'a Path>,
    pub(crate) variable: &'a str,
    /// No PIN may be empty: an empty one is a file or variable that was not filled.
    pub(crate) may_be_empty: bool,
}

impl SecretSource<'_> {
    /// Whether the secret can be read without a prompt.
    pub(crate) fn is_given(&self) -> bool {
        let filled = |secret: Zeroizing<String>| !secret.trim().is_empty();
        self.file.is_some() || self.of_environment().is_some_and(filled)
    }

    pub(crate) fn read(&self) -> Result<Zeroizing<String>> {
        match self.given()? {
            Some(secret) => Ok(secret),
            None => self.prompt(self.name),
        }
    }

    /// A new PIN; one that is typed is asked for twice. What cannot be a PIN is refused before anything else is asked.
    pub(crate) fn read_new(&self) -> Result<Zeroizing<String>> {
        let config = Config::load()?;
        if let Some(secret) = self.given()? {
            check_new_pin(&config, secret.as_bytes())?;
            return Ok(secret);
        }
        let secret = self.prompt(self.name)?;
        check_new_pin(&config, secret.as_bytes())?;
        if *secret != *self.prompt(&format!("{} again", self.name))? {
            return Err(format!("the two {}s differ", self.name).into());
        }
        Ok(secret)
    }

    fn given(&self) -> Result<Option<Zeroizing<String>>> {
        let variable = self.variable;
        if let Some(file) = self.file {
            let secret = first_line(file)
                .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
            let place = format!("the first line of {}", file.display());
            return self.filled(secret, &place).map(Some);
        }
        match self.of_environment() {
            Some(secret) => self.filled(secret, &format!("${variable}")).map(Some),
            None => Ok(None),
        }
    }

    fn filled(&self, secret: Zeroizing<String>, place: &str) -> Result<Zeroizing<String>> {
        if secret.trim().is_empty() && !self.may_be_empty {
            return Err(format!("no {}: {place} is empty or blank", self.name).into());
        }
        Ok(secret)
    }

    /// Where the secret may be empty, an empty variable counts as none. A PIN may not be empty:
    /// then the variable was not filled, and is refused later.
    fn of_environment(&self) -> Option<Zeroizing<String>> {
        let secret = Zeroizing::new(std::env::var(self.variable).ok()?);
        (!secret.is_empty() || !self.may_be_empty).then_some(secret)
    }

    fn prompt(&self, text: &str) -> Result<Zeroizing<String>> {
        let secret = rpassword::prompt_password(format!("{text}: "))
            .map(Zeroizing::new)
            .map_err(|error| {
                let Self { name, variable, .. } = self;
                // What opening /dev/tty says to a process without a terminal.
                let why = match Errno::from_io_error(&error) {
                    Some(Errno::NXIO) => "there is no terminal to ask at".to_owned(),
                    _ => error.to_string(),
                };
                format!("no {name}: give it in a file or in ${variable} ({why})")
            })?;
        self.filled(secret, "what was typed")
    }
}

fn first_line(file: &Path) -> io::Result<Zeroizing<String>> {
    /// Greatest length in bytes of a file with a PIN or password.
    const LARGEST: u64 = 1 << 16;

    if file == Path::new("-") {
        let mut text = Zeroizing::new(String::new());
        io::stdin().lock().take(LARGEST).read_line(&mut text)?;
        return Ok(Zeroizing::new(text.lines().next().unwrap_or("").to_owned()));
    }
    let bytes = files::read_limited(File::open(file)?, LARGEST)?;
    let text = std::str::from_utf8(encoding::without_mark(&bytes)).map_err(io::Error::other)?;
    Ok(Zeroizing::new(text.lines().next().unwrap_or("").to_owned()))
}

/// Asks at the terminal, unless the caller said yes already.
pub(crate) fn confirm(question: &str, yes: bool) -> Result<()> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(format!("{question} Say --yes: there is no terminal to ask").into());
    }
    eprint!("{question} [y/N] ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err("nothing was done".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_of_a_file_is_the_pin() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pin");
        let source = SecretSource {
            name: "PIN",
            file: Some(&file),
            variable: "TENON_TEST_UNSET",
            may_be_empty: false,
        };
        assert!(source.read().is_err());
        for content in ["1234", "1234\n", "1234\r\n", "1234\nnot this\n"] {
            std::fs::write(&file, content).unwrap();
            assert_eq!(*source.read().unwrap(), "1234");
            assert_eq!(*source.read_new().unwrap(), "1234");
        }
        for empty in ["", "\n", "\n1234\n"] {
            std::fs::write(&file, empty).unwrap();
            let refused = source.read().unwrap_err().to_string();
            assert!(refused.contains(file.to_str().unwrap()), "{refused}");
            assert!(source.read_new().is_err());
        }
        std::fs::write(&file, "  with blanks \n").unwrap();
        assert_eq!(*source.read().unwrap(), "  with blanks ");
    }
}
