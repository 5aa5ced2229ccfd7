//! Which token of another program is moved, and its PIN.

use std::path::PathBuf;

use clap::Args;
use zeroize::Zeroizing;

use crate::Result;
use crate::ask::SecretSource;

#[derive(Args)]
pub(super) struct SourceChoice {
    /// Label of the other token; without it and --from-serial, the only token there is
    #[arg(long, value_name = "LABEL")]
    from: Option<String>,
    /// Serial number of the other token
    #[arg(long, value_name = "NUMBER")]
    from_serial: Option<String>,
    #[command(flatten)]
    pub(super) pin: SourcePin,
}

#[derive(Args)]
pub(super) struct SourcePin {
    /// File with the user PIN of the other token in its first line, - for standard input; else
    /// $TENON_SOURCE_PIN; else a prompt
    #[arg(long, value_name = "FILE")]
    from_pin_file: Option<PathBuf>,
}

impl SourceChoice {
    /// The one of `all` that was chosen; `name` is a token's label and serial number. `none` is the error where
    /// there are none.
    pub(super) fn choose<T>(
        &self,
        mut all: Vec<T>,
        name: impl Fn(&T) -> (&str, &str),
        none: impl FnOnce() -> String,
    ) -> Result<T> {
        let names: Vec<_> = all
            .iter()
            .map(|token| {
                let (label, serial) = name(token);
                format!("{label} ({serial})")
            })
            .collect();
        all.retain(|token| {
            let (label, serial) = name(token);
            self.from.as_ref().is_none_or(|from| label == from)
                && self.from_serial.as_ref().is_none_or(|from| serial == from)
        });
        match (all.pop(), all.is_empty(), names.is_empty()) {
            (Some(token), true, _) => Ok(token),
            (None, _, true) => Err(none().into()),
            _ => Err(format!(
                "choose with --from or --from-serial among {}",
                names.join(", ")
            )
            .into()),
        }
    }
}

impl SourcePin {
    pub(super) fn read(&self) -> Result<Zeroizing<String>> {
        let source = SecretSource {
            name: "user PIN of the other token",
            file: self.from_pin_file.as_deref(),
            variable: "TENON_SOURCE_PIN",
            may_be_empty: false,
        };
        source.read()
    }
}
